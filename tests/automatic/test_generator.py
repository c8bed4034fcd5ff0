import itertools
from dataclasses import replace

import numpy as np
import pytest

from point_sam import EncodedCloud, MaskGenerator
from point_sam.automatic.regions import neighbor_graph

OPEN = {"iou_threshold": -1e9, "stability_threshold": 0.0}
KEYS = {"segmentation", "area", "predicted_iou", "stability_score", "point_coords", "point_index"}


@pytest.fixture
def generator(model):
    """Lets everything through: the weights are random."""
    return MaskGenerator(model, points_per_cloud=12, **OPEN)


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def same(some, others):
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one["segmentation"], other["segmentation"])
        assert {k: v for k, v in one.items() if k != "segmentation"} == {
            k: v for k, v in other.items() if k != "segmentation"
        }


def test_records_have_the_keys_of_segment_anything_and_tell_the_truth(generator, cloud):
    coords, rgb = cloud

    records = generator.generate(coords, rgb)

    assert len(records) > 1
    for record in records:
        assert set(record) == KEYS
        assert record["segmentation"].shape == (300,)
        assert record["segmentation"].dtype == bool
        assert record["area"] == record["segmentation"].sum() > 0
        assert 0 <= record["stability_score"] <= 1
        np.testing.assert_array_equal(record["point_coords"], coords[[record["point_index"]]].astype(float))
    scores = [record["predicted_iou"] for record in records]
    assert scores == sorted(scores, reverse=True)


def test_no_two_masks_overlap_more_than_allowed(generator, cloud):
    records = generator.generate(*cloud)

    pairs = itertools.combinations([record["segmentation"] for record in records], 2)
    assert max(iou(one, other) for one, other in pairs) <= generator.nms_threshold


def test_masks_are_the_candidates_of_the_prompts(model, cloud):
    generator = MaskGenerator(model, points_per_cloud=5, min_region_points=0, nms_threshold=1.0, **OPEN)

    for record in generator.generate(*cloud):
        masks, scores = model.predict(*cloud, prompt_point=record["point_coords"])
        matches = [(mask == record["segmentation"]).all() for mask in masks]
        assert any(matches)
        assert np.isclose(scores[matches], record["predicted_iou"], rtol=1e-4).any()


def test_twice_gives_the_same_and_the_current_cloud_stays(generator, model, cloud):
    coords, rgb = cloud
    model.set_pointcloud(coords[:100])
    current = model.current

    same(generator.generate(coords, rgb), generator.generate(coords, rgb))

    assert model.current is current


def test_current_cloud_encoded_cloud_and_coords_give_the_same(generator, model, cloud):
    expected = generator.generate(*cloud)

    same(generator.generate(encoded=model.encode(*cloud)), expected)
    model.set_pointcloud(*cloud)
    same(generator.generate(), expected)


def test_the_current_cloud_is_not_encoded_again(generator, model, cloud, monkeypatch):
    model.set_pointcloud(*cloud)
    monkeypatch.setattr(model, "encode", lambda *_, **__: pytest.fail("encoded again"))

    assert generator.generate(*cloud)


@pytest.mark.parametrize("crops", [0, 2])
def test_an_encoded_cloud_from_a_file_is_not_encoded_again(model, cloud, tmp_path, monkeypatch, crops):
    coords, rgb = cloud
    far = coords.astype(np.float64) * 30 + [690_000, 5_300_000, 400]
    generator = MaskGenerator(model, points_per_cloud=6, crops=crops, **OPEN)
    expected = generator.generate(far, rgb, normalize=True)
    model.encode(far, rgb, normalize=True).save(tmp_path / "far.safetensors")
    sizes, encode = [], model.encode

    def counted(coords, *args, **options):
        sizes.append(len(coords))
        return encode(coords, *args, **options)

    monkeypatch.setattr(model, "encode", counted)

    same(generator.generate(far, rgb, encoded=EncodedCloud.load(tmp_path / "far.safetensors")), expected)

    assert len(sizes) == crops
    assert all(size < 300 for size in sizes)


def test_a_cloud_that_other_weights_encoded_is_refused(generator, model, cloud):
    foreign = replace(model.encode(*cloud), model_fingerprint="0" * 32)

    with pytest.raises(ValueError, match=r"made by other weights \(00000000, not .*encode it again"):
        generator.generate(encoded=foreign)


def test_any_units_with_normalize(generator, cloud):
    coords, rgb = cloud
    far = coords.astype(np.float64) * 30 + [690_000, 5_300_000, 400]

    records = generator.generate(far, rgb, normalize=True)

    for record in records:
        np.testing.assert_array_equal(record["point_coords"], far[[record["point_index"]]])


