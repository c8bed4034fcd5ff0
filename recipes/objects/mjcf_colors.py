"""Colours of MuJoCo's geoms: their own, their material's, or its texture's."""

from typing import Any

import numpy as np
from jaxtyping import Float

from point_sam.mesh.colors import UNKNOWN, Coloring, Textured, uniform

_UNSET = (0.5, 0.5, 0.5, 1.0)  # what MuJoCo gives a geom that states no colour; its material's then counts


def geom_opacity(model: Any, geom: int) -> float:
    """0..1."""
    material = model.geom_matid[geom]
    if material >= 0 and np.allclose(model.geom_rgba[geom], _UNSET):
        return float(model.mat_rgba[material, 3])
    return float(model.geom_rgba[geom, 3])


def geom_color(mujoco: Any, model: Any, geom: int, corners: Float[np.ndarray, "F 3 2"] | None) -> Coloring:
    """The colouring of a geom.

    A texture without coordinates to lay it by, or one wrapped as a cube, counts by its mean colour.

    Args:
        mujoco: the module.
        model: the compiled model.
        geom: its number.
        corners: texture coordinates of the faces' corners, v = 0 at the image's top row; None without any.
    """
    rgba = model.geom_rgba[geom]
    unset = np.allclose(rgba, _UNSET)
    material = int(model.geom_matid[geom])
    if material < 0:
        return UNKNOWN if unset else uniform(rgba[:3] * 255)
    base = np.asarray(model.mat_rgba[material] if unset else rgba, float)[:3]
    texture = int(model.mat_texid[material][int(mujoco.mjtTextureRole.mjTEXROLE_RGB)])
    if texture < 0:
        return uniform(base * 255)
    image = _image(model, texture)
    flat = model.tex_type[texture] == int(mujoco.mjtTexture.mjTEXTURE_2D)
    if flat and corners is not None:
        red, green, blue = (float(value) for value in base)
        return Textured(corners * model.mat_texrepeat[material], image, (red, green, blue))
    return uniform(image.reshape(-1, 3).mean(axis=0) * base)


def _image(model: Any, texture: int) -> np.ndarray:
    height, width, channels = (int(a[texture]) for a in (model.tex_height, model.tex_width, model.tex_nchannel))
    start = int(model.tex_adr[texture])
    pixels = model.tex_data[start : start + height * width * channels].reshape(height, width, channels)
    return np.repeat(pixels, 3, axis=2) if channels == 1 else pixels[:, :, :3].copy()
