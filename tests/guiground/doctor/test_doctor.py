"""doctor: what fails is found, told apart, and ends with a remedy; what works is tried on a real X server."""

import itertools
import json
import sys
import types

import pytest
from desk import ROOT, board, needs_tk, needs_xvfb, x_server
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from guiground import Locator
from guiground.doctor import desk, model
from guiground.doctor.check import FAIL, OK, WARN, Check, attempt
from guiground.doctor.probe import COLOURS, SIDE
from guiground.errors import CaptureError, ModelError
from guiground.geometry import Box, Point
from guiground.screen import Monitor, Screenshot


def test_a_line_tells_what_and_the_remedy():
    assert Check("gpu", OK, "none").line() == "ok    gpu       none"
    assert Check("capture", FAIL, "black", "log in", 3).line() == "FAIL  capture   black (log in)"

    def fail():
        raise CaptureError("no display (set it, or give a picture (--image FILE))")

    check = attempt("monitors", fail)
    assert (check.detail, check.remedy) == ("no display", "set it, or give a picture (--image FILE)")
    assert check.exit_code == 3


def pattern(left, top, scale=1, size=(400, 300), origin=(0, 0)):
    """A screenshot of a monitor at `origin` on which the probe stands with its corner at left, top of the desktop."""
    image = Image.new("RGB", (size[0] * scale, size[1] * scale), (90, 90, 90))
    half = SIDE // 2 * scale
    x, y = (left - origin[0]) * scale, (top - origin[1]) * scale
    for number, colour in enumerate(COLOURS):
        corner = x + half * (number % 2), y + half * (number // 2)
        ImageDraw.Draw(image).rectangle((*corner, corner[0] + half - 1, corner[1] + half - 1), fill=colour)
    return Screenshot(image, Monitor(1, *origin, *size, scale))


@given(st.integers(0, 240), st.integers(0, 140), st.sampled_from([1, 2]), st.sampled_from([(0, 0), (-400, -120)]))
def test_the_probe_is_seen_where_it_is_and_nowhere_else(x, y, scale, origin):
    left, top = origin[0] + x, origin[1] + y
    screenshot = pattern(left, top, scale, origin=origin)
    area = Box.from_xywh(left, top, SIDE, SIDE)
    assert desk.shows(screenshot, area)
    for moved in (Box.from_xywh(left + 60, top, SIDE, SIDE), Box.from_xywh(left, top - 60, SIDE, SIDE)):
        assert not desk.shows(screenshot, moved)
    wrong_scale = Screenshot(screenshot.image, Monitor(1, *origin, 400, 300, 3 - scale))
    assert not desk.shows(wrong_scale, area) or (x, y) == (0, 0)


def test_a_picture_without_the_window_is_a_failure_with_the_remedy_of_the_platform(monkeypatch):
    monkeypatch.setattr(desk, "ANSWER_SECONDS", 0.0)
    monkeypatch.setattr(desk, "grab", lambda monitor: pattern(300, 300))
    probe = types.SimpleNamespace(area=Box.from_xywh(10, 10, SIDE, SIDE))
    check = desk._capture(probe)
    assert check.status == FAIL and check.exit_code == 3 and check.remedy
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(desk, "_may_capture", lambda: True)
    assert "Screen Recording" in desk._capture(probe).remedy
    monkeypatch.setattr(desk, "_may_capture", lambda: False)
    assert "may not record" in desk._capture(probe).detail and "Screen Recording" in desk._capture(probe).remedy


@pytest.mark.parametrize(
    ("landed", "status", "words"),
    [
        ([90, 90], OK, "arrived where"),
        ([180, 180], FAIL, "meant for (90, 90) arrived at (180, 180)"),
        (None, FAIL, "not"),
    ],
)
def test_a_click_that_lands_elsewhere_or_nowhere_is_a_failure(monkeypatch, landed, status, words):
    done = []
    for name in ("check", "click", "move"):
        monkeypatch.setattr(desk.hands, name, lambda *told: done.append(told))
    monkeypatch.setattr(desk.hands, "position", lambda: Point(5, 5))
    probe = types.SimpleNamespace(area=Box.from_xywh(10, 10, SIDE, SIDE), wait_for=lambda name: landed)
    check = desk._hands(probe)
    assert check.status == status and words in check.detail and bool(check.remedy) == (status == FAIL)
    assert done[-2:] == [(Point(90, 90),), (Point(5, 5),)]  # the pointer goes back to where it was


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_every_platform_has_its_remedy(monkeypatch, platform):
    monkeypatch.setattr(sys, "platform", platform)
    words = {"linux": "lock screen", "darwin": "Accessibility", "win32": "same rights"}[platform]
    assert words in desk._no_input() and desk._session().status in (OK, WARN)


def test_without_a_display_everything_that_needs_it_fails(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    checks = {check.name: check for check in desk.checks(with_probe=True)}
    for name in ("monitors", "capture", "input"):
        assert checks[name].status == FAIL and checks[name].exit_code == 3 and checks[name].remedy


class Model:
    """Stands in for a locator whose model hits so many of the drawn buttons, and what it says about a red picture."""

    def __init__(self, hits, on_red="none"):
        self.hits, self.on_red = hits, on_red

    def locate_many(self, instructions, picture):
        red = picture.getextrema() == ((255, 255), (0, 0), (0, 0))
        places = [box.center for box in model.buttons()[1]]
        for number, (_, place) in enumerate(zip(instructions, places, strict=False)):
            hit = number < self.hits
            point = place if hit else Point(3, 3)
            raw = self.on_red if red and self.on_red else f"{point.x} {point.y}"
            yield types.SimpleNamespace(found=True, point=point, raw=raw)


@pytest.mark.parametrize(
    ("hits", "on_red", "status"),
    [(12, "none", OK), (8, "none", OK), (5, "none", WARN), (2, "none", FAIL), (12, "", FAIL)],
)
def test_whether_a_model_sees(hits, on_red, status):
    stand_in = Model(hits, on_red)
    stand_in.locate_many = lambda *told, ask=stand_in.locate_many: list(ask(*told))
    check = model.sight(stand_in)
    assert check.status == status and f"{hits} of 12" in check.detail and bool(check.remedy) == (status != OK)
    assert check.exit_code == (ModelError.exit_code if status == FAIL else 0)
    assert ("red picture" in check.detail) == (on_red == "")


def test_the_drawn_buttons_do_not_overlap_and_carry_their_words():
    picture, boxes = model.buttons()
    assert picture.size == model.SIZE and len(boxes) == len(set(model.WORDS)) == 12
    assert all(one.intersection(two) is None for one, two in itertools.combinations(boxes, 2))
    for box in boxes:
        assert len(set(picture.crop([int(edge) for edge in box.to_json()]).tobytes())) > 20  # there is text on it


def test_a_model_that_cannot_be_loaded_is_a_failure():
    names = {check.name: check for check in model.checks(Locator("no such model"))}
    assert names["model"].status == FAIL and names["model"].exit_code == 2 and "sight" not in names


def test_the_command_on_a_model_that_sees_nothing(here, answering):
    code, out, err = here("doctor", "--no-screen", "-m", answering("(40, 60)"))
    lines = out.splitlines()
    assert code == 4 and err == "" and [line.split()[1] for line in lines][:4] == ["torch", "gpu", "models", "model"]
    assert lines[-1].startswith("FAIL  sight") and lines[-1].endswith("see guiground models)")
    assert any(line.split()[1] == "pixels" for line in lines)


@needs_xvfb
@needs_tk
def test_a_real_screen(tmp_path):
    with x_server(500, 400) as display, board(display, tmp_path) as shown:
        ran = shown.run("doctor", "--no-model", "--json")
        checks = {check["name"]: check for check in json.loads(ran.stdout)["checks"]}
        assert ran.returncode == 0 and all(check["status"] == "ok" for check in checks.values()), ran
        assert "where it should be" in checks["capture"]["detail"] and "arrived where" in checks["input"]["detail"]
        assert shown.state()["pressed"] == []  # the probe took the click
        seen = shown.run("doctor", "--no-model", "--no-probe").stdout
        assert "not compared with the screen" in seen and "500x400" in seen


def test_examples_of_the_help(here, answering, monkeypatch):
    monkeypatch.chdir(ROOT)
    lines = [line for line in here("doctor", "--help")[1].splitlines() if line.startswith("    guiground ")]
    assert len(lines) >= 2
    for line in lines:
        code, out, err = here(*line.split()[1:], "-m", answering("(40, 60)"))
        assert code in (0, 3, 4) and out and err == ""
