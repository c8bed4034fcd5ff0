"""Scenes composed of labelled objects, as scanners see them: streets, tables, rooms, yards from the air.

A scene is a `LabeledCloud` in metres, z up, with the labels `thing` (an object) and `part` (a part of one); ground,
walls and tables are -1. Every scene is a function of its generator alone.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int64
from numpy.random import Generator

from point_sam.datasets.labeled import LabeledCloud

Pick = Callable[[Generator], LabeledCloud]
"""Gives an object in the unit ball, z up."""

KINDS = ("street", "tables", "room", "yard")
# Points of a background surface, before a scanner thins them.
_SURFACE = 60_000


class _Canvas:
    """Points collected for a scene."""

    def __init__(self, rng: Generator) -> None:
        self.rng = rng
        self.xyz: list[np.ndarray] = []
        self.rgb: list[np.ndarray] = []
        self.thing: list[np.ndarray] = []
        self.part: list[np.ndarray] = []
        self.things = self.parts = 0
        self.spots: list[tuple[np.ndarray, float]] = []

    def background(self, xyz: Float[np.ndarray, "N 3"]) -> None:
        """Ground, wall or table, in a colour of its own."""
        color = self.rng.integers(50, 220, 3) + self.rng.normal(0, self.rng.uniform(2, 14), (len(xyz), 3))
        self._add(xyz, color, np.full(len(xyz), -1), np.full(len(xyz), -1))

    def thing_at(
        self, cloud: LabeledCloud, size: float, place: Float[np.ndarray, " 3"], spacing: float, touching: bool = False
    ) -> bool:
        """An object of `size` (its longest side), turned about z, standing at a place; False if there is no room."""
        rng = self.rng
        turn = rng.uniform(0, 2 * np.pi)
        c, s = np.cos(turn), np.sin(turn)
        xyz = cloud.xyz.astype(np.float64) @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]])
        xyz *= size / np.ptp(xyz, axis=0).max()
        xyz[:, :2] -= (xyz[:, :2].max(0) + xyz[:, :2].min(0)) / 2
        xyz[:, 2] -= np.quantile(xyz[:, 2], 0.005)
        reach = float(np.quantile(np.linalg.norm(xyz[:, :2], axis=1), 0.98))
        gap = 0.0 if touching else 0.1 * size
        if any(np.hypot(*(place[:2] - q)) < reach + r + gap for q, r in self.spots):
            return False
        self.spots.append((place[:2], reach))
        area = 4 * (size / 2) ** 2 * np.pi * 0.5
        count = int(np.clip(area / spacing**2, 80, 60_000))
        chosen = rng.integers(0, len(xyz), count)
        jitter = 0.4 * size / len(xyz) ** 0.5 if count > len(xyz) else 0.0
        labels = list(cloud.labels.values())[int(rng.integers(len(cloud.labels)))][chosen]
        _, part = np.unique(labels, return_inverse=True)
        rgb = cloud.rgb[chosen] if cloud.rgb is not None else np.tile(rng.integers(20, 240, 3), (count, 1))
        moved = xyz[chosen] + rng.normal(0, 1, (count, 3)) * jitter + place
        self._add(moved, rgb, np.full(count, self.things), part + self.parts)
        self.things += 1
        self.parts += int(part.max()) + 1
        return True

    def _add(self, xyz: np.ndarray, rgb: np.ndarray, thing: np.ndarray, part: np.ndarray) -> None:
        self.xyz.append(xyz)
        self.rgb.append(np.clip(rgb, 0, 255))
        self.thing.append(thing)
        self.part.append(part)

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """xyz, rgb, thing, part."""
        together = (np.concatenate(values) for values in (self.xyz, self.rgb, self.thing, self.part))
        return tuple(together)  # type: ignore[return-value]


def compose(kind: str, rng: Generator, pick: Pick, *, name: str = "") -> LabeledCloud:
    """A scene of a kind.

    Args:
        kind: one of `KINDS`.
        rng: decides everything.
        pick: gives the objects.
        name: of the scene.
    """
    canvas = _Canvas(rng)
    xyz, rgb, thing, part = _MAKERS[kind](canvas, pick)
    colored = kind != "street" and rng.random() < 0.75
    return LabeledCloud(
        xyz.astype(np.float32),
        np.round(rgb).astype(np.uint8) if colored else None,
        {"thing": thing.astype(np.int32), "part": part.astype(np.int32)},
        name=name or kind,
        family=kind,
    )


def _street(canvas: _Canvas, pick: Pick) -> tuple[np.ndarray, ...]:
    """Things of 0.5 to 5 m beside a road, under one rotating scanner: rings, occlusion, thin far away."""
    rng = canvas.rng
    half = rng.uniform(7, 13)
    height = rng.uniform(1.5, 2.2)
    for _ in range(int(rng.integers(14, 30))):
        size = float(np.exp(rng.uniform(np.log(0.5), np.log(5.0))))
        for _ in range(6):
            place = np.array([rng.uniform(-32, 32), rng.uniform(-half + 1, half - 1), 0.0])
            if np.hypot(*place[:2]) > 2.5 + size / 2 and canvas.thing_at(pick(rng), size, place, 0.035):
                break
    xyz, rgb, thing, part = canvas.arrays()
    scanner = np.array([0.0, 0.0, height])
    beams = np.radians(np.linspace(-25, rng.uniform(3, 12), int(rng.choice([32, 48, 64]))))
    turns = np.linspace(-np.pi, np.pi, int(rng.integers(1000, 2000)), endpoint=False)
    # The background, ray by ray: the ground ahead or a facade, whichever is nearer.
    turn, beam = (a.ravel() for a in np.meshgrid(turns, beams))
    ray = np.c_[np.cos(beam) * np.cos(turn), np.cos(beam) * np.sin(turn), np.sin(beam)]
    with np.errstate(divide="ignore"):
        ground = np.where(ray[:, 2] < 0, -height / ray[:, 2], np.inf)
        wall = half / np.abs(ray[:, 1])
    depth = np.minimum(ground, np.where(rng.random() < 0.7, wall, np.inf))
    # Things: the nearest return of each ray.
    offset = xyz - scanner
    distance = np.linalg.norm(offset, axis=1)
    column = ((np.arctan2(offset[:, 1], offset[:, 0]) + np.pi) / (2 * np.pi) * len(turns)).astype(int) % len(turns)
    slope = np.arcsin(offset[:, 2] / distance)
    step = beams[1] - beams[0]
    row = np.round((slope - beams[0]) / step).astype(int)
    seen = (row >= 0) & (row < len(beams))
    cell = (row * len(turns) + column)[seen]
    index = np.flatnonzero(seen)
    nearest = np.full(len(depth), np.inf)
    np.minimum.at(nearest, cell, distance[index])
    first = np.full(len(depth), -1)
    hit = distance[index] <= nearest[cell]
    first[cell[hit]] = index[hit]
    covered = (first >= 0) & (nearest < depth)
    kept = first[covered]
    bare = ~covered & (depth < 45)
    xyz = np.concatenate([xyz[kept], scanner + ray[bare] * depth[bare, None]])
    xyz += rng.normal(0, rng.uniform(0.005, 0.025), xyz.shape)
    blank = np.full(int(bare.sum()), -1)
    gray = np.full((len(blank), 3), 128.0)
    return (
        xyz,
        np.concatenate([rgb[kept], gray]),
        np.concatenate([thing[kept], blank]),
        np.concatenate([part[kept], blank]),
    )


def _tables(canvas: _Canvas, pick: Pick) -> tuple[np.ndarray, ...]:
    """Things of 10 to 25 cm on tables in a room, from one place: occlusion, dense near it."""
    rng = canvas.rng
    room = rng.uniform([3.5, 3.5, 2.4], [6, 6, 3])
    _shell(canvas, room, walls=4)
    tops: list[tuple[np.ndarray, np.ndarray]] = []
    for _ in range(int(rng.integers(1, 4))):
        size = rng.uniform([0.7, 0.6, 0.7], [1.5, 0.9, 0.78])
        corner = np.array([*rng.uniform([0.2, 0.2], room[:2] - size[:2] - 0.2), 0.0])
        if any((np.abs(corner[:2] - c[:2]) < 1.5).all() for c, _ in tops):
            continue
        tops.append((corner, size))
        _table(canvas, corner, size)
        for _ in range(int(rng.integers(3, 8))):
            place = np.array([*(corner[:2] + rng.uniform(0.08, size[:2] - 0.08)), size[2]])
            canvas.thing_at(pick(rng), rng.uniform(0.1, 0.25), place, 0.003, touching=rng.random() < 0.5)
    corner, size = tops[0]
    away = rng.uniform(0, 2 * np.pi)
    eye = corner + np.array([size[0] / 2 + rng.uniform(0.8, 1.6) * np.cos(away), size[1] / 2 + np.sin(away), 1.5])
    return _seen_from(canvas, eye, resolution=rng.uniform(0.0022, 0.005), noise=rng.uniform(0.001, 0.004))


def _room(canvas: _Canvas, pick: Pick) -> tuple[np.ndarray, ...]:
    """Furniture of 0.3 to 2.2 m along walls, reconstructed from all sides."""
    rng = canvas.rng
    room = rng.uniform([3, 3, 2.3], [8, 6, 3])
    _shell(canvas, room, walls=int(rng.integers(2, 5)))
    spacing = rng.uniform(0.015, 0.035)
    for _ in range(int(rng.integers(6, 16))):
        size = float(np.exp(rng.uniform(np.log(0.3), np.log(2.2))))
        place = np.array([*rng.uniform(0.1, room[:2] - 0.1), 0.0])
        if rng.random() < 0.6:  # along a wall
            axis = int(rng.integers(2))
            place[axis] = size / 2 if rng.random() < 0.5 else room[axis] - size / 2
        if rng.random() < 0.25:
            place[2] = rng.uniform(0.4, 1.2)  # on a shelf that nobody scanned
        canvas.thing_at(pick(rng), size, place, spacing, touching=rng.random() < 0.4)
    return _thinned(canvas, spacing, noise=rng.uniform(0.002, 0.012))


def _yard(canvas: _Canvas, pick: Pick) -> tuple[np.ndarray, ...]:
    """Things of 1 to 15 m on the ground, seen from above: roofs and crowns, hardly any sides."""
    rng = canvas.rng
    half = rng.uniform(20, 45)
    spacing = rng.uniform(0.15, 0.45)
    ground = np.c_[rng.uniform(-half, half, (_SURFACE, 2)), np.zeros(_SURFACE)]
    ground[:, 2] = 0.8 * np.sin(ground[:, 0] / half * rng.uniform(0, 2)) * rng.random()
    canvas.background(ground)
    for _ in range(int(rng.integers(8, 24))):
        size = float(np.exp(rng.uniform(np.log(1.5), np.log(15))))
        place = np.array([*rng.uniform(-half, half, 2), 0.0])
        canvas.thing_at(pick(rng), size, place, spacing / 2, touching=rng.random() < 0.3)
    xyz, rgb, thing, part = canvas.arrays()
    cell = np.floor(xyz[:, :2] / spacing).astype(np.int64)
    key = cell[:, 0] * 1_000_003 + cell[:, 1]
    order = np.lexsort((-xyz[:, 2], key))
    top = order[np.r_[True, np.diff(key[order]) != 0]]
    side = rng.random(len(xyz)) < 0.06  # what slips past the edges
    kept = np.union1d(top, np.flatnonzero(side))
    return xyz[kept] + rng.normal(0, 0.03, (len(kept), 3)), rgb[kept], thing[kept], part[kept]


_MAKERS = {"street": _street, "tables": _tables, "room": _room, "yard": _yard}


def _shell(canvas: _Canvas, room: Float[np.ndarray, " 3"], walls: int) -> None:
    rng = canvas.rng
    canvas.background(np.c_[rng.uniform(0, room[0], _SURFACE), rng.uniform(0, room[1], _SURFACE), np.zeros(_SURFACE)])
    for side in rng.permutation(4)[:walls]:
        wall = rng.uniform(0, room, (_SURFACE // 2, 3))
        wall[:, side % 2] = 0 if side < 2 else room[side % 2]
        canvas.background(wall)


def _table(canvas: _Canvas, corner: Float[np.ndarray, " 3"], size: Float[np.ndarray, " 3"]) -> None:
    rng = canvas.rng
    top = corner + np.c_[rng.uniform(0, size[:2], (40_000, 2)), np.full(40_000, size[2])]
    legs = corner + rng.uniform(0, [0.05, 0.05, size[2]], (1200, 3))
    legs[:, :2] += rng.integers(0, 2, (1200, 2)) * (size[:2] - 0.05)
    canvas.background(np.concatenate([top, legs]))


def _seen_from(canvas: _Canvas, eye: np.ndarray, *, resolution: float, noise: float) -> tuple[np.ndarray, ...]:
    """The nearest return of every direction from one place."""
    xyz, rgb, thing, part = canvas.arrays()
    offset = xyz - eye
    distance = np.linalg.norm(offset, axis=1)
    u = np.floor(np.arctan2(offset[:, 1], offset[:, 0]) / resolution).astype(np.int64)
    v = np.floor(np.arccos(np.clip(offset[:, 2] / distance, -1, 1)) / resolution).astype(np.int64)
    _, ray = np.unique(u * 100_003 + v, return_inverse=True)
    # A ray is as wide as the sampling of surfaces needs it to be opaque.
    coarse = np.floor(u / 4) * 100_003 + np.floor(v / 4)
    _, wide = np.unique(coarse, return_inverse=True)
    front = np.full(wide.max() + 1, np.inf)
    np.minimum.at(front, wide, distance)
    visible = np.flatnonzero(distance <= front[wide] * 1.03 + 0.02)
    visible = visible[np.unique(ray[visible], return_index=True)[1]]
    smear = canvas.rng.normal(0, 1, len(visible)) * noise * distance[visible] ** 2
    seen = xyz[visible] + offset[visible] / distance[visible, None] * smear[:, None]
    return seen, rgb[visible], thing[visible], part[visible]


def _thinned(canvas: _Canvas, spacing: float, noise: float) -> tuple[np.ndarray, ...]:
    """One point per voxel, with noise."""
    xyz, rgb, thing, part = canvas.arrays()
    cell: Int64[np.ndarray, "N 3"] = np.floor(xyz / spacing).astype(np.int64)
    _, kept = np.unique(cell @ np.array([1, 100_003, 100_003**2]), return_index=True)
    return xyz[kept] + canvas.rng.normal(0, noise, (len(kept), 3)), rgb[kept], thing[kept], part[kept]
