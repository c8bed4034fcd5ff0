"""`point-sam segment` and `point-sam info` on meshes."""

import json
from pathlib import Path

import numpy as np
import pytest

from point_sam import PointCloud, read_pointcloud, write_pointcloud
from point_sam.mesh import face_labels, load_mesh, sample_surface, write_mesh

trimesh = pytest.importorskip("trimesh")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two balls of 1280 faces, 5 apart in metres far from the origin, as model.glb in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    scene = trimesh.Scene()
    ball = trimesh.creation.icosphere(3)
    ball.visual.vertex_colors = np.tile([200, 100, 50, 255], (len(ball.vertices), 1))
    for name, x in (("left", 100.0), ("right", 105.0)):
        scene.add_geometry(ball, node_name=name, transform=trimesh.transformations.translation_matrix([x, 0, 0]))
    Path("model.glb").write_bytes(scene.export(file_type="glb"))
    return Path("model.glb")


@pytest.fixture
def segment(run, model):
    """A click on the right ball, by the shipped weights with few groups: the answer is a part, whichever."""
    settings = ["--samples", 600, "--num-groups", 64, "--group-size", 16]
    return lambda *args, click=("--point", 105, 0, 2): run("segment", model, *click, *settings, *args)


def test_part_is_painted_and_the_surface_stays(segment, model):
    answer = segment("-o", "out.glb", "--json")
    assert answer.exit_code == 0, answer.stderr
    told = json.loads(answer.stdout)

    before, after = load_mesh(model), load_mesh("out.glb")
    assert len(after.faces) == told["mesh"]["faces"] == 2560
    assert after.face_areas().sum() == pytest.approx(before.face_areas().sum(), rel=1e-5)
    rgb = after.colors_at(np.arange(2560), np.full((2560, 3), 1 / 3)).round()
    orange = (rgb != [200, 100, 50]).any(axis=1)
    assert 0 < orange.sum() == told["mesh"]["part_faces"] < 2560
    assert after.face_areas()[orange].sum() / after.face_areas().sum() == pytest.approx(
        told["mesh"]["part_area_share"], rel=1e-4
    )


def test_click_is_moved_to_the_surface_and_told(segment):
    answer = segment("-o", "out.glb")

    assert "click at (105, 0, 2) taken at (105, 0, 1) on the surface, 1 away" in answer.stdout
    assert "note: the click at (105, 0, 2) is 1 away from the surface" in answer.stderr
    clicks = json.loads(segment("--json").stdout)["mesh"]["clicks"]
    np.testing.assert_allclose(clicks[0]["on_surface"], [105, 0, 1], atol=1e-6)
    assert Path("model_mask.glb").is_file()


def test_normalized_click_means_the_same_place(segment, model):
    cloud = sample_surface(load_mesh(model), 600).cloud()
    center = cloud.xyz.mean(axis=0)
    unit = (np.array([105, 0, 2]) - center) / np.linalg.norm(cloud.xyz - center, axis=1).max()

    ways = [segment("-o", "a.npy"), segment("-o", "b.npy", click=["--normalized", "--point", *unit])]

    assert [way.exit_code for way in ways] == [0, 0], ways
    assert (np.load("a.npy") == np.load("b.npy")).mean() > 0.99  # the click may differ in its last digit


def test_other_suffixes_hold_the_points_and_faces_agree_with_them(segment, model):
    assert segment("-o", "points.npz").exit_code == 0
    assert segment("-o", "smooth.ply").exit_code == 0
    assert segment("-o", "raw.ply", "--no-smooth").exit_code == 0
    points = read_pointcloud("points.npz")
    mesh = load_mesh(model)
    samples = sample_surface(mesh, 600)

    np.testing.assert_array_equal(points.xyz, samples.xyz)
    for name, smoothing in (("smooth", True), ("raw", False)):
        ply = trimesh.load_mesh(f"{name}.ply", process=False)
        labels = ply.metadata["_ply_raw"]["face"]["data"]["label"].ravel()
        wanted = face_labels(mesh, samples, points.attributes["mask"] == 1, smoothing=smoothing)
        assert labels.sum() == wanted.sum()


def test_parts_are_files_that_make_up_the_mesh(segment, model):
    answer = segment("-o", "out.obj", "--parts", "parts", "--json")
    assert answer.exit_code == 0, answer.stderr

    part, rest = load_mesh("parts/part.obj"), load_mesh("parts/rest.obj")
    assert len(part.faces) == json.loads(answer.stdout)["mesh"]["part_faces"]
    assert len(part.faces) + len(rest.faces) == 2560
    np.testing.assert_allclose(part.colors_at(np.zeros(1, int), np.eye(3)[:1]), [[200, 100, 50]], atol=1)


