"""Which part of the screen is looked at: random layouts of monitors, regions and windows, and pictures from files."""

import sys

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from guiground.errors import CaptureError, UsageError
from guiground.geometry import Box, CoordinateMap, Hop, Point
from guiground.screen import Monitor, Screenshot, View, grab, monitors
from guiground.screen import windows as window_list
from guiground.screen.capture import BlackScreen
from guiground.screen.windows import Window

GENTLE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
places = st.tuples(
    st.integers(-400, 400), st.integers(-400, 400), st.integers(16, 200), st.integers(16, 160), st.sampled_from([1, 2])
)
layouts = st.lists(places, min_size=1, max_size=4)
regions = st.builds(
    Box.from_xywh, st.integers(-300, 300), st.integers(-300, 300), st.integers(1, 200), st.integers(1, 200)
)

parts = st.builds(Box.from_xywh, st.integers(-9, 59), st.integers(-9, 44), st.integers(30, 130), st.integers(30, 99))


def where(screenshot, x, y):
    """The desktop unit that a pixel shows, modulo 256, as the picture itself tells."""
    return screenshot.image.getpixel((x, y))[:2]


def check_every_corner(screenshot):
    """The chain to the desktop says the same as the pixels, and leads back."""
    width, height = screenshot.size.width, screenshot.size.height
    for x, y in ((0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1), (width // 2, height // 2)):
        there = screenshot.to_desktop.apply(Point(x, y))
        assert where(screenshot, x, y) == (int(there.x // 1) % 256, int(there.y // 1) % 256)
        back = screenshot.to_desktop.inverse().apply(there)
        assert abs(back.x - x) < 1e-6 and abs(back.y - y) < 1e-6
        mapped = CoordinateMap.parse(str(screenshot.map)).hop().apply(Point(x, y))
        assert abs(mapped.x - there.x) < 1e-6 and abs(mapped.y - there.y) < 1e-6


@GENTLE
@given(layouts, st.data(), st.sampled_from(["linux", "darwin"]))
def test_a_pixel_leads_to_its_place_on_any_layout(desktop, layout, data, platform):
    desktop(layout, platform)
    monitor = data.draw(st.sampled_from([None, "all", *range(1, len(layout) + 1)]))
    screenshot = grab(monitor)
    check_every_corner(screenshot)
    if monitor not in (None, "all"):
        left, top, width, _, scale = layout[monitor - 1]
        assert screenshot.to_desktop.apply(Point(0, 0)) == Point(left, top)
        assert screenshot.size.width == width * (scale if platform == "darwin" else 1) or len(layout) > 1


@GENTLE
@given(layouts, regions, st.data(), st.sampled_from(["linux", "darwin"]))
def test_regions_are_cut_at_the_edges_and_lead_back(desktop, layout, region, data, platform):
    made = desktop(layout, platform)
    monitor = data.draw(st.sampled_from([None, "all", *range(1, len(layout) + 1)]))
    left, top, width, height = made.bounds() if monitor in (None, "all") else layout[monitor - 1][:4]
    edges = Box.from_xywh(left, top, width, height)
    corner = (0, 0) if monitor is None else (left, top)
    wanted = Box.from_xywh(corner[0] + region.left, corner[1] + region.top, region.width, region.height)
    inside = wanted.intersection(edges)
    if inside is None:
        with pytest.raises(UsageError, match=r"lies outside .*--list"):
            grab(monitor, region)
        return
    screenshot = grab(monitor, region)
    check_every_corner(screenshot)
    seen = screenshot.to_desktop.apply(Box(0, 0, *screenshot.image.size))
    assert seen.to_json() == pytest.approx(inside.to_json())
    assert any("was cut to" in remark for remark in screenshot.warnings) == (inside != wanted)


def test_a_region_alone_counts_from_the_origin_of_the_desktop(desktop):
    desktop([(0, 0, 100, 80, 1), (-100, -20, 100, 80, 1)])
    assert grab(None, Box.from_xywh(-90, -10, 20, 10)).monitor.index == 2
    assert grab(2, Box.from_xywh(10, 10, 20, 10)).to_desktop.apply(Point(0, 0)) == Point(-90, -10)
    assert grab(None, Box.from_xywh(-10, 0, 20, 10)).monitor.index == 0  # across two monitors


def test_monitors_are_listed_with_their_scale(desktop):
    desktop([(0, 0, 100, 80, 2), (-100, -20, 100, 80, 1)], "darwin")
    first, second = monitors()
    assert (first.scale, first.primary, second.scale, second.left, second.top) == (2, True, 1, -100, -20)
    assert sys.modules["mss.darwin"].IMAGE_OPTIONS == 0


def test_an_unknown_monitor_names_those_there_are(desktop):
    desktop([(0, 0, 100, 80, 1)] * 2)
    for wanted in (3, "3", "DP-1", 0, ""):
        with pytest.raises(UsageError, match=r"choose from: 1, 2, all"):
            grab(wanted)


@given(layouts, st.integers(-500, 500), st.integers(-500, 500))
def test_a_point_is_on_the_monitors_whose_pixels_hold_it(layout, x, y):
    for index, (left, top, width, height, scale) in enumerate(layout):
        monitor = Monitor(index + 1, left, top, width, height, scale)
        assert monitor.shows(Point(x, y)) == (left <= x < left + width and top <= y < top + height)
        assert not monitor.shows(Point(left + width, top)) and monitor.shows(Point(left + width - 0.5, top))


def test_a_window_is_cut_at_the_edges_and_remarks_on_what_covers_it(desktop, monkeypatch):
    desktop([(0, 0, 200, 160, 1)])
    shown = [Window("Save as", Box(60, 60, 100, 100)), Window("notes - Editor", Box(-20, 50, 90, 300))]
    monkeypatch.setattr(window_list, "windows", lambda: shown)
    screenshot = grab(window="EDITOR")
    check_every_corner(screenshot)
    assert screenshot.to_desktop.apply(Point(0, 0)) == Point(0, 50) and screenshot.size.height == 110
    covered, cut = screenshot.warnings
    assert "partly covered by 'Save as'" in covered and "was cut to 0,50,90,110" in cut
    part = grab(window="save as", region=Box.from_xywh(10, 5, 10, 10))
    assert part.to_desktop.apply(Point(0, 0)) == Point(70, 65) and part.warnings == ()
    with pytest.raises(UsageError, match=r"no window 'Gimp' .*'Save as', 'notes - Editor'"):
        grab(window="Gimp")
    with pytest.raises(UsageError, match="empty"):
        grab(window=" ")


def test_an_exact_title_wins_over_a_part_and_the_topmost_over_others(monkeypatch):
    titles = ("Files - home", "files", "Files")
    shown = [Window(title, Box(place, place, place + 1, place + 1)) for place, title in enumerate(titles)]
    monkeypatch.setattr(window_list, "windows", lambda: shown)
    assert window_list.find("Files").area == Box(1, 1, 2, 2) and window_list.find("home").area == Box(0, 0, 1, 1)


def test_a_black_region_is_no_failure_but_a_black_screen_is(desktop, monkeypatch):
    made = desktop([(0, 0, 64, 64, 1)])
    black = type("Shot", (), {"width": 64, "height": 64, "bgra": bytes(64 * 64 * 4)})
    monkeypatch.setattr(type(made), "grab", lambda self, area: black)
    with pytest.raises(BlackScreen, match="black throughout"):
        grab()
    small = type("Shot", (), {"width": 8, "height": 8, "bgra": bytes(8 * 8 * 4)})
    monkeypatch.setattr(type(made), "grab", lambda self, area: small)
    assert "one plain colour" in grab(region=Box(0, 0, 8, 8)).warnings[0]
    assert issubclass(BlackScreen, CaptureError)


@pytest.fixture
def picture():
    return Image.linear_gradient("L").resize((120, 90)).convert("RGB")


def test_a_region_of_a_picture_leads_back_to_its_pixels(picture, tmp_path):
    picture.save(tmp_path / "a.png")
    part = View(tmp_path / "a.png", region=Box.from_xywh(100, 80, 50, 50)).take()
    assert part.size.to_json() == [20, 10] and part.to_desktop.apply(Point(1, 2)) == Point(101, 82)
    assert part.image.tobytes() == picture.crop((100, 80, 120, 90)).tobytes()
    with pytest.raises(UsageError, match="outside the picture of 120x90"):
        View(picture, region=Box.from_xywh(120, 0, 5, 5)).take()


def test_a_coordinate_map_places_a_picture_on_the_desktop(picture):
    coordinates = CoordinateMap.parse("v1:120,90:-1440,-300:2")
    placed = View(picture, coordinates=coordinates).take()
    assert placed.to_desktop.apply(Point(120, 90)) == Point(-1380, -255) and placed.map == coordinates
    part = View(picture, region=Box.from_xywh(20, 10, 30, 30), coordinates=coordinates).take()
    assert part.to_desktop.apply(Point(0, 0)) == Point(-1430, -295)
    with pytest.raises(UsageError, match=r"of 121x90, this one has 120x90"):
        View(picture, coordinates=CoordinateMap.parse("v1:121,90:0,0:1")).take()


@GENTLE
@given(parts, parts, st.sampled_from([None, Hop("screenshot -> desktop", 0.5, 0.5, -7, 9)]))
def test_cutting_twice_is_cutting_once(picture, first, second, placed):
    whole = Screenshot(picture, placed=placed)
    once = whole.cut(first)
    assume(Box(0, 0, *once.image.size).intersection(second))
    twice = once.cut(second)
    start = twice.to_desktop.then(whole.to_desktop.inverse()).apply(Point(0, 0))
    x, y = round(start.x), round(start.y)
    assert twice.image.tobytes() == picture.crop((x, y, x + twice.size.width, y + twice.size.height)).tobytes()


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ({"monitor": 1, "window": "a"}, "cannot both"),
        ({"image": "a.png", "monitor": 1}, "not of a picture"),
        ({"image": "a.png", "window": "a"}, "not of a picture"),
        ({"coordinates": CoordinateMap.parse("v1:1,1:0,0:1")}, "--image FILE"),
    ],
)
def test_views_that_contradict_themselves(view, words):
    with pytest.raises(UsageError, match=words):
        View(**view)
