"""Many methods and budgets on one benchmark: each screenshot is read once, and every setting answers from that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from guiground.errors import UsageError
from guiground.evaluation import fingerprint
from guiground.evaluation.annotations import Sample
from guiground.evaluation.journal import Journal
from guiground.evaluation.run import answer, keep, open_picture
from guiground.evaluation.tables import Pictures
from guiground.evaluation.tasks import Task

if TYPE_CHECKING:
    from guiground.locator import Locator
    from mixkv import Method


@dataclass(frozen=True, slots=True)
class Setting:
    """One method with one budget. run: the hash of a plain run with it, whose rows these are. alone: whether it needs a
    screenshot that was read for it, because what it answers from one read for others is something else."""

    method: "Method"
    settings: dict[str, Any]
    run: str
    alone: bool = False

    @property
    def name(self) -> str:
        budget = self.settings["budget"]
        return self.method.name if budget is None else f"{self.method.name} {budget}"


def grid(methods: str, budgets: str) -> list[tuple[str, str | None]]:
    """Every method with every budget, as written with commas; "full" once, without one. Raises UsageError."""
    named = [name.strip() for name in methods.split(",") if name.strip()]
    sizes = [size.strip() for size in budgets.split(",") if size.strip()]
    if not named or (not sizes and set(named) != {"full"}):
        raise UsageError(f"there is nothing to sweep: methods '{methods}', budgets '{budgets}' (give one of each)")
    cells = [(name, size) for name in named if name != "full" for size in sizes]
    return list(dict.fromkeys([("full", None), *cells] if "full" in named else cells))


def prepare(locator: "Locator", methods: Sequence["Method"], task: Task) -> list[Setting]:
    """The settings in the order in which they answer: those first that look at most of a prompt's last queries."""
    found = []
    for method in sorted(methods, key=lambda method: -method.reads):
        locator.eviction = method
        settings = fingerprint.settings(locator, task)
        found.append(Setting(method, settings, fingerprint.run_hash(settings), alone=not method.in_pieces))
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
        _forget(locator)
        shared = {setting.run: _said(locator, setting, sample, screenshot) for setting in settings}
        for setting in settings:
            _forget(locator)
            if _said(locator, setting, sample, screenshot) != shared[setting.run]:
                differing.add(setting.run)
    _forget(locator)
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
        opened = None
        for setting in settings:
            journal.turn_to(setting.run)
            locator.eviction = setting.method
            for sample in [sample for sample in group if not journal.finished(sample.id)]:
                opened = opened or open_picture(pictures, name)
                screenshot, broken = opened
                if setting.alone:
                    _forget(locator)
                said = {"error": broken} if screenshot is None else answer(sample, screenshot, locator)
                keep(journal, sample, said, on_row)
            if setting.alone:
                _forget(locator)
    rows = {}
    for setting in settings:
        journal.turn_to(setting.run)
        rows[setting.run] = [journal.rows[sample.id] for sample in samples]
    return rows


def _said(locator: "Locator", setting: Setting, sample: Sample, screenshot: Any) -> tuple[Any, ...]:
    locator.eviction = setting.method
    row = answer(sample, screenshot, locator)
    return row.get("raw"), row.get("point"), row.get("kv"), (row["error"] or {}).get("message")


def _forget(locator: "Locator") -> None:
    locator._recent.clear()  # so that the screenshot is read anew
