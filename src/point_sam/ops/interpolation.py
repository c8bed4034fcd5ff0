"""Inverse-squared-distance interpolation from the nearest centres (PointNet++ feature propagation, Qi et al. 2017)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from point_sam.ops.neighbors import nearest

# Squared distances below this are raised to it, so that a point on a centre divides by no zero (as upstream).
_MIN_SQUARED_DISTANCE = 1e-8


def interpolation_weights(
    points: Float[Tensor, "B N 3"], centers: Float[Tensor, "B G 3"], k: int = 3
) -> tuple[Int[Tensor, "B N k"], Float[Tensor, "B N k"]]:
    """Which centres each point interpolates from, and with which weights.

    Args:
        points, centers: coordinates in one unit.
        k: number of centres per point; fewer are used when there are fewer centres.

    Returns:
        int64 indices into `centers` and weights 1/d^2 (d^2 at least 1e-8) that sum to one, in the dtype of `points`.
    """
    distance, index = nearest(points, centers, min(k, centers.shape[1]))
    weight = distance.square().clamp_min(_MIN_SQUARED_DISTANCE).reciprocal()
    return index, weight / weight.sum(-1, keepdim=True)


def interpolate(
    values: Float[Tensor, "G D"], index: Int[Tensor, "n k"], weight: Float[Tensor, "n k"]
) -> Float[Tensor, "n D"]:
    """The weighted sums of rows of `values`: row i of the answer is sum_j weight[i, j] * values[index[i, j]].

    Args:
        values: one row for each centre.
        index, weight: from `interpolation_weights`, of one cloud; weights in the dtype of `values`.
    """
    if values.device.type == "mps":  # has embedding_bag in new versions of torch only
        return (values[index] * weight[..., None]).sum(-2)
    # Made for sums of few rows of a table: the rows picked are never written out.
    return F.embedding_bag(index, values, per_sample_weights=weight, mode="sum")


def gather_points(values: Float[Tensor, "B G D"], index: Int[Tensor, "B ..."]) -> Float[Tensor, "B ... D"]:
    """values[b, index[b, ...]] for every b."""
    if values.stride(0) == 0 and len(values) > 1:
        # One cloud expanded to several prompts: flattening it would copy the whole cloud for each of them.
        return values[0].index_select(0, index.flatten()).view(*index.shape, values.shape[-1])
    flat = index.flatten(1)
    # index_select on one flattened axis needs no index expanded to all channels, as gather would.
    offset = torch.arange(len(values), device=values.device)[:, None] * values.shape[1]
    picked = values.flatten(0, 1).index_select(0, (flat + offset).flatten())
    return picked.view(*index.shape, values.shape[-1])
