"""`point-sam everything` on meshes."""

import json
from pathlib import Path

import numpy as np
import pytest

from point_sam import MaskGenerator, PointSAM, read_pointcloud
from point_sam.automatic import label_points
from point_sam.cli.outputs import label_color
from point_sam.clouds import normalize
from point_sam.mesh import face_labels, load_mesh, sample_surface, write_mesh

trimesh = pytest.importorskip("trimesh")
_OWN = [200, 100, 50]


@pytest.fixture
def mesh_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two balls of 320 faces, 5 apart and far from the origin, as model.glb in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    scene = trimesh.Scene()
    ball = trimesh.creation.icosphere(2)
    ball.visual.vertex_colors = np.tile([*_OWN, 255], (len(ball.vertices), 1))
    for name, x in (("left", 100.0), ("right", 105.0)):
        scene.add_geometry(ball, node_name=name, transform=trimesh.transformations.translation_matrix([x, 0, 0]))
    Path("model.glb").write_bytes(scene.export(file_type="glb"))
    return Path("model.glb")


@pytest.fixture
def everything(run, mesh_file, checkpoint):
    """Random weights, and filters that let masks through."""
    filters = ["--iou-threshold", -1000, "--stability-threshold", 0, "--points", 8, "--checkpoint", checkpoint]
    return lambda *args, file=mesh_file: run("everything", file, *filters, "--samples", 600, *args)


@pytest.fixture
def labels(mesh_file, checkpoint) -> np.ndarray:
    """Of the 600 points, as the package finds them."""
    cloud = sample_surface(load_mesh(mesh_file), 600).cloud()
    generator = MaskGenerator(
        PointSAM.from_pretrained(checkpoint_path=checkpoint),
        points_per_cloud=8,
        iou_threshold=-1000.0,
        stability_threshold=0.0,
    )
    return label_points(generator.generate(normalize(cloud.xyz)[0], cloud.rgb), 600)


def ply_labels(path: str) -> np.ndarray:
    return trimesh.load_mesh(path, process=False).metadata["_ply_raw"]["face"]["data"]["label"].ravel()


def test_faces_bear_the_labels_of_their_points_in_their_colours(everything, mesh_file, labels):
    answer = everything("-o", "out.glb", "--json")
    assert answer.exit_code == 0, answer.stderr
    told = json.loads(answer.stdout)

    before, after = load_mesh(mesh_file), load_mesh("out.glb")
    assert len(after.faces) == told["mesh"]["faces"] == 640
    wanted = face_labels(before, sample_surface(before, 600), labels.astype(np.int64))
    rgb = after.colors_at(np.arange(640), np.full((640, 3), 1 / 3))
    for label, mask in enumerate(told["masks"]):
        painted = np.abs(rgb - (np.array(_OWN) * 0.35 + np.array(label_color(label)) * 0.65)).max(axis=1) < 2
        assert painted.sum() == mask["faces"] == (wanted == label).sum()
        assert mask["area_share"] == pytest.approx(
            before.face_areas()[wanted == label].sum() / before.face_areas().sum()
        )
    assert (np.abs(rgb - _OWN).max(axis=1) < 2).sum() == (wanted == -1).sum()
    assert told["mesh"]["labelled_faces"] == (wanted >= 0).sum() > 0
    assert len(set(wanted)) > 2


def test_no_smooth_leaves_each_face_to_its_points(everything, mesh_file, labels):
    assert everything("-o", "smooth.ply").exit_code == 0
    assert everything("-o", "raw.ply", "--no-smooth", "--no-paint").exit_code == 0

    mesh = load_mesh(mesh_file)
    samples = sample_surface(mesh, 600)
    for name, smoothing in (("smooth", True), ("raw", False)):
        wanted = face_labels(mesh, samples, labels.astype(np.int64), smoothing=smoothing)
        np.testing.assert_array_equal(np.sort(ply_labels(f"{name}.ply")), np.sort(wanted))
    rgb = load_mesh("raw.ply").colors_at(np.arange(640), np.full((640, 3), 1 / 3))
    np.testing.assert_allclose(rgb, np.tile(_OWN, (640, 1)), atol=1)


def test_parts_are_files_in_their_own_colours_that_make_up_the_mesh(everything):
    answer = everything("-o", "out.obj", "--parts", "parts", "--json")
    assert answer.exit_code == 0, answer.stderr
    told = json.loads(answer.stdout)

    files = {path.name: load_mesh(path) for path in Path("parts").iterdir()}
    assert sorted(told["mesh"]["parts"]) == sorted(f"parts/{name}" for name in files)
    for label, mask in enumerate(told["masks"]):
        if mask["faces"]:
            assert len(files[f"part_{label}.obj"].faces) == mask["faces"]
    assert sum(len(part.faces) for part in files.values()) == 640
    for part in files.values():
        np.testing.assert_allclose(part.colors_at(np.zeros(1, int), np.eye(3)[:1]), [_OWN], atol=1)


