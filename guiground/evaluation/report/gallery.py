"""The pictures of a report: screenshots made small, with what was asked and what was answered drawn on them."""

import base64
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guiground.errors import GuigroundError
from guiground.evaluation.breakdown import size_class
from guiground.evaluation.runs import Run
from guiground.evaluation.tables import Embedded, Folder, Pictures
from guiground.kept import KeptTokens

if TYPE_CHECKING:
    from PIL.Image import Image

_WHOLE = 900  # pixels of the longer side of a screenshot in the report
_DARKEST = 150  # of 255: how dark a part of the screenshot is shown that no head holds
_DETAIL = 300  # pixels of the sides of the detail around the target


@dataclass(frozen=True, slots=True)
class Answer:
    """What one run said: its number in the report, the verdict, point and box in pixels, and the words of the model.

    kept: a shade (data URI) over what the cache no longer holds of the screenshot; shade: its width and height there.
    """

    run: int
    hit: bool
    status: str
    point: list[float] | None
    box: list[float] | None
    raw: str
    kept: str = ""
    shade: tuple[float, float] = (0, 0)


@dataclass(frozen=True, slots=True)
class Shot:
    """One instruction: the screenshot's number, its size, the target, a detail (data URI and frame), the answers."""

    id: str
    place: str
    instruction: str
    group: str
    size: str
    image: str
    shot: int
    width: int
    height: int
    target: list[float] | None
    polygon: list[list[float]] | None
    detail: str
    frame: tuple[int, int, int, int] | None
    answers: tuple[Answer, ...]


def gallery(runs: Sequence[Run], most: int) -> tuple[list[Shot], list[str]]:
    """At most so many instructions with their answers, and the screenshots as data URIs ("" for one that is gone).

    Those come first that the runs disagree on, then those that all miss, then those that all hit.
    """
    ids = dict.fromkeys(identity for run in runs for identity in run.rows)
    chosen = sorted(ids, key=lambda identity: _interest(runs, identity))[:most]
    pictures = _Screens(runs[0])
    shots = [_shot(runs, identity, pictures) for identity in chosen]
    return shots, pictures.encoded


def _interest(runs: Sequence[Run], identity: str) -> int:
    hits = {bool(run.rows[identity]["hit"]) for run in runs if identity in run.rows}
    return 0 if len(hits) > 1 else 1 if hits == {False} else 2


def _shot(runs: Sequence[Run], identity: str, screens: "_Screens") -> Shot:
    of_runs = [(number, run.rows[identity]) for number, run in enumerate(runs) if identity in run.rows]
    row = of_runs[0][1]
    target = next((row["target"] for _, row in of_runs if row.get("target")), None)
    known = any("target" in row for _, row in of_runs)
    number, image = screens.number(row["image"]), screens.open(row["image"])
    width, height = image.size if image else row.get("image_size") or (1600, 900)
    detail, frame = _detail(image, target) if image and target else ("", None)
    return Shot(
        id=identity,
        place=row.get("place", ""),
        instruction=row.get("instruction", ""),
        group=row["group"],
        size=size_class(target) if known else "unknown",
        image=row["image"],
        shot=number,
        width=width,
        height=height,
        target=target,
        polygon=next((row["polygon"] for _, row in of_runs if row.get("polygon")), None),
        detail=detail,
        frame=frame,
        answers=tuple(_answer(number, row) for number, row in of_runs),
    )


def _answer(number: int, row: dict[str, Any]) -> Answer:
    raw = row.get("raw") or (row.get("error") or {}).get("message", "")
    said = Answer(number, bool(row["hit"]), row["status"], row.get("point"), row.get("box"), raw[:400])
    try:
        kept = KeptTokens.from_json(row["kept"]) if row.get("kept") else None
    except (KeyError, ValueError, TypeError, zlib.error):  # a row that somebody changed
        kept = None
    if kept is None:
        return said
    shade = (kept.columns * kept.cell[0], kept.rows * kept.cell[1])
    return replace(said, kept=_shade(kept), shade=shade)


def _shade(kept: KeptTokens) -> str:
    """A picture with a pixel a token: dark where no head holds it, clear where a quarter of all heads or more do."""
    from PIL import Image

    alpha = Image.frombytes("L", (kept.columns, kept.rows), kept.shares)
    alpha = alpha.point([round(_DARKEST * max(0, 1 - share / 64)) for share in range(256)])
    picture = Image.merge("LA", (Image.new("L", alpha.size, 0), alpha))
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


class _Screens:
    """The screenshots of a run, each encoded once; the last one opened stays open for the next instruction."""

    def __init__(self, run: Run) -> None:
        files = [Path(name) for name in run.about.get("files", ())]
        embedded = bool(files) and files[0].suffix.lower() == ".parquet"
        self.pictures: Pictures = Embedded(files) if embedded else Folder(Path(run.about.get("images", "")))
        self.encoded: list[str] = []
        self._numbers: dict[str, int] = {}
        self._open: tuple[str, Image | None] = ("", None)

    def number(self, name: str) -> int:
        if name not in self._numbers:
            self._numbers[name] = len(self.encoded)
            image = self.open(name)
            self.encoded.append(_encode(image, _WHOLE) if image else "")
        return self._numbers[name]

    def open(self, name: str) -> "Image | None":
        if self._open[0] != name:
            try:
                self._open = (name, self.pictures.open(name).image)
            except GuigroundError:
                self._open = (name, None)
        return self._open[1]


def _detail(image: "Image", target: Sequence[float]) -> tuple[str, tuple[int, int, int, int]]:
    """The surroundings of the target as a data URI, and the frame they were cut from (left, top, width, height)."""
    side = max(_DETAIL, 1.6 * (target[2] - target[0]), 1.6 * (target[3] - target[1]))
    width, height = min(side, image.width), min(side, image.height)
    left = min(max((target[0] + target[2] - width) / 2, 0), image.width - width)
    top = min(max((target[1] + target[3] - height) / 2, 0), image.height - height)
    frame = (int(left), int(top), int(width), int(height))
    cut = image.crop((frame[0], frame[1], frame[0] + frame[2], frame[1] + frame[3]))
    return _encode(cut, _DETAIL), frame


def _encode(image: "Image", longest: int) -> str:
    small = image.convert("RGB")
    small.thumbnail((longest, longest))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=74, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
