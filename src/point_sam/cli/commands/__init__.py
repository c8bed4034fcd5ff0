"""One module per sub-command; see `point_sam.cli.app`."""
