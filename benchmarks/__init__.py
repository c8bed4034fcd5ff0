"""Speed, memory and agreement of point_sam, measured: `python -m benchmarks` from a clone of the repository."""
