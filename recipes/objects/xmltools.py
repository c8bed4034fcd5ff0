"""Reading the XML of robot descriptions as loosely as the simulators that they are written for."""

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_XACRO_DEFAULT = re.compile(r"\$\(optenv \S+ ([^)]*)\)")
_FOLDERS_UP = 8  # how far above a description its package's root is looked for


def read_xml(path: Path) -> ElementTree.Element:
    """The root element. Blank lines before the XML declaration, which some published files have, are passed over.

    Raises:
        ValueError: not XML.
        OSError: the file cannot be read.
    """
    try:
        return ElementTree.fromstring(path.read_bytes().strip())
    except ElementTree.ParseError as err:
        raise ValueError(f"{path.name}: not XML: {err}") from err


def numbers(text: str | None, default: Sequence[float]) -> Float[np.ndarray, " n"]:
    """The numbers in an attribute; `default` fills up what is missing. A left-over xacro variable is its default."""
    found = [float(word) for word in _NUMBER.findall(_XACRO_DEFAULT.sub(r"\1", text or ""))]
    return np.array((found + list(default)[len(found) :])[: len(default)], float)


def scale(text: str | None) -> Float[np.ndarray, " 3"]:
    """A scale for each axis; one number is meant for all three."""
    found = numbers(text, [np.nan] * 3)
    if np.isnan(found[0]):
        return np.ones(3)
    return np.full(3, found[0]) if np.isnan(found[1:]).all() else np.nan_to_num(found, nan=1.0)


def frame(xyz: ArrayLike, rpy: ArrayLike) -> Float[np.ndarray, "4 4"]:
    """The pose of URDF and SDF: turned about the fixed axes x, y, z by roll, pitch, yaw in radians, then moved."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", rpy).as_matrix()
    matrix[:3, 3] = xyz
    return matrix


def resolve(uri: str, description: Path) -> Path | None:
    """The file that a description means by `package://name/path`, `model://name/path` or a relative path.

    It is looked for in the description's folder and those above it; None where the package does not have it.
    """
    uri = uri.strip().removeprefix("file://")
    packaged = re.match(r"(?:package|model):/{2,3}([^/]+)/(.*)", uri)
    tails = [f"{packaged.group(1)}/{packaged.group(2)}", packaged.group(2)] if packaged else [uri]
    folder = description.absolute().parent
    for ancestor in [folder, *folder.parents][:_FOLDERS_UP]:
        for tail in tails:
            if (ancestor / tail).is_file():
                return ancestor / tail
    return None
