"""What can be done on the desktop: planned as data, checked, drawn, performed, and looked at afterwards."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from guiground.errors import CaptureError
from guiground.geometry import Box, Chain, Point

if TYPE_CHECKING:
    from PIL.Image import Image

    from guiground.screen import Monitor

AROUND = 80  # desktop units above and below the target in which a change counts as its own
ASIDE = 240  # the same to its left and right: the box that is ticked stands at the start of its words
SETTLE_SECONDS = 3.0  # how long a change is waited for; on a busy machine a dialog takes more than one
_DIFFERENT = 12  # of 255: a smaller difference of a colour is noise
_VERBS = {"doubleclick": "double-click", "rightclick": "right-click", "drag": "drag from"}
_BUTTONS = {"click": ("left", 1), "doubleclick": ("left", 2), "rightclick": ("right", 1)}
KINDS = (*_BUTTONS, "move", "drag", "scroll", "type", "press")


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that pointer or keyboard do.

    kind: one of KINDS. point, to: in desktop coordinates; `to` is where a drag ends. notches: of the wheel, up if
    positive. text: what is typed. keys: held and pressed together.
    """

    kind: str
    point: Point | None = None
    to: Point | None = None
    notches: int = 0
    text: str = ""
    keys: tuple[str, ...] = ()

    @property
    def points(self) -> tuple[Point, ...]:
        return tuple(point for point in (self.point, self.to) if point is not None)

    def check(self, monitors: "Sequence[Monitor]") -> None:
        """Raises CaptureError if a point lies on no monitor: it must never become a click somewhere else."""
        for point in self.points:
            if not any(monitor.shows(point) for monitor in monitors):
                places = "; ".join(f"{one.width}x{one.height} at {one.left},{one.top}" for one in monitors)
                raise CaptureError(
                    f"({point.x:.0f}, {point.y:.0f}) is on no monitor, so nothing was done"
                    f" (the monitors are {places}; see guiground screenshot --list)"
                )

    def describe(self) -> str:
        """What will be done, in words."""
        at = [f"({point.x // 1:.0f}, {point.y // 1:.0f})" for point in self.points]
        if self.kind == "press":
            return f"press {'+'.join(self.keys)}"
        if self.kind == "type":
            return f"type {len(self.text)} characters" + (f" at {at[0]}" if at else "")
        if self.kind == "scroll":
            return f"scroll {'up' if self.notches > 0 else 'down'} {abs(self.notches)} at {at[0]}"
        return f"{_VERBS.get(self.kind, self.kind)} {' to '.join(at)}"

    def draw(self, image: "Image", to_desktop: Chain, box: Box | None = None, caption: str = "") -> "Image":
        """A copy of a screenshot that shows what will be done. box: of the target, in pixels of the screenshot."""
        from guiground.overlay import draw

        points = [to_desktop.inverse().apply(point) for point in self.points]
        if not points:
            return draw(image, caption=caption)
        for point in points[1:]:
            image = draw(image, point)
        return draw(image, points[0], box, caption)

    def to_json(self) -> dict:
        """The action as plain JSON; typed text is told by its length, as it may be a password."""
        record = {"kind": self.kind, "point": self.point and self.point.to_json(), "to": self.to and self.to.to_json()}
        return record | {"notches": self.notches, "characters": len(self.text), "keys": list(self.keys)}


@dataclass(frozen=True, slots=True)
class Change:
    """Shares of the pixels that changed, from 0 to 1: around the target, and on its whole monitor."""

    around: float
    screen: float

    @property
    def seen(self) -> bool:
        return self.around > 0

    def to_json(self) -> dict:
        return {"changed": self.seen, **{name: round(share, 6) for name, share in asdict(self).items()}}


def perform(action: Action) -> None:
    """Does it. Raises CaptureError if a point is on no monitor, and where input cannot be sent."""
    from guiground.screen import hands, monitors, typist

    action.check(monitors())
    if action.kind in _BUTTONS:
        hands.click(action.point, *_BUTTONS[action.kind])
    elif action.kind == "move":
        hands.move(action.point)
    elif action.kind == "drag":
        hands.drag(action.point, action.to)
    elif action.kind == "scroll":
        hands.scroll(action.point, action.notches)
    elif action.kind == "type":
        if action.point is not None:
            hands.click(action.point)
            time.sleep(0.1)  # until the field has the focus
        typist.type_text(action.text)
    else:
        hands.press(action.keys)


def perform_and_compare(action: Action) -> Change:
    """Does it, and tells what changed on the screen soon after: around the target, or anywhere if it has none."""
    from guiground.screen import grab, monitors

    target = action.to or action.point
    shown = monitors()
    action.check(shown)
    home = "all" if target is None else next(monitor.index for monitor in shown if monitor.shows(target))
    before = grab(home)
    place = target and before.to_desktop.inverse().apply(target)
    reach = AROUND * before.monitor.scale
    aside = before.size.width if action.kind == "type" else ASIDE * before.monitor.scale  # text starts a field
    around = place and Box(place.x - aside, place.y - reach, place.x + aside, place.y + reach)
    perform(action)
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        change = compare(before.image, grab(home).image, around)
        if change.seen or time.monotonic() > deadline:
            return change
        time.sleep(0.1)


def compare(before: "Image", after: "Image", around: Box | None = None) -> Change:
    """How much of two pictures of one screen differs; around: in their pixels, None for all of it."""
    import numpy

    if before.size != after.size:
        return Change(1.0, 1.0)
    difference = numpy.asarray(before, dtype=numpy.int16) - numpy.asarray(after, dtype=numpy.int16)
    differs = (abs(difference) > _DIFFERENT).any(axis=-1)  # [height, width]
    whole = float(differs.mean())
    if around is None:
        return Change(whole, whole)
    left, top, right, bottom = (max(0, int(edge)) for edge in around.to_json())
    part = differs[top:bottom, left:right]
    return Change(float(part.mean()) if part.size else 0.0, whole)
