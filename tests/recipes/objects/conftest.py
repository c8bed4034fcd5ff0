"""Small 3D models written as files, in every format that the catalogue's packages use."""

from pathlib import Path

import pytest

from recipes.objects.entries import Package, parse_package

# A tetrahedron of four vertices: enough of a surface to sample.
_STL_FACES = [
    ((0, 0, 0), (0, 1, 0), (1, 0, 0)),
    ((0, 0, 0), (1, 0, 0), (0, 0, 1)),
    ((0, 0, 0), (0, 0, 1), (0, 1, 0)),
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
]


@pytest.fixture
def urdf(tmp_path: Path) -> Path:
    """A box with a turning arm, a sliding tip and a mesh; metres."""
    facets = "".join(
        "facet normal 0 0 0\nouter loop\n"
        + "".join(f"vertex {x} {y} {z}\n" for x, y, z in face)
        + "endloop\nendfacet\n"
        for face in _STL_FACES
    )
    (tmp_path / "meshes").mkdir()
    (tmp_path / "meshes" / "tip.stl").write_text(f"solid tip\n{facets}endsolid tip\n")
    path = tmp_path / "arm.urdf"
    path.write_text(
        """
        <?xml version="1.0"?>
        <robot name="arm">
          <material name="red"><color rgba="1 0 0 1"/></material>
          <link name="base">
            <visual><geometry><box size="1 1 1"/></geometry><material name="red"/></visual>
          </link>
          <link name="arm">
            <visual>
              <origin xyz="0 0 1" rpy="0 0 0"/>
              <geometry><cylinder radius="0.2" length="2"/></geometry>
              <material name="own"><color rgba="0 0 1 1"/></material>
            </visual>
          </link>
          <link name="tip">
            <visual><geometry><mesh filename="package://robot/meshes/tip.stl" scale="0.5 0.5 0.5"/></geometry></visual>
          </link>
          <link name="screw"><visual><geometry><sphere radius="0.01"/></geometry></visual></link>
          <joint name="turn" type="revolute">
            <parent link="base"/><child link="arm"/><origin xyz="0 0 0.5"/><axis xyz="1 0 0"/>
            <limit lower="0.2" upper="1.2"/>
          </joint>
          <joint name="slide" type="prismatic">
            <parent link="arm"/><child link="tip"/><origin xyz="0 0 2"/><axis xyz="0 0 1"/>
            <limit lower="0" upper="1"/>
          </joint>
          <joint name="bolt" type="fixed"><parent link="base"/><child link="screw"/><origin xyz="0.5 0 0"/></joint>
        </robot>
        """
    )
    return path


@pytest.fixture
def mjcf(tmp_path: Path) -> Path:
    """Two bodies on a floor: one with a coarse twin that only collides, one with a hinge."""
    path = tmp_path / "model.xml"
    path.write_text(
        """
        <mujoco>
          <asset>
            <texture name="white" type="2d" builtin="flat" rgb1="1 1 1" width="4" height="4"/>
            <material name="green" rgba="0 1 0 1"/>
            <material name="white" texture="white" rgba="0.5 0.5 0.5 1"/>
          </asset>
          <worldbody>
            <geom name="floor" type="plane" size="5 5 1"/>
            <body name="trunk">
              <geom type="box" size="1 0.5 0.25" material="green" contype="0" conaffinity="0"/>
              <geom name="coarse" type="sphere" size="2"/>
              <geom name="ghost" type="sphere" size="3" rgba="1 1 1 0" contype="0" conaffinity="0"/>
              <body name="leg" pos="0 0 1">
                <joint name="hip" type="hinge" axis="1 0 0" range="0 90" limited="true"/>
                <geom type="capsule" size="0.1" fromto="0 0 0 0 0 1" rgba="0 0 1 1"/>
                <geom type="cylinder" size="0.3 0.1" pos="0 0 1" material="white"/>
              </body>
            </body>
            <body name="other" pos="5 0 0"><geom type="ellipsoid" size="0.2 0.3 0.4"/></body>
          </worldbody>
        </mujoco>
        """
    )
    return path


@pytest.fixture
def obj(tmp_path: Path) -> Path:
    """Three objects of a red, a textured and an unknown material; y is up."""
    from PIL import Image

    Image.new("RGB", (2, 2), (0, 255, 0)).save(tmp_path / "green.png")
    (tmp_path / "chair.mtl").write_text(
        "newmtl red\nKd 1 0 0\nnewmtl leaf\nKd 0 0 0\nmap_Kd -s 1 1 1 C:\\textures\\green.png\n"
    )
    squares = [("seat", "red", 0), ("back", "leaf", 1), ("leg", "none", 2)]
    lines = ["mtllib chair.mtl", "vt 0 0", "vt 1 0", "vt 1 1", "vt 0 1"]
    for name, material, height in squares:
        lines += [f"o {name}", f"usemtl {material}"]
        lines += [f"v {x} {height} {z}" for x, z in ((0, 0), (1, 0), (1, 1), (0, 1))]
        lines.append("f -4/1 -3/2 -2/3 -1/4")
    path = tmp_path / "chair.obj"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def glb(tmp_path: Path) -> Path:
    """Three boxes side by side as nodes `lower`, `middle` and `upper`, the first red."""
    import trimesh

    scene = trimesh.Scene()
    for height, name in enumerate(("lower", "middle", "upper")):
        box = trimesh.creation.box((1, 1, 1))
        if name == "lower":
            material = trimesh.visual.material.PBRMaterial(baseColorFactor=[255, 0, 0, 255])
            box.visual = trimesh.visual.TextureVisuals(material=material)
        scene.add_geometry(
            box, node_name=name, transform=trimesh.transformations.translation_matrix([0, 0, 2 * height])
        )
    path = tmp_path / "tower.glb"
    path.write_bytes(scene.export(file_type="glb"))
    return path


@pytest.fixture
def site(tmp_path: Path, urdf: Path, obj: Path, glb: Path) -> Path:
    """A folder as pip leaves it, with the package `toys` of version 1: arm, chair, tower and a damaged OBJ."""
    (tmp_path / "toys-1.dist-info").mkdir()
    (tmp_path / "broken.obj").write_text("v 0 0 0\n")
    return tmp_path


@pytest.fixture
def toys() -> Package:
    """The catalogue's page for that package; `gone` is not in it."""
    furniture = {"family": "furniture", "category": "object", "license": "CC0-1.0"}
    return parse_package(
        {
            "package": "toys",
            "version": "1",
            "registry": "pip",
            "notice": "by the toymaker",
            "models": [
                {
                    "name": "arm",
                    "family": "robot",
                    "category": "robot",
                    "license": "MIT",
                    "reader": "urdf",
                    "path": "arm.urdf",
                },
                {"name": "chair", **furniture, "reader": "obj", "path": "chair.obj"},
                {"name": "tower", **furniture, "reader": "gltf", "path": "tower.glb"},
                {"name": "broken", **furniture, "reader": "obj", "path": "broken.obj"},
                {"name": "gone", **furniture, "reader": "gltf", "path": "gone.glb"},
            ],
        },
        frozenset(),
    )
