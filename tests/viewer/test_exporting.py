import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from point_sam import PointCloud, read_pointcloud, write_pointcloud
from point_sam.mesh import Mesh, load_mesh, write_mesh
from point_sam.mesh.colors import Uniform
from point_sam.mesh.surfaces import Surface
from point_sam.session import Click
from point_sam.viewer.exporting import download, export, export_suffixes
from point_sam.viewer.objects import SegmentedObject, label_image
from point_sam.viewer.restoring import restore
from point_sam.viewer.scene import Scene, open_scene

LEG = SegmentedObject.of(1, np.arange(300) < 20, name="leg")
CLOUDS = (".ply", ".pcd", ".las", ".laz", ".npz", ".csv", ".xyz", ".txt")


def told(item: SegmentedObject) -> tuple[Any, ...]:
    """All that an object is, to be compared."""
    return tuple((vars(item) | {"bits": item.bits.tobytes()}).values())


@pytest.fixture
def objects() -> list[SegmentedObject]:
    """Two that overlap, one of them hidden and with what only some formats hold."""
    points = np.arange(300)
    clicks = [Click((500_001.5, 4_000_000.25, 100.0), True), Click((499_999.0, 4_000_001.0, 99.0), False)]
    return [
        SegmentedObject.of(2, points < 100, name="left leg", iou_score=0.75, clicks=clicks, visible=False),
        SegmentedObject.of(7, (points >= 50) & (points % 3 == 0), color=(1, 2, 3)),
    ]


@pytest.fixture
def mesh_scene(tmp_path: Path) -> Scene:
    """Two triangles side by side."""
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
    surface = Surface(corners, np.array([[0, 1, 2], [1, 3, 2]]), Uniform((10.0, 20.0, 30.0)))
    write_mesh(tmp_path / "square.glb", Mesh.of([("square", surface)]))
    return open_scene(tmp_path / "square.glb", samples=400)


