"""The sheet round the views: where each stands, the caption, and the badges of the clicks."""

from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from point_sam.picture.colors import INK_COLOR, NEGATIVE_COLOR, POSITIVE_COLOR


def place_views(width: int, height: int, top: int, count: int) -> list[tuple[int, int, int, int]]:
    """Boxes (left, top, right, bottom): the first view, then the others in a column on its right."""
    if count == 1:
        return [(0, top, width, height)]
    split = width - min(width // 3, round((height - top) / max(2, count - 1) * 1.25))
    edges = np.linspace(top, height, count).astype(int)
    column = [(split, int(a), width, int(b)) for a, b in pairwise(edges)]
    return [(0, top, split, height), *column]


def draw_caption(canvas: Image.Image, title: str, height: int) -> None:
    """Write the title at the top, in letters of this height in pixels, cut short where it is too long."""
    font = ImageFont.load_default(size=height)
    draw = ImageDraw.Draw(canvas)
    text = " ".join(title.split())
    left, room = height, canvas.width - 2 * height
    if draw.textlength(text, font=font) > room:
        while text and draw.textlength(text + "...", font=font) > room:
            text = text[:-1]
        text += "..."
    draw.text((left, round(height * 0.6)), text, fill=INK_COLOR, font=font)


def make_marker(positive: bool, diameter: int, hidden: bool) -> Image.Image:
    """A round badge with a plus or a minus, white-rimmed, drawn large and scaled down for smooth edges."""
    zoom = 8
    side = diameter * zoom
    color = POSITIVE_COLOR if positive else NEGATIVE_COLOR
    badge = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    draw = ImageDraw.Draw(badge)
    rim = side * 0.11
    draw.ellipse((0, 0, side - 1, side - 1), fill=(*INK_COLOR, 255))
    draw.ellipse((rim * 0.3, rim * 0.3, side - 1 - rim * 0.3, side - 1 - rim * 0.3), fill=(255, 255, 255, 255))
    draw.ellipse((rim, rim, side - 1 - rim, side - 1 - rim), fill=(*color, 255))
    arm, half = side * 0.22, side * 0.055
    middle = side / 2
    draw.rectangle((middle - arm, middle - half, middle + arm, middle + half), fill=(255, 255, 255, 255))
    if positive:
        draw.rectangle((middle - half, middle - arm, middle + half, middle + arm), fill=(255, 255, 255, 255))
    badge = badge.resize((diameter, diameter), Image.Resampling.BOX)
    if hidden:
        badge.putalpha(badge.getchannel("A").point([i * 2 // 5 for i in range(256)]))
    return badge
