"""Windows of real toolkits: what is written down about a picture is true of the picture."""

import base64
import io
import json
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guiground.nano import toolkits
from guiground.nano.questions import visible
from guiground.nano.scenes.lexicon import lexicon
from guiground.nano.toolkits import browser, chromium, display, distinct, legible, plans, svg_icons, talk, windows
from guiground.nano.toolkits.distinct import Screen, Shown

SVG = '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24">{}</svg>'
CONCEPTS = (
    "save",
    "search",
    "settings",
    "home",
    "delete",
    "play",
    "mail",
    "lock",
    "calendar",
    "print",
    "undo",
    "folder",
)


@pytest.fixture(scope="module")
def icons(tmp_path_factory):
    """A family of icons: a square with a notch for every concept."""
    folder = tmp_path_factory.mktemp("icons")
    known = svg_icons.IconFiles.__new__(svg_icons.IconFiles)
    known.families, known.names, known.weights = {"breeze small": {}}, ["breeze small"], [1.0]
    for number, concept in enumerate(CONCEPTS):
        path = folder / f"{concept}.svg"
        path.write_text(SVG.format(f'<path d="M2 2h20v20h-{number + 2}z"/>'))
        known.families["breeze small"][concept] = [{0: path}]
    return known


def box(left, top, width=60, height=20):
    return (left, top, left + width, top + height)


def shown(name, left=10, top=10, **more):
    return Shown(more.pop("role", "button"), name, box(left, top), box(left, top), **more)


def named(*things, drawn=()):
    screen = Screen(640, 480, "gtk", list(things), [(concept, None) for concept in drawn])
    return distinct.distinct(screen, random.Random(0))