@pytest.mark.parametrize("suffix", CLOUDS)
def test_clouds_keep_everything_and_get_labels(
    scene: Scene, objects: list[SegmentedObject], tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"out{suffix}"
    assert export(path, scene, objects) == []
    cloud = read_pointcloud(path)
    np.testing.assert_allclose(cloud.xyz, scene.xyz, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(cloud.rgb, scene.cloud.rgb)
    assert set(cloud.attributes) >= {"intensity", "time", "label"}
    for name, values in scene.cloud.attributes.items():
        np.testing.assert_array_equal(cloud.attributes[name], values)
    np.testing.assert_array_equal(cloud.attributes["label"], label_image(objects, 300))


@pytest.mark.parametrize("suffix", [*CLOUDS, ".npy"])
def test_labels_come_back_from_every_format_that_carries_them(
    scene: Scene, objects: list[SegmentedObject], tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"out{suffix}"
    export(path, scene, objects)
    found = restore(scene, path)
    assert [item.id for item in found] == [2, 7]
    np.testing.assert_array_equal(label_image(found, 300), label_image(objects, 300))


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_json_and_npz_give_everything_back(
    scene: Scene, objects: list[SegmentedObject], tmp_path: Path, suffix: str, count: int
) -> None:
    path = tmp_path / f"out{suffix}"
    export(path, scene, objects[:count])
    assert [told(item) for item in restore(scene, path)] == [told(item) for item in objects[:count]]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sets(st.integers(0, 299), min_size=1), max_size=5), st.sampled_from([".ply", ".pcd", ".json"]))
def test_round_trip_of_any_masks(scene: Scene, tmp_path: Path, masks: list[set[int]], suffix: str) -> None:
    objects = []
    for id, chosen in enumerate(masks, 1):
        mask = np.zeros(300, bool)
        mask[list(chosen)] = True
        objects.append(SegmentedObject.of(id, mask))
    path = tmp_path / f"any{suffix}"
    export(path, scene, objects)
    np.testing.assert_array_equal(label_image(restore(scene, path), 300), label_image(objects, 300))


def test_a_result_can_be_opened_and_gone_on_with(scene: Scene, objects: list[SegmentedObject], tmp_path: Path) -> None:
    export(tmp_path / "first.npz", scene, objects)
    again = open_scene(tmp_path / "first.npz")
    assert again.fingerprint == scene.fingerprint
    remarks = export(tmp_path / "second.ply", again, restore(again, tmp_path / "first.npz")[:1])
    assert remarks == [
        "second.ply holds new label in place of the input's attribute 'label'",
        "second.ply holds no masks in place of the input's attribute 'masks'",
    ]
    (only,) = restore(scene, tmp_path / "second.ply")
    np.testing.assert_array_equal(only.mask, objects[0].mask)


def test_masks_of_the_input_do_not_stay(scene: Scene, objects: list[SegmentedObject], tmp_path: Path) -> None:
    export(tmp_path / "first.npz", scene, objects)
    again = open_scene(tmp_path / "first.npz")
    export(tmp_path / "emptied.npz", again, [])
    assert "masks" not in read_pointcloud(tmp_path / "emptied.npz").attributes
    assert restore(again, tmp_path / "emptied.npz") == []


def test_numpy_reads_labels_and_masks(scene: Scene, objects: list[SegmentedObject], tmp_path: Path) -> None:
    export(tmp_path / "out.npz", scene, objects)
    with np.load(tmp_path / "out.npz") as file:
        np.testing.assert_array_equal(file["masks"].T, [item.mask for item in objects])
        np.testing.assert_array_equal(file["coords"], scene.xyz)
        names = [record["name"] for record in json.loads(file["objects.json"])["objects"]]
    assert names == ["left leg", "object 7"]


def test_a_mesh_is_painted(mesh_scene: Scene, tmp_path: Path) -> None:
    assert mesh_scene.samples is not None
    first = SegmentedObject.of(1, mesh_scene.samples.face == 0, color=(250, 0, 0))
    assert export_suffixes(mesh_scene)[-1] == ".glb"
    export(tmp_path / "painted.glb", mesh_scene, [first])
    painted = load_mesh(tmp_path / "painted.glb")
    rgb = painted.colors_at(np.arange(2), np.full((2, 3), 1 / 3))
    assert len(painted.faces) == 2
    assert sorted(rgb[:, 0] > 150) == [False, True]
    with pytest.raises(ValueError, match="does not tell objects apart"):
        restore(mesh_scene, tmp_path / "painted.glb")


def test_points_of_a_mesh_come_back_with_their_labels(mesh_scene: Scene, tmp_path: Path) -> None:
    assert mesh_scene.samples is not None
    first = SegmentedObject.of(3, mesh_scene.samples.face == 0)
    for suffix in (".ply", ".json"):
        export(tmp_path / f"points{suffix}", mesh_scene, [first])
        (found,) = restore(open_scene(tmp_path / "square.glb", samples=400), tmp_path / f"points{suffix}")
        np.testing.assert_array_equal(found.mask, first.mask)
    with pytest.raises(ValueError, match=r"400 points; square\.glb has 500"):
        restore(open_scene(tmp_path / "square.glb", samples=500), tmp_path / "points.ply")


@pytest.mark.parametrize("suffix", [".ply", ".las", ".npz", ".json", ".npy"])
def test_another_number_of_points_is_refused(
    scene: Scene, objects: list[SegmentedObject], tmp_path: Path, suffix: str
) -> None:
    export(tmp_path / f"out{suffix}", scene, objects)
    write_pointcloud(tmp_path / "less.ply", PointCloud(scene.xyz[1:]))
    with pytest.raises(ValueError, match=f"out{suffix}: .*300.*299|out{suffix}: .*299.*300"):
        restore(open_scene(tmp_path / "less.ply"), tmp_path / f"out{suffix}")


@pytest.mark.parametrize("suffix", [".ply", ".las", ".npz", ".json"])
def test_another_cloud_of_as_many_points_is_refused(
    scene: Scene, objects: list[SegmentedObject], tmp_path: Path, suffix: str
) -> None:
    export(tmp_path / f"out{suffix}", scene, objects)
    moved = scene.xyz.copy()
    moved[17, 0] += 1.0
    write_pointcloud(tmp_path / "moved.ply", PointCloud(moved))
    with pytest.raises(ValueError, match="another cloud"):
        restore(open_scene(tmp_path / "moved.ply"), tmp_path / f"out{suffix}")


def test_float32_copies_count_as_the_same_cloud(scene: Scene, objects: list[SegmentedObject], tmp_path: Path) -> None:
    labels = label_image(objects, 300).astype(np.float32)
    copy = PointCloud(scene.xyz.astype(np.float32), attributes={"label": labels})
    write_pointcloud(tmp_path / "other_tool.ply", copy)
    assert [item.id for item in restore(scene, tmp_path / "other_tool.ply")] == [2, 7]


def test_what_the_commands_write_is_taken(scene: Scene, tmp_path: Path) -> None:
    masks = np.zeros((300, 3), bool)
    masks[:10, 0] = masks[:200, 1] = True
    labels = np.where(np.arange(300) < 10, 0, np.where(np.arange(300) < 200, 1, -1)).astype(np.int32)

    def write(name: str, **attributes: np.ndarray) -> Path:
        write_pointcloud(tmp_path / name, replace(scene.cloud, attributes=attributes))
        return tmp_path / name

    everything = restore(scene, write("everything.npz", label=labels, masks=masks))
    assert [item.area for item in everything] == [200, 10]
    labelled = restore(scene, write("everything.ply", label=labels))
    assert [(item.id, item.area) for item in labelled] == [(1, 10), (2, 190)]
    (segment,) = restore(scene, write("segment.ply", mask=masks[:, 0].astype(np.uint8)))
    assert segment.area == 10


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.linspace(0, 1, 300), "more than labels"),
        (np.full(300, np.nan), "more than labels"),
        (np.full(300, 2**40), "more than labels"),
        (np.array(["a"] * 300), "more than labels"),
        (np.zeros((300, 2), np.int32), r"shape \[300, 2\]"),
    ],
)
def test_labels_that_are_none_are_refused(scene: Scene, tmp_path: Path, labels: np.ndarray, words: str) -> None:
    path = tmp_path / "wrong.npz"
    write_pointcloud(path, replace(scene.cloud, attributes={"label": labels}))
    with pytest.raises(ValueError, match=rf"wrong\.npz: .*{words}"):
        restore(scene, path)


