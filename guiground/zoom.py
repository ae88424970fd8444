"""Closer looks: the part of a screenshot around an answer, seen larger where the model had to shrink the whole."""

from collections.abc import Callable
from dataclasses import replace

from guiground.geometry import Box, Chain, Hop, Point, Size
from guiground.result import Result
from guiground.screen import Screenshot

MOST = 2  # closer looks
SHARE = 0.5  # of each side that a closer look keeps


def zoomed(result: Result, screenshot: Screenshot, times: int, look: Callable[[Screenshot], Result]) -> Result:
    """The answer of up to `times` closer looks, each at half the sides of the one before, around its answer.

    look: asks the model about a part of the screenshot. A closer look that finds nothing leaves the answer as it was,
    with a warning. The times of all looks are added up; memory and cache are those of the last.
    """
    size = screenshot.size
    for _ in range(times):
        if not result.found:
            break
        size = Size(max(1, round(size.width * SHARE)), max(1, round(size.height * SHARE)))
        area = around(result.on_screenshot()[0], size, screenshot.size)
        closer = look(screenshot.cut(area))
        spent = {stage: ms + closer.timing_ms.get(stage, 0.0) for stage, ms in result.timing_ms.items()}
        if not closer.found:
            remark = f"a closer look did not find it ({closer.status}): the answer is that of the look before"
            return replace(result, timing_ms=spent, warnings=(*result.warnings, remark))
        warnings = tuple(dict.fromkeys((*result.warnings, *closer.warnings)))
        result = replace(_in_whole(closer, area, screenshot), timing_ms=spent, warnings=warnings)
    return result


def around(point: Point, size: Size, whole: Size) -> Box:
    """The box of this size with the point in its middle, or as near as the edges of the whole allow; whole pixels."""
    left = min(max(0, round(point.x - size.width / 2)), whole.width - size.width)
    top = min(max(0, round(point.y - size.height / 2)), whole.height - size.height)
    return Box.from_xywh(left, top, size.width, size.height)


def _in_whole(closer: Result, area: Box, screenshot: Screenshot) -> Result:
    """The result of a part of the screenshot, told as of the whole: point and box stay where they are."""
    hops = [hop.name for hop in closer.transform.hops].index("resized -> screenshot") + 1
    to_part = Chain(
        (*closer.transform.hops[: hops - 1], replace(closer.transform.hops[hops - 1], name="resized -> part"))
    )
    onward = Chain((Hop("part -> screenshot", 1.0, 1.0, area.left, area.top),)).then(screenshot.to_desktop)
    return replace(closer, image_size=screenshot.size, transform=to_part.then(onward))
