"""URDF: robots and furniture as links that joints hold together. A link is a part, a visual's material a finer one."""

from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from point_sam.mesh.colors import Uniform, uniform
from point_sam.mesh.surfaces import Surface
from recipes.objects import primitives
from recipes.objects.meshes import read_meshes
from recipes.objects.pieces import Model, Piece
from recipes.objects.urdf_joints import Joint, joint_values, link_frames, origin, read_joints
from recipes.objects.xmltools import numbers, read_xml, resolve, scale


def read_urdf(path: Path, generator: np.random.Generator | None = None, *, honor_up_axis: bool = False) -> Model:
    """The visuals of a URDF file, in metres, in the frame of the root link.

    Args:
        path: the file; meshes are looked for in its folder and those above it.
        generator: draws a random pose; None takes the rest pose, every joint as near to 0 as its limits allow.
        honor_up_axis: see `read_meshes`.

    Raises:
        ValueError: not XML, or a mesh file is damaged.
    """
    root = read_xml(path)
    joints = read_joints(root)
    values = joint_values(joints, generator)
    links = {link.get("name", ""): link for link in root.findall("link")}
    frames = link_frames(joints, values, list(links))
    shared = _shared_colors(root)
    pieces: list[Piece] = []
    missing: list[str] = []
    for name, link in links.items():
        for number, visual in enumerate(link.findall("visual")):
            geometry = visual.find("geometry")
            if geometry is None:
                continue
            meshes = geometry_meshes(geometry, path, honor_up_axis=honor_up_axis)
            if meshes is None:
                missing.append(_filename(geometry))
                continue
            matrix = frames[name] @ origin(visual)
            for material, mesh in meshes:
                fine = f"{name}/{visual.get('name') or number}/{material}"
                pieces.append(Piece(name, fine, colored(mesh, _color(visual, shared)).moved(matrix)))
    return Model(
        pieces,
        "urdf_link",
        movable=sum(joint.moves for joint in joints),
        fixed_parent=_fixed_parents(joints),
        missing=tuple(missing),
    )


def geometry_meshes(
    geometry: Element, description: Path, *, honor_up_axis: bool = False
) -> list[tuple[str, Surface]] | None:
    """A `<geometry>` as meshes with their materials' names; None where its file is not there or has no faces."""
    shape = next(iter(geometry), None)
    if shape is None:
        return []
    if shape.tag == "mesh":
        file = resolve(shape.get("filename", ""), description)
        if file is None:
            return None
        matrix = np.diag([*scale(shape.get("scale")), 1.0])
        meshes = read_meshes(file, honor_up_axis=honor_up_axis)
        return [(material, mesh.moved(matrix)) for material, _, mesh in meshes] or None
    mesh = solid(shape)
    return [] if mesh is None else [(shape.tag, mesh)]


def solid(shape: Element) -> Surface | None:
    """The primitive of a `<box>`, `<cylinder>`, `<capsule>` or `<sphere>`; None of anything else."""

    def value(name: str) -> float:
        return float(numbers(shape.get(name), [0.0])[0])

    match shape.tag:
        case "box":
            return primitives.box(numbers(shape.get("size"), [1.0] * 3))
        case "cylinder":
            return primitives.cylinder(value("radius"), value("length"))
        case "capsule":
            return primitives.capsule(value("radius"), value("length"))
        case "sphere":
            return primitives.ellipsoid([value("radius")] * 3)
    return None


def colored(mesh: Surface, color: Uniform | None) -> Surface:
    """The mesh in the description's colour, where its own file has none."""
    return mesh if mesh.color.known or color is None else Surface(mesh.vertices, mesh.faces, color)


def _color(visual: Element, shared: dict[str, Uniform]) -> Uniform | None:
    material = visual.find("material")
    if material is None:
        return None
    return _own_color(material) or shared.get(material.get("name", ""))


def _own_color(material: Element) -> Uniform | None:
    color = material.find("color")
    return None if color is None else uniform(numbers(color.get("rgba"), [0.7, 0.7, 0.7, 1.0])[:3] * 255)


def _shared_colors(root: Element) -> dict[str, Uniform]:
    """Colours that a material defines once, wherever that stands, and others use by its name."""
    shared: dict[str, Uniform] = {}
    for material in root.iter("material"):
        color = _own_color(material)
        if color is not None:
            shared.setdefault(material.get("name", ""), color)
    return shared


def _filename(geometry: Element) -> str:
    return next(iter(geometry)).get("filename", "")


def _fixed_parents(joints: list[Joint]) -> dict[str, str]:
    return {joint.child: joint.parent for joint in joints if joint.kind not in ("revolute", "continuous", "prismatic")}
