"""A real X server with a real window, for tests that look and act: Debian packages xvfb and python3-tk."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
needs_xvfb = pytest.mark.skipif(
    None in (shutil.which("Xvfb"), shutil.which("xrandr")),
    reason="needs Xvfb and xrandr: apt-get install xvfb x11-xserver-utils",
)
needs_tk = pytest.mark.skipif(
    subprocess.run([sys.executable, "-c", "import tkinter"], capture_output=True).returncode != 0,
    reason="needs tkinter: apt-get install python3-tk",
)
BOARD = """
import json, sys, tkinter
told, window = sys.argv[1], tkinter.Tk()
state = {"pressed": [], "text": "", "wheel": 0, "dragged": []}
def tell():
    state["text"] = field.get("1.0", "end")[:-1]
    with open(told + ".new", "w", encoding="utf-8") as file:
        json.dump(state, file)
    import os; os.replace(told + ".new", told)
    window.after(40, tell)
window.overrideredirect(True)
window.geometry("500x400+0+0")
window.title("Board")
button = tkinter.Label(window, text="Button", background="#3366cc", foreground="white")
button.place(x=40, y=40, width=120, height=40)
def pressed(name):
    def run(event):
        state["pressed"].append(name)
        button.configure(background="#cc3333" if name == "left" else "#33cc33")
    return run
button.bind("<Button-1>", pressed("left"))
button.bind("<Double-Button-1>", pressed("double"))
button.bind("<Button-3>", pressed("right"))
field = tkinter.Text(window, width=40, height=5)
field.place(x=40, y=120, width=400, height=100)
field.bind("<Control-k>", lambda event: state["pressed"].append("ctrl+k"))
area = tkinter.Canvas(window, background="white")
area.place(x=40, y=250, width=400, height=120)
area.bind("<Button-4>", lambda event: state.update(wheel=state["wheel"] + 1))
area.bind("<Button-5>", lambda event: state.update(wheel=state["wheel"] - 1))
area.bind("<Button-1>", lambda event: state["dragged"].append([event.x_root, event.y_root]))
area.bind("<ButtonRelease-1>", lambda event: state["dragged"].append([event.x_root, event.y_root]))
window.update(); field.focus_force(); tell()
print("ready", flush=True)
window.mainloop()
"""


@contextmanager
def x_server(width, height, *monitors):
    """The display name of a new X server; monitors: xrandr geometries such as "700/185x800/211+0+0"."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp"]
    server = subprocess.Popen([*command, "-noreset"], pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as pipe:
            display = f":{pipe.readline().strip()}"
        for number, geometry in enumerate(monitors):
            output = "none" if number else "screen"
            command = ["xrandr", "--display", display, "--setmonitor", f"M{number}", geometry, output]
            subprocess.run(command, check=True, capture_output=True)
        yield display
    finally:
        server.terminate()
        server.wait(timeout=20)


class Board:
    """A window with a button, a text field and an area to drag and scroll in, which tells what was done to it."""

    BUTTON, FIELD, AREA = (100, 60), (200, 160), (240, 300)

    def __init__(self, display, folder):
        self.display, self.told = display, folder / "told.json"
        self.home = folder / "home"  # without an authority file, as in a bare container
        self.home.mkdir()

    def run(self, *arguments, **settings):
        """guiground with these arguments on this display."""
        environment = {name: value for name, value in os.environ.items() if name not in ("WAYLAND_DISPLAY",)}
        environment |= {"DISPLAY": self.display, "HOME": str(self.home), "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
        settings = {"capture_output": True, "text": True, "timeout": 120, "env": environment, **settings}
        return subprocess.run([sys.executable, "-m", "guiground", *map(str, arguments)], **settings)

    def state(self):
        return json.loads(self.told.read_text(encoding="utf-8"))

    def until(self, holds):
        """The state in which holds(state) is true, waited for."""
        deadline = time.monotonic() + 10
        while not holds(state := self.state()):
            assert time.monotonic() < deadline, state
            time.sleep(0.05)
        return state


@contextmanager
def board(display, folder):
    environment = {**os.environ, "DISPLAY": display, "LC_ALL": "C.UTF-8"}
    made = Board(display, folder)
    command = [sys.executable, "-c", BOARD, str(made.told)]
    shown = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert shown.stdout.readline() == "ready\n"
        yield made
    finally:
        shown.kill()
        shown.wait()
        shown.stdout.close()