def test_parts_of_an_earlier_run_stay_and_are_told(everything):
    Path("parts").mkdir()
    Path("parts/part_900.glb").write_bytes(b"old")
    Path("parts/part_900.ply").write_bytes(b"somebody's")

    answer = everything("-o", "out.glb", "--parts", "parts")

    assert answer.exit_code == 0, answer.stderr
    assert "note: parts also holds 1 parts of an earlier run, such as part_900.glb" in answer.stderr
    assert Path("parts/part_900.glb").read_bytes() == b"old"


def test_other_suffixes_hold_the_points(everything, mesh_file, labels):
    assert everything("-o", "points.npz").exit_code == 0
    assert everything("-o", "labels.npy").exit_code == 0

    points = read_pointcloud("points.npz")
    samples = sample_surface(load_mesh(mesh_file), 600)
    np.testing.assert_array_equal(points.xyz, samples.xyz)
    np.testing.assert_array_equal(points.attributes["face"], samples.face)
    np.testing.assert_array_equal(points.attributes["label"], labels)
    assert points.attributes["masks"].shape[0] == 600
    np.testing.assert_array_equal(np.load("labels.npy"), labels)


def test_table_picture_and_default_names(everything, mesh_file, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        "point_sam.picture.render", lambda xyz, rgb, labels, **more: drawn.update(labels=labels, **more)
    )
    monkeypatch.setattr("point_sam.picture.save_picture", lambda *_: None)
    write_mesh("model.ply", load_mesh(mesh_file))

    answer = everything("--picture", "p.png")
    assert answer.exit_code == 0, answer.stderr
    assert everything("--no-smooth", file="model.ply").exit_code == 0

    samples = sample_surface(load_mesh("model.glb"), 600)
    for face in set(samples.face):  # what is drawn is what was written: one label a face
        assert len(set(drawn["labels"][samples.face == face])) == 1
    assert drawn["up"] == "y"
    assert header_of(answer.stdout) == ["label", "points", "predicted", "IoU", "stability", "prompt", "faces", "area"]
    assert "of 640 faces" in answer.stdout
    assert len(load_mesh("model_labels.glb").faces) == len(ply_labels("model_labels.ply")) == 640


def header_of(text: str) -> list[str]:
    return next(line for line in text.splitlines() if "stability" in line).split()


def test_a_label_that_no_face_bears_is_told(everything, monkeypatch):
    monkeypatch.setattr("point_sam.mesh.face_labels", lambda mesh, *_, **__: np.full(len(mesh.faces), -1, np.int64))

    answer = everything("-o", "out.glb")

    assert "note: no face bears the label 0, 1" in answer.stderr
    assert "labels on 0 of 640 faces, 0.0% of the area" in answer.stdout


def test_no_mask_leaves_the_mesh_as_it_is(everything, mesh_file):
    answer = everything("--iou-threshold", 1000, "-o", "out.glb", "--parts", "parts")

    assert answer.exit_code == 0, answer.stderr
    assert "no mask passed" in answer.stdout
    assert [path.name for path in Path("parts").iterdir()] == ["rest.glb"]
    np.testing.assert_allclose(load_mesh("out.glb").colors_at(np.zeros(1, int), np.eye(3)[:1]), [_OWN], atol=1)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--drop-invalid"], 2, "--drop-invalid is for clouds"),
        (["-o", "model.glb"], 2, "is the input"),
        (["-o", "part_3.glb", "--parts", "."], 2, "part_3.glb is named like a part"),
        (["-o", "out.stl"], 1, ".glb .obj .ply for meshes"),
        (["--parts", "gone/parts"], 1, "create it first"),
        (["--parts", "model.glb"], 1, "is a file; give a folder"),
    ],
)
def test_what_cannot_be_done_is_refused_in_time(everything, arguments, code, told):
    answer = everything(*arguments)

    assert answer.exit_code == code
    assert told in answer.stderr
    assert [path.name for path in Path().iterdir()] == ["model.glb"]


@pytest.mark.parametrize("arguments", [["--samples", 5], ["--seed", 0], ["--no-smooth"], ["--parts", "x"]])
def test_options_of_meshes_are_refused_for_clouds(run, scene, arguments):
    answer = run("everything", scene, *arguments)

    assert answer.exit_code == 2
    assert f"{arguments[0]} is for meshes" in answer.stderr
