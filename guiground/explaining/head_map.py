"""Numbers of layers and heads as a picture: one cell a head, and the mean of each layer beside them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from guiground.explaining.ink import INK, LINE, PAPER, SOFT, colours, font, shortened

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

_MARGIN, _HEADER, _AXIS, _BAR = 36, 92, 78, 250  # pixels
_WIDEST, _TALLEST = 1040, 1100  # of the cells together
_NUMBERED = 40  # pixels of a cell that has room for its number


def head_map(
    numbers: Sequence[Sequence[float]], title: str, what: str, most: float = 0.0, unit: float = 1, suffix: str = ""
) -> "Image":
    """The picture of numbers [layers][heads]. what: they mean; most: the end of the colour scale, at least theirs.

    unit, suffix: a number is written as number * unit with the suffix after it.
    """
    from PIL import Image, ImageDraw

    layers, heads = len(numbers), len(numbers[0])
    cell_width = max(6, min(96, _WIDEST // heads))
    cell_height = max(5, min(56, _TALLEST // layers))
    most = max(most, max(map(max, numbers)), 1e-9)
    left, top = _MARGIN + _AXIS, _MARGIN + _HEADER
    right, bottom = left + heads * cell_width, top + layers * cell_height
    size = (max(right + 40 + _BAR + _MARGIN, 820), bottom + 64)
    image = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((_MARGIN, _MARGIN - 6), shortened(title, 26, size[0] - 2 * _MARGIN), fill=INK, font=font(26))
    pen.text((_MARGIN, _MARGIN + 32), what, fill=SOFT, font=font(17))

    def written(number: float) -> str:
        places = 0 if unit == 100 and most > 0.2 else 1 if unit == 100 else 2
        return f"{number * unit:.{places}f}{suffix}"

    for layer, row in enumerate(numbers):
        y = top + layer * cell_height
        for head, number in enumerate(row):
            x = left + head * cell_width
            level = max(0.0, number / most)
            pen.rectangle((x, y, x + cell_width - 2, y + cell_height - 2), fill=_colour(level))
            if cell_width >= _NUMBERED and cell_height >= 20:
                middle = (x + cell_width / 2 - 1, y + cell_height / 2 - 1)
                pen.text(middle, written(number), fill=PAPER if level > 0.5 else INK, font=font(14), anchor="mm")
        _mean_bar(pen, sum(row) / heads, most, (right + 40, y, cell_height), written)
    _axes(pen, layers, heads, (left, top, right, bottom), (cell_width, cell_height))
    pen.text((right + 40, top - 10), "mean of the layer", fill=SOFT, font=font(15), anchor="ls")
    return image


def _colour(level: float) -> tuple[int, ...]:
    import numpy

    return tuple(int(channel) for channel in colours(numpy.array(level)))


def _mean_bar(pen: "ImageDraw", mean: float, most: float, place: tuple[int, int, int], written: object) -> None:
    left, top, height = place
    length = max(0.0, mean / most) * (_BAR - 60)
    thick = min(18, height - 3)
    start = top + (height - 2 - thick) / 2
    pen.rectangle((left, start, left + max(1, length), start + thick), fill=_colour(0.55))
    if height >= 14:
        pen.text((left + length + 8, start + thick / 2), written(mean), fill=SOFT, font=font(14), anchor="lm")


def _axes(pen: "ImageDraw", layers: int, heads: int, frame: tuple[int, int, int, int], cell: tuple[int, int]) -> None:
    """Layers down, heads across, as many numbers as there is room for."""
    left, top, _, bottom = frame
    every = max(1, -(-16 // cell[1]))
    for layer in range(0, layers, every):
        pen.text((left - 12, top + (layer + 0.5) * cell[1] - 1), str(layer), fill=SOFT, font=font(15), anchor="rm")
    every = max(1, -(-26 // cell[0]))
    for head in range(0, heads, every):
        pen.text((left + (head + 0.5) * cell[0] - 1, bottom + 6), str(head), fill=SOFT, font=font(15), anchor="mt")
    pen.text((left - 12, top - 10), "layer", fill=SOFT, font=font(15), anchor="rs")
    pen.text((left, bottom + 30), "kv head", fill=SOFT, font=font(15), anchor="lt")
    pen.line((left, bottom, left, bottom + 3), fill=LINE)
