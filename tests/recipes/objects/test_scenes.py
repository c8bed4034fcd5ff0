"""glTF, SDF, COLLADA: formats of a scene's nodes or links."""

from pathlib import Path

import numpy as np
import pytest

from recipes.objects.gltf import read_gltf, read_ring_tower
from recipes.objects.meshes import read_meshes
from recipes.objects.sdf import read_sdf

_POINT = np.zeros(1, int), np.full((1, 3), 1 / 3)


def test_gltf_nodes_are_parts_in_their_places(glb: Path) -> None:
    pieces = {piece.part: piece.mesh for piece in read_gltf(glb).pieces}
    assert sorted(pieces) == ["lower", "middle", "upper"]
    assert [pieces[name].vertices[:, 2].mean() for name in ("lower", "middle", "upper")] == [0, 2, 4]
    np.testing.assert_allclose(pieces["lower"].color.at(*_POINT), [[255, 0, 0]])


def test_damaged_gltf_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "broken.glb"
    path.write_bytes(b"glTF\x02\x00")
    with pytest.raises(ValueError, match=r"broken\.glb"):
        read_gltf(path)


def test_rings_are_stacked_on_the_base_of_the_tower(tmp_path: Path) -> None:
    import trimesh

    base = tmp_path / "base.glb"
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.creation.box((4, 4, 1)), node_name="base")
    scene.add_geometry(trimesh.creation.box((1, 1, 9)), node_name="pole")
    base.write_bytes(scene.export(file_type="glb"))
    rings = tuple(tmp_path / f"ring_{k}.glb" for k in range(2))
    for path in rings:
        path.write_bytes(trimesh.Scene(trimesh.creation.box((2, 2, 1))).export(file_type="glb"))
    pieces = {piece.part: piece.mesh.vertices for piece in read_ring_tower(base, rings).pieces}
    assert [pieces[f"ring_{k}"][:, 2].min() for k in range(2)] == pytest.approx([0.5, 1.5])


def test_sdf_links_stand_at_their_own_poses(tmp_path: Path) -> None:
    path = tmp_path / "shelf.sdf"
    path.write_text(
        """<sdf><world><model name="m"><pose>0 0 10 0 0 0</pose>
        <link name="board"><pose>1 0 0 0 0 1.5707963</pose>
          <visual><pose>0 2 0 0 0 0</pose><geometry><box><size>2 1 1</size></box></geometry>
            <material><ambient>0 1 0 1</ambient></material></visual></link>
        <link name="foot">
          <visual><geometry><cylinder><radius>1</radius><length>3</length></cylinder></geometry></visual>
          <visual><geometry><mesh><uri>model://m/gone.stl</uri></mesh></geometry></visual></link>
        </model></world></sdf>"""
    )
    model = read_sdf(path)
    board, foot = (piece.mesh for piece in model.pieces)
    np.testing.assert_allclose(board.vertices.mean(axis=0), [-1, 0, 10], atol=1e-6)
    np.testing.assert_allclose(np.ptp(board.vertices, axis=0), [1, 2, 1], atol=1e-6)
    np.testing.assert_allclose(board.color.at(*_POINT), [[0, 255, 0]])
    assert np.ptp(foot.vertices[:, 2]) == 3
    assert model.missing == ("model://m/gone.stl",)


@pytest.mark.parametrize(("honor", "size"), [(False, [0.01, 0.02, 0.03]), (True, [0.01, 0.03, 0.02])])
def test_colladas_unit_is_honoured_and_its_up_axis_only_where_asked(
    tmp_path: Path, honor: bool, size: list[float]
) -> None:
    import trimesh

    path = tmp_path / "box.dae"
    text = trimesh.creation.box((1, 2, 3)).export(file_type="dae").decode()
    head = '<asset><unit name="centimeter" meter="0.01"/><up_axis>Y_UP</up_axis>'
    before, _, rest = text.partition("<asset")
    asset, _, after = rest.partition("</asset>")
    assert asset
    path.write_text(f"{before}{head}</asset>{after}")
    ((_, _, mesh),) = read_meshes(path, honor_up_axis=honor)
    np.testing.assert_allclose(np.ptp(mesh.vertices, axis=0), size)
