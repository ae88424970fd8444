"""Annotation files -> samples. The files are not trusted: every field is checked and named where it is wrong."""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from guiground.errors import UsageError
from guiground.evaluation import forms
from guiground.evaluation.tables import NAMES, Pictures, kind, rows
from guiground.evaluation.targets import Polygon, Target
from guiground.evaluation.tasks import Found, Group, Task
from guiground.geometry import Box, Point, Size

_WORDS = ("instruction", "prompt_to_evaluate")  # fields with the instruction; the first that is there counts
_SIZES = ("img_size", "image_size")
_BOXES = ("bbox", "box_coordinates")
_KINDS = ("data_type", "ui_type", "element_type")
_SOURCES = ("application", "app_name", "data_source", "platform")


@dataclass(frozen=True, slots=True)
class Sample:
    """One instruction with its target.

    id: from what the row says (picture, instruction, box), not from where it stands, so that rows may move between
    files. file, row: where it was read, rows counted from 1. image: the picture's name in its folder or table. numbers:
    the target as written; form: how that is to be read, one of forms.FORMS, "polygon" (x and y in turn) or "refusal".
    group: what it is counted under and drawn by; groups: the several groups of a sample that counts in more than one.
    size: the picture's size as far as the annotation states it. kind, source: text or icon, and the program or the kind
    of system, as far as the row says so.
    """

    id: str
    file: str
    row: int
    image: str
    instruction: str
    numbers: tuple[float, ...]
    form: str
    group: str
    size: Size | None = None
    groups: tuple[str, ...] = ()
    kind: str = ""
    source: str = ""

    @property
    def place(self) -> str:
        return f"{self.file}, row {self.row}"

    def target(self, size: Size | None = None) -> Target:
        """The target in pixels of the picture; None where the right answer is that it is not there.

        size: the picture's real size; needed for normalised boxes and to check that the target lies in the picture.
        Raises UsageError for a target without area or outside the picture, and for a picture of another size than the
        label was drawn on.
        """
        if size and self.size and size != self.size:
            raise UsageError(
                f"{self.place}: img_size says {_by(self.size)} but '{self.image}' has {_by(size)} pixels "
                "(use the benchmark's own pictures, unscaled)"
            )
        size = size or self.size
        if self.form == "refusal":
            return None
        if self.form == "normalised" and size is None:
            raise self._wrong("is normalised, which needs the picture's size")
        outline = None
        if self.form == "polygon":
            outline = Polygon(tuple(map(Point, self.numbers[::2], self.numbers[1::2])))
        left, top, right, bottom = outline.bounds.to_json() if outline else forms.edges(self.form, self.numbers, size)
        if right <= left or bottom <= top:
            raise self._wrong("has no area (width and height must be above 0)")
        if size is not None:
            over = max(-left, -top, right - size.width, bottom - size.height)
            if over > forms.TOLERANCE:
                raise self._wrong(f"sticks out of its picture of {_by(size)} pixels by {over:g}")
        return outline or Box(left, top, right, bottom)

    def _wrong(self, what: str) -> UsageError:
        return UsageError(f"{self.place}: bbox {_short(list(self.numbers))}, read as {self.form}, {what}")


def load(found: Found, bbox_format: str | None = None, tell: Callable[[str], None] = lambda line: None) -> list[Sample]:
    """All samples of a task, in the order of its files.

    bbox_format: one of forms.FORMS, where the files are not to be trusted with it. tell: is told what was found out
    about the files. Raises UsageError naming file, row, field and value for anything malformed.
    """
    pictures = found.pictures
    samples = [
        sample for path in found.files for sample in _read(path, found.task, rows(path), bbox_format, pictures, tell)
    ]
    if not any(pictures.has(sample.image) for sample in samples):
        raise UsageError(
            f"none of the {len({sample.image for sample in samples})} pictures named in {found.files[0].name} is in "
            f"'{pictures}', for example '{samples[0].image}' (name their folder with --images)"
        )
    return with_ids(samples)


def read(path: Path, task: Task, bbox_format: str | None = None) -> list[Sample]:
    """The samples of one annotation file, whether its pictures are there or not."""
    return with_ids(_read(path, task, rows(path), bbox_format, None, lambda line: None))


def _read(
    path: Path,
    task: Task,
    found: Sequence[Any],
    bbox_format: str | None,
    pictures: Pictures | None,
    tell: Callable[[str], None],
) -> list[Sample]:
    samples = [parse(task, path, number, row) for number, row in enumerate(found, 1)]
    form = box_form(path.name, task, samples, found[0], bbox_format, pictures, tell)
    return [in_form(sample, form, bbox_format) for sample in samples]


def box_form(
    file: str,
    task: Task,
    samples: Sequence[Sample],
    row: Any,
    bbox_format: str | None,
    pictures: Pictures | None,
    tell: Callable[[str], None],
) -> str:
    """How the boxes of a file are written; row: one of its rows, whose fields may tell."""
    if bbox_format:
        return bbox_format
    plain = [sample for sample in samples if not sample.form]
    seen: dict[str, Size | None] = {}
    for sample in plain:
        if sample.image not in seen:
            seen[sample.image] = sample.size or (pictures.size(sample.image) if pictures else None)
    boxes, sizes = [sample.numbers for sample in plain], [seen[sample.image] for sample in plain]
    form, remark = forms.recognise(file, boxes, sizes, task.layout.box or forms.by_fields(row))
    if remark:
        tell(remark)
    return form


def in_form(sample: Sample, form: str, bbox_format: str | None = None) -> Sample:
    """The sample with its box read as the file's form; single normalised boxes among pixels are taken as such."""
    if sample.form:
        return sample
    return replace(sample, form="normalised" if not bbox_format and forms.is_normalised(sample.numbers) else form)


