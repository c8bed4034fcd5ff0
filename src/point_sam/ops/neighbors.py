"""k nearest neighbours between two point sets.

CPU: scipy's KD-tree, exact, O((N + M) log N). CUDA: brute force in tiles, exact, O(NM) time and O(tile) memory, up to
so many points that a tile would hold but a few queries; beyond, the tree on the CPU. Both measure in float64 and break
ties by the lower index, so that an encoding does not depend on the device.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import cKDTree
from torch import Tensor

# Numbers in one CUDA distance tile or one CPU answer: 2**23 float64 are 64 MiB.
_TILE = 1 << 23
# Points up to which CUDA searches by itself: tiles of 32 queries and more.
_MOST_TILED = 1 << 18


def nearest(
    query: Float[Tensor, "B M 3"], points: Float[Tensor, "B N 3"], k: int
) -> tuple[Float[Tensor, "B M k"], Int[Tensor, "B M k"]]:
    """The k points nearest to each query.

    Args:
        query, points: coordinates in one unit, float32 or float64, finite, on one device.
        k: 1 <= k <= N.

    Returns:
        Distances in that unit (the dtype of `query`), ascending, and int64 indices into `points`; equally near
        points come in the order of their indices, and the lowest indices are the ones kept.

    Raises:
        ValueError: k is outside [1, N], or the devices differ.
    """
    num_points = points.shape[1]
    if not 1 <= k <= num_points:
        raise ValueError(f"k is {k}; it must lie in [1, {num_points}], the number of points")
    if query.device != points.device:
        raise ValueError(f"query is on {query.device} but points are on {points.device}; move one of them")
    tiled = query.device.type != "cpu" and num_points <= _MOST_TILED
    search = _search_tiles if tiled else _search_tree
    found = [search(q, p, k) for q, p in zip(query.detach(), points.detach(), strict=True)]
    distances = torch.stack([distance for distance, _ in found])
    return distances.to(query), torch.stack([index for _, index in found]).to(query.device)


def _search_tree(query: Tensor, points: Tensor, k: int) -> tuple[Tensor, Tensor]:
    reference = points.cpu().numpy().astype(np.float64)
    targets = query.cpu().numpy().astype(np.float64)
    # An unbalanced, loose tree builds several times faster and answers as fast.
    tree = cKDTree(reference, balanced_tree=False, compact_nodes=False)
    distances = np.empty((len(targets), k))
    indices = np.empty((len(targets), k), np.int64)
    _fill(tree, targets, np.arange(len(targets)), k, k + 1, distances, indices)
    return torch.from_numpy(distances), torch.from_numpy(indices)


def _fill(
    tree: cKDTree,
    targets: np.ndarray,
    rows: np.ndarray,
    k: int,
    wanted: int,
    distances: np.ndarray,
    indices: np.ndarray,
) -> None:
    """Answer `rows`, asking for more than k neighbours until the k-th distance is told apart from the next one.

    The tree returns equally near points in any order and cuts among them anywhere. Only a row whose k-th and last
    distances differ is known to hold all points at its k-th distance; the others are asked again for more.
    """
    num_points = tree.n
    while len(rows):
        wanted = min(wanted, num_points)
        undecided = []
        step = max(1, _TILE // wanted)
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            distance, index = tree.query(targets[part], k=np.arange(1, wanted + 1), workers=torch.get_num_threads())
            decided = np.ones(len(part), bool) if wanted == num_points else distance[:, k - 1] < distance[:, -1]
            order = _ties_by_index(distance[decided], index[decided])
            distances[part[decided]] = np.take_along_axis(distance[decided], order, 1)[:, :k]
            indices[part[decided]] = np.take_along_axis(index[decided], order, 1)[:, :k]
            undecided.append(part[~decided])
        rows = np.concatenate(undecided)
        wanted = 4 * wanted


def _ties_by_index(distance: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Column order that sorts each row by distance, then by index."""
    if not (distance[:, 1:] == distance[:, :-1]).any():
        return np.broadcast_to(np.arange(distance.shape[1]), distance.shape)
    return np.lexsort((index, distance), axis=1)


def _search_tiles(query: Tensor, points: Tensor, k: int) -> tuple[Tensor, Tensor]:
    query, points = query.double(), points.double()
    step = max(1, _TILE // len(points))
    distances, indices = [], []
    for start in range(0, len(query), step):
        dx, dy, dz = ((query[start : start + step, None, axis] - points[:, axis]).square_() for axis in range(3))
        squared = dx.add_(dy).add_(dz)  # in the tree's order: a GPU's sum has its own
        kth = squared.kthvalue(k, dim=1, keepdim=True).values
        # All strictly nearer points, then the lowest indices among those at the k-th distance.
        missing = k - (squared < kth).sum(1, keepdim=True)
        at_kth = squared == kth
        keep = (squared < kth) | (at_kth & (at_kth.cumsum(1) <= missing))
        index = keep.nonzero()[:, 1].view(len(squared), k)
        distance, order = squared.gather(1, index).sort(dim=1, stable=True)
        distances.append(distance.sqrt())
        indices.append(index.gather(1, order))
    return torch.cat(distances), torch.cat(indices)
