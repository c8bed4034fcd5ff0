"""The colours of the drawn points: by rgb, mask, height or predicted IoU, with the mask and the objects over them."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Bool, UInt8

from point_sam.viewer.drawing import Drawing
from point_sam.viewer.objects import SegmentedObject
from point_sam.viewer.scene import Scene

ColorMode: TypeAlias = Literal["rgb", "mask", "height", "iou"]
MODES: tuple[ColorMode, ...] = ("rgb", "mask", "height", "iou")


class Painter:
    """Colours of one drawing for one person; keeps what stays the same between two pictures.

    Args:
        scene, drawing: what is shown.
    """

    def __init__(self, scene: Scene, drawing: Drawing) -> None:
        raise NotImplementedError

    def paint(
        self,
        mode: ColorMode,
        *,
        mask: Bool[np.ndarray, " N"] | None = None,
        iou_score: float | None = None,
        objects: Sequence[SegmentedObject] = (),
        opacity: float = 0.65,
    ) -> UInt8[np.ndarray, "D 3"]:
        """The colours.

        Args:
            mode: what lies below: "rgb" the points' own colours (grey where there are none), "mask" grey, "height" a
                scale along the up axis. "iou" is grey with the predicted IoU of mask and objects as a scale from 0 to
                1 in place of their own colours.
            mask: the current mask, above the objects.
            iou_score: its predicted IoU.
            objects: those that are not visible are left out; of two that overlap the later is above.
            opacity: of mask and objects, 0..1.

        Raises:
            ValueError: an unknown mode, or an opacity outside 0..1.
        """
        raise NotImplementedError
