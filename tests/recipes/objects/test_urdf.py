from pathlib import Path

import numpy as np
import pytest

from recipes.objects.pieces import Model
from recipes.objects.urdf import read_urdf


def bounds(model: Model, part: str) -> np.ndarray:
    vertices = np.concatenate([piece.mesh.vertices for piece in model.pieces if piece.part == part])
    return np.stack([vertices.min(axis=0), vertices.max(axis=0)])


def test_links_are_parts_and_stand_where_their_joints_put_them(urdf: Path) -> None:
    model = read_urdf(urdf)
    assert [piece.part for piece in model.pieces] == ["base", "arm", "tip", "screw"]
    assert model.label_kind == "urdf_link"
    np.testing.assert_allclose(bounds(model, "base"), [[-0.5] * 3, [0.5] * 3])
    # The arm rests at its lower limit, 0.2 rad about x; a cylinder from the joint at z = 0.5 up to 2 along it.
    top = np.array([0, -2 * np.sin(0.2), 0.5 + 2 * np.cos(0.2)])
    assert np.linalg.norm(bounds(model, "tip") - top, axis=1).min() < 0.51
    assert bounds(model, "arm")[1, 2] == pytest.approx(top[2] + 0.2 * np.sin(0.2), abs=1e-3)


def test_mesh_is_found_by_package_uri_and_scaled(urdf: Path) -> None:
    tip = next(piece.mesh for piece in read_urdf(urdf).pieces if piece.part == "tip")
    assert tip.face_areas().sum() == pytest.approx(0.25 * (1.5 + np.sqrt(3) / 2))


def test_colour_is_the_visuals_own_or_a_shared_one_by_name(urdf: Path) -> None:
    colors = {piece.part: piece.mesh.color for piece in read_urdf(urdf).pieces}
    where = np.zeros(1, int), np.full((1, 3), 1 / 3)
    np.testing.assert_allclose(colors["base"].at(*where), [[255, 0, 0]])
    np.testing.assert_allclose(colors["arm"].at(*where), [[0, 0, 255]])
    assert not colors["screw"].known


def test_random_pose_moves_joints_within_their_limits_and_repeats(urdf: Path) -> None:
    poses = [bounds(read_urdf(urdf, np.random.default_rng(seed)), "tip") for seed in (0, 0, 1)]
    np.testing.assert_array_equal(poses[0], poses[1])
    assert np.abs(poses[0] - poses[2]).max() > 1e-3
    assert np.abs(poses[0] - bounds(read_urdf(urdf), "tip")).max() > 1e-3
    reach = np.linalg.norm(poses[0] - [0, 0, 0.5], axis=1)
    assert reach.max() < 3 + 0.5
    np.testing.assert_allclose(bounds(read_urdf(urdf, np.random.default_rng(0)), "base"), [[-0.5] * 3, [0.5] * 3])


def test_joints_that_move_and_links_that_are_bolted_on_are_told(urdf: Path) -> None:
    model = read_urdf(urdf)
    assert model.movable == 2
    assert model.fixed_parent == {"screw": "base"}


def test_mimic_joint_follows_its_leader(tmp_path: Path) -> None:
    text = """<robot><link name="a"/><link name="b"/>
      <link name="c"><visual><geometry><box size="1 1 1"/></geometry></visual></link>
      <joint name="first" type="prismatic"><parent link="a"/><child link="b"/><axis xyz="1 0 0"/>
        <limit lower="3" upper="3"/></joint>
      <joint name="second" type="prismatic"><parent link="b"/><child link="c"/><axis xyz="0 1 0"/>
        <mimic joint="first" multiplier="2" offset="1"/></joint></robot>"""
    path = tmp_path / "gripper.urdf"
    path.write_text(text)
    model = read_urdf(path)
    np.testing.assert_allclose(bounds(model, "c").mean(axis=0), [3, 7, 0])
    assert model.movable == 1


def test_missing_mesh_is_told_and_the_rest_read(urdf: Path) -> None:
    (urdf.parent / "meshes" / "tip.stl").unlink()
    model = read_urdf(urdf)
    assert model.missing == ("package://robot/meshes/tip.stl",)
    assert {piece.part for piece in model.pieces} == {"base", "arm", "screw"}


def test_mesh_without_a_face_counts_as_missing(urdf: Path) -> None:
    (urdf.parent / "meshes" / "tip.stl").write_text("solid tip\nendsolid tip\n")
    assert read_urdf(urdf).missing == ("package://robot/meshes/tip.stl",)


def test_negative_scale_mirrors_the_mesh_and_keeps_it_facing_outwards(urdf: Path) -> None:
    plain = next(piece.mesh for piece in read_urdf(urdf).pieces if piece.part == "tip")
    urdf.write_text(urdf.read_text().replace('scale="0.5 0.5 0.5"', 'scale="-0.5 0.5 0.5"'))
    mirrored = next(piece.mesh for piece in read_urdf(urdf).pieces if piece.part == "tip")

    def volume(mesh: object) -> float:
        corners = mesh.vertices[mesh.faces]  # type: ignore[attr-defined]
        corners = corners - mesh.vertices.mean(axis=0)  # type: ignore[attr-defined]
        return float(np.linalg.det(corners).sum() / 6)

    assert volume(mirrored) == pytest.approx(volume(plain))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<robot><link name='a'>", "not XML"),
        (
            "<robot><link name='a'/><link name='b'/>"
            "<joint name='x' type='fixed'><parent link='a'/><child link='b'/></joint>"
            "<joint name='y' type='fixed'><parent link='b'/><child link='a'/></joint></robot>",
            "link a hangs on joints",
        ),
    ],
)
def test_damaged_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "broken.urdf"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_urdf(path)


def test_damaged_mesh_is_refused_by_name(urdf: Path) -> None:
    (urdf.parent / "meshes" / "tip.dae").write_text("<COLLADA><asset>")
    urdf.write_text(urdf.read_text().replace("tip.stl", "tip.dae"))
    with pytest.raises(ValueError, match=r"tip\.dae: not readable as \.dae"):
        read_urdf(urdf)
