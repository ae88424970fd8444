"""Looking through a benchmark before it is run: every row that is not right, by file, number and reason."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guiground.errors import GuigroundError, UsageError
from guiground.evaluation import annotations
from guiground.evaluation.annotations import Sample
from guiground.evaluation.tables import Pictures, rows
from guiground.evaluation.tasks import Found
from guiground.geometry import Size


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out about a benchmark: `wrong` holds one sentence a bad row, in the order of the files."""

    task: str
    expected: int | None
    rows: int
    screenshots: int
    forms: dict[str, int]
    groups: dict[str, int]
    repeated: int
    wrong: tuple[str, ...]


def check(found: Found, bbox_format: str | None = None, tell: Callable[[str], None] = lambda line: None) -> Checked:
    """Reads every row and opens every picture of a task. Raises UsageError only for a file that cannot be read."""
    pictures = found.pictures
    sizes: dict[str, Size | str] = {}
    good: list[Sample] = []
    wrong: list[str] = []
    total = 0
    for path in found.files:
        content = rows(path)
        total += len(content)
        samples, problems = _parse(found, path, content, bbox_format, pictures, tell)
        good += samples
        for sample in samples:
            problem = _against_picture(sample, pictures, sizes)
            if problem:
                problems[sample.row] = problem
        wrong += [problems[number] for number in sorted(problems)]
    said = Counter((sample.image, sample.instruction, sample.numbers) for sample in good)
    return Checked(
        task=found.task.name,
        expected=found.task.samples,
        rows=total,
        screenshots=len({sample.image for sample in good}),
        forms=dict(sorted(Counter(sample.form for sample in good).items())),
        groups=dict(sorted(Counter(name for s in good for name in (s.groups or (s.group,))).items())),
        repeated=sum(count - 1 for count in said.values()),
        wrong=tuple(wrong),
    )


def _parse(
    found: Found,
    path: Path,
    content: list[Any],
    bbox_format: str | None,
    pictures: Pictures,
    tell: Callable[[str], None],
) -> tuple[list[Sample], dict[int, str]]:
    """The samples of the rows that can be read, and what is wrong with the others by their number."""
    samples, problems = [], {}
    for number, row in enumerate(content, 1):
        try:
            samples.append(annotations.parse(found.task, path, number, row))
        except UsageError as error:
            problems[number] = str(error)
    if samples:
        row = content[samples[0].row - 1]
        form = annotations.box_form(path.name, found.task, samples, row, bbox_format, pictures, tell)
        samples = [annotations.in_form(sample, form, bbox_format) for sample in samples]
    return samples, problems


def _against_picture(sample: Sample, pictures: Pictures, sizes: dict[str, Size | str]) -> str | None:
    """What is wrong with the sample and its picture together; sizes: of the pictures, or why there is none."""
    if sample.image not in sizes:
        try:
            sizes[sample.image] = pictures.open(sample.image).size
        except GuigroundError as error:
            sizes[sample.image] = str(error)
    size = sizes[sample.image]
    if isinstance(size, str):
        return f"{sample.place}: {size}"
    if not sample.instruction.strip():
        return f"{sample.place}: the instruction is empty"
    try:
        sample.target(size)
    except UsageError as error:
        return str(error)
    return None
