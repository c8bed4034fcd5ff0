import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from point_sam.training.objects import LabeledCloud, ObjectCollection, part_masks, validation_families


def test_held_out_families_are_never_trained_on(collection: ObjectCollection) -> None:
    training, validation = collection.split()
    assert training == [0, 1, 2]
    assert validation == [3]


def test_shipped_sample_is_held_out() -> None:
    assert "sh3d_extinguisher" in validation_families()


def test_cloud_is_read_back_in_the_unit_ball(collection: ObjectCollection) -> None:
    cloud = collection.cloud(0)
    assert cloud.xyz.dtype == np.float32
    assert np.abs(cloud.xyz).max() < 1
    assert cloud.visible is not None
    np.testing.assert_array_equal(cloud.visible, cloud.xyz[:, 2] > -0.31)


def test_object_without_colour_has_none(collection: ObjectCollection) -> None:
    assert collection.cloud(0).rgb is not None
    assert collection.cloud(1).rgb is None


def test_json_of_another_length_is_refused(objects_file: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(objects_file, tmp_path))
    copy.with_suffix(".json").write_text(json.dumps([{"family": "a"}]))
    with pytest.raises(ValueError, match="4 objects but its JSON describes 1"):
        ObjectCollection.read(copy)


def test_masks_are_distinct_parts_of_usable_size() -> None:
    part = np.repeat([0, 1, 2], [100, 99, 1])
    fine = np.repeat([0, 1, 2, 3], [50, 50, 99, 1])
    cloud = LabeledCloud(np.zeros((200, 3), np.float32), None, part, fine)
    sizes = [int(mask.sum()) for mask in part_masks(cloud, min_points=2)]
    # The coarse ones first; the fine label 2 is the coarse 1 and comes once; single points are left out.
    assert sizes == [100, 99, 50, 50]


def test_mask_of_nearly_everything_is_left_out() -> None:
    part = np.repeat([0, 1], [98, 2])
    cloud = LabeledCloud(np.zeros((100, 3), np.float32), None, part, part)
    assert [int(mask.sum()) for mask in part_masks(cloud, min_points=1)] == [2]
