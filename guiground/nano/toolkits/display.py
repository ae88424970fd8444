"""An X display of its own, and a player: a program that builds plans on it and tells what it shows."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from guiground.errors import UsageError
from guiground.nano.toolkits.distinct import Screen, Shown

PLAYERS = Path(__file__).parent / "players"
TALLEST = (2560, 1440)


@contextlib.contextmanager
def display() -> Iterator[str]:
    """The name of a fresh X display without a window manager, ended afterwards."""
    size = f"{TALLEST[0]}x{TALLEST[1]}x24"
    for number in range(121, 200):
        socket = Path(f"/tmp/.X11-unix/X{number}")
        if socket.exists():
            continue
        server = subprocess.Popen(
            ["Xvfb", f":{number}", "-screen", "0", size, "-nolisten", "tcp", "-noreset"], stderr=subprocess.DEVNULL
        )
        for _ in range(100):
            if socket.exists() or server.poll() is not None:
                break
            time.sleep(0.1)
        time.sleep(0.5)
        if server.poll() is None:  # else another server took the number at the same moment
            break
    else:
        raise UsageError("Xvfb found no free display from :121 to :199: end some, or remove stale /tmp/.X11-unix/X*")
    try:
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(10)


class Player:
    """Context manager: a program of players/ that reads plans and writes what it shows."""

    def __init__(self, command: list[str], display: str, environment: dict[str, str] | None = None):
        self.command = command
        self.environment = {
            **os.environ,
            "DISPLAY": display,
            "NO_AT_BRIDGE": "1",
            "GTK_A11Y": "none",
            "LC_ALL": "C.UTF-8",
        }
        self.environment |= environment or {}

    def __enter__(self) -> "Player":
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self.environment, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)
        self.process.stdin.close()
        self.process.stdout.close()

    def show(self, plan: dict) -> dict:
        """Builds a plan; gives what it shows. Raises UsageError where the program ends instead."""
        self.say(json.dumps(plan))
        line = self.process.stdout.readline()
        if not line:
            raise UsageError(
                f"'{' '.join(self.command)}' ended at the plan of seed {plan['seed']}: see its message above"
            )
        return json.loads(line)

    def say(self, line: str) -> None:
        """One line to the program."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


def grab(name: str, width: int, height: int) -> Image.Image:
    """The upper left part of a display."""
    import mss

    with mss.MSS(display=name) as grabber:
        shot = grabber.grab({"left": 0, "top": 0, "width": width, "height": height})
    return Image.frombytes("RGB", shot.size, shot.bgra, "raw", "BGRX")


def assemble(answer: dict, width: int, height: int, source: str) -> Screen:
    """What is to be seen of windows that lie on each other, in pixels of the picture."""
    screen = Screen(width, height, source)
    layers = answer["layers"]
    for at, layer in enumerate(layers):
        scale = layer.get("scale", 1)
        over = [[v * higher.get("scale", 1) for v in higher["rect"]] for higher in layers[at + 1 :]]
        over += layer.get("holes", [])
        for row in layer["shown"]:
            row["box"], row["aim"] = (tuple(v * scale for v in row[key]) for key in ("box", "aim"))
            hidden = [share(row["aim"], rect) for rect in over]
            if max(hidden, default=0) >= 0.99:
                continue
            if not row["name"] and not row["concept"]:
                continue
            row["whole"] = row["whole"] and max(hidden, default=0) == 0
            screen.shown.append(Shown(**row))
        for concept, box, exact in layer["drawn"]:  # `exact`: the box is the icon's own
            box = tuple(v * scale for v in box)
            hidden = max((share(box, rect) for rect in over), default=0)
            if hidden < 0.95 and share(box, (0, 0, width, height)) > 0.05:
                screen.drawn.append((concept, box if exact and hidden == 0 else None))
        for left, right, middle, code in layer["glyphs"]:
            glyph = (left * scale, right * scale, middle * scale, code)
            box = (glyph[0], glyph[2] - 2, glyph[1], glyph[2] + 2)
            if max((share(box, rect) for rect in over), default=0) == 0:
                screen.glyphs.append(glyph)
    return screen


def share(box, rect) -> float:
    """How much of a box a rectangle covers."""
    wide = min(box[2], rect[2]) - max(box[0], rect[0])
    tall = min(box[3], rect[3]) - max(box[1], rect[1])
    if wide <= 0 or tall <= 0:
        return 0.0
    return wide * tall / max((box[2] - box[0]) * (box[3] - box[1]), 1e-6)


def gtk_themes() -> list[str]:
    """The GTK 3 themes of this machine."""
    return sorted(
        {"Adwaita"} | {path.parent.parent.name for path in Path("/usr/share/themes").glob("*/gtk-3.0/gtk.css")}
    )
