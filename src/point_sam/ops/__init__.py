"""Point operations, exact and deterministic: farthest point sampling, nearest neighbours, interpolation, balls."""

from point_sam.ops.interpolation import gather_points, interpolate, interpolation_weights
from point_sam.ops.neighbors import nearest
from point_sam.ops.octree import BallSample, Octree
from point_sam.ops.sampling import farthest_point_sample
from point_sam.ops.voxels import voxel_cells

__all__ = [
    "BallSample",
    "Octree",
    "farthest_point_sample",
    "gather_points",
    "interpolate",
    "interpolation_weights",
    "nearest",
    "voxel_cells",
]
