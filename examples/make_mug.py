"""Write a mug with a handle as a mesh, to try commands on: `python examples/make_mug.py mug.glb`.

Centimetres, standing on the origin, y up as glTF has it, the handle towards +x. Needs trimesh: `pip install ".[mesh]"`.
"""

import sys
from pathlib import Path

import numpy as np
import trimesh

BLUE = (64, 110, 160, 255)


def make_mug() -> trimesh.Scene:
    quarter = trimesh.transformations.rotation_matrix(np.pi / 2, (1, 0, 0))
    body = trimesh.creation.annulus(r_min=3.7, r_max=4, height=9)
    floor = trimesh.creation.cylinder(radius=3.7, height=0.5).apply_translation((0, 0, -4.2))
    handle = trimesh.creation.torus(2.4, 0.45, major_sections=48, minor_sections=24)
    handle.apply_transform(quarter).apply_translation((4.4, 0, 0))
    handle.update_faces(handle.triangles_center[:, 0] > 3.85)  # what would stick into the mug goes
    parts = {"body": body, "floor": floor, "handle": handle}
    for part in parts.values():
        part.visual.face_colors = BLUE
        part.apply_translation((0, 0, 4.5)).apply_transform(quarter.T)
    return trimesh.Scene(parts)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(make_mug().export(file_type="glb"))
