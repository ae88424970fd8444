"""Paper, ink and colour scales of the pictures that explain."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import ndarray
    from PIL.ImageFont import FreeTypeFont

PAPER, INK, SOFT, LINE = (255, 255, 255), (24, 27, 38), (104, 110, 128), (224, 227, 234)
GOOD, BAD = (5, 150, 105), (190, 60, 40)
_SCALE = ((235, 244, 252), (158, 211, 245), (58, 146, 224), (38, 70, 168), (27, 20, 92))  # from nothing to the most


def colours(levels: "ndarray") -> "ndarray":
    """The colour of each level from 0 to 1, [..., 3] in 0 to 255: pale blue to deep indigo, ever darker."""
    import numpy

    places = numpy.linspace(0, 1, len(_SCALE))
    return numpy.stack([numpy.interp(levels, places, channel) for channel in zip(*_SCALE, strict=True)], -1)


def font(size: float) -> "FreeTypeFont":
    """Pillow's own font."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def shortened(text: str, size: float, width: float) -> str:
    """The text, cut with an ellipsis where it is wider than so many pixels."""
    drawn = font(size)
    if drawn.getlength(text) <= width:
        return text
    while text and drawn.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"
