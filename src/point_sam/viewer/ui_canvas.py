"""The drawn points of one page: their colours, the clicks, the camera."""

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np

from point_sam.picture.colors import NEGATIVE_COLOR, POSITIVE_COLOR
from point_sam.session import Click
from point_sam.viewer.coloring import OPACITY, ColorMode, Painter
from point_sam.viewer.drawing import Opened
from point_sam.viewer.picking import pick
from point_sam.viewer.workspace import State

if TYPE_CHECKING:
    from viser import ClientHandle, SceneNodeHandle

MINUS = "\N{MINUS SIGN}"
_SIGN: dict[str, Any] = {"anchor": "bottom-left", "font_screen_scale": 0.8}
_MARKER = 0.014  # least radius in drawing units: some five pixels where a page opens
_EYE = (1.35, -1.15, 0.7)  # all of the unit ball in view at viser's 75 degrees
# From the drawing to viser's world, whose z points up. viser can turn its world instead, but then places the camera by
# the old directions where both are told at once.
_UPRIGHT = {"z": np.eye(3), "y": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])}


@dataclass(frozen=True)
class Look:
    """How points are drawn.

    Attributes:
        mode: what their colour says.
        opacity: of mask and objects, 0..1.
        size: times the size at which neighbours touch.
    """

    mode: ColorMode = "rgb"
    opacity: float = OPACITY
    size: float = 1.0


class Canvas:
    """A scene in a browser.

    Args:
        client: the browser.
        opened: what is shown.
    """

    def __init__(self, client: "ClientHandle", opened: Opened, look: Look) -> None:
        self._client = client
        self.scene = opened.scene
        self._drawing = opened.drawing
        self._painter = Painter(opened.scene, opened.drawing)
        self._marked: list[Click] = []
        self._markers: list[tuple[SceneNodeHandle, ...]] = []
        self._look = look
        self._upright = _UPRIGHT[opened.scene.up]
        with client.atomic():
            self.reset_camera()
            self._cloud = client.scene.add_point_cloud(
                "/cloud",
                opened.drawing.positions @ self._upright.T.astype(np.float32),
                self._painter.paint(look.mode, opacity=look.opacity),
                point_size=self._point_size,
                precision="float32",
                point_shape="circle",
                point_shading="flat",
            )

    @property
    def _point_size(self) -> float:
        return float(self._drawing.point_size * self._look.size)

    def reset_camera(self) -> None:
        """Look at all of it."""
        camera = self._client.camera
        with self._client.atomic():
            camera.up_direction = np.array([0.0, 0.0, 1.0])
            camera.position = np.array(_EYE)
            camera.look_at = np.zeros(3)

    def pick(self, origin: tuple[float, ...], direction: tuple[float, ...]) -> int | None:
        """The scene's point under a ray of the world; None for the background."""
        ray = self._upright.T @ np.array([origin, direction]).T
        return pick(self._drawing, ray[:, 0].tolist(), ray[:, 1].tolist(), point_size=self._point_size)

    def show(self, state: State, look: Look) -> None:
        """Draw a state."""
        resized = look.size != self._look.size
        self._look = look
        colors = self._painter.paint(
            look.mode, mask=state.mask, iou_score=state.iou_score, objects=state.objects, opacity=look.opacity
        )
        with self._client.atomic():
            self._cloud.colors = colors
            if resized:
                self._cloud.point_size = self._point_size
            self._mark(state)

    def remove(self) -> None:
        """Take it away."""
        with self._client.atomic():
            for marker in self._markers:
                for part in marker:
                    part.remove()
            self._cloud.remove()
        self._markers, self._marked = [], []

    def _mark(self, state: State) -> None:
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self._marked, state.clicks, strict=False)))
        while len(self._marked) > same:
            self._marked.pop()
            for part in self._markers.pop():
                part.remove()
        for i, click in enumerate(state.clicks[same:], same):
            place = self._upright @ self._drawing.to_drawing(np.array([click.point], np.float64))[0]
            self._marked.append(click)
            self._markers.append(self._add_marker(i, place, click.positive))

    def _add_marker(self, i: int, place: np.ndarray, positive: bool) -> tuple["SceneNodeHandle", ...]:
        """A green ball or a red cube, and its number and sign, which no point hides."""
        add, name = self._client.scene, f"/click_{i}"
        radius = max(_MARKER, self._drawing.point_size)
        sign = add.add_label(f"{name}_sign", f"{i + 1} {'+' if positive else MINUS}", position=place, **_SIGN)
        options: Any = {"position": place, "cast_shadow": False, "receive_shadow": False}
        if positive:
            return sign, add.add_icosphere(name, radius, POSITIVE_COLOR, subdivisions=2, **options)
        return sign, add.add_box(name, NEGATIVE_COLOR, (1.8 * radius,) * 3, **options)
