"""Unlimited labelled objects: solids composed at random.

An object grows as a tree: every limb (one primitive, or a short chain of them) is set on the surface of an earlier one,
often together with its mirror images, a ring or a row of copies. One in six compositions is a scene: several objects
on a ground plate. Points are drawn from the surfaces by area and those buried in another solid are dropped, as a
scanner would never see them. Two granularities of labels come with the points: `part` is a limb (in a scene often a
whole object), `part_fine` its primitives, or the faces, caps and sides of a single one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from point_sam.datasets import LabeledCloud
from recipes.solids.shapes import Shape, extrude, random_shape

_FINE_LIMIT = 255


def compose(rng: np.random.Generator, num_points: int) -> LabeledCloud:
    """A random object of 2 to about 20 parts, the same for the same state of `rng`.

    Its mean is 0 and its farthest point at distance 1; up is z. Labels are uint8 without gaps, and each `part_fine`
    lies in one `part`.

    Args:
        rng: advanced by the call.
        num_points: at least 64.

    Raises:
        ValueError: num_points is below 64.
    """
    if num_points < 64:
        raise ValueError(f"num_points is {num_points}; a composed solid needs at least 64")
    while True:
        limbs = _scene(rng) if rng.random() < 1 / 6 else _grow(rng, _part_count(rng))
        xyz, part, fine = _sample(limbs, num_points, rng, drop_buried=rng.random() < 0.85)
        if part.max() > 0:
            break
    xyz -= xyz.mean(0)
    xyz /= np.sqrt((xyz**2).sum(1).max())
    # float32 rounding must not push the farthest point out of the unit ball.
    xyz32 = (xyz * (1 - 1e-6)).astype(np.float32)
    labels = {"part": part.astype(np.uint8), "part_fine": fine.astype(np.uint8)}
    return LabeledCloud(xyz32, _paint(xyz, part, fine, rng), labels)


@dataclass(frozen=True)
class _Piece:
    """A shape put into the world: local * scale, turned (or mirrored), shifted."""

    shape: Shape
    turn: Float[np.ndarray, "3 3"]
    shift: Float[np.ndarray, " 3"]
    scale: float

    def world(self, local: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 3"]:
        return local @ (self.turn.T * self.scale) + self.shift

    def buries(self, points: Float[np.ndarray, "N 3"]) -> Bool[np.ndarray, " N"]:
        buried = np.zeros(len(points), dtype=bool)
        gap = points - self.shift
        near = np.flatnonzero(np.einsum("nc,nc->n", gap, gap) < self.scale**2)
        if not len(near):
            return buried
        local = gap[near] @ (self.turn / self.scale)
        keep = ((local > self.shape.low) & (local < self.shape.high)).all(1)
        buried[near[keep]] = self.shape.inside(local[keep])
        return buried

    def moved(self, turn: Float[np.ndarray, "3 3"], shift: Float[np.ndarray, " 3"], scale: float = 1.0) -> _Piece:
        return replace(self, turn=turn @ self.turn, shift=scale * turn @ self.shift + shift, scale=scale * self.scale)


_Limb = list[_Piece]


def _part_count(rng: np.random.Generator) -> int:
    return int(min(16, 2 + rng.gamma(1.4, 2.6)))


def _grow(rng: np.random.Generator, count: int) -> list[_Limb]:
    """A tree of limbs about the origin; copies share the symmetry of the first body."""
    body = _Piece(random_shape(rng), _turn(rng, np.array([0.0, 0, 1])), np.zeros(3), 1.0)
    limbs: list[_Limb] = [[body]]
    while len(limbs) < count:
        # The body carries most limbs, as trunks, seats and hulls do.
        host = limbs[0] if rng.random() < 0.6 else limbs[rng.integers(len(limbs))]
        limb: _Limb = []
        parent = host[rng.integers(len(host))]
        for _ in range(int(rng.choice([1, 2, 3], p=[0.75, 0.18, 0.07]))):
            parent = _attach(parent, rng)
            limb.append(parent)
        copies = _copies(limb, count - len(limbs), rng)
        grouped = len(copies) > 3 and rng.random() < 0.3
        limbs += [[piece for copy in copies for piece in copy]] if grouped else copies
    return limbs


def _attach(parent: _Piece, rng: np.random.Generator) -> _Piece:
    """A new piece that touches the parent's surface and sinks in a little."""
    if rng.random() < 0.06:  # nested: visible where the parent is hollow or buried points are kept
        scale = parent.scale * rng.uniform(0.3, 0.7)
        return _Piece(random_shape(rng), _turn(rng, parent.turn[:, 2]), parent.shift, scale)
    area = parent.shape.area
    a, b, c = parent.shape.triangles[_pick(area, rng.random(1))[0]]
    u, v = np.sort(rng.random(2))
    point = parent.world(u * a + (v - u) * b + (1 - v) * c)
    normal = np.cross(b - a, c - a) @ parent.turn.T
    normal /= np.linalg.norm(normal) + 1e-12
    # The parent's centre is inside or in its cavity: outward is away from it. Mirroring may have flipped the winding.
    if normal @ (point - parent.shift) < 0:
        normal = -normal
    if rng.random() < 0.3:
        centre = parent.shift + normal * ((point - parent.shift) @ normal)
        point = point + (centre - point) * rng.uniform(0.5, 1)
    scale = parent.scale * float(np.clip(np.exp(rng.normal(-0.7, 0.6)), 0.08, 1.3))
    axis = normal if rng.random() < 0.6 else parent.turn[:, rng.integers(3)]
    shape = random_shape(rng)
    turn = _turn(rng, axis)
    vertices = shape.triangles.reshape(-1, 3) @ (turn.T * scale)
    depth = vertices @ normal
    contact = vertices[depth < depth.min() + 0.03 * scale].mean(0)
    sink = scale * (rng.uniform(0.01, 0.08) if rng.random() < 0.85 else rng.uniform(0.1, 0.5))
    return _Piece(shape, turn, point - contact - normal * sink, scale)


