"""Random primitive solids: boxes, prisms, lathe-turned bodies, superellipsoids and swept tubes.

Four builders cover them all: `extrude` (a polygon along z), `revolve` (a profile about z), `sweep` (a disc along a
curve) and `superellipsoid`. Each gives a triangle soup to sample, a label per triangle that tells faces, caps and
sides apart, and an inside test, so that points buried in a neighbouring solid can be dropped. Local axis z is the long
axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

Inside = Callable[[Float[np.ndarray, "N 3"]], Bool[np.ndarray, " N"]]


@dataclass(frozen=True)
class Shape:
    """A closed surface about the origin, its farthest vertex at distance 1.

    Attributes:
        triangles: vertices.
        face: sub-surface of each triangle, 0, 1, … (a box has six, a cylinder a side and two caps).
        area: running sum of the triangles' areas, for area-weighted sampling.
        inside: whether each point, in the shape's own frame, lies in its material.
        low, high: corners of the bounding box.
    """

    triangles: Float[np.ndarray, "T 3 3"]
    face: Int[np.ndarray, " T"]
    area: Float[np.ndarray, " T"]
    inside: Inside
    low: Float[np.ndarray, " 3"]
    high: Float[np.ndarray, " 3"]


def random_shape(rng: np.random.Generator) -> Shape:
    """One primitive of a random kind and proportions."""
    kinds = list(_KINDS)
    weights = np.array([_KINDS[kind] for kind in kinds])
    return kinds[rng.choice(len(kinds), p=weights / weights.sum())](rng)


def extrude(polygon: Float[np.ndarray, "E 2"], height: float, top: float = 1.0) -> Shape:
    """A prism over a polygon that its origin sees whole; `top` scales the upper end (0.05 makes a pyramid)."""
    count = len(polygon)
    half = height / 2
    low = np.column_stack([polygon, np.full(count, -half)])
    high = np.column_stack([polygon * top, np.full(count, half)])
    after = np.roll(np.arange(count), -1)
    ends = [np.tile([0.0, 0.0, z], (count, 1)) for z in (-half, half)]
    triangles = np.concatenate(
        [
            np.stack([low, low[after], high], 1),
            np.stack([low[after], high[after], high], 1),
            np.stack([ends[0], low[after], low], 1),
            np.stack([ends[1], high, high[after]], 1),
        ]
    )
    # A gear's forty flanks are one side; a box's four are four faces.
    side = np.arange(count) if count <= 6 else np.zeros(count, dtype=int)
    last = side.max() + 1
    face = np.concatenate([side, side, np.full(count, last), np.full(count, last + 1)])

    def inside(points: Float[np.ndarray, "N 3"]) -> Bool[np.ndarray, " N"]:
        fraction = points[:, 2] / height + 0.5
        scale = 1 + (top - 1) * np.clip(fraction, 0, 1)
        return (np.abs(points[:, 2]) < half) & _in_polygon(points[:, :2] / scale[:, None], polygon)

    return _finish(triangles, face, inside)


def revolve(
    profile: Float[np.ndarray, "P 2"],
    face: Int[np.ndarray, " S"],
    *,
    segments: int,
    closed: bool = False,
    stretch: tuple[float, float] = (1.0, 1.0),
) -> Shape:
    """A body turned about z from a profile of (radius, z).

    Args:
        profile: radius >= 0; a closed ring, or a line from axis to axis.
        face: sub-surface of each segment of the profile.
        segments: facets round the axis.
        closed: join the profile's last point to its first.
        stretch: factors along x and y (elliptic bodies).
    """
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    line = np.concatenate([profile, profile[:1]]) if closed else profile
    factor = np.array([*stretch, 1.0])
    grid = np.empty((len(line), segments + 1, 3))
    grid[..., 0] = line[:, :1] * np.cos(angle)
    grid[..., 1] = line[:, :1] * np.sin(angle)
    grid[..., 2] = line[:, 1:]
    triangles = _grid_triangles(grid * factor)

    def inside(points: Float[np.ndarray, "N 3"]) -> Bool[np.ndarray, " N"]:
        x, y, z = (points / factor).T
        return _in_polygon(np.column_stack([np.hypot(x, y), z]), profile)

    return _finish(triangles, np.tile(np.repeat(face, segments), 2), inside)


def sweep(curve: Float[np.ndarray, "P 3"], radius: Float[np.ndarray, " P"], *, segments: int) -> Shape:
    """A round rod along a curve, its ends closed by flat caps."""
    tangent = np.gradient(curve, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    # A frame carried along the curve twists little; one built anew at each point would flip.
    side = np.empty_like(curve)
    side[0] = np.cross(tangent[0], np.eye(3)[np.abs(tangent[0]).argmin()])
    for i in range(1, len(curve)):
        side[i] = side[i - 1] - tangent[i] * (side[i - 1] @ tangent[i])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    angle = np.linspace(0, 2 * np.pi, segments + 1)[:, None]
    ring = np.cos(angle) * side[:, None] + np.sin(angle) * np.cross(tangent, side)[:, None]
    grid = curve[:, None] + radius[:, None, None] * ring
    tips = [np.broadcast_to(curve[i], (1, segments + 1, 3)) for i in (0, -1)]
    grid = np.concatenate([tips[0], grid, tips[1]])
    face = np.zeros(len(grid) - 1, dtype=int)
    face[0], face[-1] = 1, 2

    def inside(points: Float[np.ndarray, "N 3"]) -> Bool[np.ndarray, " N"]:
        gap = points[:, None] - curve
        return (np.einsum("npc,npc->np", gap, gap) < radius**2).any(1)

    return _finish(_grid_triangles(grid), np.tile(np.repeat(face, segments), 2), inside)


def superellipsoid(size: Float[np.ndarray, " 3"], east: float, north: float) -> Shape:
    """Barr's superellipsoid (1981): exponents 1 make a sphere, 0.2 a rounded box, 2 an octahedron."""
    lat = np.linspace(-np.pi / 2, np.pi / 2, 13)[:, None]
    lon = np.linspace(-np.pi, np.pi, 25)[None]

    def power(value: Float[np.ndarray, " ..."], exponent: float) -> Float[np.ndarray, " ..."]:
        return np.sign(value) * np.abs(value) ** exponent

    grid = np.stack(
        [
            power(np.cos(lat), north) * power(np.cos(lon), east),
            power(np.cos(lat), north) * power(np.sin(lon), east),
            power(np.sin(lat), north) * np.ones_like(lon),
        ],
        -1,
    )

    def inside(points: Float[np.ndarray, "N 3"]) -> Bool[np.ndarray, " N"]:
        x, y, z = np.abs(points / size).T
        return (x ** (2 / east) + y ** (2 / east)) ** (east / north) + z ** (2 / north) < 1

    return _finish(_grid_triangles(grid * size), np.zeros(2 * 12 * 24, dtype=int), inside)


