"""Everything in a cloud at once: masks from prompts spread over it, after segment-anything's automatic mode."""

from point_sam.automatic.generator import MaskGenerator
from point_sam.automatic.labels import MaskList, MaskRecord, label_points

__all__ = ["MaskGenerator", "MaskList", "MaskRecord", "label_points"]
