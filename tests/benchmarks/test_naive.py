"""The baseline is the same network: same weights, same masks."""

import numpy as np
import pytest
import torch

from benchmarks.naive import farthest_points, load_weights, nearest_points
from point_sam import ModelConfig, PointSAM
from point_sam.model import PointSAMModel
from point_sam.ops import farthest_point_sample, nearest


def relative_error(found: torch.Tensor, wanted: np.ndarray | torch.Tensor) -> float:
    wanted = torch.as_tensor(wanted)
    return float((found - wanted).norm() / wanted.norm())


@pytest.fixture(scope="module")
def surface() -> tuple[np.ndarray, np.ndarray]:
    """2000 points of a bumpy sheet in the unit ball."""
    rng = np.random.default_rng(0)
    xy = rng.uniform(-0.7, 0.7, (2000, 2))
    z = 0.2 * np.sin(7 * xy[:, :1]) * np.cos(5 * xy[:, 1:]) + rng.normal(0, 0.01, (2000, 1))
    return np.concatenate([xy, z], axis=1).astype(np.float32), rng.integers(0, 256, (2000, 3), dtype=np.uint8)


def prepare(variant: str) -> PointSAM:
    if variant == "tiny":
        return PointSAM.from_pretrained("tiny", device="cpu", precision="float32")
    torch.manual_seed(0)
    return PointSAM(PointSAMModel(ModelConfig.preset(variant)), device="cpu", precision="float32")


@pytest.mark.parametrize("variant", ["tiny", "knn_small"])
def test_logits_and_scores_are_the_packages(variant, surface):
    coords, rgb = surface
    model = prepare(variant)
    model.adjust_patch_params(256, 32, max_encoder_points=0)
    model.set_pointcloud(coords, rgb)
    naive = load_weights(model.model.config, model.model.state_dict())
    cloud = naive.encode(torch.from_numpy(coords)[None], torch.from_numpy(rgb)[None].float(), 256, 32)

    points = coords[[10, 500]]
    first, scores = model.predict(prompt_point=points[0], return_logits=True)
    naive_first, naive_scores = naive.predict(
        cloud, torch.from_numpy(points[None, :1]), torch.tensor([[1]]), multimask=True
    )
    assert relative_error(naive_first[0], first) < 1e-3
    assert relative_error(naive_scores[0], scores) < 1e-3

    later, _ = model.predict(
        prompt_point=points, prompt_label=[1, 0], mask_input=first[0], multimask_output=False, return_logits=True
    )
    naive_later, _ = naive.predict(
        cloud,
        torch.from_numpy(points[None]),
        torch.tensor([[1, 0]]),
        torch.from_numpy(first[:1]),
        multimask=False,
    )
    assert relative_error(naive_later[0], later) < 1e-3


def test_several_prompts_are_answered_as_one_by_one(surface):
    coords, rgb = surface
    model = prepare("tiny")
    naive = load_weights(model.model.config, model.model.state_dict())
    cloud = naive.encode(torch.from_numpy(coords)[None], torch.from_numpy(rgb)[None].float(), 256, 32)
    points, labels = torch.from_numpy(coords[[3, 40, 999]])[:, None], torch.ones(3, 1, dtype=torch.int64)
    masks = torch.randn(3, len(coords), generator=torch.Generator().manual_seed(0))
    together, _ = naive.predict(cloud, points, labels, masks, multimask=True)
    alone, _ = naive.predict(cloud, points[1:2], labels[1:2], masks[1:2], multimask=True)
    assert relative_error(together[1:2], alone) < 1e-4


def test_farthest_points_and_neighbors_are_the_packages(surface):
    coords = torch.from_numpy(surface[0])[None]
    chosen = farthest_points(coords, 200)
    assert torch.equal(chosen, farthest_point_sample(coords, 200))
    centers = coords[:, chosen[0]]
    distances, indices = nearest_points(centers, coords, 16)
    wanted_distances, wanted = nearest(centers, coords, 16)
    assert (distances - wanted_distances).abs().max() < 5e-4
    assert (indices == wanted).float().mean() > 0.99


def test_voronoi_is_refused():
    config = ModelConfig.preset("voronoi_small")
    with pytest.raises(ValueError, match="no voronoi tokenizer"):
        load_weights(config, {})
