"""Meshes as they come: `segment` and `everything` work on them or say in one line why not."""

import json
from pathlib import Path

import numpy as np
import pytest

from point_sam.mesh import load_mesh

trimesh = pytest.importorskip("trimesh")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=["segment", "everything"])
def answer(request, run, checkpoint):
    """Runs one command, and gives what it wrote."""
    arguments = {
        "segment": ["--point", 0, 0, 0, "--normalized", "--num-groups", 64],
        "everything": ["--iou-threshold", -1000, "--stability-threshold", 0, "--points", 4],
    }[request.param]

    def ask(file: str, *more: object):
        common = ["--samples", 500, "--checkpoint", checkpoint, "-o", "out.glb", "--parts", "parts"]
        return run(request.param, file, *arguments, *common, *more)

    return ask


def check_whole(answer, file: str, *more: object) -> None:
    """The output has the faces and the area of the input, and so have its parts together."""
    result = answer(file, *more)
    assert result.exit_code == 0, result.stderr
    before, after = load_mesh(file), load_mesh("out.glb")
    parts = [load_mesh(path) for path in Path("parts").iterdir()]
    assert len(after.faces) == sum(len(part.faces) for part in parts) == len(before.faces)
    assert after.face_areas().sum() == pytest.approx(before.face_areas().sum(), rel=1e-5)


def test_open_surface(answer):
    ball = trimesh.creation.icosphere(2)
    ball.update_faces(np.arange(len(ball.faces)) < 200)
    ball.export("open.stl")

    check_whole(answer, "open.stl")


def test_edge_with_many_faces(answer):
    fan = [f"v 0 {np.cos(a)} {np.sin(a)}\n" for a in range(6)]
    faces = [f"f 1 2 {k}\n" for k in range(3, 9)]
    Path("fan.obj").write_text("".join(["v -1 0 0\nv 1 0 0\n", *fan, *faces]))

    check_whole(answer, "fan.obj")


@pytest.mark.filterwarnings("error")
def test_scene_of_several_geometries_at_their_places(answer):
    scene = trimesh.Scene()
    turned = trimesh.transformations.rotation_matrix(0.5, [1, 2, 3])
    turned[:3, 3] = 4, 0, 0
    mirrored = np.diag([-2.0, 1, 1, 1])
    scene.add_geometry(trimesh.creation.box((1, 1, 1)), node_name="box", transform=turned)
    scene.add_geometry(trimesh.creation.icosphere(1), node_name="ball", transform=mirrored, parent_node_name="box")
    Path("scene.glb").write_bytes(scene.export(file_type="glb"))

    check_whole(answer, "scene.glb")


def test_thousands_of_components(answer):
    corners = np.random.default_rng(0).uniform(-1, 1, (4000, 1, 3)) + 0.02 * np.eye(3)
    Path("many.obj").write_text(
        "".join(f"v {x} {y} {z}\n" for x, y, z in corners.reshape(-1, 3))
        + "".join(f"f {3 * k + 1} {3 * k + 2} {3 * k + 3}\n" for k in range(4000))
    )

    check_whole(answer, "many.obj")


def test_hundreds_of_nodes_with_a_geometry_each(answer):
    scene = trimesh.Scene()
    for k, place in enumerate(np.random.default_rng(0).uniform(-9, 9, (400, 3))):
        box = trimesh.creation.box((0.3, 0.4, 0.5))
        box.visual.face_colors = [k % 256, 90, 90, 255]
        scene.add_geometry(box, node_name=f"box {k}", transform=trimesh.transformations.translation_matrix(place))
    Path("many.glb").write_bytes(scene.export(file_type="glb"))

    check_whole(answer, "many.glb")


def test_faces_without_area_get_a_label_all_the_same(answer):
    Path("flat.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 1 1 2\nf 4 4 4\nf 1 3 4\nf 2 2 3\n")

    check_whole(answer, "flat.obj")


@pytest.mark.parametrize("missing", ["wood.png", "table.mtl"])
def test_texture_or_material_that_is_missing_is_told_and_left_out(answer, missing):
    if missing == "wood.png":
        Path("table.mtl").write_text("newmtl m\nmap_Kd wood.png\n")
    uv = "vt 0 0\nvt 1 0\nvt 1 1\n"
    Path("table.obj").write_text(
        f"mtllib table.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n{uv}usemtl m\nf 1/1 2/2 3/3\nf 1/1 2/2 4/3\n"
    )

    result = answer("table.obj", "--no-paint")

    assert result.exit_code == 0, result.stderr
    assert f"warning: table.obj: names {missing}, which cannot be read beside it" in result.stderr
    assert not load_mesh("out.glb").has_color
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("dot.obj", "v 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\n", "dot.obj: the mesh has no surface to draw points on"),
        ("points.obj", "v 1 1 1\nv 2 1 1\n", "points.obj: "),
        ("lines.obj", "v 1 1 1\nv 2 1 1\nl 1 2\n", "lines.obj: "),
        ("nan.obj", "v nan 1 1\nv 2 1 1\nv 1 2 1\nf 1 2 3\n", "nan.obj: 1 of 1 faces have NaN"),
        ("text.stl", "once upon a time", "text.stl: "),
    ],
)
def test_what_is_no_surface_is_refused_in_one_line(answer, name, content, told):
    Path(name).write_text(content)

    result = answer(name)

    assert result.exit_code == 1
    assert f"error: {told}" in result.stderr
    assert result.stderr.count("\n") == 1
    assert [path.name for path in Path().iterdir()] == [name]


def test_compressed_geometry_is_refused_in_one_line(answer):
    tree = {"asset": {"version": "2.0"}, "extensionsRequired": ["EXT_meshopt_compression"]}
    Path("small.gltf").write_text(json.dumps(tree))

    result = answer("small.gltf")

    assert result.exit_code == 1
    assert "small.gltf: its geometry is compressed by EXT_meshopt_compression, which is not read" in result.stderr
