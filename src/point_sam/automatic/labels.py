"""The masks of a cloud: what is told of each, and one label for every point out of masks that overlap."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from jaxtyping import Bool, Float, Int32, UInt8


class _Answer(TypedDict):
    segmentation: Bool[np.ndarray, " N"]
    area: int
    predicted_iou: float
    stability_score: float
    point_coords: list[list[float]]
    point_index: int


class MaskRecord(_Answer, total=False):
    """One mask.

    Keys: `segmentation` [N] bool in the order of the cloud's points; `area`, its points; `predicted_iou`;
    `stability_score` in 0..1; `point_coords` [[x, y, z]], the prompt, in the cloud's units; `point_index`, which of
    the cloud's points that is; with `hierarchy` also `parent`, the index of the record that this is a part of, or -1.
    """

    parent: int


class MaskList(list[MaskRecord]):
    """A list of masks of one cloud, which Jupyter draws: every point in the colour of the smallest mask that holds it.

    Attributes:
        coords: [N, 3], in the cloud's units.
        rgb: [N, 3] colours 0..255, or None.
    """

    def __init__(
        self,
        records: Iterable[MaskRecord],
        coords: Float[np.ndarray, "N 3"],
        rgb: UInt8[np.ndarray, "N 3"] | None = None,
    ) -> None:
        super().__init__(records)
        self.coords = coords
        self.rgb = rgb

    def _repr_png_(self) -> bytes:
        from point_sam.display import show

        return show(self.coords, self.rgb, labels=label_points(self, len(self.coords)))._repr_png_()


def label_points(records: Sequence[Mapping[str, Any]], num_points: int) -> Int32[np.ndarray, " N"]:
    """For every point the index of the smallest mask that holds it: parts lie on top of the objects they are of.

    Args:
        records: what `MaskGenerator.generate` gave, or a choice of it.
        num_points: N.

    Returns:
        Index into `records`, -1 where no mask is. Of two masks of one size the earlier is on top.

    Raises:
        ValueError: a mask is not [N].
    """
    labels = np.full(num_points, -1, np.int32)
    for index, record in enumerate(records):
        if np.shape(record["segmentation"]) != (num_points,):
            raise ValueError(
                f"the segmentation of record {index} has shape {list(np.shape(record['segmentation']))}; "
                f"expected [{num_points}], one entry per point"
            )
    sizes = [int(np.count_nonzero(record["segmentation"])) for record in records]
    for index in sorted(range(len(records)), key=lambda i: (-sizes[i], -i)):
        labels[records[index]["segmentation"]] = index
    return labels
