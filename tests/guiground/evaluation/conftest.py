"""A benchmark in the form of ScreenSpot with pictures of one colour, and a locator that answers from a list."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from guiground.geometry import Chain, Point, Size
from guiground.result import CacheUse, MemoryUse, ModelUse, Result

WIDTH, HEIGHT = 100, 80


def result(instruction: str, status: str, point: Point | None) -> Result:
    return Result(
        instruction=instruction,
        status=status,
        point=point,
        box=None,
        image_size=Size(WIDTH, HEIGHT),
        monitor=None,
        transform=Chain(),
        model=ModelUse("fake", None, "cpu", "float32"),
        kv=CacheUse("mixkv", 64, 300, 64.0, 4800, 1024),
        timing_ms={"capture": 5.0, "load": 900.0, "prepare": 10.0, "generate": 30.0, "parse": 0.0, "total": 945.0},
        memory=MemoryUse(100, 1024, None, "process"),
        raw=str(point),
        answer_tokens=9,
    )


class FakeLocator:
    """Answers with answers[instruction]: a point, a status without one, or an exception to raise."""

    def __init__(self, answers: dict[str, tuple[float, float] | str | BaseException]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.batches: list[int] = []

    def locate_batch(self, asked: list[tuple[str, object]]) -> list[Result]:
        self.batches.append(len(asked))
        return [replace(self.locate(*one), batch=len(asked)) for one in asked]

    def locate(self, instruction: str, image: object) -> Result:
        self.asked.append(instruction)
        answer = self.answers[instruction]
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, str):
            return result(instruction, answer, None)
        return result(instruction, "found", Point(*answer))


@pytest.fixture
def fake_locator() -> type[FakeLocator]:
    return FakeLocator


@pytest.fixture
def target() -> Callable[..., dict]:
    """A well-formed row; keywords change fields, None takes one out."""

    def make(number: int = 1, **changes: object) -> dict:
        row = {
            "img_filename": f"pc_{number % 3}.png",
            "bbox": [10, 20, 30, 10],
            "instruction": f"target {number}",
            "data_type": "text" if number % 2 else "icon",
            "data_source": "windows",
        } | changes
        return {key: value for key, value in row.items() if value is not None}

    return make


@pytest.fixture
def write_json(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows as an annotation file, with a picture for every name in them that may be one."""

    def write(rows: object, name: str = "targets.json", folder: Path = tmp_path, images: str = ".") -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rows if isinstance(rows, str) else json.dumps(rows), encoding="utf-8")
        names = [row.get("img_filename") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        for picture in {name for name in names if isinstance(name, str) and name.startswith("pc_")}:
            (folder / images).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (WIDTH, HEIGHT), "grey").save(folder / images / picture)
        return path

    return write