def test_seed_draws_other_points(segment):
    assert segment("-o", "a.npz").exit_code == 0
    assert segment("-o", "b.npz", "--seed", 1).exit_code == 0

    assert (read_pointcloud("a.npz").xyz != read_pointcloud("b.npz").xyz).any()


def test_picture_shows_what_was_written_and_y_is_up(segment, monkeypatch):
    drawn = {}
    monkeypatch.setattr("point_sam.picture.render", lambda xyz, rgb, mask, **more: drawn.update(mask=mask > 0, **more))
    monkeypatch.setattr("point_sam.picture.save_picture", lambda *_: None)
    assert segment("-o", "out.ply", "--picture", "p.png").exit_code == 0

    samples = sample_surface(load_mesh("model.glb"), 600)
    part = trimesh.load_mesh("out.ply", process=False).metadata["_ply_raw"]["face"]["data"]["label"].sum()
    assert drawn["up"] == "y"
    assert len(set(samples.face[drawn["mask"]])) <= part


def test_ply_with_faces_is_a_mesh_and_stays_one(run, model):
    write_mesh("model.ply", load_mesh(model))

    answer = run("segment", "model.ply", "--point", 105, 0, 1, "--samples", 300, "--num-groups", 64)

    assert answer.exit_code == 0, answer.stderr
    assert len(load_mesh("model_mask.ply").faces) == 2560


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--index", 3], "--index is for clouds"),
        (["--drop-invalid"], "--drop-invalid is for clouds"),
        (["-o", "model.glb"], "is the input"),
        (["-o", "part.glb", "--parts", "."], "is the input or OUT"),
        (["--samples", 0], "--samples"),
    ],
)
def test_wrong_usage_exits_with_2(run, model, arguments, told):
    answer = run("segment", model, "--point", 105, 0, 1, *arguments)

    assert answer.exit_code == 2
    assert told in answer.stderr


@pytest.mark.parametrize(
    "arguments", [["--samples", 5], ["--seed", 0], ["--no-smooth"], ["--parts", "x"]], ids=lambda words: words[0]
)
def test_options_of_meshes_are_refused_for_clouds(run, scene, arguments):
    answer = run("segment", scene, "--index", 1, *arguments)

    assert answer.exit_code == 2
    assert f"{arguments[0]} is for meshes" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-o", "out.stl"], ".glb .obj .ply for meshes"),
        (["--parts", "gone/parts"], "create it first"),
        (["--parts", "model.glb"], "is a file; give a folder"),
        (["--point", 5000, 0, 0], "lies far outside the cloud"),
    ],
)
def test_error_is_one_line_and_nothing_is_written(run, model, arguments, told):
    answer = run("segment", model, "--point", 105, 0, 1, *arguments, "--samples", 600)

    assert answer.exit_code == 1
    assert told in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert [path.name for path in Path().iterdir()] == ["model.glb"]


def test_cloud_is_not_written_as_a_mesh(run, scene):
    answer = run("segment", scene, "--index", 1, "-o", "out.glb")

    assert answer.exit_code == 1
    assert "'.glb'" in answer.stderr


@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_damaged_mesh_is_one_line(run, tmp_path, content):
    (tmp_path / "bad.glb").write_bytes(content)

    for command in (["segment", tmp_path / "bad.glb", "--point", 0, 0, 0], ["info", tmp_path / "bad.glb"]):
        answer = run(*command)
        assert answer.exit_code == 1
        assert answer.stderr.startswith(f"error: {tmp_path / 'bad.glb'}: ")
        assert answer.stderr.count("\n") == 1


def test_info_tells_what_a_mesh_holds(run, model):
    about = json.loads(run("info", model, "--json").stdout)

    assert about["kind"] == "mesh"
    assert about["faces"] == 2560
    assert sorted(about["pieces"]) == ["left", "right"]
    assert (about["components"], about["open_edges"], about["faces_without_area"]) == (2, 0, 0)
    assert about["color"] == ["PerCorner"]
    np.testing.assert_allclose(about["size"], [7, 2, 2], rtol=1e-6)
    told = run("info", model).stdout
    assert "faces       2,560" in told
    assert "closed      yes" in told
    assert run("info", model, "--drop-invalid").exit_code == 2


def test_info_on_a_ply_without_faces_stays_that_of_a_cloud(run, tmp_path):
    write_pointcloud(tmp_path / "cloud.ply", PointCloud(np.eye(3)))

    assert json.loads(run("info", tmp_path / "cloud.ply", "--json").stdout)["kind"] == "cloud"
