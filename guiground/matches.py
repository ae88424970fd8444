"""Every place that fits an instruction: what was found is covered up, and the model is asked again."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from guiground.geometry import Box
from guiground.result import Result
from guiground.screen import Screenshot

if TYPE_CHECKING:
    from PIL.Image import Image

LEAST = 0.2  # confidence of a place that counts
MOST = 20  # looks
_ACROSS, _DOWN, _MARGIN = 0.05, 0.025, 0.005  # around a point, and around a box; shares of the picture's longer side


def every(look: Callable[[Screenshot], Result], screenshot: Screenshot, least: float | None = None) -> list[Result]:
    """One result for each place, in the order in which they were found; if there is none, the one that says why not.

    look: asks the model about a picture of this screenshot's size. What is found with less confidence than `least`
    (LEAST) is no place. The end is reached when the model finds nothing more, or points where it has pointed before; a
    warning of the last result says so where it is not sure that all were found. Each look reads a picture of its own.
    """
    least = LEAST if least is None else least
    picture, found, covered = screenshot.image, [], []
    for _ in range(MOST):
        result = look(replace(screenshot, image=picture)).at_least(least)
        if not result.found:
            return found or [result]
        point = result.on_screenshot()[0]
        if any(area.contains(point) for area in covered):
            return _with_remark(found, "the model pointed at a place again: there may be more")
        found.append(result)
        covered.append(_around(result))
        picture = cover(picture, covered[-1])
    return _with_remark(found, f"no more than {MOST} places are looked for: there may be more")


def _around(result: Result) -> Box:
    """What is covered: a margin around the box, so that its edge is the background's; without a box, more."""
    (point, box), longer = result.on_screenshot(), max(result.image_size.to_json())
    across, down = (_MARGIN * longer, _MARGIN * longer) if box else (_ACROSS * longer, _DOWN * longer)
    box = box or Box(*point, *point)
    return Box(box.left - across, box.top - down, box.right + across, box.bottom + down)


def cover(image: "Image", area: Box) -> "Image":
    """A copy on which the area has the colour that is most frequent along its edge."""
    from PIL import ImageDraw

    image = image.copy()
    left, top = max(0, int(area.left)), max(0, int(area.top))
    right, bottom = min(image.width - 1, int(area.right)), min(image.height - 1, int(area.bottom))
    edge = [(x, y) for x in range(left, right + 1) for y in (top, bottom)]
    edge += [(x, y) for y in range(top, bottom + 1) for x in (left, right)]
    colour = Counter(image.getpixel(place) for place in edge).most_common(1)[0][0]
    ImageDraw.Draw(image).rectangle((left, top, right, bottom), fill=colour)
    return image


def _with_remark(found: list[Result], remark: str) -> list[Result]:
    return [*found[:-1], replace(found[-1], warnings=(*found[-1].warnings, remark))]
