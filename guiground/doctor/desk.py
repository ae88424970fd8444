"""Screen and hands: display, session, monitors, whether a capture shows what is there, whether input arrives."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from guiground.doctor.check import FAIL, OK, WARN, Check, attempt
from guiground.doctor.probe import COLOURS, SIDE
from guiground.errors import CaptureError
from guiground.geometry import Box, Point
from guiground.screen import Screenshot, grab, hands, monitors, portal
from guiground.screen.capture import permission

ANSWER_SECONDS = 5.0
_TOLERANCE = 60  # of 255 for each colour: colour profiles and compression change them


def checks(with_probe: bool) -> Iterator[Check]:
    """with_probe: whether a small window may be shown for a moment, and clicked on."""
    yield _session()
    shown = attempt("monitors", _monitors)
    yield shown
    if shown.status == FAIL:
        reason = "nothing to look at without a display"
        yield Check("capture", FAIL, reason, shown.remedy, CaptureError.exit_code)
        yield Check("input", FAIL, "nothing to click on without a display", shown.remedy, CaptureError.exit_code)
        return
    if not with_probe:
        yield attempt("capture", _capture)
        yield attempt("input", _hands)
        return
    place = _middle()
    with _probe(place) as probe:
        yield attempt("capture", lambda: _capture(probe))
        yield attempt("input", lambda: _hands(probe))


def _session() -> Check:
    if not sys.platform.startswith("linux"):
        return Check("session", OK, {"win32": "Windows", "darwin": "macOS"}.get(sys.platform, sys.platform))
    kind, display = os.environ.get("XDG_SESSION_TYPE") or "unknown", os.environ.get("DISPLAY") or "not set"
    detail = f"{kind}, DISPLAY {display}"
    if portal.in_use():
        remedy = "input and window titles need an X11 session; capture goes through the desktop portal"
        return Check("session", WARN, f"Wayland, {detail}", remedy)
    return Check("session", OK, detail)


def _monitors() -> Check:
    places = (
        f"{one.index}: {one.width}x{one.height} at {one.left},{one.top} scale {one.scale:g}"
        + (f" {one.name}" if one.name else "")
        + (" (primary)" if one.primary else "")
        for one in monitors()
    )
    return Check("monitors", OK, "; ".join(places))


def _middle() -> Point:
    """Where the probe goes: on the middle of the primary monitor."""
    shown = monitors()
    home = next((monitor for monitor in shown if monitor.primary), shown[0])
    return Point(home.left + (home.width - SIDE) // 2, home.top + (home.height - SIDE) // 2)


class _Probe:
    """The window of four colours in a process of its own. area: None if it could not be shown."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process, self._lines = process, queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        told = self.wait_for("area")
        self.area = None if told is None else Box.from_xywh(*told)

    def _read(self) -> None:
        for line in self.process.stdout:
            self._lines.put(json.loads(line))

    def wait_for(self, name: str) -> list[int] | None:
        deadline = time.monotonic() + ANSWER_SECONDS
        while (left := deadline - time.monotonic()) > 0 and (self.process.poll() is None or not self._lines.empty()):
            try:
                told = self._lines.get(timeout=min(left, 0.2))
            except queue.Empty:
                continue
            if name in told:
                return told[name]
        return None


@contextmanager
def _probe(place: Point) -> Iterator[_Probe]:
    command = [sys.executable, "-m", "guiground.doctor.probe", f"{place.x:.0f}", f"{place.y:.0f}"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        try:
            yield _Probe(process)
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=ANSWER_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _capture(probe: _Probe | None = None) -> Check:
    if sys.platform == "darwin" and not _may_capture():
        return Check("capture", FAIL, "this program may not record the screen", permission(), CaptureError.exit_code)
    if probe is None or probe.area is None:
        screenshot = grab("all")
        size = f"{screenshot.size.width}x{screenshot.size.height} in {screenshot.taken_ms:.0f} ms"
        if screenshot.warnings:
            return Check("capture", WARN, f"{size}: {screenshot.warnings[0]}")
        remedy = "" if probe is None else "install tkinter to have it compared, on Debian: apt-get install python3-tk"
        return Check("capture", OK if probe is None else WARN, f"{size}, not compared with the screen", remedy)
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        screenshot = grab("all")
        if shows(screenshot, probe.area):
            scale = f"scale {screenshot.monitor.scale:g}"
            return Check("capture", OK, f"a window shown for it is in the picture, where it should be, {scale}")
        if time.monotonic() > deadline:
            detail = "a window shown for it is not in the picture where it should be"
            return Check("capture", FAIL, detail, permission(), CaptureError.exit_code)
        time.sleep(0.1)


def shows(screenshot: Screenshot, area: Box) -> bool:
    """Whether the four colours of the probe are in the picture at this area of the desktop."""
    for number, colour in enumerate(COLOURS):
        across, down = 0.25 + 0.5 * (number % 2), 0.25 + 0.5 * (number // 2)
        place = Point(area.left + across * area.width, area.top + down * area.height)
        x, y = (int(side // 1) for side in screenshot.to_desktop.inverse().apply(place))
        if not (0 <= x < screenshot.size.width and 0 <= y < screenshot.size.height):
            return False
        seen = screenshot.image.getpixel((x, y))
        if any(abs(one - other) > _TOLERANCE for one, other in zip(seen, colour, strict=True)):
            return False
    return True


def _may_capture() -> bool:
    """What macOS says about Screen Recording, without asking the user for it."""
    import ctypes

    graphics = ctypes.CDLL("/System/Library/Frameworks/CoreGraphics.framework/CoreGraphics")
    return bool(graphics.CGPreflightScreenCaptureAccess())


def _hands(probe: _Probe | None = None) -> Check:
    hands.check()
    if probe is None or probe.area is None:
        return Check("input", OK, "pyautogui is ready, not tried on a window")
    target = probe.area.center
    before = hands.position()
    hands.click(target)
    landed = probe.wait_for("clicked")
    hands.move(before)
    if landed is None:
        return Check("input", FAIL, "a click on a window shown for it did not arrive", _no_input(), 3)
    x, y = (round(side) for side in target)
    if abs(landed[0] - x) > 1 or abs(landed[1] - y) > 1:
        detail = f"a click meant for ({x}, {y}) arrived at ({landed[0]}, {landed[1]})"
        return Check("input", FAIL, detail, "set all monitors to the same scale, or report this with the line above", 3)
    return Check("input", OK, "a click arrived where it was meant to, and the fail-safe is on")


def _no_input() -> str:
    if sys.platform == "darwin":
        return "allow Accessibility for this terminal in System Settings > Privacy & Security"
    if sys.platform == "win32":
        return "start this terminal with the same rights as the program to be clicked on"
    return "close what covers the screen, such as a lock screen, or log in to an X11 session"
