"""The run: every sample gets one row, whatever happens, and a run that was cut short goes on where it stopped."""

import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from guiground.errors import GuigroundError
from guiground.evaluation.annotations import Sample
from guiground.evaluation.journal import Journal
from guiground.geometry import Box, Point
from guiground.screen import open_image

if TYPE_CHECKING:
    from guiground.result import Result
    from guiground.screen import Screenshot

_KEPT = ("status", "point", "box", "image_size", "raw", "kv", "timing_ms", "memory", "warnings")  # of Result.to_json
_NOT_ANSWERING = ("capture", "load", "total")  # stages that do not count as the latency of an answer


class Locates(Protocol):
    """What a run needs of a locator."""

    def locate(self, instruction: str, image: "Screenshot") -> "Result": ...


def run(
    samples: Sequence[Sample],
    images: Path,
    locator: Locates,
    journal: Journal,
    on_row: Callable[[dict[str, Any]], None] = lambda row: None,
) -> list[dict[str, Any]]:
    """One row a sample, in the order of the samples; rows that the journal has are not made again.

    images: the folder of the screenshots. Each screenshot is opened once, for all its samples. Anything that goes wrong
    with one sample becomes its row with status "error". on_row: called with each new row when it is safe on the disk.
    """
    by_screenshot: dict[str, list[Sample]] = {}
    for sample in samples:
        by_screenshot.setdefault(sample.image, []).append(sample)
    for name, group in by_screenshot.items():
        missing = [sample for sample in group if not journal.finished(sample.id)]
        screenshot, broken = _open(images / name) if missing else (None, None)
        for sample in missing:
            row = {"error": broken} if screenshot is None else answer(sample, screenshot, locator)
            journal.append({"run": journal.run, **_about(sample), "status": "error", "hit": False, **row})
            on_row(journal.rows[sample.id])
    return [journal.rows[sample.id] for sample in samples]


def answer(sample: Sample, screenshot: "Screenshot", locator: Locates) -> dict[str, Any]:
    """What one row says about the answer: the result, the target, and whether it was hit; or the error."""
    try:
        target = sample.target(screenshot.size)
        result = locator.locate(sample.instruction, screenshot)
    except Exception as error:
        return {"error": _describe(error)}
    said = result.to_json()
    return {
        **{key: said[key] for key in _KEPT},
        **score(target, result.point),
        "point": result.point and result.point.to_json(),
        "latency_ms": round(_latency(result.timing_ms), 1),
        "error": None,
    }


def _latency(timing_ms: Mapping[str, float]) -> float:
    return sum(spent for stage, spent in timing_ms.items() if stage not in _NOT_ANSWERING)


def score(target: Box, point: Point | None) -> dict[str, Any]:
    """The target, whether the point hits it, and how far off it is in pixels (0 inside, None without a point).

    A hit lies in the closed box: on its edge counts. No point is no hit.
    """
    distance = None
    if point is not None:
        beside = max(target.left - point.x, 0.0, point.x - target.right)
        above = max(target.top - point.y, 0.0, point.y - target.bottom)
        distance = math.hypot(beside, above)
    hit = point is not None and target.contains(point)
    return {"target": target.to_json(), "hit": hit, "distance_px": distance}


def _about(sample: Sample) -> dict[str, Any]:
    return {
        "id": sample.id,
        "place": sample.place,
        "image": sample.image,
        "instruction": sample.instruction,
        "group": sample.group,
    }


def _open(path: Path) -> "tuple[Screenshot, None] | tuple[None, dict[str, str]]":
    try:
        return open_image(path), None
    except Exception as error:
        return None, _describe(error)


def _describe(error: Exception) -> dict[str, str]:
    """The error for a row: in one sentence, and with the way it came if it is none that the user can mend."""
    described = {"type": type(error).__name__, "message": str(error)}
    if not isinstance(error, GuigroundError):
        described["traceback"] = "".join(traceback.format_exception(error)[-8:])
    return described
