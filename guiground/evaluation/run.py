"""The run: every sample gets one row, whatever happens, and a run that was cut short goes on where it stopped."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from guiground.errors import GuigroundError
from guiground.evaluation import fingerprint
from guiground.evaluation.annotations import Sample
from guiground.evaluation.journal import Journal
from guiground.evaluation.tables import Pictures
from guiground.evaluation.targets import Target, score
from guiground.evaluation.tasks import Task

if TYPE_CHECKING:
    from guiground.locator import Locator
    from guiground.result import Result
    from guiground.screen import Screenshot

_KEPT = (  # of Result.to_json
    *("status", "point", "box", "image_size", "raw", "answer_tokens", "kv", "timing_ms", "memory", "warnings"),
)
_NOT_ANSWERING = ("capture", "load", "total")  # all others are the latency of an answer, reading the screenshot too:
# where another sample had it read, the "shared" stage has that time, so a latency is that of a single question


class Locates(Protocol):
    """What a run needs of a locator."""

    def locate(self, instruction: str, image: "Screenshot") -> "Result": ...

    def locate_batch(self, asked: "Sequence[tuple[str, Screenshot]]") -> "list[Result]": ...


class Here:
    """The run in this process; `cluster.Cluster` has the same face. batch: instructions answered at once."""

    def __init__(self, locator: "Locator", batch: int = 1) -> None:
        self._locator, self._batch = locator, batch

    def __enter__(self) -> "Here":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def settings(self, task: Task) -> dict[str, Any]:
        """What decides a row; loads the model."""
        return fingerprint.settings(self._locator, task, self._batch)

    def run(
        self,
        task: Task,
        samples: Sequence[Sample],
        pictures: Pictures,
        journal: Journal,
        on_row: Callable[[dict[str, Any]], None] = lambda row: None,
    ) -> list[dict[str, Any]]:
        """See `run`."""
        return run(samples, pictures, self._locator, journal, on_row, self._batch)


def run(
    samples: Sequence[Sample],
    pictures: Pictures,
    locator: Locates,
    journal: Journal,
    on_row: Callable[[dict[str, Any]], None] = lambda row: None,
    batch: int = 1,
) -> list[dict[str, Any]]:
    """One row a sample, in the order of the samples; rows that the journal has are not made again.

    pictures: where the screenshots are. Each screenshot is opened once, for all its samples, which follow one another,
    so that a locator that holds recent screenshots reads it once. Anything that goes wrong with one sample becomes its
    row with status "error". on_row: called with each new row when it is safe on the disk. batch: how many samples are
    answered at once, which may be about screenshots of different sizes.
    """
    ready: list[tuple[Sample, Screenshot]] = []

    def flush() -> None:
        for (sample, _), said in zip(ready, answers(ready, locator), strict=True):
            keep(journal, sample, said, on_row)
        ready.clear()

    for name, group in missing(samples, journal):
        screenshot, broken = open_picture(pictures, name)
        for sample in group:
            if screenshot is None:
                keep(journal, sample, {"error": broken}, on_row)
                continue
            ready.append((sample, screenshot))
            if len(ready) >= batch:
                flush()
    flush()
    return [journal.rows[sample.id] for sample in samples]


def missing(samples: Sequence[Sample], journal: Journal) -> list[tuple[str, list[Sample]]]:
    """The samples without a final row by their screenshot, in the order of an undisturbed run."""
    by_screenshot: dict[str, list[Sample]] = {}
    for sample in samples:
        by_screenshot.setdefault(sample.image, []).append(sample)
    unfinished = (
        (name, [sample for sample in group if not journal.finished(sample.id)]) for name, group in by_screenshot.items()
    )
    return [(name, group) for name, group in unfinished if group]


def keep(journal: Journal, sample: Sample, said: dict[str, Any], on_row: Callable[[dict[str, Any]], None]) -> None:
    """Appends the row of a sample; said: what `answer` returned, or the error that kept it from being asked."""
    journal.append({"run": journal.run, **_about(sample), "status": "error", "hit": False, **said})
    on_row(journal.rows[sample.id])


def answer(sample: Sample, screenshot: "Screenshot", locator: Locates) -> dict[str, Any]:
    """What one row says about the answer: the result, the target, and whether it was hit; or the error."""
    try:
        target = sample.target(screenshot.size)
        return row(target, locator.locate(sample.instruction, screenshot))
    except Exception as error:
        return {"error": describe(error)}


def answers(ready: "Sequence[tuple[Sample, Screenshot]]", locator: Locates) -> list[dict[str, Any]]:
    """The same for several samples, answered at once. Where that fails, each is answered alone."""
    if len(ready) < 2:
        return [answer(sample, screenshot, locator) for sample, screenshot in ready]
    try:
        targets = [sample.target(screenshot.size) for sample, screenshot in ready]
        results = locator.locate_batch([(sample.instruction, screenshot) for sample, screenshot in ready])
        return [row(target, result) for target, result in zip(targets, results, strict=True)]
    except Exception:
        return [answer(sample, screenshot, locator) for sample, screenshot in ready]


def row(target: "Target", result: "Result") -> dict[str, Any]:
    """What a row says of a result, and whether it hit the target."""
    said = result.to_json()
    return {
        **{key: said[key] for key in _KEPT},
        **score(target, result.point, result.status),
        "batch": result.batch,
        "kept": result.kept and result.kept.to_json(),
        "point": result.point and result.point.to_json(),
        "latency_ms": round(_latency(result.timing_ms), 1),
        "error": None,
    }


def _latency(timing_ms: Mapping[str, float]) -> float:
    return sum(spent for stage, spent in timing_ms.items() if stage not in _NOT_ANSWERING)


def _about(sample: Sample) -> dict[str, Any]:
    return {
        "id": sample.id,
        "place": sample.place,
        "image": sample.image,
        "instruction": sample.instruction,
        "group": sample.group,
        "kind": sample.kind,
        "source": sample.source,
        **({"groups": list(sample.groups)} if sample.groups else {}),
    }


def open_picture(pictures: Pictures, name: str) -> "tuple[Screenshot, None] | tuple[None, dict[str, str]]":
    """The screenshot, or the error for its rows."""
    try:
        return pictures.open(name), None
    except Exception as error:
        return None, describe(error)


def describe(error: Exception) -> dict[str, str]:
    """The error for a row: in one sentence, and with the way it came if it is none that the user can mend."""
    described = {"type": type(error).__name__, "message": str(error)}
    if not isinstance(error, GuigroundError):
        described["traceback"] = "".join(traceback.format_exception(error)[-8:])
    return described