def test_files_without_labels_are_refused(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"scan\.ply: has no attribute label, masks or mask"):
        restore(scene, tmp_path / "scan.ply")
    with pytest.raises(FileNotFoundError, match="no such file"):
        restore(scene, tmp_path / "nothing.json")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no intact JSON"),
        ("{", "no intact JSON"),
        ("[" * 100_000, "no intact JSON"),
        ("[]", "no result of the viewer"),
        ('{"format": "point_sam.objects.1"}', "does not say which cloud"),
        ("\x00\xff", "no intact JSON"),
    ],
)
def test_damaged_json_is_refused(scene: Scene, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "broken.json").write_text(text)
    with pytest.raises(ValueError, match=rf"broken\.json: .*{words}"):
        restore(scene, tmp_path / "broken.json")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_anywhere_is_refused_or_harmless(scene: Scene, tmp_path: Path, data: st.DataObject) -> None:
    objects = [SegmentedObject.of(1, np.arange(300) < 20, name="leg")]
    suffix = data.draw(st.sampled_from([".json", ".npz", ".npy"]))
    path = tmp_path / f"damaged{suffix}"
    export(path, scene, objects)
    octets = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(octets) - 1), min_size=1, max_size=3)):
        octets[place] = data.draw(st.integers(0, 255))
    path.write_bytes(octets[: data.draw(st.integers(len(octets) // 2, len(octets)))])
    found, message = [], "damaged"
    try:
        found = restore(scene, path)
    except ValueError as err:
        message = str(err)
    assert "damaged" in message
    assert "\n" not in message
    assert all(item.num_points == 300 for item in found)


def test_too_large_a_file_is_refused(scene: Scene, objects: list[SegmentedObject], tmp_path: Path) -> None:
    export(tmp_path / "out.json", scene, objects)
    with pytest.raises(ValueError, match=r"out\.json: the file has [\d,]+ bytes; at most 100 are read"):
        restore(scene, tmp_path / "out.json", max_bytes=100)


def test_what_cannot_be_exported_is_refused(scene: Scene, objects: list[SegmentedObject], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"out\.glb: results are written as \.ply"):
        export(tmp_path / "out.glb", scene, objects)
    with pytest.raises(ValueError, match=r"object 1 is of a cloud of 3 points; scan\.ply has 300"):
        export(tmp_path / "out.ply", scene, [SegmentedObject.of(1, np.ones(3, bool))])
    with pytest.raises(ValueError, match="two objects have the id 2"):
        export(tmp_path / "out.ply", scene, objects[:1] * 2)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        export(tmp_path / "no" / "out.ply", scene, objects)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scan.ply"]


def test_what_is_sent_can_be_restored(scene: Scene, tmp_path: Path) -> None:
    name, content, remarks = download(scene, [LEG], ".json")
    (tmp_path / name).write_bytes(content)
    (restored,) = restore(scene, tmp_path / name)
    assert (name, remarks) == ("scan_objects.json", [])
    assert restored.name == "leg"
    np.testing.assert_array_equal(restored.mask, LEG.mask)


def test_a_format_that_is_a_path_writes_nothing(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "victim").mkdir()
    for above in ("/..", "/../..", "/../../.."):
        with pytest.raises(ValueError, match=r"the format .* is not offered"):
            download(scene, [LEG], f"{above}/victim/x.json")
    assert list((tmp_path / "victim").iterdir()) == []


@pytest.mark.parametrize("suffix", ["", ".PLY", ".glb", "ply", ".exe"])
def test_a_format_that_is_not_offered_is_refused(scene: Scene, suffix: str) -> None:
    with pytest.raises(ValueError, match="is not offered"):
        download(scene, [LEG], suffix)


def test_the_name_holds_nothing_that_a_path_could(scene: Scene) -> None:
    assert download(replace(scene, name="../a b.ply"), [LEG], ".npy")[0] == "a_b_objects.npy"
