"""The click protocol: by hand, against brute force, and against the original's own run."""

from collections.abc import Callable

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from point_sam.model import ModelConfig, PointSAMModel, build_geometry
from point_sam.ops.clicks import border_distance, next_click
from point_sam.training.losses import click_loss, mask_iou


def line(count: int) -> np.ndarray:
    """Points at x = 0, 1, 2, …"""
    return np.column_stack([np.arange(count), np.zeros(count), np.zeros(count)]).astype(np.float32)


def mask(text: str) -> np.ndarray:
    return np.array([letter == "#" for letter in text])


@pytest.mark.parametrize(
    ("target", "predicted", "expected"),
    [
        ("..#####...", None, (4, True)),
        ("####......", None, (0, True)),  # the cloud's end is no border
        ("...##.....", None, (3, True)),  # a tie: the lower index
        ("..#####...", "..#####...", (4, True)),  # nothing wrong: the first rule again
        (".########.", "..........", (4, True)),
        (".########.", ".#.....##.", (4, True)),  # the middle of what is missed
        ("####......", "##########", (9, False)),  # false positives 4..9 are deeper at the end
        ("...#######", "#....##...", (9, True)),  # missed 7..9 (depth 3) before missed 3..4 and added 0 (depth 1)
        ("..##......", ".###......", (1, False)),
        ("#...#.....", "....##....", (0, True)),  # equal depth: the false negatives win
        ("##########", None, (4, True)),  # no border: nearest to the centroid
        ("##########", "..........", (4, True)),
        ("#####.....", ".....#####", (0, True)),
    ],
)
def test_the_next_click(target: str, predicted: str | None, expected: tuple[int, bool]) -> None:
    answer = next_click(line(10), mask(target), None if predicted is None else mask(predicted))

    assert answer == expected


def test_everything_predicted_falsely_but_one_point() -> None:
    assert next_click(line(5), mask("#...."), mask(".####")) == (4, False)


def brute_force(coords: np.ndarray, target: np.ndarray, predicted: np.ndarray | None) -> tuple[int, bool]:
    points = coords.astype(np.float64)
    distance = np.sqrt(((points[:, None] - points[None]) ** 2).sum(-1))

    def deepest(region: np.ndarray) -> tuple[float, int]:
        depths = [distance[i][~region].min() if region[i] else -1.0 for i in range(len(region))]
        return max(depths), int(np.argmax(depths))

    if predicted is None or (predicted == target).all():
        return deepest(target)[1], True
    missed, added = deepest(target & ~predicted), deepest(predicted & ~target)
    return (missed[1], True) if missed[0] >= added[0] else (added[1], False)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 60))
def test_the_tree_agrees_with_brute_force_ties_included(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    coords = rng.integers(0, 4, (count, 3)).astype(np.float32)  # a small grid: many equal distances, some equal points
    target, predicted = (rng.random(count) < rng.random() for _ in range(2))
    # Point 0 is in both masks and point 1 in neither, so that no region is empty of border.
    target[0] = predicted[0] = True
    target[1] = predicted[1] = False

    for answered in (None, predicted):
        assert next_click(coords, target, answered) == brute_force(coords, target, answered)


def test_border_distance_is_in_the_units_of_the_cloud() -> None:
    index, distance = border_distance(line(6) * 2.5, mask(".###.."))

    np.testing.assert_array_equal(index, [1, 2, 3])
    np.testing.assert_allclose(distance, [2.5, 5.0, 2.5])


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users run without beartype: what it would catch must be refused all the same."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("target", "predicted", "complaint"),
    [
        (np.zeros(4, bool), None, "target is an empty mask"),
        (np.ones(3, bool), None, r"target is bool of shape \(3,\)"),
        (np.ones(4), None, "target is float64"),
        (np.ones(4, bool), np.zeros(4, int), "predicted is int64"),
    ],
)
def test_wrong_masks_are_refused(target: np.ndarray, predicted: np.ndarray | None, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        next_click(line(4), target, predicted)


@pytest.mark.usefixtures("unchecked")
def test_coords_of_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"coords have shape \(4, 2\)"):
        next_click(np.zeros((4, 2)), np.ones(4, bool))


def relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


@torch.no_grad()
def test_the_original_protocol_and_losses_are_reproduced(
    named_model: Callable[[ModelConfig], PointSAMModel], reference: Callable[[str], dict[str, np.ndarray]]
) -> None:
    cloud, expected = reference("cloud"), reference("clicks_knn_small")
    config = ModelConfig.preset("knn_small")
    model = named_model(config)
    targets = np.stack([cloud["part"] == part for part in expected["gt_part"]])
    coords = torch.from_numpy(cloud["coords"])[None]
    geometry = build_geometry(coords, config.grouping)
    embeddings = model.encode(geometry, torch.from_numpy(cloud["rgb"])[None].float()).expand(2, -1, -1)
    geometry = geometry.expand(2)

    clicks: list[list[tuple[int, bool]]] = [[], []]
    logits: Tensor | None = None
    total = 0.0
    predicted_ious: list[Tensor] = []
    for step in range(5):
        for row, target in enumerate(targets):
            predicted = None if logits is None else (logits[row] > 0).numpy()
            clicks[row].append(next_click(cloud["coords"], target, predicted))
        index, labels = np.array(clicks)[..., 0], np.array(clicks)[..., 1]
        points = torch.from_numpy(cloud["coords"][index])
        np.testing.assert_array_equal(points, expected[f"prompt_coords_{step}"])
        np.testing.assert_array_equal(labels, expected[f"prompt_labels_{step}"])

        candidates, scores = model.decode(
            geometry, embeddings, points, torch.from_numpy(labels), logits, multimask_output=step == 0
        )
        terms = click_loss(candidates, scores, torch.from_numpy(targets))
        loss, error = terms.mask, terms.iou_error.gather(1, terms.best[:, None]).squeeze(1)
        total += float((loss + error).mean()) / 5
        logits = candidates[torch.arange(2), scores.argmax(1)]
        np.testing.assert_allclose(mask_iou(logits[:, None], torch.from_numpy(targets))[:, 0], expected[f"iou_{step}"])
        assert relative(logits[:, ::4].numpy(), expected[f"logits_{step}"]) < 1e-5
        predicted_ious.append(scores.flatten())
        assert float(loss.mean()) == pytest.approx(expected[f"loss_mask_{step}"], rel=1e-5)
        assert float(error.mean()) == pytest.approx(expected[f"loss_iou_{step}"], abs=1e-5)
    assert total == pytest.approx(expected["loss"], rel=1e-5)
    # Of all clicks in one: a single prediction may be close to zero, where float32 has fewer digits to agree in.
    wanted = np.concatenate([expected[f"iou_preds_{step}"].ravel() for step in range(5)])
    assert relative(torch.cat(predicted_ious).numpy(), wanted) < 1e-5
