"""Grabbing the screen: pixels and geometry from one call, so that nothing can move between them."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from guiground.errors import CaptureError, UsageError
from guiground.geometry import Box, Hop
from guiground.meter import Clock
from guiground.screen import portal
from guiground.screen.screenshot import Monitor, Screenshot

WHOLE = "all"


class BlackScreen(CaptureError):
    """The capture is black throughout: there is no permission, or nothing on the screen yet."""


def monitors() -> list[Monitor]:
    """The monitors that are connected, without the desktop as a whole. Raises CaptureError without a display."""
    with _session() as session:
        return _monitors(session)[1:]


def grab(monitor: int | str | None = None, region: Box | None = None, window: str | None = None) -> Screenshot:
    """The screen, or a part of it, as it looks now, without the mouse pointer.

    monitor: its number, its name, or "all"; by default the primary one, which is the one that the system marks as such,
    else the first. region: in desktop units, from the corner of the monitor or window if one is named, else of the
    desktop. window: part of a title. Regions and windows are cut at the edges of the screen.
    Raises CaptureError when there is no display, when the system refuses, or when the picture is black throughout,
    which is what a desktop without permission to capture hands out; UsageError for what is not there.
    """
    from PIL import Image

    clock, remarks = Clock(), []
    with _session() as session:
        known = _monitors(session)
        if window is not None:
            from guiground.screen.windows import find

            found = find(window)
            remarks += found.remarks
            area, edges = found.area, known[0].area
        else:
            chosen = known[0] if monitor is None and region is not None else _choose(known, monitor)
            area = edges = chosen.area
        if region is not None:
            named = window is not None or monitor is not None
            left, top = (area.left, area.top) if named else (0, 0)
            wanted = Box.from_xywh(left + region.left, top + region.top, region.width, region.height)
            edges, area = area.intersection(edges) or edges, wanted
        area = _cut(area, edges, remarks)
        home = next((one for one in known[1:] if one.area.intersection(area) == area), known[0])
        left, top, width, height = (round(side) for side in (area.left, area.top, area.width, area.height))
        shot = session.grab({"left": left, "top": top, "width": width, "height": height})
    image = Image.frombytes("RGB", (shot.width, shot.height), bytes(shot.bgra), "raw", "BGRX")
    scale = shot.width / width
    seen = Monitor(home.index, home.left, home.top, home.width, home.height, scale, home.name, home.primary)
    placed = None
    if area != home.area:
        offset = (left - home.left) * scale, (top - home.top) * scale
        placed = Hop("region -> capture", 1.0, 1.0, *offset)
    clock.stop("capture")
    remarks += _one_colour(image, whole=placed is None)
    return Screenshot(image, seen, tuple(remarks), clock.spent["capture"], placed)


def _cut(area: Box, edges: Box, remarks: list[str]) -> Box:
    """The whole units of the area that are within the edges."""
    area = Box(*(round(edge) for edge in area.to_json()))
    inside = area.intersection(edges)
    if inside is None:
        left, top, width, height = (f"{side:g}" for side in (edges.left, edges.top, edges.width, edges.height))
        raise UsageError(
            f"region {_xywh(area)} lies outside of {width}x{height} at ({left}, {top})"
            " (see the monitors with: guiground screenshot --list)"
        )
    if inside != area:
        remarks.append(f"{_xywh(area)} reaches beyond what is there: it was cut to {_xywh(inside)}")
    return inside


def _xywh(box: Box) -> str:
    return f"{box.left:g},{box.top:g},{box.width:g},{box.height:g}"


def _choose(known: list[Monitor], wanted: int | str | None) -> Monitor:
    """The monitor that a number or name stands for; known[0] is the whole desktop."""
    if wanted is None:
        return next((monitor for monitor in known[1:] if monitor.primary), known[1])
    text = str(wanted).strip().casefold()
    if text == WHOLE:
        return known[0]
    for monitor in known[1:]:
        if text and text in (str(monitor.index), monitor.name.casefold()):
            return monitor
    names = [f"{one.index} ({one.name})" if one.name else str(one.index) for one in known[1:]]
    raise UsageError(f"there is no monitor '{wanted}' (choose from: {', '.join(names)}, {WHOLE})")


@contextmanager
def _session() -> Iterator[Any]:
    """mss, connected to the screen, or on Wayland the portal; what it has against that becomes a CaptureError."""
    if portal.in_use():
        with portal.session() as session:
            yield session
        return
    import mss

    if sys.platform == "darwin":
        import mss.darwin

        mss.darwin.IMAGE_OPTIONS = 0  # physical pixels: mss would scale a Retina screen down
    try:
        with mss.MSS() as session:
            yield session
    except (mss.ScreenShotError, OSError) as error:
        raise CaptureError(_refusal(error)) from error


def _monitors(session: Any) -> list[Monitor]:
    """The whole desktop, then its monitors."""
    found = list(session.monitors)
    if len(found) < 2:
        raise CaptureError("no monitor is connected (give a picture with --image FILE)")
    listed = []
    for index, monitor in enumerate(found):
        left, top, width, height = (int(_field(monitor, name)) for name in ("left", "top", "width", "height"))
        name = _field(monitor, "output") or _field(monitor, "name") or ""
        scale = _scale(session, left, top) if index else 1.0
        primary = index > 0 and bool(_field(monitor, "is_primary"))
        listed.append(Monitor(index, left, top, width, height, scale, name if index else WHOLE, primary))
    return listed


def _scale(session: Any, left: int, top: int) -> float:
    """Captured pixels per desktop unit: the same but on macOS and Wayland, which are asked by a small grab."""
    if sys.platform != "darwin" and not portal.in_use():
        return 1.0
    return session.grab({"left": left, "top": top, "width": 8, "height": 8}).width / 8


def _field(monitor: Any, name: str) -> Any:
    """A monitor's field: mss 10 has dicts, mss 11 objects."""
    return monitor.get(name) if isinstance(monitor, Mapping) else getattr(monitor, name, None)


def _one_colour(image: Any, whole: bool) -> tuple[str, ...]:
    ranges = image.getextrema()
    if any(low != high for low, high in ranges):
        return ()
    if whole and all(high == 0 for _, high in ranges):
        raise BlackScreen(
            f"the screen capture is black throughout ({permission()}, or give a picture with --image FILE)"
        )
    return (f"the screen capture is one plain colour: is the right thing on the screen? ({permission()})",)


def permission() -> str:
    """What to do when a capture succeeds and shows nothing, on this platform."""
    if sys.platform == "darwin":
        return "allow Screen Recording for this terminal in System Settings > Privacy & Security"
    if portal.in_use():
        return f"share the right monitor when the desktop asks, {portal.OTHERWISE}"
    return "unlock the screen and open a window"


def _refusal(error: Exception) -> str:
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        return "there is no display to capture: DISPLAY is not set (set it, or give a picture with --image FILE)"
    detail = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if sys.platform.startswith("linux"):
        detail = f"display '{os.environ['DISPLAY']}': {detail}"
    return f"the screen cannot be captured: {detail} (check the display, or give a picture with --image FILE)"
