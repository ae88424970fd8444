"""One sheet of panels: the screenshot, what is held of it as a heat map, the answer, and what that costs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from guiground.explaining.held import Held
from guiground.explaining.ink import BAD, GOOD, INK, LINE, PAPER, SOFT, colours, font, shortened
from guiground.geometry import Box
from guiground.overlay import draw

if TYPE_CHECKING:
    from numpy import ndarray
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

_WIDTHS = {1: 1120, 2: 760, 3: 620}  # pixels of a panel, by the number of columns
_MARGIN, _GAP, _HEADER, _LABEL, _FACTS = 36, 28, 104, 34, 32
_FADED = 0.5  # contrast of the screenshot under the heat map
_DARK = 110  # mean grey of a screenshot that is shown inverted, so that its text is ink on paper
_CURVE = 0.5  # the colour scale's exponent: few heads are still seen


def sheet(
    screenshot: "Image", instruction: str, found: Sequence[Held], what: str, target: Box | None = None
) -> "Image":
    """The panels side by side. what: the line under the instruction; target: drawn green where it is known."""
    from PIL import Image, ImageDraw

    columns = _columns(found)
    width = _WIDTHS.get(columns, _WIDTHS[3])
    height = round(width * screenshot.height / screenshot.width)
    step = height + _LABEL + _FACTS + _GAP
    places = _places(found, columns)
    rows = places[-1][0] + 1
    size = (2 * _MARGIN + columns * width + (columns - 1) * _GAP, _MARGIN + _HEADER + rows * step + 10)
    image = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(image)
    most = max((float(one.shares.max()) for one in found if one.result.kv.budget is not None), default=1.0) or 1.0
    _header(pen, size[0], instruction, what)
    _legend(image, pen, size[0], most, target is not None)
    small = screenshot.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    for (row, column), one in zip(places, found, strict=True):
        left, top = _MARGIN + column * (width + _GAP), _MARGIN + _HEADER + row * step
        _label(pen, one, left, top, width, target)
        picture = panel(small, one, most, width / screenshot.width, target)
        image.paste(picture, (left, top + _LABEL))
        pen.rectangle((left - 1, top + _LABEL - 1, left + width, top + _LABEL + height), outline=LINE)
        facts = shortened(_facts(one, target), 15, width)
        pen.text((left, top + _LABEL + height + 9), facts, fill=SOFT, font=font(15))
    return image


def _columns(found: Sequence[Held]) -> int:
    """As many as there are budgets, else three."""
    budgets = {one.result.kv.budget for one in found} - {None}
    return min(len(found), len(budgets) if 1 < len(budgets) <= 3 else 3 if len(found) != 4 else 2)


def _places(found: Sequence[Held], columns: int) -> list[tuple[int, int]]:
    """Row and column of each panel; every method begins a row where it has several budgets."""
    several = len({one.result.kv.budget for one in found} - {None}) > 1
    places, row, column = [], 0, 0
    for number, one in enumerate(found):
        new = several and number > 0 and one.result.kv.method != found[number - 1].result.kv.method
        if column == columns or new:
            row, column = row + 1, 0
        places.append((row, column))
        column += 1
    return places


def _header(pen: "ImageDraw", width: int, instruction: str, what: str) -> None:
    room = width - 2 * _MARGIN
    pen.text((_MARGIN, _MARGIN - 6), shortened(f"“{instruction}”", 30, room), fill=INK, font=font(30))
    pen.text((_MARGIN, _MARGIN + 36), shortened(what, 17, room - 420), fill=SOFT, font=font(17))


def _legend(image: "Image", pen: "ImageDraw", width: int, most: float, has_target: bool) -> None:
    import numpy
    from PIL import Image

    length, height, top = 220, 12, _MARGIN + 34
    left = width - _MARGIN - length
    scale = colours(numpy.linspace(0, 1, length)[None].repeat(height, 0))
    image.paste(Image.fromarray(scale.astype(numpy.uint8)), (left, top))
    pen.text((left - 12, top + height / 2), "heads that hold a token", fill=SOFT, font=font(15), anchor="rm")
    for share in (0, most / 4, most):
        x = left + length * (share / most) ** _CURVE
        anchor = "la" if share == 0 else "ra" if share == most else "ma"
        pen.text((x, top + height + 4), f"{100 * share:.0f} %", fill=SOFT, font=font(13), anchor=anchor)
    if has_target:
        words = "the labelled target"
        edge = left - 22 - font(15).getlength(words)
        pen.rounded_rectangle((edge - 22, top + 24, edge, top + 37), 3, outline=GOOD, width=2)
        pen.text((left - 12, top + 31), words, fill=SOFT, font=font(15), anchor="rm")


def _label(pen: "ImageDraw", one: Held, left: int, top: int, width: int, target: Box | None) -> None:
    kv, (point, _) = one.result.kv, one.result.on_screenshot()
    pen.text((left, top + 12), kv.method, fill=INK, font=font(20), anchor="lm")
    beside = left + font(20).getlength(kv.method) + 10
    budget = "the whole prompt" if kv.budget is None else f"{kv.budget} entries a head"
    budget = budget.replace("% entries", "% of the prompt")
    pen.text((beside, top + 13), budget, fill=SOFT, font=font(16), anchor="lm")
    hit = None if target is None or point is None else target.contains(point)
    said = "{:.0f}, {:.0f}".format(*point) if point else one.result.status
    said += "" if hit is None else "  hit" if hit else "  missed"
    colour = INK if point and hit is None else GOOD if hit else BAD
    pen.text((left + width, top + 13), said, fill=colour, font=font(16), anchor="rm")


def _facts(one: Held, target: Box | None) -> str:
    kv = one.result.kv
    held = f"{_bytes(kv.bytes_held)} of {_bytes(kv.bytes_full)}"
    tokens = f"{float(one.shares.sum()):,.0f} of {one.shares.size:,} image tokens a head"
    return f"{held} · {tokens}" + ("" if target is None else f" · {100 * one.on(target):.0f} % of them on the target")


def _bytes(count: int) -> str:
    return f"{count / 2**20:.2f} MiB" if count < 10 * 2**20 else f"{count / 2**20:,.0f} MiB"


def panel(small: "Image", one: Held, most: float, scale: float, target: Box | None) -> "Image":
    """The faded screenshot under the heat map, with target and answer; scale: panel over screenshot.

    It is left as it is where every head holds all of it.
    """
    import numpy
    from PIL import Image, ImageDraw

    grey = numpy.asarray(small.convert("L"), dtype=numpy.float32)[..., None].repeat(3, -1)
    grey = 255 - grey if grey.mean() < _DARK else grey
    faded = 255 * (1 - _FADED) + grey * _FADED
    levels = _cells(one, (small.height, small.width), scale)[..., None]
    tinted = faded / 255 * colours((levels[..., 0] / most).clip(0, 1) ** _CURVE)
    pixels = numpy.where(levels > 0, tinted, faded)
    picture = small.copy() if one.shares.min() == 1 else Image.fromarray(pixels.astype(numpy.uint8))
    if target is not None:
        edges = [side * scale for side in target.to_json()]
        frame = (edges[0] - 3, edges[1] - 3, edges[2] + 3, edges[3] + 3)
        pen = ImageDraw.Draw(picture)
        pen.rounded_rectangle([frame[0] - 1, frame[1] - 1, frame[2] + 1, frame[3] + 1], 4, outline=PAPER, width=5)
        pen.rounded_rectangle(frame, 4, outline=GOOD, width=3)
    point, _ = one.result.on_screenshot()
    return picture if point is None else draw(picture, type(point)(point.x * scale, point.y * scale))


def _cells(one: Held, shape: tuple[int, int], scale: float) -> "ndarray":
    """The share of each pixel's token, [height, width]; a hair between tokens stays empty where they are large."""
    import numpy

    pixels = numpy.zeros(shape, dtype=numpy.float32)
    for row, column in zip(*one.shares.nonzero(), strict=True):
        edges = [side * scale for side in one.grid.cell(int(column), int(row)).to_json()]
        left, top, right, bottom = (round(edge) for edge in edges)
        hair = 1 if right - left > 8 else 0
        pixels[top : max(bottom - hair, top + 1), left : max(right - hair, left + 1)] = one.shares[row, column]
    return pixels
