"""SDF: models whose links and visuals each state their own pose in the model's frame."""

from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from jaxtyping import Float

from point_sam.mesh.colors import Uniform, uniform
from point_sam.mesh.surfaces import Surface
from recipes.objects import primitives
from recipes.objects.meshes import read_meshes
from recipes.objects.pieces import Model, Piece
from recipes.objects.urdf import colored
from recipes.objects.xmltools import frame, numbers, read_xml, resolve, scale


def read_sdf(path: Path) -> Model:
    """The visuals of every `<model>` of an SDF file at rest, in metres; a link is a part.

    Raises:
        ValueError: not XML, or a mesh file is damaged.
    """
    pieces: list[Piece] = []
    missing: list[str] = []
    for model in read_xml(path).iter("model"):
        for link in model.findall("link"):
            name = link.get("name", "")
            for number, visual in enumerate(link.findall("visual")):
                meshes = _meshes(visual, path)
                if meshes is None:
                    missing.append(visual.findtext("geometry/mesh/uri") or "")
                    continue
                matrix = _pose(model) @ _pose(link) @ _pose(visual)
                for material, mesh in meshes:
                    fine = f"{name}/{number}/{material}"
                    pieces.append(Piece(name, fine, colored(mesh, _color(visual)).moved(matrix)))
    return Model(pieces, "sdf_link", missing=tuple(missing))


def _pose(element: Element) -> Float[np.ndarray, "4 4"]:
    values = numbers(element.findtext("pose"), [0.0] * 6)
    return frame(values[:3], values[3:])


def _meshes(visual: Element, description: Path) -> list[tuple[str, Surface]] | None:
    geometry = visual.find("geometry")
    shape = None if geometry is None else next(iter(geometry), None)
    if shape is None:
        return []
    if shape.tag == "mesh":
        file = resolve(shape.findtext("uri") or "", description)
        if file is None:
            return None
        matrix = np.diag([*scale(shape.findtext("scale")), 1.0])
        return [(material, mesh.moved(matrix)) for material, _, mesh in read_meshes(file)] or None
    radius = float(numbers(shape.findtext("radius"), [0.0])[0])
    if shape.tag == "box":
        return [("box", primitives.box(numbers(shape.findtext("size"), [1.0] * 3)))]
    if shape.tag == "cylinder":
        return [("cylinder", primitives.cylinder(radius, float(numbers(shape.findtext("length"), [0.0])[0])))]
    if shape.tag == "sphere":
        return [("sphere", primitives.ellipsoid([radius] * 3))]
    return []


def _color(visual: Element) -> Uniform | None:
    text = visual.findtext("material/diffuse") or visual.findtext("material/ambient")
    return uniform(numbers(text, [0.7, 0.7, 0.7, 1.0])[:3] * 255) if text else None