def test_small_regions_are_cleaned_away(model, cloud):
    rng = np.random.default_rng(3)
    coords = rng.uniform(-0.5, 0.5, (1000, 3)).astype(np.float32)
    options = {"points_per_cloud": 12, "nms_threshold": 1.0, **OPEN}
    raw = MaskGenerator(model, min_region_points=0, **options).generate(coords)
    clean = MaskGenerator(model, min_region_points=10, **options).generate(coords)
    edges = neighbor_graph(coords).edges

    assert {r["segmentation"].tobytes() for r in raw} != {r["segmentation"].tobytes() for r in clean}
    for record in clean:
        mask = record["segmentation"]
        alone = mask.copy()
        alone[edges[mask[edges].all(axis=1)].ravel()] = False
        assert not alone.any()  # no island of a single point
        assert record["area"] == mask.sum()


def test_hierarchy_names_a_larger_holder(model, cloud):
    records = MaskGenerator(model, points_per_cloud=12, hierarchy=True, containment=0.6, **OPEN).generate(*cloud)

    parents = [record["parent"] for record in records]
    assert any(parent >= 0 for parent in parents)
    for record in records:
        if record["parent"] >= 0:
            holder = records[record["parent"]]
            assert holder["area"] > record["area"]
            assert (holder["segmentation"] & record["segmentation"]).sum() >= 0.6 * record["area"]


def test_crops_add_masks_in_the_order_of_the_whole_cloud(model, cloud):
    rng, rgb = np.random.default_rng(0), cloud[1]
    left = rng.random(300) < 0.5
    coords = (rng.uniform(-0.1, 0.1, (300, 3)) + np.where(left[:, None], [-0.5, 0, 0], [0.5, 0, 0])).astype(np.float32)
    whole = MaskGenerator(model, points_per_cloud=6, **OPEN)
    cropped = MaskGenerator(model, points_per_cloud=6, crops=2, **OPEN)
    told = []

    records = cropped.generate(coords, rgb, progress=lambda done, total: told.append((done, total)))

    assert list(dict.fromkeys(told)) == [(6, 18), (12, 18), (18, 18)]
    assert told == sorted(told)
    known = {record["segmentation"].tobytes() for record in whole.generate(coords, rgb)}
    new = [record for record in records if record["segmentation"].tobytes() not in known]
    one_sided = [record for record in new if len(set(left[record["segmentation"]])) == 1]
    assert one_sided
    for record in one_sided:
        assert (left[record["segmentation"]] == left[record["point_index"]]).all()
    for record in records:
        assert record["segmentation"].shape == (300,)
        np.testing.assert_array_equal(record["point_coords"], coords[[record["point_index"]]].astype(float))


def test_crops_need_the_points(model, cloud):
    model.set_pointcloud(*cloud)

    with pytest.raises(ValueError, match="pass coords"):
        MaskGenerator(model, crops=4).generate()


@pytest.mark.parametrize(
    "coords",
    [
        np.random.default_rng(0).uniform(-0.5, 0.5, (20, 3)),
        np.zeros((1, 3)),
        np.zeros((40, 3)),
        np.tile(np.random.default_rng(0).uniform(-0.5, 0.5, (30, 3)), (10, 1)),
    ],
    ids=["twenty points", "one point", "all at one place", "each ten times"],
)
@pytest.mark.parametrize("crops", [0, 3])
def test_odd_clouds_without_colour(model, coords, crops):
    records = MaskGenerator(model, points_per_cloud=16, crops=crops, hierarchy=True, **OPEN).generate(coords)

    assert all(record["segmentation"].shape == (len(coords),) for record in records)
    # Points at one place belong to the same masks.
    _, first, place = np.unique(coords, axis=0, return_index=True, return_inverse=True)
    for record in records:
        np.testing.assert_array_equal(record["segmentation"], record["segmentation"][first[place.ravel()]])


def test_nothing_passes_strict_filters(model, cloud):
    assert MaskGenerator(model, points_per_cloud=4, iou_threshold=1e9).generate(*cloud) == []


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"points_per_cloud": 0}, "points_per_cloud is 0; it must be a whole number from 1 on"),
        ({"min_region_points": -1}, "min_region_points is -1"),
        ({"crops": True}, "crops is True"),
        ({"iou_threshold": float("nan")}, "iou_threshold is nan"),
        ({"stability_threshold": 1.5}, "stability_threshold is 1.5; it must be a finite number from 0 to 1"),
        ({"nms_threshold": -0.1}, "nms_threshold is -0.1"),
        ({"crop_overlap": 0.6}, "crop_overlap is 0.6"),
        ({"containment": 0.4}, "containment is 0.4"),
    ],
)
def test_options_outside_their_range_are_refused(model, option, told):
    with pytest.raises(ValueError, match=told):
        MaskGenerator(model, **option)


def test_clouds_that_cannot_be_meant_are_refused(generator, model, cloud):
    coords, rgb = cloud
    with pytest.raises(ValueError, match="there is no point cloud yet"):
        generator.generate()
    with pytest.raises(ValueError, match="rgb came without coords"):
        generator.generate(rgb=rgb)
    with pytest.raises(ValueError, match="encoded is of another cloud"):
        generator.generate(coords[:50], encoded=model.encode(coords, rgb))
    with pytest.raises(ValueError, match=r"lie outside \[-1, 1\]"):
        generator.generate(coords * 5)