def _turn(rng: np.random.Generator, axis: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "3 3"]:
    """A rotation that takes local z to the axis; one in five is any rotation at all."""
    if rng.random() < 0.2:
        axis = rng.normal(size=3)
        axis = axis / np.linalg.norm(axis)
    # A reference among the world's axes keeps boxes square to each other most of the time.
    side = np.eye(3)[np.abs(axis).argmin()] if rng.random() < 0.8 else rng.normal(size=3)
    side = side - axis * (side @ axis)
    side /= np.linalg.norm(side)
    turn = np.column_stack([side, np.cross(axis, side), axis])
    return turn @ np.diag([1.0, -1.0, -1.0]) if rng.random() < 0.3 else turn


def _copies(limb: _Limb, room: int, rng: np.random.Generator) -> list[_Limb]:
    """The limb with its mirror images, as a ring about z, or as a row; alone in half of the cases."""
    draw = rng.random()
    still, nowhere = np.eye(3), np.zeros(3)
    moves = [(still, nowhere)]
    if draw < 0.14 and room >= 2:
        moves.append((np.diag([*rng.permutation([-1.0, 1.0]), 1.0]), nowhere))
    elif draw < 0.28 and room >= 4:
        moves = [(np.diag([x, y, 1.0]), nowhere) for x in (1.0, -1.0) for y in (1.0, -1.0)]
    elif draw < 0.4 and room >= 3:
        count = int(rng.integers(3, min(room, 8) + 1))
        angles = np.arange(count) * 2 * np.pi / count
        moves = [
            (np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]), nowhere) for a in angles
        ]
    elif draw < 0.52 and room >= 2:
        count = int(rng.integers(2, min(room, 8) + 1))
        step = np.eye(3)[rng.integers(3)] * limb[0].scale * rng.uniform(0.4, 2.2)
        moves = [(still, step * i) for i in range(count)]
    return [[piece.moved(*move) for piece in limb] for move in moves]


