import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from point_sam.ops import voxel_cells

CLOUDS = arrays(
    np.float32, st.tuples(st.integers(1, 60), st.just(3)), elements=st.floats(-1, 1, width=32, allow_subnormal=False)
)


@given(CLOUDS, st.integers(1, 70))
def test_cells_partition_the_cloud_and_hold_their_point(points, most):
    point, cell = voxel_cells(points, most)
    assert 1 <= len(point) <= most
    np.testing.assert_array_equal(np.unique(cell), np.arange(len(point)))
    np.testing.assert_array_equal(cell[point], np.arange(len(point)))


@given(CLOUDS, st.integers(1, 70))
def test_points_of_a_cell_lie_in_one_box_of_the_grid(points, most):
    point, cell = voxel_cells(points, most)
    low, extent = points.min(0), float(np.ptp(points, axis=0).max()) or 1.0
    in_units = np.minimum((points - low) / extent * 1024, 1023).astype(int)
    # Some grid of the series explains the partition, and the next finer one would have too many cells.
    for shift in range(31):
        halved = np.stack([in_units[:, axis] >> (shift + 2 - axis) // 3 for axis in range(3)], axis=1)
        boxes, index = np.unique(halved, axis=0, return_inverse=True)
        if len(boxes) <= most:
            break
    assert len(boxes) == len(point)
    pairs = np.unique(np.stack([index.reshape(-1), cell]), axis=1)
    assert pairs.shape[1] == len(boxes)


def test_a_cloud_may_be_smaller_than_its_extent_can_be_inverted():
    points = np.array([[0.0, 0, 0], [5e-324, 0, 0], [1e-322, 0, 0]])
    assert len(voxel_cells(points, 3)[0]) == 3


def test_cells_are_as_fine_as_allowed():
    grid = np.stack(np.meshgrid(*[np.arange(8.0)] * 3), -1).reshape(-1, 3)
    assert len(voxel_cells(grid, 512)[0]) == 512
    assert len(voxel_cells(grid, 511)[0]) == 256
    assert len(voxel_cells(grid, 100)[0]) == 64
    assert len(voxel_cells(grid, 1)[0]) == 1
