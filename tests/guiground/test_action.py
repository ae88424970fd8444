"""Actions: never beside the monitors, drawn where they will be, and looked at afterwards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from guiground import action as actions
from guiground.action import Action, compare, perform, perform_and_compare
from guiground.errors import CaptureError
from guiground.geometry import Box, Point, capture_to_desktop
from guiground.overlay import ACCENT
from guiground.screen import Monitor, Screenshot

monitors = st.builds(
    Monitor, st.just(1), st.integers(-2000, 2000), st.integers(-2000, 2000), st.integers(1, 900), st.integers(1, 900)
)
points = st.builds(Point, st.floats(-3000, 3000), st.floats(-3000, 3000))


@given(st.lists(monitors, min_size=1, max_size=3), points, points)
def test_a_point_on_no_monitor_is_refused(layout, start, end):
    def on_one(point):
        return any(
            one.left <= point.x < one.left + one.width and one.top <= point.y < one.top + one.height for one in layout
        )

    action = Action("drag", start, end)
    if on_one(start) and on_one(end):
        action.check(layout)
    else:
        with pytest.raises(CaptureError, match="on no monitor, so nothing was done"):
            action.check(layout)


@pytest.fixture
def hands(monkeypatch):
    """What pointer and keyboard were asked for, on two monitors, one left of and above the other."""
    done = []
    layout = [Monitor(1, 0, 0, 200, 100), Monitor(2, -200, -50, 200, 100)]
    monkeypatch.setattr("guiground.screen.monitors", lambda: layout)
    for name in ("click", "move", "drag", "scroll", "press"):
        monkeypatch.setattr(f"guiground.screen.hands.{name}", lambda *told, _name=name: done.append((_name, *told)))
    monkeypatch.setattr("guiground.screen.typist.type_text", lambda text: done.append(("type", text)))
    return done


@pytest.mark.parametrize(
    ("action", "does"),
    [
        (Action("click", Point(5, 5)), [("click", Point(5, 5), "left", 1)]),
        (Action("doubleclick", Point(-5, -5)), [("click", Point(-5, -5), "left", 2)]),
        (Action("rightclick", Point(5, 5)), [("click", Point(5, 5), "right", 1)]),
        (Action("move", Point(5, 5)), [("move", Point(5, 5))]),
        (Action("drag", Point(5, 5), Point(-9, 9)), [("drag", Point(5, 5), Point(-9, 9))]),
        (Action("scroll", Point(5, 5), notches=-3), [("scroll", Point(5, 5), -3)]),
        (Action("type", text="ä"), [("type", "ä")]),
        (Action("type", Point(5, 5), text="ä"), [("click", Point(5, 5)), ("type", "ä")]),
        (Action("press", keys=("ctrl", "s")), [("press", ("ctrl", "s"))]),
    ],
)
def test_what_each_kind_does(hands, action, does):
    assert action.kind in actions.KINDS
    perform(action)
    assert hands == does


@pytest.mark.parametrize("point", [Point(200, 5), Point(-1, 60), Point(10, -1), Point(-201, 0)])
def test_nothing_is_done_beside_the_monitors(hands, point):
    for action in (Action("click", point), Action("drag", Point(5, 5), point), Action("type", point, text="x")):
        with pytest.raises(CaptureError):
            perform(action)
        with pytest.raises(CaptureError):
            perform_and_compare(action)
    assert hands == []


def picture(*rectangles):
    image = Image.new("RGB", (400, 200), "white")
    for rectangle in rectangles:
        ImageDraw.Draw(image).rectangle(rectangle, fill="black")
    return image


def test_a_change_around_the_target_is_told_from_one_elsewhere():
    before, after = picture(), picture((10, 10, 29, 29))
    near = compare(before, after, Box(0, 0, 40, 40))
    far = compare(before, after, Box(200, 100, 240, 140))
    assert near.seen and near.around == 400 / 1600 and near.screen == 400 / 80_000
    assert not far.seen and far.screen == near.screen
    assert compare(before, before).to_json() == {"changed": False, "around": 0, "screen": 0}
    assert compare(before, picture().resize((40, 20)), None).seen
    assert not compare(before, after, Box(-50, -50, -20, -20)).seen


def test_verifying_compares_the_monitor_before_and_after(hands, monkeypatch):
    shots = [picture(), picture(), picture((100, 100, 119, 119))]
    asked = []

    def grab(monitor):
        asked.append(monitor)
        return Screenshot(shots.pop(0) if len(shots) > 1 else shots[0], Monitor(2, -200, -50, 200, 100, 2.0))

    monkeypatch.setattr("guiground.screen.grab", grab)
    change = perform_and_compare(Action("click", Point(-145, 5)))
    assert change.seen and asked == [2, 2, 2] and hands == [("click", Point(-145, 5), "left", 1)]
    monkeypatch.setattr(actions, "SETTLE_SECONDS", 0.0)
    assert not perform_and_compare(Action("press", keys=("enter",))).seen and asked[-1] == "all"


def test_a_plan_is_drawn_where_it_will_be():
    desktop = capture_to_desktop(-1440, -300, 2)
    image = Image.new("RGB", (800, 600), "white")
    drawn = Action("drag", Point(-1390, -250), Point(-1090, -100)).draw(image, desktop)
    assert drawn.getpixel((100, 100)) == ACCENT == drawn.getpixel((700, 400))
    assert drawn.getpixel((400, 300)) == (255, 255, 255) == image.getpixel((100, 100))


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (Action("doubleclick", Point(5.9, -0.5)), "double-click (5, -1)"),
        (Action("drag", Point(5, 5), Point(6, 6)), "drag from (5, 5) to (6, 6)"),
        (Action("scroll", Point(5, 5), notches=-3), "scroll down 3 at (5, 5)"),
        (Action("type", Point(5, 5), text="secret"), "type 6 characters at (5, 5)"),
        (Action("press", keys=("ctrl", "s")), "press ctrl+s"),
    ],
)
def test_plans_in_words_tell_no_typed_text(action, words):
    assert action.describe() == words and "secret" not in str(action.to_json())
