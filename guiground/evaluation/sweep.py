"""Many settings on one benchmark: each screenshot is read once, and all methods and protocols answer from that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from guiground.evaluation import fingerprint
from guiground.evaluation.annotations import Sample
from guiground.evaluation.journal import Journal
from guiground.evaluation.run import answer, keep, open_picture, row
from guiground.evaluation.tables import Pictures
from guiground.evaluation.tasks import Task
from guiground.eviction import AFTER_PREFILL

if TYPE_CHECKING:
    from guiground.locator import Locator
    from guiground.screen import Screenshot
    from mixkv import Method


@dataclass(frozen=True, slots=True)
class Setting:
    """One method with one budget by one protocol. run: the hash of a plain run with it, whose rows these are. alone:
    whether it needs a screenshot that was read for it, because what it answers from one read for others is something
    else."""

    method: "Method"
    settings: dict[str, Any]
    run: str
    alone: bool = False

    @property
    def name(self) -> str:
        budget, protocol = self.settings["budget"], self.protocol
        with_budget = self.method.title if budget is None else f"{self.method.title} {budget}"
        return with_budget if protocol == AFTER_PREFILL else f"{with_budget} ({protocol})"

    @property
    def protocol(self) -> str:
        return self.settings["protocol"]

    def turn(self, locator: "Locator") -> None:
        """Has the locator answer by this setting."""
        locator.eviction, locator.protocol = self.method, self.protocol


def prepare(locator: "Locator", ways: Sequence[tuple["Method", str]], task: Task, batch: int = 1) -> list[Setting]:
    """The settings in the order in which they answer: those first that look at most of a prompt's last queries.

    ways: the methods, each with its protocol.
    batch: how many instructions about one screenshot are answered at once; 1 answers every setting by itself. What
    works inside the prefill runs alone.
    """
    found = []
    for method, protocol in sorted(ways, key=lambda way: -way[0].reads):
        locator.eviction, locator.protocol = method, protocol
        alone = not method.in_pieces
        settings = fingerprint.settings(locator, task, 1 if alone else batch)
        found.append(Setting(method, settings, fingerprint.run_hash(settings), alone))
    return found


def check(
    settings: Sequence[Setting], samples: Sequence[Sample], pictures: Pictures, locator: "Locator"
) -> list[Setting]:
    """The settings, those marked as alone that answer any of these samples otherwise than in a run of their own."""
    differing: set[str] = set()
    for sample in samples:
        screenshot, _ = open_picture(pictures, sample.image)
        if screenshot is None:
            continue
        locator.forget()
        shared = _together([setting for setting in settings if not setting.alone], [sample], screenshot, locator)
        for setting in settings:
            locator.forget()
            setting.turn(locator)
            if setting.run in shared and _said(answer(sample, screenshot, locator)) != _said(shared[setting.run][0]):
                differing.add(setting.run)
    locator.forget()
    return [replace(setting, alone=setting.alone or setting.run in differing) for setting in settings]


def sweep(
    settings: Sequence[Setting],
    samples: Sequence[Sample],
    pictures: Pictures,
    locator: "Locator",
    journal: Journal,
    on_row: Callable[[dict[str, Any]], None] = lambda row: None,
) -> dict[str, list[dict[str, Any]]]:
    """The rows of every setting by its run, each as `run.run` would make them; what the journal has is not made again.

    The runs must have been begun in the journal.
    """
    by_screenshot: dict[str, list[Sample]] = {}
    for sample in samples:
        by_screenshot.setdefault(sample.image, []).append(sample)
    for name, group in by_screenshot.items():
        todo = {}
        for setting in settings:
            journal.turn_to(setting.run)
            todo[setting.run] = [sample for sample in group if not journal.finished(sample.id)]
        if not any(todo.values()):
            continue
        screenshot, broken = open_picture(pictures, name)
        for part in _parts(settings, todo):
            wanted = todo[part[0].run]
            if screenshot is None:
                said = {setting.run: [{"error": broken} for _ in wanted] for setting in part}
            else:
                said = _together(part, wanted, screenshot, locator)
            for setting in part:
                journal.turn_to(setting.run)
                for sample, of_sample in zip(wanted, said[setting.run], strict=True):
                    keep(journal, sample, of_sample, on_row)
    rows = {}
    for setting in settings:
        journal.turn_to(setting.run)
        rows[setting.run] = [journal.rows[sample.id] for sample in samples]
    return rows


def _parts(settings: Sequence[Setting], todo: dict[str, list[Sample]]) -> list[list[Setting]]:
    """The settings that answer at once: those that have the same samples to do; by itself, what runs alone."""
    parts: dict[Any, list[Setting]] = {}
    for setting in settings:
        same = setting.run if setting.alone else tuple(sample.id for sample in todo[setting.run])
        parts.setdefault(same, []).append(setting)
    return [part for part in parts.values() if todo[part[0].run]]


def _together(
    settings: Sequence[Setting], samples: Sequence[Sample], screenshot: "Screenshot", locator: "Locator"
) -> dict[str, list[dict[str, Any]]]:
    """What every setting says of the samples; one by one where a setting runs alone or a batch is one answer."""
    batch = min((setting.settings["batch"] for setting in settings), default=1)
    if batch > 1 and not settings[0].alone:
        said: dict[str, list[dict[str, Any]]] = {setting.run: [] for setting in settings}
        for start in range(0, len(samples), batch):
            part = samples[start : start + batch]
            of_part = replayed(settings, part, screenshot, locator)
            if of_part is None:
                break
            for setting, rows in zip(settings, of_part, strict=True):
                said[setting.run] += rows
        else:
            return said
    said = {}
    for setting in settings:
        said[setting.run] = []
        for sample in samples:
            if setting.alone:
                locator.forget()
            setting.turn(locator)
            said[setting.run].append(answer(sample, screenshot, locator))
        if setting.alone:
            locator.forget()
    return said


def replayed(
    settings: Sequence[Setting], samples: Sequence[Sample], screenshot: "Screenshot", locator: "Locator"
) -> list[list[dict[str, Any]]] | None:
    """For each setting what `answer` says of the samples, from one reading of each prompt; None where that fails."""
    try:
        targets = [sample.target(screenshot.size) for sample in samples]
        ways = [(setting.method, setting.protocol) for setting in settings]
        results = locator.replay([(sample.instruction, screenshot) for sample in samples], ways)
        untimed = {"latency_ms": None}  # how long one answer takes by itself was not seen
        return [[row(*pair) | untimed for pair in zip(targets, of, strict=True)] for of in results]
    except Exception:
        return None  # what goes wrong is told where each is answered alone


def _said(row: dict[str, Any]) -> tuple[Any, ...]:
    kv = {name: value for name, value in (row.get("kv") or {}).items() if name != "bytes_held"}  # with or without room
    return row.get("raw"), row.get("point"), kv, (row["error"] or {}).get("message")
