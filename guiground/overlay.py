"""Drawing an answer on its screenshot: ring and crosshair on the point, the box, and a caption chip.

Every shape is a signed distance, so edges are smooth without drawing anything larger than it is. Lengths scale with the
picture: they are given for a shorter side of 800 pixels.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from guiground.errors import UsageError
from guiground.geometry import Box, Point

if TYPE_CHECKING:
    from numpy import ndarray
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
ACCENT, LIGHT, DARK = (255, 45, 110), (255, 255, 255), (17, 19, 24)
_REFERENCE = 800  # pixels of the shorter side at which a length is drawn as written
_PILLOW_LETTERS = "©«±´·»‘’“”…‹›"
_SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "Arial Unicode.ttf",
    "segoeui.ttf",
)

Distance = Callable[["ndarray", "ndarray"], "ndarray"]  # pixels from the shape's edge, negative inside


def draw(screenshot: "Image", point: Point | None = None, box: Box | None = None, caption: str = "") -> "Image":
    """A copy of the screenshot with the point, the box and the caption drawn on it, all in its own pixels.

    Without point and box the caption stands at the top.
    """
    picture = _Picture(screenshot)
    if box is not None:
        picture.box(box)
    if point is not None:
        picture.crosshair(point)
    if caption:
        picture.chip(caption, point, box)
    return picture.image


def check_path(path: str | Path) -> Path:
    """The path, if an overlay can be written there; otherwise UsageError. Writes nothing."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"cannot write a picture as '{path}': its ending must be one of {', '.join(SUFFIXES)} (rename it)"
        )
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder '{path.parent}' for the overlay '{path.name}' (make it first)")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise UsageError(f"the overlay '{path}' cannot be written there (choose another path)")
    return path


def save(image: "Image", path: str | Path) -> None:
    """Writes the picture whole or not at all: beside its place first, then moved there."""
    path = check_path(path)
    beside = path.with_name(f".{path.stem[:80]}.{os.getpid()}{path.suffix}")
    try:
        image.save(beside, **({"quality": 92} if path.suffix.lower() != ".png" else {}))
        os.replace(beside, path)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"the overlay '{path}' cannot be written: {reason} (choose another path)") from None
    finally:
        beside.unlink(missing_ok=True)


class _Picture:
    """The copy that is drawn on, and how long one reference pixel is on it."""

    def __init__(self, screenshot: "Image") -> None:
        self.image = screenshot.convert("RGB")
        if self.image is screenshot:
            self.image = screenshot.copy()
        self.unit = max(0.7, min(screenshot.size) / _REFERENCE)

    def fill(self, shape: Distance, bounds: Box, colour: tuple[int, int, int], opacity: float = 1.0) -> None:
        """Lays a colour over the shape; bounds hold the shape and 1 pixel around it."""
        import numpy
        from PIL import Image

        width, height = self.image.size
        left, top = max(0, int(bounds.left) - 1), max(0, int(bounds.top) - 1)
        right, bottom = min(width, int(bounds.right) + 2), min(height, int(bounds.bottom) + 2)
        if left >= right or top >= bottom:
            return
        y, x = numpy.mgrid[top:bottom, left:right].astype(numpy.float32) + numpy.float32(0.5)  # pixel centres
        coverage = (0.5 - shape(x, y)).clip(0, 1) * (255 * opacity)
        self.image.paste(colour, (left, top), Image.fromarray(coverage.astype(numpy.uint8)))

    def box(self, box: Box) -> None:
        unit, radius = self.unit, 4 * self.unit
        self.fill(_rounded(box, radius), box, ACCENT, 0.10)
        for width, colour, opacity in ((5.4, DARK, 0.25), (4, LIGHT, 0.95), (2.4, ACCENT, 1.0)):
            half = width * unit / 2
            self.fill(_outline(_rounded(box, radius), half), _grown(box, half), colour, opacity)

    def crosshair(self, point: Point) -> None:
        unit = self.unit
        ring = Box(point.x - 15 * unit, point.y - 15 * unit, point.x + 15 * unit, point.y + 15 * unit)
        around = _grown(ring, 13 * unit)
        for extra, colour, opacity in ((2.6, DARK, 0.35), (1.5, LIGHT, 0.95), (0, ACCENT, 1.0)):
            shapes = [_outline(_rounded(ring, 15 * unit), (1.5 + extra) * unit), _disc(point, (2.6 + extra) * unit)]
            for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                start, end = 9.5 * unit, 22 * unit
                tick = Box(point.x + x * start, point.y + y * start, point.x + x * end, point.y + y * end)
                shapes.append(_rounded(_grown(tick, (1.2 + extra) * unit), (1.2 + extra) * unit))
            self.fill(_union(shapes), around, colour, opacity)

    def chip(self, caption: str, point: Point | None, box: Box | None) -> None:
        from PIL import ImageDraw

        unit, (width, height) = self.unit, self.image.size
        size, pad = 15 * unit, 9 * unit
        if height < 4 * size or width < 8 * size:
            return  # the chip would hide the picture
        font = _font(caption, size)
        caption = _shorten(caption, font, min(width - 4 * pad, 560 * unit))
        text_width = font.getlength(caption)
        chip_width, chip_height = text_width + 2 * pad, size + 1.3 * pad
        left, top = _beside(point, box, chip_width, chip_height, unit, width, height)
        chip = Box(left, top, left + chip_width, top + chip_height)
        self.fill(_rounded(_grown(chip, 1.2 * unit), 8.2 * unit), _grown(chip, 2 * unit), LIGHT, 0.85)
        self.fill(_rounded(chip, 7 * unit), chip, DARK, 0.94)
        middle = (chip.left + pad, (chip.top + chip.bottom) / 2)
        ImageDraw.Draw(self.image).text(middle, caption, fill=LIGHT, font=font, anchor="lm")


