"""Windows by their titles, each with its place on the desktop."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guiground.errors import CaptureError, UsageError
from guiground.geometry import Box
from guiground.screen import portal

if TYPE_CHECKING:
    from Xlib.display import Display


class NoWindow(UsageError):
    """No window that is shown has such a title."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window with its frame, in desktop coordinates. covered: titles of windows that hide a part of it."""

    title: str
    area: Box
    covered: tuple[str, ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        over = " and ".join(f"'{title}'" for title in self.covered)
        return (f"window '{self.title}' is partly covered by {over}",) if over else ()


def find(title: str) -> Window:
    """The topmost window whose title is, else contains, these words, whatever the case.

    Raises NoWindow if there is none, CaptureError if the system does not tell.
    """
    wanted = title.strip().casefold()
    if not wanted:
        raise UsageError("the title of the window is empty (give a part of it)")
    shown = windows()
    exact = [window for window in shown if window.title.casefold() == wanted]
    found = exact or [window for window in shown if wanted in window.title.casefold()]
    if not found:
        titles = ", ".join(f"'{window.title}'" for window in shown[:8]) or "none is open"
        raise NoWindow(f"there is no window '{title}' (choose from: {titles}; a minimised one must be opened first)")
    over = [window for window in shown[: shown.index(found[0])] if window.area.intersection(found[0].area)]
    return Window(found[0].title, found[0].area, tuple(window.title for window in over))


def windows() -> list[Window]:
    """The windows that are shown and have a title, the topmost first."""
    if sys.platform in ("win32", "darwin"):
        return _by_pygetwindow()
    if portal.in_use():
        raise CaptureError("a Wayland desktop does not tell where windows are (say --region or --monitor instead)")
    from guiground.screen.x11 import connect

    with connect() as display:
        return _on_x11(display)


def _by_pygetwindow() -> list[Window]:
    import pygetwindow

    if sys.platform == "darwin":
        titles = [title for title in pygetwindow.getAllTitles() if title.strip()]
        places = [(title, pygetwindow.getWindowGeometry(title)) for title in titles]
        return [Window(title, Box.from_xywh(*place)) for title, place in places if place]
    shown = [one for one in pygetwindow.getAllWindows() if one.title.strip() and one.visible and not one.isMinimized]
    return [Window(one.title, Box.from_xywh(one.left, one.top, one.width, one.height)) for one in shown]


def _on_x11(display: "Display") -> list[Window]:
    """The window manager's list; without a window manager, the children of the root window."""
    root = display.screen().root
    listed = _property(display, root, "_NET_CLIENT_LIST_STACKING")
    clients = [display.create_resource_object("window", number) for number in listed] if listed else None
    found = []
    for client in reversed(clients if clients is not None else root.query_tree().children):
        window = _described(display, root, client)
        if window is not None:
            found.append(window)
    return found


def _described(display: "Display", root: Any, client: Any) -> Window | None:
    from Xlib import X
    from Xlib.error import BadDrawable, BadWindow

    try:
        title = _title(display, client)
        if not title.strip() or client.get_attributes().map_state != X.IsViewable:
            return None
        frame = client
        while (parent := frame.query_tree().parent) and parent.id != root.id:
            frame = parent
        size, corner = frame.get_geometry(), frame.translate_coords(root, 0, 0)
    except (BadWindow, BadDrawable):  # closed meanwhile
        return None
    border = 2 * size.border_width
    return Window(title, Box.from_xywh(-corner.x, -corner.y, size.width + border, size.height + border))


def _title(display: "Display", window: Any) -> str:
    modern = _property(display, window, "_NET_WM_NAME")
    name = modern if modern is not None else window.get_wm_name() or ""
    return bytes(name).decode("utf-8", "replace") if not isinstance(name, str) else name


def _property(display: "Display", window: Any, name: str) -> Any:
    from Xlib import X

    found = window.get_full_property(display.intern_atom(name), X.AnyPropertyType)
    return None if found is None else found.value
