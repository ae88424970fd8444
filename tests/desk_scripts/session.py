"""A desktop session of its own for real programs: Xvfb, a session bus, a window manager, a fresh home folder.

Debian packages: xvfb x11-xserver-utils openbox xdotool dbus-daemon mousepad chromium, and for the oracle at-spi2-core
python3-gi gir1.2-atspi-2.0 python3-xlib. Programs that dislike root run as the user nobody.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/guiground")]

from desk import x_server  # noqa: E402

NEEDED = ("Xvfb", "xrandr", "xsetroot", "openbox", "xdotool", "dbus-daemon")
NOBODY = 65534
AS_USER = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
ACCESSIBLE = ("gdbus", "call", "--session", "--dest", "org.a11y.Bus", "--object-path", "/org/a11y/bus")
ACCESSIBLE += ("--method", "org.freedesktop.DBus.Properties.Set", "org.a11y.Status")
SETTINGS = """[Settings]
gtk-theme-name=Adwaita
gtk-font-name=DejaVu Sans 10
gtk-enable-animations=0
gtk-cursor-blink=0
gtk-recent-files-enabled=0
"""


class Session:
    """Context manager; everything that was started ends with it, and the home folder is removed.

    width, height: of the whole X screen in pixels. monitors: xrandr geometries, where there is more than one.
    """

    def __init__(self, width: int = 1280, height: int = 800, monitors: tuple[str, ...] = ()) -> None:
        self._server = x_server(width, height, *monitors)
        self._started: list[subprocess.Popen] = []
        self.home = Path(mkdtemp(prefix="guiground-desk-", dir="/tmp" if AS_USER else None))
        self.display = ""

    def __enter__(self) -> "Session":
        self.display = self._server.__enter__()
        try:
            self._furnish()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def _furnish(self) -> None:
        for folder in ("Documents", ".config/gtk-3.0", "run"):
            (self.home / folder).mkdir(parents=True)
        (self.home / ".config/gtk-3.0/settings.ini").write_text(SETTINGS)
        (self.home / "run").chmod(0o700)
        self.own(self.home)
        bus = self.home / "run/bus"
        self.run("dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address=unix:path={bus}")
        until(bus.exists, "the session bus")
        for name in ("IsEnabled", "ScreenReaderEnabled"):
            self.call(*ACCESSIBLE, name, "<true>")
        self.run("openbox")
        self.call("xsetroot", "-solid", "#40566b")
        until(lambda: self.call("xdotool", "get_desktop"), "the window manager")

    def __exit__(self, *exception: object) -> None:
        try:
            for process in reversed(self._started):
                _end(process)
        finally:
            self._server.__exit__(None, None, None)
            shutil.rmtree(self.home, ignore_errors=True)

    def own(self, folder: Path) -> None:
        """Makes a folder and what is in it the property of the user that the programs run as."""
        for path in (folder, *folder.rglob("*")) if AS_USER else ():
            os.chown(path, NOBODY, NOBODY)

    @property
    def environment(self) -> dict[str, str]:
        """What programs see: this display, this home, and nothing of the user who runs the tests."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "USER": "anna",
            "DISPLAY": self.display,
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.home}/run/bus",
            "XDG_RUNTIME_DIR": f"{self.home}/run",
            "XDG_SESSION_TYPE": "x11",
            "GSETTINGS_BACKEND": "keyfile",
            "GTK_OVERLAY_SCROLLING": "0",
            "LIBGL_ALWAYS_SOFTWARE": "1",
        }

    def run(self, *command: str, **extra: str) -> subprocess.Popen:
        """Starts a program in a process group of its own; extra: more of its environment."""
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        started = subprocess.Popen(
            command, env=self.environment | extra, cwd=self.home, start_new_session=True, **quiet, **AS_USER
        )
        self._started.append(started)
        return started

    def call(self, *command: str) -> str:
        """What a command prints, run on this desktop; nothing if it fails."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, **AS_USER)
        return done.stdout.strip() if done.returncode == 0 else ""

    def show(self, command: tuple[str, ...], title: str, place: tuple[int, int, int, int], **extra: str) -> None:
        """Starts a program and puts its window there: x, y, width, height of its content."""
        window = self._new(title, lambda: self.run(*command, **extra))
        self.call("xdotool", "windowsize", "--sync", window, *map(str, place[2:]))
        self._put(window, place)

    def open(self, keys: tuple[str, ...], title: str, place: tuple[int, int]) -> None:
        """Presses keys, which open a window, and puts that there."""
        self._put(self._new(title, lambda: self.call("xdotool", "key", "--delay", "200", *keys)), place)

    def _new(self, title: str, open_it: Callable[[], object]) -> str:
        """The number of the window that appears."""
        before = set(self._windows(title))
        open_it()
        new = until(lambda: set(self._windows(title)) - before, f"a window with the title {title!r}", 40)
        return max(new, key=int)

    def _put(self, window: str, place: tuple[int, ...]) -> None:
        self.call("xdotool", "windowmove", "--sync", window, *map(str, place[:2]))
        self.call("xdotool", "windowactivate", "--sync", window)

    def _windows(self, title: str) -> list[str]:
        return self.call("xdotool", "search", "--onlyvisible", "--name", title).split()


def _end(process: subprocess.Popen) -> None:
    """Ends a process and what it has started."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, kind)
            process.wait(3)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait(10)


def until(ready: Callable[[], object], what: str, seconds: float = 20) -> object:
    """What ready() returns as soon as that is true. Raises TimeoutError with `what` in it after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (value := ready()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {seconds:g} s")
        time.sleep(0.1)
    return value
