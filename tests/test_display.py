"""Pictures that show themselves in Jupyter."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from point_sam import MaskGenerator, PointCloud, Session
from point_sam.automatic import label_points
from point_sam.display import SIZE, show
from point_sam.picture import MASK_COLOR

GREEN, RED = (22, 163, 74), (220, 38, 38)  # of the clicks


@pytest.fixture
def sphere() -> PointCloud:
    """2000 points in metres, blue."""
    xyz = np.random.default_rng(0).normal(size=(2000, 3))
    xyz /= np.linalg.norm(xyz, axis=1, keepdims=True)
    return PointCloud(xyz * 3 + [500, 0, 0], np.tile(np.uint8([40, 80, 220]), (2000, 1)))


def pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"), np.int64)


def share(picture: np.ndarray, color: tuple[int, int, int]) -> float:
    """Of the drawn pixels those of about this hue, whatever the light."""
    drawn = picture[np.ptp(picture, axis=2) > 30].astype(float)
    hue = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return float((hue @ (np.array(color) / np.linalg.norm(color)) > 0.97).mean())


def test_a_cloud_shows_its_colours(sphere):
    picture = pixels(sphere._repr_png_())

    assert picture.shape == (SIZE[1], SIZE[0], 3)
    assert share(picture, (40, 80, 220)) > 0.9


def test_mask_is_orange_and_labels_have_colours_of_their_own(sphere):
    top = sphere.xyz[:, 2] > 0

    masked = pixels(show(sphere, mask=top, size=(320, 200))._repr_png_())
    labeled = pixels(show(sphere, labels=np.where(top, 1, -1), size=(320, 200))._repr_png_())

    assert 0.2 < share(masked, MASK_COLOR) < 0.8
    assert share(labeled, MASK_COLOR) == 0  # which is that of label 0
    assert share(labeled, (40, 80, 220)) < 0.8
    assert share(pixels(show(sphere, labels=np.where(top, 0, -1), size=(320, 200))._repr_png_()), MASK_COLOR) > 0.2


def test_arrays_and_clouds_give_the_same(sphere):
    one, other = show(sphere, size=(200, 100)), show(sphere.xyz.tolist(), sphere.rgb, size=(200, 100))

    np.testing.assert_array_equal(np.asarray(one.image), np.asarray(other.image))


def test_large_clouds_are_drawn_by_every_so_many_points(monkeypatch):
    drawn = {}

    def render(xyz, rgb, mask, **more):
        drawn.update(xyz=xyz, rgb=rgb, mask=mask)
        return Image.new("RGB", more["size"])

    monkeypatch.setattr("point_sam.picture.render", render)
    xyz = np.arange(1_500_000).reshape(-1, 3)
    show(xyz, np.zeros((500_000, 3), np.uint8), xyz[:, 0] > 9)

    assert 100_000 < len(drawn["xyz"]) == len(drawn["rgb"]) == len(drawn["mask"]) <= 200_000
    np.testing.assert_array_equal(drawn["mask"], drawn["xyz"][:, 0] > 9)


def test_what_cannot_be_drawn_is_refused(sphere):
    with pytest.raises(ValueError, match="mask and labels are both given"):
        show(sphere, mask=np.ones(2000, bool), labels=np.zeros(2000, int))
    with pytest.raises(ValueError, match=r"mask has shape \(3,\)"):
        show(sphere, mask=np.ones(3, bool))


def test_a_picture_is_saved(sphere, tmp_path: Path):
    picture = show(sphere, size=(200, 100))
    assert repr(picture) == "Picture(200 x 100)"

    picture.save(tmp_path / "sphere.webp")

    with Image.open(tmp_path / "sphere.webp") as image:
        assert image.size == (200, 100)


def test_session_shows_mask_and_clicks_in_the_clouds_units(model, monkeypatch, sphere):
    drawn = {}
    monkeypatch.setattr(
        "point_sam.display.show", lambda *cloud, **more: drawn.update(cloud=cloud, **more) or show(sphere)
    )
    model.set_pointcloud(sphere.xyz, sphere.rgb, normalize=True)
    session = Session(model)
    assert session._repr_png_()
    assert drawn["prompts"] is None
    assert repr(session) == "Session(0 clicks, 0 of 2,000 points, no mask yet)"

    session.click(sphere.xyz[7])
    session.click(sphere.xyz[90], positive=False)
    session._repr_png_()

    xyz, rgb, mask = drawn["cloud"]
    np.testing.assert_allclose(xyz, sphere.xyz, atol=1e-4)
    np.testing.assert_array_equal(rgb, sphere.rgb)
    np.testing.assert_array_equal(mask, session.mask)
    np.testing.assert_allclose(drawn["prompts"], sphere.xyz[[7, 90]])
    assert drawn["prompt_labels"] == [1, 0]
    assert repr(session) == (
        f"Session(2 clicks, {session.mask.sum():,} of 2,000 points, predicted IoU {session.iou_score:.2f})"
    )


def test_clicks_are_drawn(sphere):
    seen = sphere.xyz[sphere.xyz[:, 2].argsort()[-300:]]

    picture = pixels(show(sphere.xyz, prompts=seen[[0, 299]], prompt_labels=[1, 0])._repr_png_())

    assert share(picture, GREEN) > 0.1
    assert share(picture, RED) > 0.1


def test_masks_of_everything_are_a_list_that_shows_itself(model, sphere):
    masks = MaskGenerator(model, points_per_cloud=6, iou_threshold=-1e9, stability_threshold=0.0).generate(
        sphere.xyz, sphere.rgb, normalize=True
    )

    assert isinstance(masks, list)
    labels = label_points(masks, 2000)
    assert len(set(labels)) > 2
    wanted = show(sphere, labels=labels)
    assert masks._repr_png_() == wanted._repr_png_()


def test_encoded_cloud_shows_itself(model, sphere):
    encoded = model.encode(sphere.xyz, sphere.rgb, normalize=True)

    np.testing.assert_allclose(encoded.units(), sphere.xyz, atol=1e-4)
    assert share(pixels(encoded._repr_png_()), (40, 80, 220)) > 0.9


def test_a_cloud_is_shown_without_torch():
    code = (
        "import sys, numpy as np; from point_sam.clouds import PointCloud;"
        "assert PointCloud(np.eye(3))._repr_png_(); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