def parse(task: Task, path: Path, number: int, row: Any) -> Sample:
    """One row, checked; `form` is still empty for a plain box."""
    place = f"{path.name}, row {number}"
    if not isinstance(row, dict):
        raise UsageError(f"{place}: is {kind(row)}, not an object with img_filename, bbox and instruction")
    image = _image_name(_text(place, row, NAMES), place)
    words = (task.layout.instruction,) if task.layout.instruction else _WORDS
    instruction = _text(place, row, words, may_be_empty=task.samples is not None)
    numbers, form = _written(place, row, task)
    size = None
    field = next((name for name in _SIZES if row.get(name) is not None), None)
    if field:
        width, height = _numbers(place, row, (field,), 2)
        if width < 1 or height < 1 or width % 1 or height % 1:
            raise UsageError(f"{place}: {field} is {_short(row[field])}, not width and height in pixels")
        size = Size(int(width), int(height))
    parts = (_group(place, row, part, path.stem, image) for part in task.groups)
    group = "/".join(part for part in parts if part) or "all"
    classes = task.classes.get(str(row.get("id")), ())
    if classes:
        group = " + ".join(classes)
    about = (_said(row, _KINDS), _said(row, _SOURCES))
    return Sample(
        "", path.name, number, image, instruction, numbers, form, group, size, classes[1:] and classes, *about
    )


def _written(place: str, row: dict, task: Task) -> tuple[tuple[float, ...], str]:
    """The target as the row writes it, and its form as far as the row itself says it."""
    if row.get("box_type") == "refusal" or task.layout.instruction.startswith("negative_"):
        return (), "refusal"
    if row.get("box_type") != "polygon":
        return tuple(_numbers(place, row, _BOXES, 4)), ""
    field = "polygon" if "polygon" in row else next((name for name in _BOXES if name in row), _BOXES[0])
    value = row.get(field)
    if isinstance(value, list) and value and all(isinstance(corner, list) for corner in value):
        row = row | {field: [number for corner in value for number in corner]}
    numbers = _numbers(place, row, (field,), None)
    if len(numbers) == 4:
        return tuple(numbers), "xyxy"  # some published outlines are two opposite corners
    if len(numbers) < 6 or len(numbers) % 2:
        raise UsageError(f"{place}: {field} is {_short(value)}, not x and y of at least three corners")
    return tuple(numbers), "polygon"


def with_ids(samples: Iterable[Sample]) -> list[Sample]:
    """Ids by content; of rows that say the same, the second gets another id than the first, and so on."""
    seen: Counter[str] = Counter()
    named = []
    for sample in samples:
        said = json.dumps([sample.image, sample.instruction, sample.numbers, sample.form])
        seen[said] += 1
        text = said if seen[said] == 1 else f"{said}{seen[said]}"
        named.append(replace(sample, id=hashlib.sha256(text.encode()).hexdigest()[:16]))
    return named


def _text(place: str, row: dict, fields: Sequence[str], may_be_empty: bool = False) -> str:
    """A field's text. may_be_empty: one published label is, and stays in its benchmark as a row that fails."""
    field, value = _field(place, row, fields)
    if not isinstance(value, str) or not (value.strip() or may_be_empty):
        raise UsageError(f"{place}: {field} is {_short(value)}, not a text with something in it")
    return value


def _numbers(place: str, row: dict, fields: Sequence[str], count: int | None) -> list[float]:
    """The numbers of a field; count: how many there must be, or None."""
    field, value = _field(place, row, fields)
    fitting = isinstance(value, list) and (count is None or len(value) == count)
    if fitting and all(type(number) in (int, float) for number in value):
        try:
            numbers = [float(number) for number in value]
        except OverflowError:
            numbers = [math.inf]
        if all(math.isfinite(number) for number in numbers):
            return numbers
    wanted = "finite numbers" if count is None else f"{count} finite numbers"
    raise UsageError(f"{place}: {field} is {_short(value)}, not a list of {wanted}")


def _field(place: str, row: dict, fields: Sequence[str]) -> tuple[str, Any]:
    """The first of the fields that the row has, and its value."""
    for field in fields:
        if field in row:
            return field, row[field]
    raise UsageError(f"{place}: {fields[0]} is missing (the row has: {_short(', '.join(row)) if row else 'nothing'})")


def _image_name(name: str, place: str) -> str:
    """The name, if it stays inside the picture folder. Links in that folder are the user's own and followed."""
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    outside = posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts
    if outside or "://" in name or name.startswith("data:") or any(ord(letter) < 32 for letter in name):
        raise UsageError(
            f"{place}: img_filename is {_short(name)}, which does not stay inside the picture folder "
            "(give a relative path without '..')"
        )
    return name


def _group(place: str, row: dict, part: Group, stem: str, image: str) -> str:
    texts = [stem, PurePosixPath(image).name]
    if part.fields:
        value = next((row[field] for field in part.fields if row.get(field) is not None), None)
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{place}: {part.fields[0]} is {_short(value)}, not a text")
        texts = [" ".join((value or "").split())]
    if not part.words:
        return texts[0]
    words = (word for text in texts for word in re.split(r"[^a-z0-9]+", text.lower()))
    return next((part.words[word] for word in words if word in part.words), part.otherwise)


def _said(row: dict, fields: Sequence[str]) -> str:
    """What the row says in the first of the fields that it has a text in."""
    return next((" ".join(row[field].split()) for field in fields if isinstance(row.get(field), str)), "")


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _by(size: Size) -> str:
    return f"{size.width}x{size.height}"