def _finish(triangles: Float[np.ndarray, "T 3 3"], face: Int[np.ndarray, " T"], inside: Inside) -> Shape:
    """Centre the bounding box, bring the farthest vertex to distance 1, measure areas."""
    vertices = triangles.reshape(-1, 3)
    centre = (vertices.min(0) + vertices.max(0)) / 2
    size = float(np.sqrt(((vertices - centre) ** 2).sum(1).max()))
    triangles = (triangles - centre) / size
    u, v = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    cross = u[:, [1, 2, 0]] * v[:, [2, 0, 1]] - u[:, [2, 0, 1]] * v[:, [1, 2, 0]]
    area = np.cumsum(np.sqrt((cross**2).sum(1)) / 2)
    vertices = triangles.reshape(-1, 3)
    return Shape(triangles, face, area, lambda p: inside(p * size + centre), vertices.min(0), vertices.max(0))


def _grid_triangles(grid: Float[np.ndarray, "U V 3"]) -> Float[np.ndarray, "T 3 3"]:
    """Both triangles of every cell, all first ones before all second ones."""
    a, b, c, d = (part.reshape(-1, 3) for part in (grid[:-1, :-1], grid[1:, :-1], grid[:-1, 1:], grid[1:, 1:]))
    return np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])


def _in_polygon(points: Float[np.ndarray, "N 2"], polygon: Float[np.ndarray, "E 2"]) -> Bool[np.ndarray, " N"]:
    """Even-odd crossing rule."""
    x0, y0 = polygon.T
    x1, y1 = np.roll(polygon, -1, axis=0).T
    rise = np.where(y1 == y0, 1.0, y1 - y0)
    x, y = points[:, :1], points[:, 1:]
    crosses = ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * ((x1 - x0) / rise))
    return np.bitwise_xor.reduce(crosses, axis=1)