def _scene(rng: np.random.Generator) -> list[_Limb]:
    """Objects side by side on a plate; each is one part, or keeps its limbs as parts."""
    count = int(rng.integers(2, 7))
    cells = rng.permutation(9)[:count]
    limbs: list[_Limb] = []
    for cell in cells:
        grown = _grow(rng, int(rng.integers(1, 5)))
        pieces = [piece for limb in grown for piece in limb]
        corners = np.concatenate([piece.world(piece.shape.triangles.reshape(-1, 3)) for piece in pieces])
        low, high = corners.min(0), corners.max(0)
        scale = rng.uniform(0.4, 1.0) / (high - low)[:2].max()
        centre = np.array([*(low + high)[:2] / 2, low[2]]) * scale
        place = np.array([cell % 3, cell // 3, 0]) * 1.1 + [*rng.uniform(-0.1, 0.1, 2), 0] - centre
        grown = [[piece.moved(np.eye(3), place, scale) for piece in limb] for limb in grown]
        limbs += [[piece for limb in grown for piece in limb]] if rng.random() < 0.6 else grown
    if rng.random() < 0.8:
        corners = np.concatenate(
            [piece.world(piece.shape.triangles.reshape(-1, 3)) for limb in limbs for piece in limb]
        )
        low, high = corners.min(0)[:2], corners.max(0)[:2]
        half = (high - low) / 2 + rng.uniform(0.02, 0.3)
        corner = half * [[-1, -1], [1, -1], [1, 1], [-1, 1]]
        size = float(np.hypot(*half))
        ground = extrude(corner, 0.02 * size)
        limbs.append([_Piece(ground, np.eye(3), np.array([*(low + high) / 2, -0.01 * size]), size)])
    return limbs


def _sample(
    limbs: list[_Limb], num_points: int, rng: np.random.Generator, *, drop_buried: bool
) -> tuple[Float[np.ndarray, "N 3"], Int[np.ndarray, " N"], Int[np.ndarray, " N"]]:
    """Points by area, with part and finer labels."""
    pieces = [piece for limb in limbs for piece in limb]
    part_of = np.repeat(np.arange(len(limbs)), [len(limb) for limb in limbs])
    weight = np.array([piece.shape.area[-1] * piece.scale**2 for piece in pieces])
    # Scanners and modellers do not sample evenly; small parts would otherwise get a handful of points.
    weight = weight ** rng.choice([1.0, 0.8, 0.6]) * np.exp(rng.normal(0, rng.choice([0.0, 0.3]), len(pieces)))
    # The two sides of a thin plate cannot be told apart by points, so they are no parts to click on.
    thick = [(limb[0].shape.high - limb[0].shape.low).min() > 0.15 for limb in limbs]
    by_face = [thick[i] and len(limb) == 1 and rng.random() < 0.7 for i, limb in enumerate(limbs)]
    xyz, owner, face = _draw(pieces, weight, int(num_points * 1.6), rng)
    if drop_buried:
        buried = np.zeros(len(xyz), dtype=bool)
        for i, piece in enumerate(pieces):
            others = np.flatnonzero((owner != i) & ~buried)
            buried[others] = piece.buries(xyz[others])
        kept = np.flatnonzero(~buried)
        if len(kept) < num_points:  # mostly nested: better a few buried points than a loop without bound
            kept = np.concatenate([kept, rng.permutation(np.flatnonzero(buried))[: num_points - len(kept)]])
    else:
        kept = np.arange(len(xyz))
    kept = rng.permutation(kept)[:num_points]
    xyz, owner, face = xyz[kept], owner[kept], face[kept]
    part = np.unique(part_of[owner], return_inverse=True)[1]
    code = owner * 64 + np.where(np.array(by_face)[part_of[owner]], face, 0)
    fine = np.unique(code, return_inverse=True)[1]
    if fine.max() >= _FINE_LIMIT:
        fine = np.unique(owner, return_inverse=True)[1]
    return xyz, part, fine


def _draw(
    pieces: list[_Piece], weight: Float[np.ndarray, " P"], count: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "N 3"], Int[np.ndarray, " N"], Int[np.ndarray, " N"]]:
    """Points on the pieces' surfaces, the piece of each, and its sub-surface."""
    counts = rng.multinomial(count, weight / weight.sum())
    uv = rng.random((count, 3))
    fold = uv[:, 0] + uv[:, 1] > 1
    uv[fold, :2] = 1 - uv[fold, :2]
    xyz, face = np.empty((count, 3)), np.empty(count, dtype=int)
    start = 0
    for piece, number in zip(pieces, counts, strict=True):
        rows = slice(start, start + number)
        u, v, w = uv[rows].T[..., None]
        chosen = _pick(piece.shape.area, w[:, 0])
        a, b, c = piece.shape.triangles[chosen].transpose(1, 0, 2)
        xyz[rows] = piece.world(a + u * (b - a) + v * (c - a))
        face[rows] = piece.shape.face[chosen]
        start += number
    return xyz, np.repeat(np.arange(len(pieces)), counts), face


def _pick(area: Float[np.ndarray, " T"], draw: Float[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
    """Triangles by area, from uniform numbers and the running sum of areas."""
    return np.minimum(np.searchsorted(area, draw * area[-1], side="right"), len(area) - 1)


def _paint(
    xyz: Float[np.ndarray, "N 3"], part: Int[np.ndarray, " N"], fine: Int[np.ndarray, " N"], rng: np.random.Generator
) -> UInt8[np.ndarray, "N 3"]:
    """Colours that tell the parts apart only some of the time."""
    count = len(xyz)
    draw = rng.random()
    palette = rng.uniform(20, 240, (int(rng.integers(2, 5)), 3))
    side = rng.normal(size=3)
    along = xyz @ (side / np.linalg.norm(side))
    if draw < 0.15:
        rgb = np.full((count, 3), rng.uniform(90, 220))
    elif draw < 0.30:
        rgb = np.broadcast_to(palette[0], (count, 3))
    elif draw < 0.50:
        rgb = rng.uniform(20, 240, (part.max() + 1, 3))[part]
    elif draw < 0.65:
        rgb = palette[rng.integers(len(palette), size=part.max() + 1)][part]
    elif draw < 0.75:
        rgb = palette[rng.integers(len(palette), size=fine.max() + 1)][fine]
    elif draw < 0.85:
        rgb = palette[0] + (palette[1] - palette[0]) * (along[:, None] + 1) / 2
    elif draw < 0.95:
        rgb = palette[(along * rng.choice([0.5, 3.0, 8.0]) % 1 > 0.5).astype(int)]
    else:
        rgb = rng.uniform(0, 255, (count, 3))
    noise = rng.choice([0.0, 4.0, 20.0])
    return np.clip(rgb + rng.normal(0, 1, (count, 3)) * noise, 0, 255).astype(np.uint8)
