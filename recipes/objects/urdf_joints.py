"""The joints of a URDF file: their rest and random positions, and where they put the links."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from recipes.objects.xmltools import frame, numbers

# The part of a joint's range that random poses use: fewer of them let a robot run through itself.
CENTRAL_RANGE = 0.7
LARGEST_ANGLE = 3.2  # radians; wider limits stand for "any"
LARGEST_TRAVEL = 2.0  # metres; a longer slide is a rail that the robot stands on
FREE_ANGLE = 1.2  # radians to either side, for a joint without limits


@dataclass(frozen=True, eq=False)
class Joint:
    """One joint.

    Attributes:
        name, kind: as in the file.
        parent, child: links' names.
        placement: of the joint in the parent's frame.
        axis: unit vector in the joint's frame.
        limits: lowest and highest position in radians or metres; None without any.
        mimic: another joint's name, factor and offset that give this one's position.
    """

    name: str
    kind: str
    parent: str
    child: str
    placement: Float[np.ndarray, "4 4"]
    axis: Float[np.ndarray, " 3"]
    limits: tuple[float, float] | None
    mimic: tuple[str, float, float] | None

    @property
    def moves(self) -> bool:
        """Whether it has a position of its own."""
        return self.kind in ("revolute", "prismatic", "continuous") and self.mimic is None


def read_joints(root: Element) -> list[Joint]:
    """The joints with both a parent and a child, in the file's order."""
    joints = []
    for element in root.findall("joint"):
        parent, child = element.find("parent"), element.find("child")
        if parent is not None and child is not None:
            joints.append(_joint(element, parent.get("link", ""), child.get("link", "")))
    return joints


def joint_values(joints: Sequence[Joint], generator: np.random.Generator | None) -> dict[str, float]:
    """Position of every moving joint by name, in radians or metres: at rest, or drawn in the file's order."""
    values = {joint.name: _value(joint, generator) for joint in joints if joint.moves}
    for joint in joints:
        if joint.mimic is not None:
            leader, factor, offset = joint.mimic
            values[joint.name] = values.get(leader, 0.0) * factor + offset
    return values


def link_frames(
    joints: Sequence[Joint], values: Mapping[str, float], links: Sequence[str]
) -> dict[str, Float[np.ndarray, "4 4"]]:
    """Where each link stands. Links that hang on no joint stand at the origin.

    Raises:
        ValueError: the joints go round in a circle, so that some link has no place.
    """
    below = defaultdict(list)
    for joint in joints:
        below[joint.parent].append(joint)
    children = {joint.child for joint in joints}
    frames: dict[str, np.ndarray] = {}
    waiting = [(link, np.eye(4)) for link in links if link not in children]
    while waiting:
        link, matrix = waiting.pop()
        if link in frames:
            continue
        frames[link] = matrix
        waiting += [(j.child, matrix @ j.placement @ _motion(j, values.get(j.name, 0.0))) for j in below[link]]
    lost = [link for link in links if link not in frames]
    if lost:
        raise ValueError(f"link {lost[0]} hangs on joints that never reach a root link")
    return frames


def origin(element: Element) -> Float[np.ndarray, "4 4"]:
    """The `<origin>` of a joint or a visual; the identity without one."""
    found = element.find("origin")
    if found is None:
        return np.eye(4)
    return frame(numbers(found.get("xyz"), [0.0] * 3), numbers(found.get("rpy"), [0.0] * 3))


def draw_within(
    generator: np.random.Generator, rest: float, low: float, high: float, share: float = CENTRAL_RANGE
) -> float:
    """A position within `share` of the way from `rest` to either limit."""
    return float(generator.uniform(rest + share * (low - rest), rest + share * (high - rest)))


def _value(joint: Joint, generator: np.random.Generator | None) -> float:
    if joint.kind == "continuous" or joint.limits is None:
        if generator is None or joint.kind == "prismatic":
            return 0.0
        return float(generator.uniform(-FREE_ANGLE, FREE_ANGLE))
    low, high = sorted(joint.limits)
    rest = min(max(0.0, low), high)
    if generator is None or not np.isfinite([low, high]).all():
        return rest
    if joint.kind == "revolute":
        low, high = max(low, -LARGEST_ANGLE), min(high, LARGEST_ANGLE)
    elif high - low > LARGEST_TRAVEL:
        low = high = rest
    return draw_within(generator, rest, low, high)


def _motion(joint: Joint, value: float) -> Float[np.ndarray, "4 4"]:
    matrix = np.eye(4)
    if joint.kind in ("revolute", "continuous"):
        matrix[:3, :3] = Rotation.from_rotvec(joint.axis * value).as_matrix()
    elif joint.kind == "prismatic":
        matrix[:3, 3] = joint.axis * value
    return matrix


def _joint(element: Element, parent: str, child: str) -> Joint:
    axis, limit, mimic = element.find("axis"), element.find("limit"), element.find("mimic")
    direction = numbers(None if axis is None else axis.get("xyz"), [1.0, 0.0, 0.0])
    limits = None if limit is None else (_number(limit, "lower", 0.0), _number(limit, "upper", 0.0))
    follows = None
    if mimic is not None:
        follows = (mimic.get("joint", ""), _number(mimic, "multiplier", 1.0), _number(mimic, "offset", 0.0))
    return Joint(
        name=element.get("name", ""),
        kind=element.get("type", ""),
        parent=parent,
        child=child,
        placement=origin(element),
        axis=direction / (np.linalg.norm(direction) or 1.0),
        limits=limits,
        mimic=follows,
    )


def _number(element: Element, name: str, default: float) -> float:
    return float(numbers(element.get(name), [default])[0])
