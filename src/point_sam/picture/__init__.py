"""Pictures of a segmentation: a cloud seen from several sides, the mask painted over its colours, the clicks on top.

Points are drawn as surface splats, so that a cloud of any density gives a closed surface; shape is shown by light that
needs the depth image alone and so no normals. numpy and pillow only.
"""

from point_sam.picture.colors import MASK_COLOR
from point_sam.picture.rendering import render
from point_sam.picture.saving import save_picture

__all__ = ["MASK_COLOR", "render", "save_picture"]