def _box(rng: np.random.Generator) -> Shape:
    size = rng.uniform(0.5, 1.0, 3)
    form = rng.random()
    if form < 0.35:  # plate
        size[rng.integers(3)] *= rng.uniform(0.03, 0.25)
    elif form < 0.65:  # rod
        size[:2] *= rng.uniform(0.05, 0.35)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
    top = rng.uniform(0.4, 0.95) if rng.random() < 0.15 else 1.0
    return extrude(corners * size[:2], size[2], top)


def _prism(rng: np.random.Generator) -> Shape:
    form = rng.integers(5)
    if form == 0:  # L, its corner square round the origin
        w = rng.uniform(0.1, 0.3)
        polygon = np.array([[-w, -w], [1, -w], [1, w], [w, w], [w, 1], [-w, 1]])
    elif form == 1:  # T
        w = rng.uniform(0.1, 0.3)
        polygon = np.array([[-1, -w], [1, -w], [1, w], [w, w], [w, 1.2], [-w, 1.2], [-w, w], [-1, w]])
    elif form == 2:  # star or gear
        teeth = int(rng.integers(5, 13))
        step = np.arange(4 * teeth) if rng.random() < 0.5 else np.arange(2 * teeth)
        high = step % 4 < 2 if len(step) == 4 * teeth else step % 2 == 0
        angle = step * 2 * np.pi / len(step)
        radius = np.where(high, 1.0, rng.uniform(0.5, 0.85))
        polygon = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    else:  # n-gon, regular or not
        count = int(rng.integers(3, 9))
        angle = (np.arange(count) + rng.uniform(0, 0.5, count) * (form == 4)) * 2 * np.pi / count
        polygon = np.column_stack([np.cos(angle), np.sin(angle) * rng.uniform(0.5, 1)])
    height = float(np.exp(rng.uniform(np.log(0.1), np.log(4))))
    return extrude(polygon, height, rng.uniform(0.05, 0.9) if rng.random() < 0.3 else 1.0)


def _segments(rng: np.random.Generator) -> int:
    return int(rng.choice([12, 16, 20, 24]))


def _stretch(rng: np.random.Generator) -> tuple[float, float]:
    return (1.0, float(rng.uniform(0.4, 1))) if rng.random() < 0.2 else (1.0, 1.0)


def _cylinder(rng: np.random.Generator) -> Shape:
    height = float(np.exp(rng.uniform(np.log(0.1), np.log(12))))
    form = rng.random()
    top = 1.0 if form < 0.6 else 0.0 if form < 0.72 else rng.uniform(0.2, 0.9)
    profile = np.array([[0, 0], [1, 0], [top, height], [0, height]])
    return revolve(profile, np.arange(3), segments=_segments(rng), stretch=_stretch(rng))


def _ellipsoid(rng: np.random.Generator) -> Shape:
    start = -np.pi / 2 if rng.random() < 0.75 else rng.uniform(-0.6, 0.3)  # the rest are domes with a flat base
    angle = np.linspace(start, np.pi / 2, 12)
    profile = np.column_stack([np.cos(angle), np.sin(angle) * rng.choice([1.0, rng.uniform(0.3, 2.5)])])
    profile[-1, 0] = 0
    if start == -np.pi / 2:
        profile[0, 0] = 0
        return revolve(profile, np.zeros(11, dtype=int), segments=20, stretch=_stretch(rng))
    profile = np.concatenate([[[0, profile[0, 1]]], profile])
    return revolve(profile, np.array([1] + [0] * 11), segments=20, stretch=_stretch(rng))


