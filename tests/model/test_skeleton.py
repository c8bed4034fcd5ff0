import subprocess
import sys

import torch

from point_sam import ModelConfig
from point_sam.model import PointSAMModel, without_values

CONFIG = ModelConfig("knn", "eva02_fused", 32, 1, 2, 64, 16, 8, (16, 32, 32), (16, 32, 256))


def test_names_and_shapes_are_those_of_the_network():
    empty, full = without_values(lambda: PointSAMModel(CONFIG)), PointSAMModel(CONFIG)
    assert all(value.is_meta for value in empty.state_dict().values())
    assert {n: v.shape for n, v in empty.state_dict().items()} == {n: v.shape for n, v in full.state_dict().items()}
    empty.load_state_dict(full.state_dict(), assign=True)
    for name, value in full.state_dict().items():
        assert torch.equal(empty.state_dict()[name], value)


def test_loading_a_model_leaves_torchs_compiler_alone():
    program = (
        "import sys; from point_sam import PointSAM; PointSAM.from_pretrained('tiny');"
        "print('torch._dynamo' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
