"""Pictures are judged by their pixels: where the paint is, what hides what, and that bad input is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from point_sam.picture import render, save_picture

SMALL = (240, 160)
FRONT = [(0.0, 0.0)]  # from +x


def sheet(x: float, side: float = 1.0, steps: int = 40) -> np.ndarray:
    """A square of points in the plane x, facing the FRONT view."""
    y, z = np.meshgrid(*[np.linspace(-side, side, steps)] * 2)
    return np.stack([np.full(y.size, x), y.ravel(), z.ravel()], axis=1)


def orange(image: Image.Image) -> np.ndarray:
    """[H, W] where the mask colour shows: far more red than green, hardly any blue."""
    red, green, blue = np.asarray(image).astype(int).transpose(2, 0, 1)
    return (red > 150) & (red - green > 70) & (green - blue > 20)


def green(image: Image.Image) -> np.ndarray:
    red, green_, blue = np.asarray(image).astype(int).transpose(2, 0, 1)
    return (green_ - red > 60) & (green_ - blue > 40)


def test_mask_is_painted_where_its_points_are_and_nowhere_else() -> None:
    coords = sheet(0)
    painted = orange(render(coords, mask=coords[:, 1] > 0, views=FRONT, size=SMALL))
    assert painted[70:90, 140:150].all()  # y > 0 is on the right, seen from +x
    assert not painted[:, :115].any()


@pytest.mark.parametrize("mask", [None, np.zeros(1600, bool), np.full(1600, -1)])
def test_empty_mask_paints_nothing(mask: np.ndarray | None) -> None:
    image = render(sheet(0), mask=mask, size=SMALL)
    assert not orange(image).any()
    assert np.ptp(np.asarray(image).reshape(-1, 3), axis=0).min() > 30  # but the cloud is there


def test_masked_points_behind_a_wall_show_from_behind_only() -> None:
    wall, hidden = sheet(1), sheet(-1, side=0.5)
    coords = np.concatenate([wall, hidden])
    mask = np.arange(len(coords)) >= len(wall)
    assert not orange(render(coords, mask=mask, views=[(0, 0)], size=SMALL)).any()
    assert orange(render(coords, mask=mask, views=[(180, 0)], size=SMALL)).sum() > 500


def test_main_view_is_the_one_that_shows_the_mask() -> None:
    wall = sheet(1)
    for azimuth in (0, 90, 180, 270):
        angle = np.radians(azimuth)
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        coords = np.concatenate([wall, sheet(0.6)]) @ turn.T
        image = render(coords, mask=np.arange(len(coords)) < len(wall), size=(400, 240))
        assert orange(image)[:, :250].sum() > 3000


def test_surface_is_closed_at_any_density() -> None:
    rng = np.random.default_rng(0)
    for count in (1_000, 10_000, 50_000):
        directions = rng.normal(size=(count, 3))
        ball = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        rows, columns = np.mgrid[:160, :240]
        disc = (rows - 79.5) ** 2 + (columns - 119.5) ** 2 < 60**2
        pixels = np.asarray(render(ball, np.tile([0, 0, 200], (count, 1)), views=FRONT, size=SMALL)).astype(int)
        assert (pixels[disc][:, 2] - pixels[disc][:, 0] > 40).all()  # no background shines through
        split = orange(render(ball, mask=ball[:, 0] > 0, views=FRONT, size=SMALL))
        assert split[disc].all()  # nor does the far half


def test_segments_have_colours_of_their_own() -> None:
    coords = sheet(0)
    labels = np.where(coords[:, 1] > 0.1, 1, np.where(coords[:, 1] < -0.1, 2, -1))
    pixels = np.asarray(render(coords, mask=labels, views=FRONT, size=SMALL)).astype(int)
    assert orange(Image.fromarray(pixels.astype(np.uint8)))[80, 150]
    middle, left = pixels[80, 120], pixels[80, 90]
    assert np.abs(left - pixels[80, 150]).max() > 80
    assert np.ptp(middle) < 25 < np.ptp(left)


def test_prompts_are_drawn_and_fade_behind_the_surface() -> None:
    coords = sheet(0)
    plain = render(coords, views=FRONT, size=SMALL)
    visible = render(coords, prompts=[[0.0, 0, 0]], views=FRONT, size=SMALL)
    hidden = render(coords, prompts=[-1.0, 0, 0], prompt_labels=1, views=FRONT, size=SMALL)
    assert green(visible)[76:85, 115:125].any()
    assert not green(plain).any()
    assert green(hidden).sum() < green(visible).sum()
    assert np.any(np.asarray(hidden) != np.asarray(plain))


def test_negative_prompts_are_red() -> None:
    image = render(sheet(0), prompts=[[0, 0.5, 0], [0, -0.5, 0]], prompt_labels=[1, 0], views=FRONT, size=SMALL)
    pixels = np.asarray(image).astype(int)
    red = (pixels[..., 0] - pixels[..., 1] > 90) & (pixels[..., 0] - pixels[..., 2] > 90)
    assert red[:, :120].any()
    assert not red[:, 120:].any()
    assert green(image)[:, 120:].any()


def test_up_axis_turns_the_cloud() -> None:
    tall = np.random.default_rng(0).uniform(-1, 1, (3000, 3)) * [0.1, 0.1, 1]
    upright = render(tall, views=FRONT, size=SMALL)
    turned = render(tall @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]).T @ np.eye(3), up="y", views=FRONT, size=SMALL)
    lying = render(tall, up="y", views=FRONT, size=SMALL)

    def extent(image: Image.Image) -> tuple[int, int]:
        rows, columns = np.nonzero(np.asarray(image).min(axis=2) < 235)
        return int(np.ptp(rows)), int(np.ptp(columns))

    assert extent(upright)[0] > 3 * extent(upright)[1]
    assert extent(turned)[0] > 3 * extent(turned)[1]
    assert extent(lying)[1] > 3 * extent(lying)[0]


def test_same_arguments_give_the_same_pixels() -> None:
    rng = np.random.default_rng(1)
    coords, rgb = rng.normal(size=(500, 3)), rng.integers(0, 256, (500, 3), dtype=np.uint8)
    images = [render(coords, rgb, coords[:, 2] > 0.5, prompts=coords[:2], title="twice", size=SMALL) for _ in range(2)]
    assert images[0].tobytes() == images[1].tobytes()
    assert images[0].size == SMALL


def test_units_and_origin_do_not_matter() -> None:
    coords = np.random.default_rng(2).normal(size=(300, 3)).astype(np.float32).astype(np.float64)
    near = np.asarray(render(coords, size=SMALL)).astype(int)
    far = np.asarray(render(coords * 1024 + 2.0**22, size=SMALL)).astype(int)
    assert np.abs(near - far).mean() < 0.5


@pytest.mark.parametrize("coords", [np.zeros((1, 3)), np.ones((50, 3)), sheet(0), np.eye(3)[:2], sheet(0) * 1e-12])
@pytest.mark.parametrize("size", [(64, 64), (333, 201)])
def test_degenerate_clouds_are_drawn(coords: np.ndarray, size: tuple[int, int]) -> None:
    image = render(coords, mask=np.ones(len(coords), bool), title="point", size=size)
    assert image.size == size
    assert orange(image).any()
    render(coords, prompts=coords[0], size=size)


@pytest.mark.parametrize(
    ("message", "change"),
    [
        ("coords has shape", {"coords": np.zeros((4, 2))}),
        ("coords has shape", {"coords": np.zeros((0, 3))}),
        ("coords row 2 holds NaN", {"coords": np.array([[0, 0, 0], [1, 1, 1], [0, np.nan, 0]])}),
        ("coords row 0 holds NaN", {"coords": np.array([[np.inf, 0, 0]])}),
        ("coords is not an array of numbers", {"coords": [["a", "b", "c"]]}),
        ("rgb has shape", {"rgb": np.zeros((3, 3))}),
        ("rgb holds NaN or values", {"rgb": np.full((4, 3), 256)}),
        ("mask has shape", {"mask": np.zeros(5, bool)}),
        ("mask has shape", {"mask": np.zeros(4)}),
        ("prompts has shape", {"prompts": np.zeros((2, 2))}),
        ("prompts row 0 holds NaN", {"prompts": [np.nan, 0, 0]}),
        ("prompt_labels has shape", {"prompts": np.zeros((2, 3)), "prompt_labels": [1, 0, 1]}),
        ("prompt_labels holds other values", {"prompts": np.zeros((2, 3)), "prompt_labels": [1, 2]}),
        ("without prompts", {"prompt_labels": [1]}),
        ("size is", {"size": (10, 10)}),
        ("views has shape", {"views": [(1, 2, 3)]}),
        ("views has shape", {"views": []}),
        ("up is", {"up": "x"}),
    ],
)
def test_wrong_input_is_refused_in_one_line(message: str, change: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"coords": np.arange(12.0).reshape(4, 3), "rgb": None, "mask": None} | change
    with pytest.raises(ValueError, match=message) as caught:
        render(**arguments)
    assert "\n" not in str(caught.value)


def test_picture_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    image, path = Image.new("RGB", (8, 8), "red"), tmp_path / "out.png"
    save_picture(path, image)
    assert Image.open(path).getpixel((0, 0)) == (255, 0, 0)
    before = path.read_bytes()

    class Broken:
        def save(self, stream: Any, format: str) -> None:
            stream.write(b"half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        save_picture(path, Broken())  # type: ignore[arg-type]
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["out.png"]


def test_unknown_format_and_missing_folder_are_refused(tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 8))
    with pytest.raises(ValueError, match="not a picture format"):
        save_picture(tmp_path / "out.xyz", image)
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        save_picture(tmp_path / "none" / "out.png", image)


def test_importing_the_module_does_not_import_torch() -> None:
    code = "import sys, point_sam.picture; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
