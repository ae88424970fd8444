"""Print as JSON what AT-SPI says is on the screen. Debian's own Python runs this file: gi and Xlib are there only."""

import json
import sys

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi  # noqa: E402
from Xlib import X  # noqa: E402
from Xlib import display as xdisplay  # noqa: E402

MANY = 250  # children read of one node: a table can have millions
MENU_ROLES = {"menu", "popup menu", "combo box", "menu item"}


class Stack:
    """The windows of the X server from top to bottom, to ask which of them shows at a point."""

    def __init__(self):
        self.display = xdisplay.Display()
        self.root = self.display.screen().root
        self.windows = []
        for child in reversed(self.root.query_tree().children):
            attributes = child.get_attributes()
            if attributes.map_state != X.IsViewable or attributes.win_class != X.InputOutput:
                continue
            client = self.client(child)
            place = self.place(client)
            whole = self.place(child)
            if whole[2] < 8 or whole[3] < 8:
                continue
            self.windows.append(
                {
                    "frame": whole,
                    "client": place,
                    "pid": self.pid(client),
                    "popup": bool(attributes.override_redirect) and client is child,
                }
            )

    def place(self, window):
        geometry = window.get_geometry()
        at = window.translate_coords(self.root, 0, 0)
        return [-at.x, -at.y, geometry.width, geometry.height]

    def pid(self, window):
        found = window.get_full_property(self.display.intern_atom("_NET_WM_PID"), X.AnyPropertyType)
        return int(found.value[0]) if found else 0

    def client(self, window):
        """The program's window inside a window manager's frame."""
        if self.pid(window):
            return window
        for child in window.query_tree().children:
            inner = self.client(child)
            if self.pid(inner):
                return inner
        return window

    def at(self, x, y):
        for window in self.windows:
            left, top, width, height = window["frame"]
            if left <= x < left + width and top <= y < top + height:
                return window
        return None

    def of(self, box, pid):
        """The X window that a program's frame or dialog is: the one its box covers best."""
        own = [window for window in self.windows if not window["popup"] and pid in (0, window["pid"])]
        return max(own, key=lambda window: overlap(window["client"], box), default=None)


def overlap(a, b):
    """Intersection over union of two xywh boxes."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (a[2] * a[3] + b[2] * b[3] - width * height)


def visible(stack, box, window_box, pid, in_menu):
    """True where all five points of the box show the window that the node belongs to."""
    left, top, width, height = box
    for share_x, share_y in ((0.5, 0.5), (0.12, 0.12), (0.88, 0.12), (0.12, 0.88), (0.88, 0.88)):
        window = stack.at(left + share_x * width, top + share_y * height)
        if window is None or (window["pid"] and pid and window["pid"] != pid):
            return False
        if window["popup"]:
            if not in_menu:
                return False
        elif in_menu or window is not stack.of(window_box, pid):
            return False
    return True


def walk(node, stack, found, trail, window, pid, clip, depth=0):
    if depth > 40:
        return
    try:
        role = node.get_role_name()
        states = node.get_state_set()
        extents = node.get_extents(Atspi.CoordType.SCREEN)
    except Exception:
        return
    box = [extents.x, extents.y, extents.width, extents.height]
    showing = states.contains(Atspi.StateType.SHOWING)
    if role in {"frame", "dialog", "window", "alert", "file chooser", "color chooser", "font chooser"} and depth <= 2:
        window, clip = box, box
    elif clip and not any(one in MENU_ROLES for one, _ in trail):
        right, bottom = min(box[0] + box[2], clip[0] + clip[2]), min(box[1] + box[3], clip[1] + clip[3])
        box = [max(box[0], clip[0]), max(box[1], clip[1]), 0, 0]
        box[2:] = [right - box[0], bottom - box[1]]
    in_menu = any(one in MENU_ROLES for one, _ in trail) and not (trail and trail[-1][0] == "menu bar")
    sane = box[2] > 2 and box[3] > 2 and box[0] > -5000 and box[1] > -5000
    if sane and showing and window:
        row = {
            "role": role,
            "name": node.get_name() or "",
            "description": node.get_description() or "",
            "box": box,
            "trail": [f"{one}:{name}" for one, name in trail if name][-4:],
            "pid": pid,
            "enabled": states.contains(Atspi.StateType.ENABLED) or states.contains(Atspi.StateType.SENSITIVE),
            "checked": states.contains(Atspi.StateType.CHECKED),
        }
        if not row["name"]:
            text = node.get_text_iface()
            if text is not None:
                length = min(Atspi.Text.get_character_count(text), 60)
                row["text"] = Atspi.Text.get_text(text, 0, length) if length > 0 else ""
        centre = (box[0] + box[2] / 2, box[1] + box[3] / 2)
        inside = in_menu or (clip[0] <= centre[0] <= clip[0] + clip[2] and clip[1] <= centre[1] <= clip[1] + clip[3])
        row["visible"] = inside and visible(stack, box, window, pid, in_menu)
        found.append(row)
    if role == "menu" and not (states.contains(Atspi.StateType.SELECTED) or showing):
        return
    if role in {"scroll pane", "viewport", "layered pane"} and sane and showing:
        clip = box
    if role not in {"paragraph", "terminal"} or depth < 3:
        for index in range(min(node.get_child_count(), MANY)):
            try:
                child = node.get_child_at_index(index)
            except Exception:
                continue
            if child is not None:
                name = node.get_name() or ""
                walk(child, stack, found, [*trail, (role, name)], window, pid, clip, depth + 1)


def main():
    Atspi.set_timeout(1500, 4000)
    stack, found = Stack(), []
    desktop = Atspi.get_desktop(0)
    for index in range(desktop.get_child_count()):
        program = desktop.get_child_at_index(index)
        if program is None:
            continue
        for at in range(program.get_child_count()):
            top = program.get_child_at_index(at)
            if top is not None:
                walk(top, stack, found, [], None, program.get_process_id(), None, 1)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
