"""Pictures that show themselves in Jupyter: of a cloud, its mask or labels, and the clicks.

    from point_sam.display import show

    show(coords, rgb, masks[iou_scores.argmax()], prompts=[0.5, 0.1, -0.2])

`PointCloud`, `EncodedCloud`, `Session` and the answer of `MaskGenerator.generate` do so by themselves, as the last line
of a cell. Imports numpy and pillow only, and those when something is drawn.
"""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

# Of a picture that nobody sized: as wide as a notebook's column, and then some 100 KB.
SIZE = (960, 600)
_MOST_POINTS = 200_000  # more are several to a pixel at that size, and take seconds
_COLORS = 256


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that Jupyter draws.

    Attributes:
        image: in RGB.
    """

    image: "Image.Image"

    def __repr__(self) -> str:
        return f"Picture({self.image.width} x {self.image.height})"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as .png, .jpg or .webp.

        Raises:
            ValueError, FileNotFoundError: as `point_sam.picture.save_picture`.
        """
        from point_sam.picture import save_picture

        save_picture(path, self.image)

    def _repr_png_(self) -> bytes:
        """PNG of 256 colours, a third of the size of one of all: notebooks are kept with their pictures."""
        import io

        from PIL import Image

        file = io.BytesIO()
        few = self.image.quantize(_COLORS, Image.Quantize.FASTOCTREE, dither=Image.Dither.FLOYDSTEINBERG)
        few.save(file, format="PNG", optimize=True)
        return file.getvalue()


def show(
    cloud: Any,
    rgb: Any = None,
    mask: Any = None,
    *,
    labels: Any = None,
    prompts: Any = None,
    prompt_labels: Any = None,
    title: str | None = None,
    up: Literal["y", "z"] = "z",
    size: tuple[int, int] = SIZE,
) -> Picture:
    """A picture of a cloud from four sides, with a mask or labels painted over its colours.

    Of a cloud of more than 200,000 points every so many are drawn.

    Args:
        cloud: [N, 3] coordinates in any unit; or a `PointCloud`, or the points drawn on a mesh, with their own colours.
        rgb: [N, 3] colours in 0..255; None takes the cloud's own, or grey.
        mask: [N] bool.
        labels: instead of a mask [N] whole numbers, -1 for none, as `label_points` gives them.
        prompts: [K, 3] or [3] clicks, in the unit of the coordinates.
        prompt_labels: [K] of 1 (on the object) and 0 (off it); all 1 by default.
        title: one line above the picture.
        up: the axis that points up.
        size: width and height in pixels.

    Raises:
        ValueError: both a mask and labels, or as `point_sam.picture.render`.
    """
    import numpy as np

    from point_sam.picture import render

    if mask is not None and labels is not None:
        raise ValueError("mask and labels are both given; one of them can be painted")
    if hasattr(cloud, "xyz"):
        rgb = cloud.rgb if rgb is None else rgb
        cloud = cloud.xyz
    painted = mask if labels is None else np.asarray(labels) + 1
    count = len(cloud)

    def thinned(values: Any) -> "np.ndarray[Any, Any]":
        array = np.asarray(values)
        # What is of another length stays so, for `render` to refuse.
        return array[:: -(-count // _MOST_POINTS) or 1] if array.shape[:1] == (count,) else array

    xyz, colors = thinned(cloud), None if rgb is None else thinned(rgb)
    segments = None if painted is None else thinned(painted)
    image = render(xyz, colors, segments, prompts=prompts, prompt_labels=prompt_labels, title=title, up=up, size=size)
    return Picture(image)
