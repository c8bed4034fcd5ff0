"""Point clouds and their files. Needs numpy alone and never imports torch."""

from point_sam.clouds.cloud import PointCloud, PointCloudError
from point_sam.clouds.files import load_pointcloud, read_pointcloud, write_pointcloud
from point_sam.clouds.normalization import normalize
from point_sam.clouds.registry import readable_suffixes, writable_suffixes

__all__ = [
    "PointCloud",
    "PointCloudError",
    "load_pointcloud",
    "normalize",
    "read_pointcloud",
    "readable_suffixes",
    "writable_suffixes",
    "write_pointcloud",
]
