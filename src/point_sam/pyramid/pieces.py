"""Pieces: the parts of a mask that hang together."""

import numpy as np
from jaxtyping import Bool, Float32, Int64
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# A piece that nobody clicked is kept if it holds so much of the largest one: things in several pieces, such as the two
# sides of a trunk behind a branch, stay whole.
LEAST = 0.2


def find_pieces(mask: Bool[np.ndarray, " M"], neighbors: Int64[np.ndarray, "M k"]) -> Int64[np.ndarray, " M"]:
    """The piece of every point of the mask, from 0 on; -1 off it. Neighbours in the mask are in one piece."""
    index = np.flatnonzero(mask)
    place = np.full(len(mask), -1)
    place[index] = np.arange(len(index))
    columns = place[neighbors[index]]
    rows = np.broadcast_to(np.arange(len(index))[:, None], columns.shape)
    joined = columns >= 0
    graph = coo_array((np.ones(int(joined.sum()), bool), (rows[joined], columns[joined])), shape=(len(index),) * 2)
    pieces = np.full(len(mask), -1)
    pieces[index] = connected_components(graph, directed=False)[1]
    return pieces


def drop_specks(
    logits: Float32[np.ndarray, " M"], neighbors: Int64[np.ndarray, "M k"], clicked: Int64[np.ndarray, " K"]
) -> Float32[np.ndarray, " M"]:
    """The logits with those of specks turned negative: pieces that hold no click and less than a fifth of the largest.

    Args:
        logits: on a ball's sample.
        neighbors: `Ball.neighbors`.
        clicked: the points of the sample next to the clicks on the object.
    """
    mask = logits > 0
    if not mask.any():
        return logits
    pieces = find_pieces(mask, neighbors)
    size = np.bincount(pieces[mask])
    kept = size >= LEAST * size.max()
    kept[pieces[clicked[mask[clicked]]]] = True
    return np.where(mask & ~kept[pieces], -np.abs(logits), logits)
