"""Draw the picture of docs/scales.md again: `python docs/scales_picture.py`.

One click on a tree of the park: what the whole cloud and each ball answer best by the network's own score, and what the
session takes.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from point_sam import PointSAM, read_pointcloud
from point_sam.picture import render, save_picture
from point_sam.pyramid import Pyramid

DOCS = Path(__file__).parent
CLICK = (163.76, 192.03, 52.95)
VIEW = [(-60.0, 25.0)]
SIZE = (560, 400)


def main() -> None:
    """Answer, draw, save."""
    cloud = read_pointcloud(DOCS.parent / "examples" / "data" / "park_lidar.pcd")
    pyramid = Pyramid(PointSAM.from_pretrained("tiny"), cloud.xyz, cloud.rgb, normalize=True)
    point, on = np.array([CLICK]), np.array([True])
    place = (point - pyramid.center) / pyramid.scale
    panels = [_panel(cloud.xyz, cloud.rgb, None, f"{len(cloud):,} points and a click")]
    view = pyramid.look(place, on, None)
    for owner, answers in enumerate(view.answers):
        reading = view.reading(view.owners.index((owner, int(answers.iou_scores.argmax()))))
        radius, center = (
            answers.ball.radius * pyramid.scale,
            pyramid.scale * answers.ball.sample.center + pyramid.center,
        )
        inside = np.linalg.norm(cloud.xyz - center, axis=1) <= radius * 1.0001
        rgb = None if cloud.rgb is None else cloud.rgb[inside]
        title = f"radius {radius:.0f}: {inside.sum():,} points, score {reading.iou_score:.2f}"
        panels.append(_panel(cloud.xyz[inside], rgb, pyramid.spread_mask(reading)[inside], title))
    taken = pyramid.answer(point, on)[0]
    title = f"taken: radius {taken.radius * pyramid.scale:.0f}, expected IoU {taken.iou_score:.2f}"
    panels.append(_panel(cloud.xyz, cloud.rgb, pyramid.spread_mask(taken), title))
    columns = -(-len(panels) // 2)
    picture = Image.new("RGB", (columns * SIZE[0], 2 * SIZE[1]))
    for number, panel in enumerate(panels):
        picture.paste(panel, (number % columns * SIZE[0], number // columns * SIZE[1]))
    save_picture(DOCS / "images" / "scales.webp", picture)


def _panel(xyz: np.ndarray, rgb: np.ndarray | None, mask: np.ndarray | None, title: str) -> Image.Image:
    return render(xyz, rgb, mask, prompts=CLICK, views=VIEW, size=SIZE, title=title)


if __name__ == "__main__":
    main()
