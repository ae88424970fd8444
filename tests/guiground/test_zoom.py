"""Closer looks: what is seen, and that answers stay in the frame of the whole screenshot."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from guiground import Locator
from guiground.errors import UsageError
from guiground.geometry import Box, Point, Size
from guiground.screen import Monitor, Screenshot
from guiground.zoom import around, zoomed

PIXELS = 60_000
MONITOR = Monitor(1, -640, 20, 640, 400, 2.0)


@pytest.fixture(scope="module")
def screenshot():
    return Screenshot(Image.linear_gradient("L").resize((1280, 800)).convert("RGB"), MONITOR, ("a remark",))


@given(st.floats(0, 99), st.floats(0, 49), st.integers(1, 100), st.integers(1, 50))
def test_the_part_lies_in_the_whole_and_holds_the_point(x, y, width, height):
    box = around(Point(x, y), Size(width, height), Size(100, 50))
    assert (box.width, box.height) == (width, height)
    assert Box(0, 0, 100, 50).intersection(box) == box
    assert box.left - 0.5 <= x <= box.right + 0.5 and box.top - 0.5 <= y <= box.bottom + 0.5


@pytest.mark.parametrize("times", [0, 1, 2])
def test_answers_are_those_of_the_part_in_the_frame_of_the_whole(answering, screenshot, times):
    """Each look answers (100, 60) of what it sees, so where the next one looks is known."""
    folder = answering("(100, 60)")
    plain = Locator(folder, max_pixels=PIXELS)
    result = plain.locate("x", screenshot)
    seen, part, place = Size(1280, 800), Box(0, 0, 1280, 800), result.on_screenshot()[0]
    for _ in range(times):
        seen = Size(seen.width // 2, seen.height // 2)
        part = around(place, seen, screenshot.size)
        alone = plain.locate("x", Screenshot(screenshot.image.crop([int(edge) for edge in part.to_json()])))
        place = Point(part.left + alone.point.x, part.top + alone.point.y)
    found = Locator(folder, max_pixels=PIXELS, zoom=times).locate("x", screenshot)
    assert tuple(found.on_screenshot()[0]) == pytest.approx(tuple(place))
    assert tuple(found.point) == pytest.approx((place.x / 2 - 640, place.y / 2 + 20))
    assert found.transform.apply(Point(100, 60)) == found.point
    assert found.image_size == screenshot.size and found.monitor == result.monitor
    assert found.warnings == ("a remark",)
    assert (found.point == result.point) == (times == 0)


def test_a_closer_look_that_finds_nothing_leaves_the_answer(answering, screenshot):
    first = Locator(answering("(100, 60)"), max_pixels=PIXELS).locate("x", screenshot)
    looked = []

    def blind(part):
        looked.append(part.size)
        return replace(first, status="refused", point=None, timing_ms={"total": 5.0})

    result = zoomed(first, screenshot, 2, blind)
    assert looked == [Size(640, 400)] and result.point == first.point
    assert result.timing_ms["total"] == first.timing_ms["total"] + 5.0
    assert "a closer look did not find it (refused)" in result.warnings[-1]
    nothing = replace(first, status="refused", point=None)
    assert zoomed(nothing, screenshot, 2, blind) is nothing and len(looked) == 1


def test_the_option(here, answering, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.linear_gradient("L").resize((1280, 800)).convert("RGB").save("shot.png")
    arguments = ("locate", "x", "-i", "shot.png", "-m", answering("(100, 60)"), "--max-pixels", PIXELS)
    code, out, _ = here(*arguments, "--zoom", "1", "--overlay", "seen.png")
    assert code == 0 and out != here(*arguments)[1]
    with Image.open("seen.png") as seen:
        red, green, _ = seen.getpixel(tuple(int(number) for number in out.split()))
    assert red > 200 and green < 100  # the dot of the crosshair
    assert here(*arguments, "--zoom", "3")[0] == 2
    with pytest.raises(UsageError, match="from 0 to 2, got 3"):
        Locator(zoom=3)
