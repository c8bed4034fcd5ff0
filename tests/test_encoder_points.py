"""`max_encoder_points`: large clouds grouped on a choice of their points."""

import numpy as np
import pytest
import torch

from point_sam import EncodedCloud, ModelConfig
from point_sam.model import Grouping, build_geometry


@pytest.fixture
def coords():
    return np.random.default_rng(0).uniform(-0.5, 0.5, (400, 3)).astype(np.float32)


def test_a_large_cloud_is_grouped_on_a_choice_of_its_points(model, coords):
    model.adjust_patch_params(num_groups=16, group_size=4, max_encoder_points=50)
    encoded, again = model.encode(coords), model.encode(coords)

    geometry = encoded.geometry
    seen = torch.cat([geometry.group_index.flatten(), geometry.center_index.flatten()]).unique()
    assert 16 <= len(seen) <= 50
    assert seen.max() > 50  # not simply the first
    assert torch.equal(geometry.centers[0], torch.from_numpy(coords)[geometry.center_index[0]])
    assert torch.equal(encoded.embeddings, again.embeddings)


def test_groups_are_those_of_the_chosen_points_alone(coords):
    cloud = torch.from_numpy(coords)[None]
    limited = build_geometry(cloud, Grouping(16, 4, 50))
    seen = torch.randperm(400, generator=torch.Generator().manual_seed(0))[:50].sort().values
    alone = build_geometry(cloud[:, seen], Grouping(16, 4))

    assert torch.equal(limited.center_index, seen[alone.center_index])
    assert torch.equal(limited.group_index, seen[alone.group_index])
    assert limited.interp_index.shape == (1, 400, 3)


def test_masks_cover_every_point(model, coords):
    model.adjust_patch_params(num_groups=16, group_size=4, max_encoder_points=50)
    first, _ = model.predict(coords, prompt_point=coords[0], return_logits=True)
    refined, _ = model.predict(prompt_point=coords[:2], mask_input=first[0], multimask_output=False)

    assert (first.shape, refined.shape) == ((3, 400), (1, 400))


def test_a_cloud_of_no_more_points_is_grouped_on_all(model, coords):
    model.adjust_patch_params(num_groups=16, group_size=4, max_encoder_points=400)
    limited = model.encode(coords)
    model.adjust_patch_params(max_encoder_points=0)
    whole = model.encode(coords)

    assert (limited.max_encoder_points, whole.max_encoder_points) == (400, None)
    assert torch.equal(limited.embeddings, whole.embeddings)


def test_another_limit_encodes_again(model, coords):
    model.adjust_patch_params(num_groups=16, group_size=4)
    model.predict(coords, prompt_point=coords[0])
    before = model.current
    model.predict(coords, prompt_point=coords[1])
    assert model.current is before
    model.adjust_patch_params(max_encoder_points=50)
    model.predict(coords, prompt_point=coords[0])
    assert model.current is not before


def test_the_limit_is_saved_with_the_encoding(model, coords, tmp_path):
    model.adjust_patch_params(num_groups=16, group_size=4, max_encoder_points=50)
    model.encode(coords).save(tmp_path / "encoded.safetensors")
    assert EncodedCloud.load(tmp_path / "encoded.safetensors").max_encoder_points == 50


@pytest.mark.parametrize("value", [-1, True])
def test_the_limit_is_a_whole_number(model, value):
    with pytest.raises(ValueError, match=r"max_encoder_points is .*; it must be a whole number"):
        model.adjust_patch_params(max_encoder_points=value)


def test_voronoi_cells_take_every_point():
    with pytest.raises(ValueError, match="max_encoder_points 30 does not apply: in a Voronoi model"):
        Grouping(8, None, 30)
    with pytest.raises(ValueError, match="max_encoder_points 9 does not apply: in a Voronoi model"):
        ModelConfig("voronoi", "eva02_fused", 64, 2, 1, 96, 32, None, (16, 32), (16, 256), max_encoder_points=9)


def test_tiny_has_a_limit_and_the_published_ones_have_none():
    assert ModelConfig.preset("tiny").max_encoder_points == 8192
    assert ModelConfig.preset("large").max_encoder_points is None
