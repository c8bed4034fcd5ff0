"""What an encoding needs to know of a cloud's geometry, whatever the weights: computed once, never differentiated."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from point_sam.model.grouping import Grouping
from point_sam.ops import farthest_point_sample, gather_points, interpolation_weights, nearest


@dataclass(frozen=True)
class Geometry:
    """Centres, groups and interpolation of a batch of clouds.

    Attributes:
        coords: the clouds, float32, in the unit ball.
        center_index: which points are centres.
        centers: their coordinates.
        group_index: KNN: the members of each group, nearest first. Voronoi: the cell [B, N] of each point.
        interp_index, interp_weight: the centres from which each point interpolates, for the P points that masks are
            made for: all N, unless `interpolating` chose; k is 3, or fewer where there are fewer centres.
    """

    coords: Float[Tensor, "B N 3"]
    center_index: Int[Tensor, "B G"]
    centers: Float[Tensor, "B G 3"]
    group_index: Int[Tensor, "B G K"] | Int[Tensor, "B N"]
    interp_index: Int[Tensor, "B P k"]
    interp_weight: Float[Tensor, "B P k"]

    def to(self, device: torch.device | str) -> "Geometry":
        """The same on another device."""
        return self._each(lambda value: value.to(device))

    def interpolating(self, points: Int[Tensor, " M"]) -> "Geometry":
        """The same centres and groups, interpolated to some of the points only."""
        index, weight = (value.index_select(1, points) for value in (self.interp_index, self.interp_weight))
        return replace(self, interp_index=index, interp_weight=weight)

    def expand(self, batch: int) -> "Geometry":
        """One cloud repeated `batch` times, without copying."""
        return self._each(lambda value: value.expand(batch, *value.shape[1:]))

    def repeat_interleave(self, times: int) -> "Geometry":
        """Every cloud repeated `times` times, one after the other."""
        return self._each(lambda value: value.repeat_interleave(times, 0))

    def row(self, number: int) -> "Geometry":
        """One cloud, as a batch of one, without copying."""
        return self._each(lambda value: value[number : number + 1])

    @staticmethod
    def stack(parts: "list[Geometry]") -> "Geometry":
        """Batches of clouds of one size as one batch."""
        if len(parts) == 1:
            return parts[0]
        return Geometry(**{f.name: torch.cat([getattr(part, f.name) for part in parts]) for f in fields(Geometry)})

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Geometry":
        return replace(self, **{field.name: change(getattr(self, field.name)) for field in fields(self)})


@torch.no_grad()
def build_geometry(coords: Float[Tensor, "B N 3"], grouping: Grouping) -> Geometry:
    """Centres by farthest point sampling, groups by nearest neighbours, interpolation from the three nearest centres.

    Args:
        coords: float32, in the unit ball.
        grouping: how many centres, and of which points; every point is interpolated.
    """
    num_points, most = coords.shape[1], grouping.max_encoder_points
    chosen = None
    seen = coords
    if most is not None and num_points > most:
        generator = torch.Generator().manual_seed(0)
        chosen = torch.randperm(num_points, generator=generator)[:most].sort().values.to(coords.device)
        seen = coords[:, chosen]
    center_index = farthest_point_sample(seen, min(grouping.num_groups, seen.shape[1]))
    centers = gather_points(seen, center_index)
    interp_index, interp_weight = interpolation_weights(coords, centers)
    if grouping.group_size is None:
        group_index = interp_index[..., 0]
    else:
        group_index = nearest(centers, seen, min(grouping.group_size, seen.shape[1]))[1]
        if chosen is not None:
            center_index, group_index = chosen[center_index], chosen[group_index]
    return Geometry(coords, center_index, centers, group_index, interp_index, interp_weight)
