"""The project's own screenshots: every label valid, and the capture tool's scene files agree with the pictures."""

from __future__ import annotations

import collections
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image

FOLDER = Path(__file__).parents[2] / "screenshots"
CAPTURE = FOLDER / "capture"
ROWS = json.loads((FOLDER / "desk.json").read_text())
PICTURES = sorted(FOLDER.glob("*.png"))
PROGRAMS = {
    "abiword",
    "bluefish",
    "chromium",
    "dia",
    "eog",
    "evince",
    "gedit",
    "gnote",
    "gthumb",
    "hexchat",
    "homebank",
    "keepassxc",
    "mate-calc",
    "mate-terminal",
    "okular",
    "pluma",
    "rhythmbox",
    "sqlitebrowser",
    "xarchiver",
    "xournalpp",
    "zathura",
    "dolphin",
    "gwenview",
    "konsole",
}
SCENE_FIELDS = {
    "id",
    "size",
    "start",
    "do",
    "target",
    "dark",
    "theme",
    "icons",
    "manager",
    "files",
    "settle",
    "page",
    "script",
}


def flaw(row: dict, size: tuple[int, int]) -> str:
    """What is wrong with a row of desk.json on a picture of this size; empty where nothing is."""
    if set(row) != {"id", "img_filename", "img_size", "bbox", "instruction", "data_type", "data_source"}:
        return "fields"
    left, top, width, height = row["bbox"]
    if not all(isinstance(number, int) for number in row["bbox"]):
        return "box is not whole pixels"
    if min(left, top) < 0 or min(width, height) < 6 or left + width > size[0] or top + height > size[1]:
        return "box outside the picture"
    if width * height > 0.25 * size[0] * size[1]:
        return "box as large as a window"
    if tuple(row["img_size"]) != size:
        return "img_size"
    if row["data_type"] not in {"text", "icon"}:
        return "data_type"
    if row["data_source"] not in PROGRAMS:
        return "data_source"
    if row["instruction"] != row["instruction"].strip() or not 2 < len(row["instruction"]) < 80:
        return "instruction"
    return ""


@pytest.fixture(scope="module")
def sizes() -> dict[str, tuple[int, int]]:
    found = {}
    for path in PICTURES:
        with Image.open(path) as image:
            image.load()
            found[path.name] = image.size
    return found


def scenes() -> list[tuple[str, dict]]:
    loaded = [(path, tomllib.loads(path.read_text())) for path in sorted((CAPTURE / "programs").glob("*.toml"))]
    return [(settings["program"], scene) for _, settings in loaded for scene in settings["scene"]]


def selection():
    spec = importlib.util.spec_from_file_location("selection", CAPTURE / "selection.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_row_is_valid(sizes):
    wrong = {row["id"]: flaw(row, sizes[row["img_filename"]]) for row in ROWS if flaw(row, sizes[row["img_filename"]])}
    assert wrong == {}


def test_a_wrong_row_is_noticed(sizes):
    row = ROWS[0]
    size = sizes[row["img_filename"]]
    assert flaw(row | {"bbox": [size[0] - 5, 0, 20, 20]}, size) == "box outside the picture"
    assert flaw(row | {"data_type": "picture"}, size) == "data_type"
    assert flaw(row | {"data_source": "firefox"}, size) == "data_source"


def test_instructions_name_one_target():
    for name, rows in by_picture().items():
        words = [row["instruction"].lower() for row in rows]
        assert len(set(words)) == len(words), name
        boxes = [tuple(row["bbox"]) for row in rows]
        assert len(set(boxes)) == len(boxes), name
    assert len({row["id"] for row in ROWS}) == len(ROWS)


def test_no_box_is_blank():
    for name, rows in by_picture().items():
        with Image.open(FOLDER / name) as image:
            grey = image.convert("L")
        for row in rows:
            left, top, width, height = row["bbox"]
            darkest, lightest = grey.crop((left, top, left + width, top + height)).getextrema()
            assert lightest - darkest >= 16, row["id"]


def by_picture() -> dict[str, list[dict]]:
    grouped = collections.defaultdict(list)
    for row in ROWS:
        grouped[row["img_filename"]].append(row)
    return grouped


def test_there_is_enough_and_no_picture_without_labels():
    assert {path.name for path in PICTURES} == set(by_picture())
    assert len(PICTURES) >= 20 and len(ROWS) >= 80
    assert sum(path.stat().st_size for path in PICTURES) < 15e6
    assert {row["data_type"] for row in ROWS} == {"text", "icon"}
    assert len({row["data_source"] for row in ROWS}) >= 15


def test_sources_name_every_program():
    sources = (FOLDER / "SOURCES.md").read_text()
    assert [name for name in sorted({row["data_source"] for row in ROWS}) if f"| {name} |" not in sources] == []
    assert [path.stem for path in PICTURES if f"`{path.stem}`" not in sources] == []


def test_scene_files_agree_with_the_labels(sizes):
    module, ids = selection(), []
    for program, scene in scenes():
        assert program in PROGRAMS and set(scene) <= SCENE_FIELDS, scene["id"]
        assert ("page" in scene) != ("start" in scene), scene["id"]
        assert tuple(scene["size"]) == sizes[f"{scene['id']}.png"]
        for target in scene["target"]:
            assert set(target) <= module.FIELDS and target["say"], target
        said = [target["say"] for target in scene["target"]]
        assert {row["instruction"] for row in by_picture()[f"{scene['id']}.png"]} <= set(said)
        ids.append(scene["id"])
        for pair in scene.get("files", []):
            assert (CAPTURE / "documents" / pair.partition(" => ")[0]).is_file()
        assert "page" not in scene or (CAPTURE / "pages" / scene["page"]).is_file()
    assert sorted(ids) == sorted(path.stem for path in PICTURES)


def test_selection_leaves_out_what_cannot_be_told_apart():
    rows = selection().rows
    node = {
        "role": "push button",
        "name": "Save",
        "description": "",
        "box": [10, 20, 30, 24],
        "trail": [],
        "visible": True,
        "enabled": True,
    }
    scene = {"id": "one", "target": [{"role": "push button", "name": "Save", "say": "the Save button"}]}
    made, left_out = rows(scene, "gedit", [node], (100, 100))
    assert [row["bbox"] for row in made] == [[10, 20, 30, 24]] and left_out == []
    twin = node | {"box": [50, 20, 30, 24]}
    for nodes in ([], [node, twin], [node | {"visible": False}], [node | {"enabled": False}]):
        made, left_out = rows(scene, "gedit", nodes, (100, 100))
        assert made == [] and len(left_out) == 1


@pytest.mark.skipif(os.environ.get("GUIGROUND_CAPTURE") != "1", reason="runs only with GUIGROUND_CAPTURE=1")
@pytest.mark.skipif(
    not all(map(shutil.which, ("Xvfb", "openbox", "xdotool", "wmctrl", "mate-calc"))),
    reason="needs Debian's xvfb openbox xdotool wmctrl at-spi2-core python3-pyatspi mate-calc",
)
def test_capturing_again_gives_the_same_labels():
    before = by_picture()["mate-calc-scientific.png"]
    subprocess.run([sys.executable, str(CAPTURE / "capture.py"), "mate-calc-scientific"], check=True, timeout=120)
    after = [
        row
        for row in json.loads((FOLDER / "desk.json").read_text())
        if row["img_filename"] == "mate-calc-scientific.png"
    ]
    assert after == before
