"""Grabbing a monitor: pixels and geometry from one call, so that nothing can move between them."""

import os
import sys
from collections.abc import Mapping
from typing import Any

from guiground.errors import CaptureError
from guiground.meter import Clock
from guiground.screen.screenshot import Monitor, Screenshot


def grab() -> Screenshot:
    """The primary monitor as it looks now, without the mouse pointer.

    The primary monitor is the one that the system marks as such, else the first.
    Raises CaptureError when there is no display, when the system refuses, or when the picture is black throughout,
    which is what a desktop without permission to capture hands out.
    """
    import mss
    from PIL import Image

    clock = Clock()
    try:
        with mss.MSS() as session:
            monitors = list(session.monitors)[1:]  # [0] is the whole desktop
            if not monitors:
                raise CaptureError("no monitor is connected (give a picture with --image FILE)")
            index = next((i for i, monitor in enumerate(monitors) if _field(monitor, "is_primary")), 0)
            shot = session.grab(monitors[index])
    except (mss.ScreenShotError, OSError) as error:
        raise CaptureError(_refusal(error)) from error
    image = Image.frombytes("RGB", (shot.width, shot.height), bytes(shot.bgra), "raw", "BGRX")
    left, top, width, height = (_field(monitors[index], name) for name in ("left", "top", "width", "height"))
    monitor = Monitor(index + 1, left, top, width, height, shot.width / width)
    clock.stop("capture")
    return Screenshot(image, monitor, _one_colour(image), clock.spent["capture"])


def _field(monitor: Any, name: str) -> Any:
    """A monitor's field: mss 10 has dicts, mss 11 objects."""
    return monitor.get(name) if isinstance(monitor, Mapping) else getattr(monitor, name, None)


def _one_colour(image: Any) -> tuple[str, ...]:
    ranges = image.getextrema()
    if any(low != high for low, high in ranges):
        return ()
    if all(high == 0 for _, high in ranges):
        raise CaptureError(
            f"the screen capture is black throughout ({_permission()}, or give a picture with --image FILE)"
        )
    return (f"the screen capture is one plain colour: is the right thing on the screen? ({_permission()})",)


def _permission() -> str:
    if sys.platform == "darwin":
        return "allow Screen Recording for this terminal in System Settings > Privacy & Security"
    if os.environ.get("WAYLAND_DISPLAY"):
        return "a Wayland desktop shows X11 programs only their own windows: log in to an X11 session"
    return "unlock the screen and open a window"


def _refusal(error: Exception) -> str:
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        return "there is no display to capture: DISPLAY is not set (set it, or give a picture with --image FILE)"
    detail = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if sys.platform.startswith("linux"):
        detail = f"display '{os.environ['DISPLAY']}': {detail}"
    return f"the screen cannot be captured: {detail} (check the display, or give a picture with --image FILE)"
