"""Waiting: how often is looked, when it ends, and what counts as nothing there."""

import itertools
import json
import types

import pytest
from PIL import Image

from guiground import Locator, waiting
from guiground.errors import CaptureError, UsageError
from guiground.geometry import Box, CoordinateMap, Point
from guiground.screen import Screenshot, View
from guiground.screen.capture import BlackScreen
from guiground.screen.windows import NoWindow
from guiground.waiting import wait_for


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only while somebody sleeps."""
    now = [100.0]
    stand_in = types.SimpleNamespace(
        monotonic=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds)
    )
    monkeypatch.setattr(waiting, "time", stand_in)
    return now


def result(found):
    return types.SimpleNamespace(found=found, status="found" if found else "refused", warnings=())


def scene(monkeypatch, *pictures):
    """Each picture is what the screen shows at one take, the last one from then on; an exception is raised."""
    shown = itertools.chain(pictures, itertools.repeat(pictures[-1]))

    def take(view):
        picture = next(shown)
        if isinstance(picture, Exception):
            raise picture
        return Screenshot(Image.new("RGB", (4, 3), picture))

    monkeypatch.setattr(View, "take", take)


def is_green(screenshot):
    return result(screenshot.image.getpixel((0, 0)) == (0, 128, 0))


def test_the_model_looks_again_only_when_the_picture_has_changed(monkeypatch, clock):
    scene(monkeypatch, "red", "red", "red", "blue", "blue", "green")
    waited = wait_for(is_green, timeout=30, interval=0.5)
    assert waited and waited.looks == 3 and waited.pictures == 6 and waited.seconds == 2.5 and waited.result.found


@pytest.mark.parametrize(("timeout", "pictures"), [(0, 1), (1, 3), (0.7, 3)])
def test_the_time_ends_the_wait_and_the_last_answer_is_told(monkeypatch, clock, timeout, pictures):
    scene(monkeypatch, "red")
    waited = wait_for(is_green, timeout=timeout, interval=0.5)
    assert not waited and waited.looks == 1 and waited.pictures == pictures and waited.seconds == pytest.approx(timeout)
    assert waited.result.status == "refused"


def test_gone(monkeypatch, clock):
    scene(monkeypatch, "green", "green", "red")
    waited = wait_for(is_green, gone=True)
    assert waited.met and waited.looks == 2 and not waited.result.found


def test_an_answer_that_says_nothing_is_not_gone(monkeypatch, clock):
    scene(monkeypatch, "red")
    unparsable = types.SimpleNamespace(found=False, status="unparsable")
    assert not wait_for(lambda screenshot: unparsable, gone=True, timeout=1)


def test_a_black_screen_or_a_closed_window_has_nothing_on_it(monkeypatch, clock):
    scene(monkeypatch, BlackScreen("black"), NoWindow("none"), "green")
    waited = wait_for(is_green)
    assert waited.met and (waited.looks, waited.pictures) == (1, 3)
    scene(monkeypatch, BlackScreen("black"))
    waited = wait_for(is_green, gone=True, timeout=1)
    assert not waited.met and waited.result is None and waited.to_json()["result"] is None
    scene(monkeypatch, "green", NoWindow("none"))
    assert wait_for(is_green, gone=True).looks == 1


def test_other_failures_end_the_wait(monkeypatch, clock):
    scene(monkeypatch, "red", CaptureError("gone"))
    with pytest.raises(CaptureError, match="gone"):
        wait_for(is_green)
    with pytest.raises(UsageError, match="must not be below 0, got timeout -1"):
        wait_for(is_green, timeout=-1)


def test_the_delay_is_waited_once(monkeypatch, clock):
    delays = []

    def take(view):
        delays.append(view.delay)
        return Screenshot(Image.new("RGB", (4, 3), "red"))

    monkeypatch.setattr(View, "take", take)
    wait_for(is_green, View(delay=2.0), timeout=1)
    assert delays[0] == 2.0 and set(delays[1:]) == {0.0}


def test_locator_waits_and_clicks(monkeypatch, answering, tmp_path):
    path = tmp_path / "shot.png"
    Image.linear_gradient("L").resize((320, 200)).convert("RGB").save(path)
    done = []
    monkeypatch.setattr("guiground.action.perform", done.append)
    with Locator(answering("(40, 60)")) as locator:
        waited = locator.wait_for("the Save button", View(path), timeout=0)
        assert waited and waited.result.found
        placed = View(path, coordinates=CoordinateMap.parse("v1:320,200:-50,9:2"))
        clicked = locator.click("the Save button", placed, kind="doubleclick")
        with pytest.raises(UsageError, match="lies on the desktop is not known"):
            locator.click("the Save button", View(path))
    assert [(action.kind, action.point) for action in done] == [("doubleclick", clicked.point)]
    with Locator(answering("(-1, -1)")) as locator:
        assert locator.click("the Save button", placed).status == "refused" and len(done) == 1
        assert locator.wait_for("the Save button", View(path), gone=True, timeout=0)
        assert not locator.wait_for("the Save button", View(path), timeout=0.1, interval=0.05)


def test_a_point_of_a_region_is_a_point_of_the_file(answering, tmp_path):
    path = tmp_path / "shot.png"
    Image.linear_gradient("L").resize((640, 400)).convert("RGB").save(path)
    locator = Locator(answering("(4, 6)"))
    first = locator.locate("x", View(path, region=Box(0, 0, 280, 140)))
    moved = locator.locate("x", View(path, region=Box(300, 200, 580, 340)))
    assert moved.point == Point(first.point.x + 300, first.point.y + 200)
    assert moved.on_screenshot()[0] == first.on_screenshot()[0] and moved.image_size.to_json() == [280, 140]


def test_the_command(here, answering, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.linear_gradient("L").resize((320, 200)).convert("RGB").save("shot.png")
    found, missing = answering("(40, 60)"), answering("(-1, -1)")
    code, out, err = here("wait", "x", "-i", "shot.png", "-m", found, "--overlay", "seen.png")
    assert code == 0 and len(out.split()) == 2 and err == "" and (tmp_path / "seen.png").is_file()
    code, out, err = here("wait", "x", "-i", "shot.png", "-m", missing, "--timeout", "0.1", "--json")
    record = json.loads(out)
    assert code == 1 and not record["met"] and record["looks"] == 1 and "did not come after" in err
    assert here("wait", "x", "-i", "shot.png", "-m", missing, "--gone")[:2] == (0, "")
    code, out, err = here("wait", "x", "-i", "shot.png", "-m", found, "--gone", "--timeout", "0")
    assert code == 1 and out == "" and "is still there" in err
    assert here("wait", "x", "-i", "none.png", "-m", found)[0] == 2
    assert here("wait", "x", "--timeout", "-1")[0] == 2
