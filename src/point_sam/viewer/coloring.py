"""The colours of the drawn points: by rgb, mask, height or predicted IoU, with the mask and the objects over them."""

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np
from jaxtyping import Bool, Float, Integer, UInt8

from point_sam.picture.colors import MASK_COLOR, NEUTRAL_COLOR
from point_sam.viewer.drawing import Drawing
from point_sam.viewer.objects import SegmentedObject
from point_sam.viewer.scene import Scene

ColorMode: TypeAlias = Literal["rgb", "mask", "height", "iou"]
MODES: tuple[ColorMode, ...] = get_args(ColorMode)
OPACITY = 0.65  # texture still shows under the paint

# From dark blue over green to yellow: of even lightness steps, and told apart by colour-blind people.
_SCALE = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)], np.float64)
_UNKNOWN = (90, 90, 90)  # an object without predicted IoU
_TRIMMED = 1.0  # percent of points at either end of the heights: one stray point would else take the whole scale


class Painter:
    """Colours of one drawing for one person; keeps what stays the same between two pictures. Not for several threads.

    Args:
        scene, drawing: what is shown.
    """

    def __init__(self, scene: Scene, drawing: Drawing) -> None:
        self._scene = scene
        self._drawing = drawing
        self._bases: dict[ColorMode, UInt8[np.ndarray, "D 3"]] = {}
        self._rows: dict[int, tuple[np.ndarray, Integer[np.ndarray, " n"]]] = {}

    def paint(
        self,
        mode: ColorMode,
        *,
        mask: Bool[np.ndarray, " N"] | None = None,
        iou_score: float | None = None,
        objects: Sequence[SegmentedObject] = (),
        opacity: float = OPACITY,
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
        if mode not in MODES:
            raise ValueError(f"colour mode {mode!r} is unknown; known are {', '.join(MODES)}")
        if not 0 <= opacity <= 1:
            raise ValueError(f"opacity is {opacity}; it must be from 0 to 1")
        layer, shown = self._layer(mask, objects)
        paints = np.array(
            [_paint_of(mode, item.color, item.iou_score) for item in shown] + [_paint_of(mode, MASK_COLOR, iou_score)]
        )
        colors = self._base(mode).copy()
        painted = np.flatnonzero(layer)
        over = (paints * opacity).astype(np.float32)[layer[painted] - 1]
        colors[painted] = np.rint(colors[painted] * np.float32(1 - opacity) + over).astype(np.uint8)
        return colors

    def _layer(
        self, mask: Bool[np.ndarray, " N"] | None, objects: Sequence[SegmentedObject]
    ) -> tuple[Integer[np.ndarray, " D"], list[SegmentedObject]]:
        """For each drawn point 0, or 1 + the position of what lies above all else there; the mask comes last."""
        layer = np.zeros(len(self._drawing), np.int32)
        shown = [item for item in objects if item.visible]
        # By identity: masks never change, and a renamed object keeps its own. The array is kept, so that no other
        # takes its place in memory.
        known = {id(item.bits): self._rows.get(id(item.bits)) or (item.bits, self._drawn(item)) for item in objects}
        self._rows = known
        for position, item in enumerate(shown, 1):
            layer[known[id(item.bits)][1]] = position
        if mask is not None:
            layer[mask[self._drawing.index]] = len(shown) + 1
        return layer, shown

    def _drawn(self, item: SegmentedObject) -> Integer[np.ndarray, " n"]:
        """The rows of the drawing that an object covers."""
        return np.flatnonzero(item.mask[self._drawing.index]).astype(np.int32)

    def _base(self, mode: ColorMode) -> UInt8[np.ndarray, "D 3"]:
        if mode not in self._bases:
            self._bases[mode] = self._make_base(mode)
        return self._bases[mode]

    def _make_base(self, mode: ColorMode) -> UInt8[np.ndarray, "D 3"]:
        rgb = self._scene.cloud.rgb
        if mode == "rgb" and rgb is not None:
            return rgb[self._drawing.index]
        if mode == "height":
            height = self._drawing.positions[:, "xyz".index(self._scene.up)]
            low, high = np.percentile(height, (_TRIMMED, 100 - _TRIMMED))
            return on_scale((height - low) / (high - low) if high > low else np.full(len(height), 0.5))
        return np.tile(np.array(NEUTRAL_COLOR, np.uint8), (len(self._drawing), 1))


def on_scale(values: Float[np.ndarray, " n"]) -> UInt8[np.ndarray, "n 3"]:
    """Colours of values from 0 (dark blue) to 1 (yellow); what lies outside takes the nearer end."""
    stops = np.linspace(0, 1, len(_SCALE))
    return np.rint(np.stack([np.interp(values, stops, channel) for channel in _SCALE.T], axis=1)).astype(np.uint8)


def _paint_of(mode: ColorMode, color: tuple[int, int, int], iou_score: float | None) -> tuple[int, int, int]:
    if mode != "iou":
        return color
    if iou_score is None:
        return _UNKNOWN
    red, green, blue = on_scale(np.array([iou_score]))[0].tolist()
    return red, green, blue
