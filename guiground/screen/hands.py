"""Pointer and keyboard, through pyautogui, whose fail-safe stays on: a pointer in a screen corner stops everything."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from guiground.errors import CaptureError
from guiground.geometry import Point

DRAG_SECONDS = 0.6


@contextmanager
def hands() -> Iterator[ModuleType]:
    """pyautogui, imported only now because importing it connects to the display.

    Raises CaptureError, with the remedy, where input cannot be sent, and when the fail-safe stops it.
    """
    pyautogui = _import()
    try:
        yield pyautogui
    except pyautogui.FailSafeException as error:
        raise CaptureError(
            "stopped, because the pointer is in a corner of the screen (move it away from there to go on)"
        ) from error


def check() -> None:
    """Raises CaptureError, with the remedy, if pointer and keyboard cannot be used here."""
    with hands():
        pass


def position() -> Point:
    """Where the pointer is, in desktop coordinates."""
    with hands() as pyautogui:
        return Point(*pyautogui.position())


def click(point: Point, button: str = "left", clicks: int = 1) -> None:
    with hands() as pyautogui:
        x, y = _beside_corner(point, pyautogui)
        pyautogui.click(x, y, clicks=clicks, interval=0.05 if clicks > 1 else 0.0, button=button)


def move(point: Point) -> None:
    with hands() as pyautogui:
        pyautogui.moveTo(*_beside_corner(point, pyautogui))


def drag(start: Point, end: Point) -> None:
    """Presses at the start, moves to the end as a hand does, and lets go, whatever happens on the way."""
    with hands() as pyautogui:
        pyautogui.moveTo(*_beside_corner(start, pyautogui))
        pyautogui.mouseDown()
        try:
            if sys.platform == "darwin":
                pyautogui.dragTo(*_beside_corner(end, pyautogui), duration=DRAG_SECONDS, mouseDownUp=False)
            else:
                pyautogui.moveTo(*_beside_corner(end, pyautogui), duration=DRAG_SECONDS)
        finally:
            pyautogui.platformModule._mouseUp(*pyautogui.position(), "left")


def scroll(point: Point, notches: int) -> None:
    """Turns the wheel at the point: up if notches is positive, else down."""
    with hands() as pyautogui:
        pyautogui.moveTo(*_beside_corner(point, pyautogui))
        unit = 120 if sys.platform == "win32" else 1
        pyautogui.scroll(notches * unit)


def press(keys: tuple[str, ...]) -> None:
    """Holds all keys but the last and presses that one."""
    with hands() as pyautogui:
        command = "command" if sys.platform == "darwin" else "ctrl"
        pyautogui.hotkey(*(command if key == "cmd" else key for key in keys))


def _beside_corner(point: Point, pyautogui: ModuleType) -> tuple[int, int]:
    """The point's pixel; in a corner of the screen, which sets off the fail-safe, the one diagonally beside it."""
    x, y = int(point.x // 1), int(point.y // 1)
    if (x, y) in pyautogui.FAILSAFE_POINTS:
        width, height = pyautogui.size()
        x, y = (x + 1 if x < width / 2 else x - 1), (y + 1 if y < height / 2 else y - 1)
    return x, y


def _import() -> ModuleType:
    if sys.platform in ("win32", "darwin"):
        from guiground.screen.capture import monitors

        monitors()  # mss makes the process aware of each monitor's scale, which has to come before pyautogui
    else:
        _check_x11()
    try:
        if sys.platform in ("win32", "darwin"):
            import pyautogui
        else:
            from guiground.screen.x11 import authority

            with authority():
                import pyautogui
    except ImportError as error:
        raise CaptureError(f"input needs pyautogui: {error} (pip install pyautogui)") from error
    except SystemExit as error:  # its part mouseinfo ends the program where tkinter is missing
        raise CaptureError(
            "pyautogui needs tkinter, which this Python lacks (on Debian: apt-get install python3-tk)"
        ) from error
    except KeyError as error:
        raise CaptureError(f"{error} is not set, and input needs it (set DISPLAY to that of the desktop)") from error
    except Exception as error:  # the X libraries' own kinds of refusal
        from guiground.screen.x11 import unreachable

        raise CaptureError(unreachable(error)) from error
    return pyautogui


def _check_x11() -> None:
    """Raises CaptureError without an X server, and where it is only a guest of a Wayland desktop."""
    from guiground.screen.x11 import connect

    with connect() as display:
        if "XWAYLAND" in display.list_extensions() and os.environ.get("WAYLAND_DISPLAY"):
            raise CaptureError(
                "X11 input does not reach the windows of a Wayland desktop"
                " (log in to an X11 session, or move the pointer with: ydotool mousemove --absolute -x X -y Y)"
            )
