"""A whole training step on a device that is not there: two devices that mix, or a wait for the device, raise.

Tensors of `FakeTensorMode` have a device and a shape and no values. torch's private-use backend stands for the GPU:
unlike "cuda", its gradients are computed by a torch that was built without it. It is registered once for a process, so
the step runs in one of its own.
"""

import subprocess
import sys

import pytest
import torch

STEP = """
import sys

import numpy as np
import torch
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.utils import backend_registration

from point_sam import ModelConfig
from point_sam.model import Grouping, PointSAMModel
from point_sam.ops import neighbors
from point_sam.training.affinity import AffinitySpaces
from point_sam.training.config import Optimizer, Stage, TrainConfig
from point_sam.training.data import Batch
from point_sam.training.optimizer import make_optimizer
from point_sam.training.step import run_rounds


class Module(backend_registration._DummyBackendModule):
    def get_amp_supported_dtype(self):
        return [torch.bfloat16]


def search(query, points, k):  # the search on a GPU asks how many neighbours it found
    return torch.cdist(query, points).topk(k, largest=False)


neighbors._search_tiles = search
backend_registration._setup_privateuseone_for_python_backend("gpu", Module())
library = torch.library.Library("_", "IMPL")  # a backend written in Python has no autocast: pass through it
library.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
rounds, affinity, precision = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
stage = Stage(clouds=2, masks=3, rounds=rounds, clickless=min(1, rounds), affinity=affinity)
config = TrainConfig(optimizer=Optimizer(name="muon"), stages=(stage,))
widths = {"patch_widths": (8, 16, 16), "mask_widths": (8, 16, 256)}
with FakeTensorMode():
    with torch.device("gpu"):
        model = PointSAMModel(ModelConfig("knn", "eva02_fused", 32, 1, 1, 48, 16, 8, **widths)).train()
        spaces = AffinitySpaces()
        batch = Batch(
            torch.zeros(2, 900, 3),
            torch.zeros(2, 900, 3),
            torch.zeros(2, 3, 900),
            torch.zeros(2, 2, 900, dtype=torch.int64),
        )
    optimizer = make_optimizer(model, config, spaces)
    result = run_rounds(
        model,
        batch,
        np.random.default_rng(0),
        grouping=Grouping(24, 8),
        stage=stage,
        precision=precision,
        spaces=spaces,
    )
    nn.utils.clip_grad_norm_([*model.parameters(), *spaces.parameters()], 1.0)
    optimizer.step()
    assert result.loss.shape == result.iou.shape == (rounds,)
    learnt = [p for p in (*model.parameters(), *spaces.parameters()) if p.grad is not None]
    assert learnt
    values = (result.loss, result.iou, result.affinity, *learnt, *(p.grad for p in learnt))
    assert {value.device.type for value in values} == {"gpu"}
"""


@pytest.mark.skipif(not hasattr(torch._C, "_acc"), reason="this torch has no backends written in Python")
@pytest.mark.parametrize("arguments", [("3", "0.0", "bfloat16"), ("0", "1.0", "bfloat16"), ("3", "0.4", "float32")])
def test_a_step_stays_on_its_device_and_does_not_wait_for_it(arguments):
    done = subprocess.run([sys.executable, "-c", STEP, *arguments], capture_output=True, text=True, timeout=500)

    assert done.returncode == 0, done.stderr
