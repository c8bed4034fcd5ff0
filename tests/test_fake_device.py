"""Encoding and clicks on a device that is not there: two devices that mix raise.

As in tests/training/test_fake_device.py tensors have a device and a shape and no values, and torch's private-use
backend stands for the GPU. Replaced, because they look at values: the search for neighbours (brute force here), what
checks and moves the prompts that people give, and the fingerprint of the weights. Focus and balls are encodings of
parts of a cloud, by `encode_all`. The Triton kernel that samples farthest points is tested in Triton's interpreter.
"""

import subprocess
import sys

import pytest
import torch

CLICKS = """
import sys

import numpy as np
import torch
from torch._subclasses import FakeTensorMode
from torch.utils import backend_registration

from point_sam import ModelConfig, PointSAM, inputs
from point_sam.model import PointSAMModel, build_geometry
from point_sam.ops import neighbors


class Module(backend_registration._DummyBackendModule):
    def get_amp_supported_dtype(self):
        return [torch.bfloat16]


def search(query, points, k):
    return torch.cdist(query, points).topk(k, largest=False)


def geometry(units):  # as on CUDA
    return build_geometry(torch.stack([torch.from_numpy(unit) for unit in units]).to("gpu"), model.grouping)


neighbors._search_tiles = search
def clicks(encoded, points, labels):  # small integers keep their values, which cannot be moved
    return torch.zeros(*points.shape, device=encoded.device), torch.ones(*points.shape[:2], device=encoded.device)


inputs.mask_logits = lambda encoded, masks, rows: masks
inputs.unit_prompts = clicks
backend_registration._setup_privateuseone_for_python_backend("gpu", Module())
library = torch.library.Library("_", "IMPL")
library.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
if sys.argv[2] == "mixed":  # the positional encoding forgets where its input is
    from point_sam.model.prompt_encoder import FourierEncoding

    FourierEncoding.forward = lambda self, coords: torch.zeros(*coords.shape[:-1], 256)
tokenizer = sys.argv[1]
widths = {"knn": ((8, 16, 16), (8, 16, 256)), "voronoi": ((8, 16), (16, 256))}[tokenizer]
group_size = 8 if tokenizer == "knn" else None
patch, mask = widths
config = ModelConfig(tokenizer, "eva02_fused", 32, 1, 1, 48, 16, group_size, patch_widths=patch, mask_widths=mask)
coords = np.random.default_rng(0).uniform(-1, 1, (300, 3))
with FakeTensorMode():
    with torch.device("gpu"):
        network = PointSAMModel(config)
    network.to = lambda device: network  # moving swaps tensors, which this backend cannot
    model = PointSAM(network, precision="float32")
    model._fingerprint = "none"
    model._geometry = geometry
    encoded, ball = model.encode_all([(coords, None), (coords / 2, None)], normalize=True)
    logits, scores = model.predict_encoded(encoded, coords[None, :1], [[1]])
    assert logits.shape == (1, 3, 300)
    refined, _ = model.predict_encoded(
        encoded, coords[None, :2], [[1, 0]], mask_inputs=logits[:, 0], multimask_output=False
    )
    assert refined.shape == (1, 1, 300)
    model.current = ball
    batch, ious = model.predict_batch(coords[:4, None] / 2, np.ones((4, 1), int))
    assert batch.shape == (4, 3, 300)
    values = (encoded.embeddings, logits, scores, refined, batch, ious, *vars(encoded.geometry).values())
    assert {value.device.type for value in values} == {"gpu"}
"""


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", CLICKS, *arguments], capture_output=True, text=True, timeout=500)


pytestmark = pytest.mark.skipif(not hasattr(torch._C, "_acc"), reason="this torch has no backends written in Python")


@pytest.mark.parametrize("tokenizer", ["knn", "voronoi"])
def test_encoding_and_clicks_stay_on_their_device(tokenizer: str) -> None:
    done = run(tokenizer, "plain")
    assert done.returncode == 0, done.stderr


def test_a_tensor_made_on_the_wrong_device_fails() -> None:
    done = run("knn", "mixed")
    assert done.returncode != 0
    assert "device" in done.stderr