def _beside(
    point: Point | None, box: Box | None, chip_width: float, chip_height: float, unit: float, width: int, height: int
) -> tuple[float, float]:
    """The chip's corner: under what is marked, over it at the lower edge, and always within the picture."""
    margin = 6 * unit
    if point is None and box is None:
        left, top = (width - chip_width) / 2, 2 * margin
    else:
        marked = [box] if box is not None else []
        if point is not None:
            marked.append(_grown(Box(*point, *point), 26 * unit))
        middle = point.x if point is not None else box.center.x
        left, top = middle - chip_width / 2, max(area.bottom for area in marked) + margin
        if top + chip_height > height - margin:
            top = min(area.top for area in marked) - margin - chip_height
    left = min(max(left, margin), max(width - chip_width - margin, 0))
    return left, min(max(top, margin), max(height - chip_height - margin, 0))


def _font(text: str, size: float) -> "FreeTypeFont":
    """Pillow's own font, which has hardly more than ASCII; for other letters the first system font that is there."""
    from PIL import ImageFont

    if not all(letter.isascii() or letter in _PILLOW_LETTERS for letter in text):
        for name in _SYSTEM_FONTS:
            try:
                return ImageFont.truetype(name, size)
            except OSError:
                continue
    return ImageFont.load_default(size)


def _shorten(text: str, font: "FreeTypeFont", width: float) -> str:
    text = " ".join(text.split())
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


def _grown(box: Box, by: float) -> Box:
    return Box(box.left - by, box.top - by, box.right + by, box.bottom + by)


def _rounded(box: Box, radius: float) -> Distance:
    """A rectangle with round corners."""
    radius = min(radius, box.width / 2, box.height / 2)
    half_width, half_height, center = box.width / 2 - radius, box.height / 2 - radius, box.center

    def distance(x: "ndarray", y: "ndarray") -> "ndarray":
        import numpy

        across, down = abs(x - center.x) - half_width, abs(y - center.y) - half_height
        outside = numpy.hypot(across.clip(min=0), down.clip(min=0))
        return outside + numpy.maximum(across, down).clip(max=0) - radius

    return distance


def _disc(center: Point, radius: float) -> Distance:
    return _rounded(_grown(Box(*center, *center), radius), radius)


def _outline(shape: Distance, half_width: float) -> Distance:
    return lambda x, y: abs(shape(x, y)) - half_width


def _union(shapes: list[Distance]) -> Distance:
    def distance(x: "ndarray", y: "ndarray") -> "ndarray":
        import numpy

        return numpy.minimum.reduce([shape(x, y) for shape in shapes])

    return distance
