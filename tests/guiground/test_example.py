"""The automation loop of the README (automation_loop.py), played against a desk that is imagined."""

import types
from pathlib import Path

import automation_loop
import pytest
from PIL import Image

from guiground.confidence import Confidence
from guiground.geometry import Point
from guiground.screen import Monitor, Screenshot

EXAMPLE = Path(automation_loop.__file__).read_text(encoding="utf-8")
README = Path(__file__).parents[2] / "README.md"
MONITOR = Monitor(1, 0, 0, 400, 300, primary=True)
PLACES = {"the Export button": Point(20, 10), "the file name field": Point(200, 150)}


class Desk:
    """An editor whose Export button opens a dialog, which enter closes."""

    def __init__(self, sure=0.9, works=True):
        self.sure, self.works, self.open, self.files, self.clicks = sure, works, False, [], []

    def take(self, view):
        return Screenshot(Image.new("RGB", (400, 300), "green" if self.open else "grey"), MONITOR)

    def locate(self, locator, instructions, screenshot):
        """What a model would answer that sees whether the dialog is open."""
        there = "Export" in instructions[0] or screenshot.image.getpixel((0, 0)) != (128, 128, 128)
        found = there and self.sure >= locator.min_confidence
        sure = Confidence(self.sure, "token_probability")
        status = "found" if found else "unsure" if there else "refused"
        point = PLACES[instructions[0]] if found else None
        return [types.SimpleNamespace(status=status, found=found, point=point, confidence=sure)]

    def click(self, point, *more):
        self.clicks.append(tuple(point))
        self.open = self.open or (point == PLACES["the Export button"] and self.works)

    def type_text(self, text):
        self.files.append(text)

    def press(self, keys):
        assert keys == ("enter",)
        self.open = False


@pytest.fixture
def play(monkeypatch):
    """play(desk, names) -> what the example returns."""

    def run(desk, names):
        monkeypatch.setattr("guiground.screen.View.take", lambda view: desk.take(view))
        monkeypatch.setattr(
            "guiground.locator.Locator.locate_many", lambda locator, words, image: desk.locate(locator, words, image)
        )
        monkeypatch.setattr("guiground.screen.monitors", lambda: [MONITOR])
        monkeypatch.setattr("guiground.screen.hands.click", desk.click)
        monkeypatch.setattr("guiground.screen.hands.press", desk.press)
        monkeypatch.setattr("guiground.screen.typist.type_text", desk.type_text)
        monkeypatch.setattr(
            "guiground.waiting.time", types.SimpleNamespace(monotonic=Time(), sleep=lambda seconds: None)
        )
        return automation_loop.export(names)

    return run


class Time:
    """Seconds that pass each time one looks."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


def test_it_does_what_it_says(play):
    desk = Desk()
    assert play(desk, ["a.pdf", "b.pdf"]) == ["a.pdf", "b.pdf"] == desk.files
    assert desk.clicks == [(20, 10), (200, 150)] * 2


def test_what_is_not_sure_is_not_clicked(play):
    desk = Desk(sure=0.1)
    assert play(desk, ["a.pdf"]) == [] and desk.clicks == desk.files == []


def test_a_dialog_that_does_not_come_stops_it(play):
    desk = Desk(works=False)
    assert play(desk, ["a.pdf", "b.pdf"]) == [] and desk.clicks == [(20, 10)] and desk.files == []


def test_the_readme_shows_what_is_tested_here():
    assert len(EXAMPLE.splitlines()) <= 22
    readme = README.read_text(encoding="utf-8")
    if "def export(" not in readme:
        pytest.skip("the README does not show it")
    assert EXAMPLE in readme
