"""Waiting until something is on the screen, or no longer; the model looks again only when the picture has changed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from guiground.errors import UsageError
from guiground.result import NOT_THERE, Result
from guiground.screen import Screenshot, View
from guiground.screen.capture import BlackScreen
from guiground.screen.windows import NoWindow


@dataclass(frozen=True, slots=True)
class Waited:
    """How a wait ended; true if what was waited for came.

    result, screenshot: of the last look, None if there was nothing to look at. looks: how often the model looked.
    pictures: how often the screen was taken. seconds: how long it all took.
    """

    met: bool
    result: Result | None
    screenshot: Screenshot | None
    looks: int
    pictures: int
    seconds: float

    def __bool__(self) -> bool:
        return self.met

    def to_json(self) -> dict:
        counts = {"looks": self.looks, "pictures": self.pictures, "seconds": round(self.seconds, 3)}
        return {"met": self.met, **counts, "result": self.result and self.result.to_json()}


def wait_for(
    look: Callable[[Screenshot], Result],
    view: View | None = None,
    *,
    gone: bool = False,
    timeout: float = 30.0,
    interval: float = 0.5,
) -> Waited:
    """Takes pictures until `look` finds its target, or, with `gone`, until it says that there is none.

    look: asks the model about one screenshot. timeout, interval: in seconds; the screen is always looked at once, and a
    look that has begun is not cut short. A screen that is still black, or a window that is not open, has nothing on it.
    Raises what taking a picture raises otherwise, UsageError for times below 0.
    """
    if timeout < 0 or interval < 0:
        raise UsageError(f"seconds must not be below 0, got timeout {timeout:g} and interval {interval:g}")
    view, began = view or View(), time.monotonic()
    deadline, looks, pictures = began + view.delay + timeout, 0, 0
    result = screenshot = seen = None
    while True:
        there, met = True, False
        try:
            screenshot = view.take()
        except (BlackScreen, NoWindow) as nothing:
            there, met = False, gone and isinstance(nothing, NoWindow)
        view, pictures = replace(view, delay=0.0), pictures + 1
        if there:
            pixels = (screenshot.to_desktop, screenshot.size, screenshot.image.tobytes())
            if pixels != seen:
                result, seen, looks = look(screenshot), pixels, looks + 1
            met = result.status in NOT_THERE if gone else result.found
        now = time.monotonic()
        if met or now >= deadline:
            return Waited(met, result, screenshot, looks, pictures, now - began)
        time.sleep(min(interval, max(0.0, deadline - now)))
