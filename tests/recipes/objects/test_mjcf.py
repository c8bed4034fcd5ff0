from pathlib import Path

import numpy as np
import pytest

from recipes.objects.mjcf import read_mjcf
from recipes.objects.pieces import Model

_POINT = np.zeros(1, int), np.full((1, 3), 1 / 3)


def parts(model: Model) -> list[str]:
    return [piece.part for piece in model.pieces]


def test_bodies_are_parts_without_the_floor_the_invisible_and_what_only_collides(mjcf: Path) -> None:
    model = read_mjcf(mjcf)
    assert parts(model) == ["trunk", "leg", "leg", "other"]
    assert model.label_kind == "mjcf_body"
    np.testing.assert_allclose(np.abs(model.pieces[0].mesh.vertices).max(axis=0), [1, 0.5, 0.25])


def test_shapes_have_mujocos_sizes(mjcf: Path) -> None:
    _, capsule, cylinder, ellipsoid = (piece.mesh.vertices for piece in read_mjcf(mjcf).pieces)
    np.testing.assert_allclose([capsule[:, 2].min(), capsule[:, 2].max()], [0.9, 2.1], atol=1e-6)
    np.testing.assert_allclose([cylinder[:, 2].min(), cylinder[:, 2].max()], [1.9, 2.1], atol=1e-6)
    np.testing.assert_allclose(np.ptp(ellipsoid, axis=0), [0.4, 0.6, 0.8], rtol=0.02)


def test_colour_is_the_geoms_own_its_materials_or_the_mean_of_a_texture_without_coordinates(mjcf: Path) -> None:
    green, blue, textured, unset = (piece.mesh.color for piece in read_mjcf(mjcf).pieces)
    np.testing.assert_allclose(green.at(*_POINT), [[0, 255, 0]])
    np.testing.assert_allclose(blue.at(*_POINT), [[0, 0, 255]])
    np.testing.assert_allclose(textured.at(*_POINT), [[127.5] * 3])
    assert not unset.known


def test_root_takes_one_body_and_what_hangs_on_it(mjcf: Path) -> None:
    assert parts(read_mjcf(mjcf, root="trunk")) == ["trunk", "leg", "leg"]
    assert parts(read_mjcf(mjcf, root="leg")) == ["leg", "leg"]


def test_visual_geoms_are_told_by_body_or_for_the_whole_model(mjcf: Path) -> None:
    # No visual geom of this model is a mesh, so that as a whole it counts as having none.
    assert parts(read_mjcf(mjcf, visual_bodies="model")).count("trunk") == 2


def test_skip_leaves_out_bodies_by_name(mjcf: Path) -> None:
    assert parts(read_mjcf(mjcf, skip="^leg$")) == ["trunk", "other"]


def test_random_pose_turns_the_hinge_within_its_range(mjcf: Path) -> None:
    rest, moved = read_mjcf(mjcf), read_mjcf(mjcf, np.random.default_rng(3))
    np.testing.assert_array_equal(rest.pieces[0].mesh.vertices, moved.pieces[0].mesh.vertices)
    tip = moved.pieces[2].mesh.vertices.mean(axis=0) - [0, 0, 1]  # 1 above the hip, which turns about x
    angle = np.arctan2(-tip[1], tip[2])
    assert 0 < angle < 0.7 * np.pi / 2
    assert rest.movable == 1


@pytest.mark.parametrize(("mocap", "movable"), [("false", 0), ("true", 2)])
def test_closed_loop_is_not_moved_but_a_tie_to_a_steering_body_is_no_loop(
    tmp_path: Path, mocap: str, movable: int
) -> None:
    body = '<body name="{}" pos="{} 0 0" {}>{}<geom size="1"/></body>'
    hinge = '<joint type="hinge"/>'
    bodies = body.format("a", 0, "", hinge) + body.format("b", 3, f'mocap="{mocap}"', "")
    path = tmp_path / "loop.xml"
    path.write_text(
        f"<mujoco><worldbody>{bodies}{body.format('c', 6, '', hinge)}</worldbody>"
        '<equality><weld body1="a" body2="b"/></equality></mujoco>'
    )
    assert read_mjcf(path).movable == movable


def test_joint_tied_to_another_follows_it(tmp_path: Path) -> None:
    joint = '<joint name="{0}" type="slide" axis="1 0 0" range="{1}" limited="true"/>'
    slide = f'<body name="{{0}}">{joint}<geom size=".1"/></body>'
    path = tmp_path / "gripper.xml"
    path.write_text(
        f"<mujoco><worldbody>{slide.format('left', '0 1')}{slide.format('right', '-9 9')}</worldbody>"
        '<equality><joint joint1="right" joint2="left" polycoef="0 -1 0 0 0"/></equality></mujoco>'
    )
    left, right = (p.mesh.vertices.mean(axis=0)[0] for p in read_mjcf(path, np.random.default_rng(0)).pieces)
    assert left > 0.01
    assert right == pytest.approx(-left)


def test_model_that_mujoco_refuses_is_repaired_and_finds_its_meshes(tmp_path: Path, glb: Path) -> None:
    import trimesh

    (tmp_path / "assets").mkdir()
    trimesh.creation.box((1, 2, 3)).export(tmp_path / "assets" / "box.stl")
    path = tmp_path / "repeated.xml"
    path.write_text(
        '<mujoco><compiler meshdir="assets"/><default><default class="x" group="1"/></default>'
        '<asset><mesh name="box" file="box.stl"/><mesh name="box" file="box.stl"/></asset>'
        '<worldbody><body name="a"><geom type="mesh" mesh="box"/></body></worldbody></mujoco>'
    )
    (piece,) = read_mjcf(path).pieces
    assert sorted(np.ptp(piece.mesh.vertices, axis=0)) == pytest.approx([1, 2, 3])
    assert piece.fine == "a/box/rgba0.50_0.50_0.50"


def test_damaged_model_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.xml"
    path.write_text("<mujoco><worldbody><body><geom type='mesh' mesh='gone'/></body></worldbody></mujoco>")
    with pytest.raises(ValueError, match=r"broken\.xml: .*gone") as refused:
        read_mjcf(path)
    assert "\n" not in str(refused.value)


def test_unknown_root_is_refused(mjcf: Path) -> None:
    with pytest.raises(ValueError, match="no body 'wing'"):
        read_mjcf(mjcf, root="wing")
