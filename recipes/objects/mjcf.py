"""MJCF: MuJoCo's models. MuJoCo itself reads them; a body is a part, one of its meshes in one material a finer one."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from point_sam.mesh.surfaces import Surface
from recipes.objects import primitives
from recipes.objects.mjcf_colors import geom_color, geom_opacity
from recipes.objects.mjcf_files import import_mujoco, load_mjcf
from recipes.objects.mjcf_pose import ancestors, movable_joints, posed
from recipes.objects.pieces import Model, Piece

_SEEN_OPACITY = 0.05


def read_mjcf(
    path: Path,
    generator: np.random.Generator | None = None,
    *,
    root: str | None = None,
    groups: tuple[int, ...] = (0, 1, 2),  # what MuJoCo's viewer draws by default
    visual_bodies: str = "each",
    skip: str = "",
) -> Model:
    """What is drawn of an MJCF model, in its own units. The world body's own geoms, such as a floor, are left out.

    Many models hold each shape twice, once to be seen and once, coarser, to collide. Where there are geoms that never
    collide only those are taken.

    Args:
        path: the file.
        generator: draws a random pose; None takes the model's own.
        root: only this body and what hangs on it.
        groups: geom groups that are drawn.
        visual_bodies: "each" decides by body whether it has geoms that never collide, "model" once for all bodies.
        skip: regular expression; bodies and geoms whose name it finds are left out.

    Raises:
        ImportError: mujoco is not installed.
        ValueError: MuJoCo refuses the file, or it has no body of that name.
    """
    mujoco = import_mujoco()
    model = load_mjcf(path)
    roots = None if root is None else {_body(mujoco, model, root, path)}
    state = posed(model, generator, roots)
    names = _Names(mujoco, model)
    pieces = []
    for geom in np.flatnonzero(_chosen(mujoco, model, groups, visual_bodies)).tolist():
        body = int(model.geom_bodyid[geom])
        part = names.of("BODY", body, "body")
        if body == 0 or (roots is not None and not roots & ancestors(model, body)):
            continue
        if skip and (re.search(skip, part) or re.search(skip, names.of("GEOM", geom, ""))):
            continue
        found = _shape(mujoco, model, geom)
        if found is None:
            continue
        shape, corners = found
        matrix = np.eye(4)
        matrix[:3, :3] = state.geom_xmat[geom].reshape(3, 3)
        matrix[:3, 3] = state.geom_xpos[geom]
        mesh = Surface(shape.vertices, shape.faces, geom_color(mujoco, model, geom, corners)).moved(matrix)
        pieces.append(
            Piece(part, f"{part}/{_shape_name(mujoco, model, names, geom)}/{_material(model, names, geom)}", mesh)
        )
    return Model(pieces, "mjcf_body", movable=movable_joints(model, roots))


class _Names:
    """Names of a model's things; numbered ones where it gives none."""

    def __init__(self, mujoco: Any, model: Any) -> None:
        self._mujoco, self._model = mujoco, model

    def of(self, kind: str, number: int, prefix: str) -> str:
        enum = getattr(self._mujoco.mjtObj, f"mjOBJ_{kind}")
        name: str | None = self._mujoco.mj_id2name(self._model, enum, int(number))
        return name or (f"{prefix}{number}" if prefix else "")


def _body(mujoco: Any, model: Any, name: str, path: Path) -> int:
    number = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, name)
    if number < 0:
        raise ValueError(f"{path.name}: has no body {name!r}")
    return int(number)


def _chosen(mujoco: Any, model: Any, groups: tuple[int, ...], visual_bodies: str) -> Bool[np.ndarray, " G"]:
    """Geoms that are drawn, of the given groups, and not the coarse twins of drawn ones."""
    never_collide = (model.geom_contype == 0) & (model.geom_conaffinity == 0)
    opacity = np.array([geom_opacity(model, geom) for geom in range(model.ngeom)])
    endless = (int(mujoco.mjtGeom.mjGEOM_PLANE), int(mujoco.mjtGeom.mjGEOM_HFIELD))
    drawn = np.isin(model.geom_group, groups) & (opacity > _SEEN_OPACITY) & ~np.isin(model.geom_type, endless)
    to_be_seen = never_collide & drawn
    if visual_bodies == "model":
        has_meshes = (to_be_seen & (model.geom_type == int(mujoco.mjtGeom.mjGEOM_MESH))).any()
        return to_be_seen if has_meshes else drawn
    bodies = np.unique(model.geom_bodyid[to_be_seen])
    return drawn & (never_collide | ~np.isin(model.geom_bodyid, bodies))


def _shape(mujoco: Any, model: Any, geom: int) -> tuple[Surface, np.ndarray | None] | None:
    """A geom's mesh in its own frame and the texture coordinates of its faces' corners; None for unknown shapes."""
    kind, size = mujoco.mjtGeom(int(model.geom_type[geom])), model.geom_size[geom]
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        return _mesh(model, int(model.geom_dataid[geom]))
    if kind == mujoco.mjtGeom.mjGEOM_BOX:
        return primitives.box(2 * size), None
    if kind == mujoco.mjtGeom.mjGEOM_CYLINDER:
        return primitives.cylinder(size[0], 2 * size[1]), None
    if kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        return primitives.capsule(size[0], 2 * size[1]), None
    if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        return primitives.ellipsoid([size[0]] * 3), None
    if kind == mujoco.mjtGeom.mjGEOM_ELLIPSOID:
        return primitives.ellipsoid(size), None
    return None


def _mesh(model: Any, number: int) -> tuple[Surface, np.ndarray | None]:
    first, count = model.mesh_faceadr[number], model.mesh_facenum[number]
    start, vertices = model.mesh_vertadr[number], model.mesh_vertnum[number]
    mesh = primitives.plain(
        model.mesh_vert[start : start + vertices].astype(float), model.mesh_face[first : first + count].astype(int)
    )
    if model.mesh_texcoordadr[number] < 0 or model.mesh_texcoordnum[number] == 0:
        return mesh, None
    begin = model.mesh_texcoordadr[number]
    uv = model.mesh_texcoord[begin : begin + model.mesh_texcoordnum[number]].astype(float)
    return mesh, uv[model.mesh_facetexcoord[first : first + count]]


def _shape_name(mujoco: Any, model: Any, names: _Names, geom: int) -> str:
    kind = mujoco.mjtGeom(int(model.geom_type[geom]))
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        return names.of("MESH", int(model.geom_dataid[geom]), "mesh")
    return str(kind.name).removeprefix("mjGEOM_").lower()


def _material(model: Any, names: _Names, geom: int) -> str:
    number = int(model.geom_matid[geom])
    if number >= 0:
        return names.of("MATERIAL", number, "mat")
    return "rgba" + "_".join(f"{value:.2f}" for value in model.geom_rgba[geom][:3])