def _capsule(rng: np.random.Generator) -> Shape:
    angle = np.linspace(0, np.pi / 2, 6)
    dome = np.column_stack([np.cos(angle), np.sin(angle)])
    dome[-1, 0] = 0
    length = rng.uniform(0.5, 8)
    profile = np.concatenate([dome[::-1] * [1, -1], dome + np.array([0, length])])
    return revolve(profile, np.array([1] * 5 + [0] + [2] * 5), segments=_segments(rng))


def _torus(rng: np.random.Generator) -> Shape:
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    tube = rng.uniform(0.05, 0.45)
    profile = np.column_stack([1 + tube * np.cos(angle), tube * np.sin(angle) * rng.uniform(0.6, 1.6)])
    return revolve(profile, np.zeros(12, dtype=int), segments=24, closed=True, stretch=_stretch(rng))


def _hollow(rng: np.random.Generator) -> Shape:
    """A pipe or ring, or a cup or bowl with a floor."""
    height = float(np.exp(rng.uniform(np.log(0.15), np.log(4))))
    wall = rng.uniform(0.04, 0.3)
    foot = rng.uniform(0.4, 1.0) if rng.random() < 0.4 else 1.0
    if rng.random() < 0.5:
        profile = np.array([[foot - wall * foot, 0], [foot, 0], [1, height], [1 - wall, height]])
        face = np.arange(4) * (wall > 0.15)  # a thin wall's two sides are one to whoever sees only points
        return revolve(profile, face, segments=_segments(rng), closed=True, stretch=_stretch(rng))
    floor = min(wall, 0.4 * height)
    profile = np.array([[0, 0], [foot, 0], [1, height], [1 - wall, height], [foot * (1 - wall), floor], [0, floor]])
    return revolve(profile, np.array([0, 0, 1, 2, 2]) * (wall > 0.15), segments=_segments(rng), stretch=_stretch(rng))


def _vase(rng: np.random.Generator) -> Shape:
    z = np.linspace(0, rng.uniform(1, 4), 12)
    wave = rng.normal(0, 0.35, 4)
    radius = 0.7 + sum(w * np.sin((i + 1) * z / z[-1] * np.pi) for i, w in enumerate(wave)) * 0.6
    profile = np.column_stack([np.clip(radius, 0.15, None), z])
    profile = np.concatenate([[[0, 0]], profile, [[0, z[-1]]]])
    return revolve(profile, np.array([1] + [0] * 11 + [2]), segments=_segments(rng))


def _superellipsoid(rng: np.random.Generator) -> Shape:
    return superellipsoid(rng.uniform(0.3, 1, 3), rng.uniform(0.2, 1.8), rng.uniform(0.2, 1.8))


def _swept(rng: np.random.Generator) -> Shape:
    t = np.linspace(0, 1, 24)
    form = rng.integers(4)
    if form == 0:  # arc or handle
        angle = t * rng.uniform(0.6, 1.7) * np.pi
        curve = np.column_stack([np.cos(angle), np.zeros_like(t), np.sin(angle)])
    elif form == 1:  # helix
        angle = t * rng.uniform(1.5, 3.5) * np.pi
        curve = np.column_stack([np.cos(angle), np.sin(angle), t * rng.uniform(1, 3)])
    else:  # cubic Bézier
        knots = np.cumsum(np.concatenate([np.zeros((1, 3)), rng.normal(0, 1, (3, 3)) + np.array([0, 0, 0.8])]), 0)
        weights = np.column_stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
        curve = weights @ knots
    length = np.linalg.norm(np.diff(curve, axis=0), axis=1).sum()
    radius = np.linspace(1, rng.choice([1.0, rng.uniform(0.2, 1)]), 24) * length * rng.uniform(0.02, 0.1)
    return sweep(curve, radius, segments=10)


_KINDS: dict[Callable[[np.random.Generator], Shape], float] = {
    _box: 0.24,
    _cylinder: 0.18,
    _prism: 0.12,
    _hollow: 0.10,
    _ellipsoid: 0.10,
    _swept: 0.09,
    _torus: 0.05,
    _capsule: 0.05,
    _superellipsoid: 0.05,
    _vase: 0.04,
}
