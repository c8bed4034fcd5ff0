"""What every reader of 3D models gives: triangles with a part's name, a finer name and a colour."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from point_sam.mesh.surfaces import Surface


@dataclass(frozen=True, eq=False)
class Piece:
    """A mesh and the two parts that it belongs to.

    Attributes:
        part: name of the coarse part, such as a link of a robot.
        fine: name of the fine part, such as one material of one visual of that link.
        mesh: in the frame of the whole object.
    """

    part: str
    fine: str
    mesh: Surface


@dataclass(frozen=True, eq=False)
class Model:
    """One object in one pose, as read.

    Attributes:
        pieces: its triangles by part.
        label_kind: what the coarse parts are: "urdf_link", "mjcf_body", "obj_group", ...
        movable: number of joints that a random pose would move.
        fixed_parent: part name -> name of the part that it is bolted to.
        missing: mesh files that the model names and the package does not have, or has without a face in them.
    """

    pieces: list[Piece]
    label_kind: str
    movable: int = 0
    fixed_parent: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


class UnusableModelError(ValueError):
    """The model is as it should be but does not make a labelled cloud, such as one of a single part."""
