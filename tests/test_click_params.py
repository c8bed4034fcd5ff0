"""`adjust_click_params` and `compile`: other ways to run a model."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from point_sam import ModelConfig, PointSAM
from point_sam.ops import voxel_cells


@pytest.fixture
def coords():
    return np.random.default_rng(0).uniform(-0.5, 0.5, (300, 3)).astype(np.float32)


def refine(model, coords, logits):
    answer, _ = model.predict(
        prompt_point=coords[:2], prompt_label=[1, 0], mask_input=logits, multimask_output=False, return_logits=True
    )
    return answer[0]


def test_a_mask_prompt_read_at_fewer_points_only_concerns_refining_clicks(model, coords):
    model.adjust_patch_params(num_groups=16, group_size=12)
    model.set_pointcloud(coords)
    first, _ = model.predict(prompt_point=coords[0], return_logits=True)
    full = refine(model, coords, first[0])

    model.adjust_click_params(mask_group_size=4)
    assert model.mask_group_size == 4
    np.testing.assert_array_equal(model.predict(prompt_point=coords[0], return_logits=True)[0], first)
    assert not np.array_equal(refine(model, coords, first[0]), full)

    model.adjust_click_params(mask_group_size=12)
    np.testing.assert_array_equal(refine(model, coords, first[0]), full)
    model.adjust_click_params(mask_group_size=0)
    assert model.mask_group_size is None


def test_the_points_read_are_spread_over_each_group(model, coords):
    model.adjust_patch_params(num_groups=16, group_size=12)
    model.set_pointcloud(coords)
    model.adjust_click_params(mask_group_size=4)
    read = model.current.geometry.group_index[0, :, [0, 3, 6, 9]].unique()
    logits = torch.zeros(300)
    before = refine(model, coords, logits)

    elsewhere = torch.ones(300)
    elsewhere[read] = 0
    assert elsewhere.any()
    np.testing.assert_array_equal(refine(model, coords, elsewhere), before)
    assert not np.array_equal(refine(model, coords, 1 - elsewhere), before)


def test_points_of_one_voxel_share_the_answer_at_one_of_them(model, coords):
    model.adjust_patch_params(num_groups=16, group_size=12)
    model.set_pointcloud(coords)
    full, scores = model.predict(prompt_point=coords[0], return_logits=True)

    model.adjust_click_params(max_decoder_points=60)
    assert model.max_decoder_points == 60
    shared, same_scores = model.predict(prompt_point=coords[0], return_logits=True)
    point, cell = voxel_cells(coords, 60)
    assert 8 < len(point) <= 60
    np.testing.assert_allclose(shared, full[:, point][:, cell], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(same_scores, scores)

    batch, _ = model.predict_batch(coords[:2, None], [[1], [1]])
    np.testing.assert_allclose(batch[0], shared, rtol=1e-5, atol=1e-5)
    assert refine(model, coords, shared[0]).shape == (300,)
    model.adjust_click_params(max_decoder_points=300)
    np.testing.assert_array_equal(model.predict(prompt_point=coords[0], return_logits=True)[0], full)
    model.adjust_click_params(max_decoder_points=0)
    assert model.max_decoder_points is None


@pytest.mark.parametrize("name", ["mask_group_size", "max_decoder_points"])
@pytest.mark.parametrize("value", [-1, True])
def test_impossible_click_params_are_refused(model, name, value):
    with pytest.raises(ValueError, match=rf"{name} is .* whole number"):
        model.adjust_click_params(**{name: value})


def test_voronoi_models_have_no_groups_to_read_at(named_model):
    config = ModelConfig("voronoi", "eva02_fused", 32, 1, 2, 64, 16, None, (16, 32), (16, 256))
    voronoi = PointSAM(named_model(config))
    with pytest.raises(ValueError, match="mask_group_size 8 does not apply"):
        voronoi.adjust_click_params(mask_group_size=8)


@pytest.mark.slow
def test_compiling_changes_nothing_but_rounding():
    # In a process of its own: torch.compile cannot look into the type checks that the tests add to every function.
    program = """
import numpy as np
import torch
from point_sam import ModelConfig, PointSAM
from point_sam.model import PointSAMModel

torch.manual_seed(0)
network = PointSAMModel(ModelConfig("knn", "eva02_fused", 32, 2, 2, 64, 16, 8, (16, 32, 32), (16, 32, 256)))
names = list(network.state_dict())
coords = np.random.default_rng(0).uniform(-0.5, 0.5, (300, 3))

def ask(**options):
    model = PointSAM(network, precision="float32", **options)
    model.set_pointcloud(coords)
    return model.predict(prompt_point=coords[0], return_logits=True)

logits, scores = ask()
compiled_logits, compiled_scores = ask(compile=True)
assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
assert list(network.state_dict()) == names
np.testing.assert_allclose(compiled_logits, logits, rtol=1e-3, atol=1e-4)
np.testing.assert_allclose(compiled_scores, scores, rtol=1e-3, atol=1e-4)
"""
    if shutil.which("g++") is None and "CI" not in os.environ:
        pytest.skip("torch.compile needs a C++ compiler")
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
