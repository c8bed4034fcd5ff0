"""One file per format, each with a `FORMAT`; `point_sam.clouds.registry` finds them."""
