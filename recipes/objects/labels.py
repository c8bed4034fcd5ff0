"""Which part each piece counts to: tiny ones are merged or left out, so that every label is worth a click."""

from collections.abc import Mapping, Sequence

import numpy as np

from recipes.objects.pieces import Model, Piece, UnusableModelError

# Of the surface: 70 of the 20,000 points that are first drawn, so that chance seldom leaves a part fewer than 50.
MIN_SHARE = 0.0035
MERGED_SHARE = 0.004  # a bolted-on link below this is part of what it is bolted to: a screw, a sensor, a frame
FEWEST_PARTS = 3
_ROUNDS = 20  # of merging; chains of bolted links are shorter


def label_pieces(model: Model) -> tuple[list[str | None], list[str | None], str]:
    """Coarse and fine label of each piece, None where it is left out, and what the coarse labels are.

    Where the coarse parts are fewer than three, the fine ones are taken for both and the kind says so. A fine part that
    is too small on its own goes with the other small ones of its coarse part.

    Raises:
        UnusableModelError: fewer than three parts either way.
    """
    areas = [float(piece.mesh.face_areas().sum()) for piece in model.pieces]
    coarse = _merged([piece.part for piece in model.pieces], areas, model.fixed_parent)
    labels, kind = _large_enough(coarse, areas), model.label_kind
    own_fine = _large_enough([piece.fine for piece in model.pieces], areas)
    if _count(labels) < FEWEST_PARTS:
        labels, kind = own_fine, f"{kind}+geom/material"
    if _count(labels) < FEWEST_PARTS:
        raise UnusableModelError(f"only {_count(labels)} parts")
    return labels, [_fine(fine, label) for fine, label in zip(own_fine, labels, strict=True)], kind


def usable_pieces(pieces: Sequence[Piece]) -> list[Piece]:
    """Those with a surface and finite coordinates."""
    return [
        piece
        for piece in pieces
        if len(piece.mesh.faces) and np.isfinite(piece.mesh.vertices).all() and piece.mesh.face_areas().sum() > 0
    ]


def _fine(fine: str | None, label: str | None) -> str | None:
    return fine if fine is not None else (None if label is None else f"{label}/_rest")


def _merged(names: list[str], areas: Sequence[float], fixed_parent: Mapping[str, str]) -> list[str]:
    for _ in range(_ROUNDS):
        total = _totals(names, areas)
        surface = sum(total.values())
        tiny = {name for name, area in total.items() if area / surface < MERGED_SHARE and name in fixed_parent}
        targets = {name: _holder(name, total, fixed_parent) for name in tiny}
        into = {name: target for name, target in targets.items() if target in total and target not in tiny}
        if not into:
            break
        names = [into.get(name, name) for name in names]
    return names


def _holder(name: str, total: Mapping[str, float], fixed_parent: Mapping[str, str]) -> str:
    """The nearest part with a surface that a part is bolted to."""
    seen = {name}
    parent = fixed_parent[name]
    while parent not in total and parent in fixed_parent and parent not in seen:
        seen.add(parent)
        parent = fixed_parent[parent]
    return parent


def _large_enough(names: Sequence[str | None], areas: Sequence[float]) -> list[str | None]:
    """None in place of parts below the smallest share; what is left out no longer counts as surface."""
    kept = list(names)
    while True:
        total = _totals(kept, areas)
        surface = sum(total.values())
        dropped = {name for name, area in total.items() if area / surface < MIN_SHARE}
        if not dropped:
            return kept
        kept = [None if name in dropped else name for name in kept]


def _totals(names: Sequence[str | None], areas: Sequence[float]) -> dict[str, float]:
    total: dict[str, float] = {}
    for name, area in zip(names, areas, strict=True):
        if name is not None:
            total[name] = total.get(name, 0.0) + area
    return total


def _count(labels: Sequence[str | None]) -> int:
    return len(set(labels) - {None})
