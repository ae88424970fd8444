"""Layouts of monitors as systems that are not at hand report them: every corner, cut and click lands where it should.

macOS tells units in which a Retina screen has two pixels each, measured from the upper left corner of the main screen.
Windows tells pixels to a process that knows each monitor's scale, whatever the scale is.
"""

import types

import pytest

from guiground.action import Action
from guiground.errors import CaptureError
from guiground.geometry import Box, CoordinateMap, Point
from guiground.screen import grab, hands, monitors

LAYOUTS = {  # platform, and of each monitor left, top, width, height and captured pixels a unit; the main one first
    "MacBook, external 1080p to its left": ("darwin", [(0, 0, 1512, 982, 2), (-1920, -98, 1920, 1080, 1)]),
    "MacBook below a 4K screen at twice": ("darwin", [(0, 0, 1440, 900, 2), (-240, -1080, 1920, 1080, 2)]),
    "iMac between two": ("darwin", [(0, 0, 2560, 1440, 2), (-1080, -240, 1080, 1920, 1), (2560, 0, 1920, 1080, 1)]),
    "Windows, laptop at 150 %, 4K to its left": ("win32", [(0, 0, 2880, 1800, 1), (-3840, -360, 3840, 2160, 1)]),
    "Windows, portrait left and one above": (
        "win32",
        [(0, 0, 1920, 1080, 1), (-1080, -420, 1080, 1920, 1), (0, -1440, 2560, 1440, 1)],
    ),
}
CASES = [pytest.param(*layout, id=name) for name, layout in LAYOUTS.items()]


@pytest.fixture
def clicked(monkeypatch):
    """What pyautogui was told to click on."""
    made = []
    gui = types.SimpleNamespace(
        click=lambda x, y, **more: made.append((x, y)),
        FailSafeException=KeyError,
        FAILSAFE_POINTS=[(0, 0)],
        size=lambda: (1512, 982),
    )
    monkeypatch.setattr(hands, "_import", lambda: gui)
    return made


@pytest.mark.parametrize(("platform", "places"), CASES)
def test_every_corner_leads_to_the_desktop_and_back(desktop, platform, places):
    desktop(places, platform)
    for number, (left, top, width, height, scale) in enumerate(places, 1):
        shot = grab(number)
        assert shot.image.size == (width * scale, height * scale) and shot.monitor.scale == scale
        corners = shot.to_desktop.apply(Box(0, 0, *shot.image.size))
        assert corners == Box.from_xywh(left, top, width, height)
        for x, y in ((0, 0), (shot.size.width - 1, shot.size.height - 1)):
            there = shot.to_desktop.apply(Point(x, y))
            assert shot.image.getpixel((x, y))[:2] == (int(there.x // 1) % 256, int(there.y // 1) % 256)
            assert shot.to_desktop.inverse().apply(there) == Point(x, y)
            assert CoordinateMap.parse(str(shot.map)).hop().apply(Point(x, y)) == there


@pytest.mark.parametrize(("platform", "places"), CASES)
def test_a_target_in_the_picture_is_clicked_on_the_desktop(desktop, clicked, platform, places):
    desktop(places, platform)
    for number, (left, top, width, height, scale) in enumerate(places, 1):
        part = grab(number, Box.from_xywh(100, 50, 300, 200))  # as a target in a region of this monitor
        point = part.to_desktop.apply(Point(7 * scale, 9 * scale))
        assert point == Point(left + 107, top + 59)
        Action("click", point).check(monitors())
        hands.click(point)
        assert clicked.pop() == (left + 107, top + 59)
        beyond = Point(left + width + 100_000, top + height)
        with pytest.raises(CaptureError, match="is on no monitor"):
            Action("click", beyond).check(monitors())
