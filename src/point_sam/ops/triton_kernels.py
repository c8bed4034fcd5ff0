"""Triton kernels. Importing this needs Triton; `triton_sampling` does so when it is asked."""

import triton
import triton.language as tl


@triton.jit
def sample_farthest(  # type: ignore[no-untyped-def]
    points,
    closest,
    chosen,
    num_points,
    num_samples,
    BLOCK: tl.constexpr,  # noqa: N803
):
    """Farthest point sampling, one program per cloud.

    Args:
        points: [B, 3, N].
        closest: [B, N], infinite; becomes the squared distance to the nearest sample.
        chosen: [B, G] int64, zero; becomes the samples.
        num_points, num_samples: N and G.
        BLOCK: points at once.
    """
    row = tl.program_id(0).to(tl.int64)
    x = points + row * 3 * num_points
    y = x + num_points
    z = y + num_points
    nearest = closest + row * num_points
    lane = tl.arange(0, BLOCK)
    last = row * 0
    for step in range(1, num_samples):
        px, py, pz = tl.load(x + last), tl.load(y + last), tl.load(z + last)
        farthest = tl.full((BLOCK,), -1.0, px.dtype)
        index = tl.full((BLOCK,), 0, tl.int64) + num_points
        for start in range(0, num_points, BLOCK):
            at = start + lane
            inside = at < num_points
            dx = tl.load(x + at, inside, 0.0) - px
            dy = tl.load(y + at, inside, 0.0) - py
            dz = tl.load(z + at, inside, 0.0) - pz
            squared = tl.minimum(tl.load(nearest + at, inside, -1.0), dx * dx + dy * dy + dz * dz)
            tl.store(nearest + at, squared, inside)
            # A lane comes to its points in ascending order: the first of equally far ones stays.
            better = squared > farthest
            farthest = tl.where(better, squared, farthest)
            index = tl.where(better, at, index)
        last = tl.min(tl.where(farthest == tl.max(farthest, 0), index, num_points), 0)
        tl.store(chosen + row * num_samples + step, last)
        tl.debug_barrier()
