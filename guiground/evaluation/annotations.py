"""Annotation files -> samples. The files are not trusted: every field is checked and named where it is wrong."""

import hashlib
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from guiground.errors import UsageError
from guiground.evaluation.tasks import Found, Group, Task
from guiground.geometry import Box, Size

TOLERANCE = 1.0  # pixels by which a label may stick out of its picture: published labels do, by exactly one


@dataclass(frozen=True, slots=True)
class Sample:
    """One instruction with its target.

    id: from what the row says (picture, instruction, box), not from where it stands, so that rows may move between
    files. file, row: where it was read, rows counted from 1. image: relative to the picture folder. numbers: the box as
    written, `form` says how. size: the picture's size as far as the annotation states it.
    """

    id: str
    file: str
    row: int
    image: str
    instruction: str
    numbers: tuple[float, float, float, float]
    form: str
    group: str
    size: Size | None = None

    @property
    def place(self) -> str:
        return f"{self.file}, row {self.row}"

    def target(self, size: Size | None = None) -> Box:
        """The box in pixels of the picture.

        size: the picture's real size; needed for normalised boxes and to check that the box lies in the picture.
        Raises UsageError for a box without area or outside the picture, and for a picture of another size than the
        label was drawn on.
        """
        if size and self.size and size != self.size:
            raise UsageError(
                f"{self.place}: img_size says {_by(self.size)} but '{self.image}' has {_by(size)} pixels "
                "(use the benchmark's own pictures, unscaled)"
            )
        size = size or self.size
        left, top, right, bottom = self._edges(size)
        if right <= left or bottom <= top:
            raise self._wrong("has no area (width and height must be above 0)")
        if size is not None:
            over = max(-left, -top, right - size.width, bottom - size.height)
            if over > TOLERANCE:
                raise self._wrong(f"sticks out of its picture of {_by(size)} pixels by {over:g}")
        return Box(left, top, right, bottom)

    def _edges(self, size: Size | None) -> tuple[float, float, float, float]:
        a, b, c, d = self.numbers
        if self.form == "xywh":
            return a, b, a + c, b + d
        if self.form == "xyxy":
            return a, b, c, d
        if size is None:
            raise self._wrong("is normalised, which needs the picture's size")
        return a * size.width, b * size.height, c * size.width, d * size.height

    def _wrong(self, what: str) -> UsageError:
        return UsageError(f"{self.place}: bbox {_short(list(self.numbers))}, read as {self.form}, {what}")


def load(found: Found) -> list[Sample]:
    """All samples of a task, in the order of its files.

    Raises UsageError naming file, row, field and value for anything malformed.
    """
    rows = [(path, number, row) for path in found.files for number, row in enumerate(_rows(path), 1)]
    samples = [_sample(found.task, path, number, row) for path, number, row in rows]
    if not any(os.path.isfile(found.images / sample.image) for sample in samples):
        raise UsageError(
            f"none of the {len({sample.image for sample in samples})} pictures named in {found.files[0].name} is in "
            f"'{found.images}', for example '{samples[0].image}' (name their folder with --images)"
        )
    return _with_ids(samples)


def read(path: Path, task: Task) -> list[Sample]:
    """The samples of one annotation file, whether its pictures are there or not."""
    return _with_ids([_sample(task, path, number, row) for number, row in enumerate(_rows(path), 1)])


def _rows(path: Path) -> list[Any]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise UsageError(
            f"'{path}' is no JSON: {error.msg} in line {error.lineno}, column {error.colno} (export it again)"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"'{path}' is no JSON: {type(error).__name__} (it must be a list of rows in UTF-8)") from None
    if not isinstance(rows, list):
        raise UsageError(f"'{path}' holds {_kind(rows)}, not a list of rows (see tasks/ for the formats)")
    if not rows:
        raise UsageError(f"'{path}' holds no rows (there is nothing to evaluate)")
    return rows


def _sample(task: Task, path: Path, number: int, row: Any) -> Sample:
    place = f"{path.name}, row {number}"
    if not isinstance(row, dict):
        raise UsageError(f"{place}: is {_kind(row)}, not an object with img_filename, bbox and instruction")
    image = _image_name(_text(place, row, "img_filename"), place)
    instruction = _text(place, row, "instruction")
    numbers = _numbers(place, row, "bbox", 4)
    size = None
    if row.get("img_size") is not None:
        width, height = _numbers(place, row, "img_size", 2)
        if width < 1 or height < 1 or width % 1 or height % 1:
            raise UsageError(f"{place}: img_size is {_short(row['img_size'])}, not width and height in pixels")
        size = Size(int(width), int(height))
    parts = (_group(place, row, part, path.stem, image) for part in task.groups)
    group = "/".join(part for part in parts if part) or "all"
    return Sample("", path.name, number, image, instruction, tuple(numbers), task.layout.box, group, size)


def _with_ids(samples: Iterable[Sample]) -> list[Sample]:
    """Ids by content; of rows that say the same, the second gets another id than the first, and so on."""
    seen: Counter[str] = Counter()
    named = []
    for sample in samples:
        said = json.dumps([sample.image, sample.instruction, sample.numbers, sample.form])
        seen[said] += 1
        text = said if seen[said] == 1 else f"{said}{seen[said]}"
        named.append(replace(sample, id=hashlib.sha256(text.encode()).hexdigest()[:16]))
    return named


def _text(place: str, row: dict, field: str) -> str:
    value = _field(place, row, field)
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{place}: {field} is {_short(value)}, not a text with something in it")
    return value


def _numbers(place: str, row: dict, field: str, count: int) -> list[float]:
    value = _field(place, row, field)
    if isinstance(value, list) and len(value) == count and all(type(number) in (int, float) for number in value):
        try:
            numbers = [float(number) for number in value]
        except OverflowError:
            numbers = [math.inf]
        if all(math.isfinite(number) for number in numbers):
            return numbers
    raise UsageError(f"{place}: {field} is {_short(value)}, not a list of {count} finite numbers")


def _field(place: str, row: dict, field: str) -> Any:
    if field not in row:
        raise UsageError(f"{place}: {field} is missing (the row has: {_short(', '.join(row)) if row else 'nothing'})")
    return row[field]


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
    if part.field:
        value = row.get(part.field)
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{place}: {part.field} is {_short(value)}, not a text")
        texts = [" ".join((value or "").split())]
    if not part.words:
        return texts[0]
    words = (word for text in texts for word in re.split(r"[^a-z0-9]+", text.lower()))
    return next((part.words[word] for word in words if word in part.words), part.otherwise)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def _by(size: Size) -> str:
    return f"{size.width}x{size.height}"
