"""Poses of a MuJoCo model: its own, or joints drawn at random where nothing ties them into loops."""

from collections.abc import Set
from typing import Any

import numpy as np

from recipes.objects.mjcf_files import import_mujoco
from recipes.objects.urdf_joints import FREE_ANGLE, LARGEST_ANGLE, LARGEST_TRAVEL, draw_within

_COEFFICIENTS = 5  # of the polynomial by which MuJoCo's joint equality ties one joint to another


def posed(model: Any, generator: np.random.Generator | None, roots: Set[int] | None) -> Any:
    """MuJoCo's state with the kinematics done.

    Args:
        model: the compiled model.
        generator: draws the joints' positions in the model's order; None leaves them.
        roots: only joints of these bodies and of what hangs on them are drawn; None draws all.
    """
    mujoco = import_mujoco()
    state = mujoco.MjData(model)
    if generator is not None:
        for joint in _drawn_joints(mujoco, model, roots):
            address = model.jnt_qposadr[joint]
            state.qpos[address] = _draw(mujoco, model, joint, float(state.qpos[address]), generator)
    _follow(mujoco, model, state)
    mujoco.mj_kinematics(model, state)
    return state


def movable_joints(model: Any, roots: Set[int] | None) -> int:
    """How many joints a random pose moves; 0 where moving any would tear a loop of bodies open.

    A tie to a body that only steers (MuJoCo's mocap) closes no loop.
    """
    mujoco = import_mujoco()
    ties = (int(mujoco.mjtEq.mjEQ_CONNECT), int(mujoco.mjtEq.mjEQ_WELD))
    for number in range(model.neq):
        if model.eq_type[number] not in ties:
            continue
        of_bodies = model.eq_objtype[number] == int(mujoco.mjtObj.mjOBJ_BODY)
        ends = (int(model.eq_obj1id[number]), int(model.eq_obj2id[number]))
        steered = of_bodies and any(model.body_mocapid[body] >= 0 for body in ends)
        if not of_bodies or (not steered and any(_inside(model, body, roots) for body in ends)):
            return 0
    return len(_drawn_joints(mujoco, model, roots))


def ancestors(model: Any, body: int) -> set[int]:
    """The body and all that it hangs on."""
    found = {body}
    while body > 0:
        body = int(model.body_parentid[body])
        found.add(body)
    return found


def _inside(model: Any, body: int, roots: Set[int] | None) -> bool:
    return roots is None or bool(roots & ancestors(model, body))


def _drawn_joints(mujoco: Any, model: Any, roots: Set[int] | None) -> list[int]:
    slide, hinge = int(mujoco.mjtJoint.mjJNT_SLIDE), int(mujoco.mjtJoint.mjJNT_HINGE)
    found = []
    for joint in range(model.njnt):
        kind = model.jnt_type[joint]
        if kind not in (slide, hinge) or not _inside(model, int(model.jnt_bodyid[joint]), roots):
            continue
        low, high = model.jnt_range[joint]
        if not (model.jnt_limited[joint] and kind == slide and high - low > LARGEST_TRAVEL):
            found.append(joint)
    return found


def _draw(mujoco: Any, model: Any, joint: int, rest: float, generator: np.random.Generator) -> float:
    if model.jnt_limited[joint]:
        low, high = model.jnt_range[joint]
        return draw_within(generator, rest, max(low, -LARGEST_ANGLE), min(high, LARGEST_ANGLE))
    if model.jnt_type[joint] == int(mujoco.mjtJoint.mjJNT_HINGE):
        return rest + float(generator.uniform(-FREE_ANGLE, FREE_ANGLE))
    return rest


def _follow(mujoco: Any, model: Any, state: Any) -> None:
    """Put joints that an active equality ties to another one where that one wants them."""
    for number in range(model.neq):
        if model.eq_type[number] != int(mujoco.mjtEq.mjEQ_JOINT) or not model.eq_active0[number]:
            continue
        leader, follower = int(model.eq_obj2id[number]), model.jnt_qposadr[model.eq_obj1id[number]]
        moved = 0.0
        if leader >= 0:
            address = model.jnt_qposadr[leader]
            moved = state.qpos[address] - model.qpos0[address]
        terms = [model.eq_data[number][k] * moved**k for k in range(_COEFFICIENTS)]
        state.qpos[follower] = model.qpos0[follower] + sum(terms)