def test_a_pair_of_files_is_loaded_as_it_was_written(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    element = {
        "role": "button",
        "name": "find",
        "box": [1, 2, 30, 20],
        "aim": [3, 4, 20, 18],
        "icon": True,
        "place": "menu",
    }
    element |= {"beside": False, "group": "glasses alike", "phrases": ["find", "search"]}
    facts = {"width": 64, "height": 48, "source": "qt", "elements": [element], "glyphs": [[1.5, 6, 9, 65]]}
    path = toolkits.write(tmp_path, "qt-1", file.getvalue(), facts | {"icons": [["glasses alike", 3, 4, 20, 18]]})
    scene = toolkits.load(path)
    assert np.array_equal(scene.image, pixels)
    assert (scene.elements[0].name, scene.elements[0].aim, scene.elements[0].icon) == ("find", (3, 4, 20, 18), True)
    assert scene.glyphs.tolist() == [[1.5, 6, 9, 65]]
    assert scene.icons == [("glasses alike", (3, 4, 20, 18))]
    assert {toolkits.load(path, random.Random(i)).elements[0].name for i in range(30)} == {"find", "search"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["qt-1.json", "qt-1.png"]
    path.write_text(json.dumps(facts | {"width": 65}))
    assert toolkits.load.__doc__
    with pytest.raises(ValueError, match="65x48"):
        toolkits.load(path)


def test_names_that_mean_two_things_are_left_out():
    assert [row["name"] for row in named(shown("Save"), shown("Open", 100))] == ["Save", "Open"]
    assert named(shown("Save"), shown("save", 100)) == []
    assert named(shown("Save"), shown("Save", 100, whole=False)) == []  # half hidden, but one can read it
    assert named(shown("Sav...")) == []
    assert named(shown("5")) == [] != named(shown("5", role="key"))
    assert named(Shown("button", "Far", box(600, 10), box(600, 10))) == []  # cut by the edge


def test_a_field_is_named_by_a_label_that_can_be_read():
    field = shown("Name", 100, role="field", beside=True)
    label = shown("Name:", role="label")
    assert len(named(label, field)) == 2
    label.whole = False
    assert named(label, field) == []


def test_an_icon_goes_by_phrases_that_nothing_else_bears():
    save = shown("", concept="save")
    (row,) = named(save, drawn=["save"])
    assert row["icon"] and row["name"] in lexicon()["save"].phrases
    assert set(row["phrases"]) == set(lexicon()["save"].phrases)
    assert named(save, drawn=["save", "save-as"]) == []  # looks alike
    rows = named(save, shown("Save", 200), drawn=["save"])
    assert all(row["name"].lower() != "save" for row in rows if row["icon"])
    close = [shown("", concept="window-close", place="title bar"), shown("", 99, concept="close", place="dialog title")]
    assert sorted(r["name"] for r in named(*close, drawn=["close", "window-close"])) == [
        "close the dialog",
        "close the window",
    ]


def test_what_the_picture_hides_is_not_asked_for():
    image = np.full((60, 200, 3), 250, dtype=np.uint8)
    image[12:20, 15:60] = 20
    rows = [
        {"name": "seen", "aim": box(10, 8), "beside": False},
        {"name": "white on white", "aim": box(110, 8), "beside": False},
    ]
    glyphs = [[20, 26, 15, 65], [120, 126, 15, 65]]
    icons = [["a", 10, 8, 40, 30], ["b", 120, 8, 140, 28]]
    found = legible.checked({"elements": rows, "glyphs": glyphs, "icons": icons}, image)
    assert [row["name"] for row in found["elements"]] == ["seen"]
    assert found["glyphs"] == glyphs[:1]
    assert found["icons"] == [icons[0], ["b", 0, 0, 0, 0]]


def test_a_window_hides_what_lies_below_it():
    def row(name, left):
        return {
            "role": "button",
            "name": name,
            "box": box(left, 10),
            "aim": box(left, 10),
            "whole": True,
            "concept": "",
        }

    below = {"rect": (0, 0, 400, 300), "shown": [row("free", 10), row("half", 170), row("gone", 250)]}
    below |= {
        "drawn": [("save", box(10, 50), True), ("home", box(250, 50), True)],
        "glyphs": [(12, 18, 20, 65), (252, 258, 20, 66)],
    }
    above = {"rect": (200, 0, 400, 300), "shown": [], "drawn": [], "glyphs": [], "scale": 1}
    screen = display.assemble({"layers": [below, above]}, 400, 300, "tk")
    assert [(s.name, s.whole) for s in screen.shown] == [("free", True), ("half", False)]
    assert [concept for concept, _ in screen.drawn] == ["save"]
    assert [glyph[3] for glyph in screen.glyphs] == [65]


def test_icons_take_the_colour_of_the_words_around_them(tmp_path):
    (tmp_path / "a.svg").write_text(SVG.format('<path d="M0 0h9v9z"/>'))
    kind, text = svg_icons.markup(tmp_path / "a.svg")
    assert kind == "inline" and text.startswith('<svg fill="currentColor"') and "width=" not in text


def test_plans_are_plain_data_and_repeat(icons):
    first, second = (plans.screen(random.Random("x"), icons) for _ in range(2))
    assert first == second == json.loads(json.dumps(first))
    kinds = {
        pane["kind"] for i in range(30) for w in plans.screen(random.Random(i), icons)["windows"] for pane in w["panes"]
    }
    assert kinds == {"form", "table", "text", "icons", "keys"}


def test_talk_fills_its_braces():
    rng = random.Random(0)
    assert not any("{" in talk.say(rng, kind) for kind in talk.lists() for _ in range(20))


def spelled(scene, element) -> str:
    """What the characters inside an element's aim spell."""
    left, top, right, bottom = element.aim
    inside = [g for g in scene.glyphs.tolist() if left <= (g[0] + g[1]) / 2 <= right and top <= g[2] <= bottom]
    return "".join(chr(int(g[3])) for g in sorted(inside))


def check(scene) -> int:
    """Every element is on the picture, named once, and its characters spell its name; gives how many did."""
    height, width = scene.image.shape[:2]
    assert len(visible(scene.elements, 0, 0, width, height)) == len(scene.elements) > 0
    read = 0
    for element in scene.elements:
        if element.icon or element.beside:
            continue
        assert spelled(scene, element).replace("...", "") == element.name.replace(" ", "").replace("...", ""), element
        read += 1
    for left, right, middle, _ in scene.glyphs.tolist():
        assert 0 <= left <= right <= width + 1 and 0 <= middle <= height
    return read


@pytest.fixture(scope="module")
def chrome():
    program = browser.program()
    if program is None:
        pytest.skip("no chromium: apt-get install chromium")
    with browser.Browser(str(program), ["--disable-lcd-text"]) as window:
        yield window


def test_pages_of_chromium_are_labelled_as_they_look(chrome, icons, tmp_path):
    read = 0
    for number in range(4):
        picture, facts = chromium.shoot(chrome, random.Random(number), icons)
        read += check(toolkits.load(toolkits.write(tmp_path, f"chromium-{number}", picture, facts)))
    assert read > 60


def test_the_characters_of_a_page_lie_where_its_ink_is(chrome):
    page = """<style>* {position: absolute; border: 0; background: #fff; color: #000; font: 20px 'DejaVu Sans'}
    body {inset: 0; margin: 0} div {width: 60px; overflow: hidden; white-space: nowrap; text-overflow: ellipsis}</style>
    <body><button data-e="button" style="left: 50px; top: 40px">HIM</button>
    <input data-e="field" value="LEFT" style="left: 50px; top: 100px">
    <div data-e="label" style="left: 300px; top: 40px">Cut off here</div></body>"""
    chrome.call("Emulation.setDeviceMetricsOverride", width=400, height=200, deviceScaleFactor=2, mobile=False)
    chrome.call("Page.setDocumentContent", frameId=chrome.frame, html=page)
    found = chromium.screen(chrome.with_inner_texts(chromium.SCRIPT), 800, 400)
    data = base64.b64decode(chrome.call("Page.captureScreenshot", format="png")["data"])
    ink = np.asarray(Image.open(io.BytesIO(data)).convert("L")) < 128
    shown_ = {s.name: s for s in found.shown}
    for name in ("HIM", "LEFT"):
        left, top, right, bottom = (round(v) for v in shown_[name].aim)
        rows, columns = np.nonzero(ink[top - 20 : bottom + 20, left - 20 : right + 20])
        assert abs((rows.min() + rows.max()) / 2 - 20 - (bottom - top) / 2) <= 1.5
        assert 20 - 1 <= columns.min() <= 20 + 6 and right - left + 20 - 6 <= columns.max() <= right - left + 20 + 1
    assert not any(s.whole for s in found.shown if s.name.startswith("Cut"))


NEEDS = {
    "gtk": ("import gi; gi.require_version('Gtk', '3.0'); from gi.repository import Gtk", "python3-gi gir1.2-gtk-3.0"),
    "qt": ("import PyQt5.QtWidgets", "python3-pyqt5"),
    "tk": ("import tkinter", "python3-tk"),
}


@pytest.mark.parametrize("source", NEEDS)
def test_windows_of_toolkits_are_labelled_as_they_look(source, icons, tmp_path):
    statement, package = NEEDS[source]
    if not shutil.which("Xvfb") or not Path(windows.PYTHON).exists():
        pytest.skip("no Xvfb: apt-get install xvfb")
    if subprocess.run([windows.PYTHON, "-c", statement], capture_output=True, check=False).returncode:
        pytest.skip(f"no {source}: apt-get install {package}")
    read = 0
    with (
        display.display() as name,
        display.Player(windows.COMMANDS[source], name, windows.environment(source, random.Random(1))[0]) as player,
    ):
        for number in range(3):
            windows.write(player, source, name, tmp_path, number, icons, False, 1)
            read += check(toolkits.load(tmp_path / f"{source}-{number:06}.json"))
    assert read > 20
