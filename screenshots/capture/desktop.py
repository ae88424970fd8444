"""A desktop of its own for one picture: Xvfb, a session bus, a window manager; everything it started ends with it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).parent
HOME = Path("/tmp/guiground-capture/anna")
FONT = "DejaVu Sans 10"
NOBODY = 65534  # some programs refuse to run as root, so root runs them as this user
AS_USER = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


class SilentProgramError(Exception):
    """A program runs but does not show its accessibility tree; starting it again helps."""


class Desktop:
    """Context manager around one X display of a fixed size; `run` starts programs in it, `boxes` reads their trees."""

    def __init__(
        self,
        width: int,
        height: int,
        *,
        manager: str = "openbox",
        theme: str = "Adwaita",
        icons: str = "Adwaita",
        dark: bool = False,
        display: int = 97,
    ) -> None:
        self.width, self.height, self.manager = width, height, manager
        self.display = f":{display}"
        self.started: list[subprocess.Popen] = []
        HOME.parent.mkdir(parents=True, exist_ok=True)
        self.log = open("/tmp/guiground-capture/programs.log", "ab")  # noqa: SIM115  (closed in __exit__)
        write_theme(theme, icons, dark)
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(HOME),
            "USER": "anna",
            "LOGNAME": "anna",
            "SHELL": "/bin/bash",
            "DISPLAY": self.display,
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "LANGUAGE": "en",
            "TZ": "UTC",
            "GSETTINGS_BACKEND": "keyfile",
            "GTK_MODULES": "gail:atk-bridge",
            "NO_AT_BRIDGE": "0",
            "GTK_OVERLAY_SCROLLING": "0",
            "XDG_RUNTIME_DIR": str(HOME.parent / "run"),
            "QT_STYLE_OVERRIDE": "breeze",
            "QT_QPA_PLATFORMTHEME": "kde",
            "XDG_SESSION_TYPE": "x11",
            "XDG_CURRENT_DESKTOP": "X-Generic",
            "LIBGL_ALWAYS_SOFTWARE": "1",
        }
        if dark and theme == "Adwaita":
            self.env["GTK_THEME"] = "Adwaita:dark"

    def __enter__(self) -> Desktop:
        run = HOME.parent / "run"
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(mode=0o700)
        if AS_USER:
            for path in (run, HOME, *HOME.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        screen = f"{self.width}x{self.height}x24"
        self.run(["Xvfb", self.display, "-screen", "0", screen, "-dpi", "96", "-nolisten", "tcp", "-noreset"])
        wait_for(lambda: subprocess.run(["xdpyinfo"], env=self.env, capture_output=True).returncode == 0, 10, "Xvfb")
        address = run / "bus"
        self.env["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={address}"
        self.run(["dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address=unix:path={address}"])
        wait_for(address.exists, 10, "the session bus")
        self.run(["xfwm4", "--compositor=off"] if self.manager == "xfwm4" else ["openbox"])
        self.do("root #40566b")
        time.sleep(0.7)
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.started):
            try:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(3)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.log.close()

    def run(self, command: list[str], extra: dict[str, str] | None = None) -> None:
        """Start a program in its own process group."""
        self.started.append(
            subprocess.Popen(
                command,
                env=self.env | (extra or {}),
                stdout=self.log,
                stderr=self.log,
                stdin=subprocess.DEVNULL,
                cwd=HOME,
                start_new_session=True,
                **AS_USER,
            )
        )

    def call(self, *command: str) -> str:
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=20, **AS_USER)
        return done.stdout.strip()

    def windows(self, title: str) -> list[str]:
        """Numbers of the managed windows whose title matches the pattern, oldest first."""
        lines = [line.split(maxsplit=3) for line in self.call("wmctrl", "-l").splitlines()]
        return [line[0] for line in lines if len(line) == 4 and re.search(title, line[3])]

    def do(self, step: str) -> None:
        """One step of a scene: `wait S`, `key K`, `type TEXT`, `click X Y`, `move X Y`, `drag X Y X Y`, `rclick X Y`,
        `double X Y`, `place TITLE => X Y W H`, `await TITLE`, `focus TITLE`, `root COLOUR`."""
        verb, _, rest = step.partition(" ")
        if verb == "wait":
            time.sleep(float(rest))
        elif verb == "root":
            self.call("xsetroot", "-solid", rest)
        elif verb == "key":
            self.call("xdotool", "key", "--clearmodifiers", *rest.split())
        elif verb == "type":
            self.call("xdotool", "type", "--delay", "12", rest)
        elif verb in {"move", "click", "rclick", "double"}:
            x, y = rest.split()
            self.call("xdotool", "mousemove", x, y)
            time.sleep(0.15)
            if verb != "move":
                times, button = ("2" if verb == "double" else "1"), ("3" if verb == "rclick" else "1")
                self.call("xdotool", "click", "--repeat", times, "--delay", "60", button)
        elif verb == "drag":
            x, y, to_x, to_y = rest.split()
            self.call("xdotool", "mousemove", x, y, "mousedown", "1")
            for share in (0.3, 0.7, 1.0):
                time.sleep(0.1)
                self.call(
                    "xdotool",
                    "mousemove",
                    str(round(int(x) + share * (int(to_x) - int(x)))),
                    str(round(int(y) + share * (int(to_y) - int(y)))),
                )
            self.call("xdotool", "mouseup", "1")
        elif verb == "await":
            wait_for(lambda: self.windows(rest), 25, f"a window named {rest!r}")
        elif verb == "focus":
            self.call("xdotool", "windowactivate", "--sync", self.windows(rest)[-1])
        elif verb == "place":
            title, _, numbers = rest.partition(" => ")
            x, y, width, height = numbers.split()
            window = self.windows(title)[-1]
            self.call("wmctrl", "-i", "-r", window, "-b", "remove,maximized_vert,maximized_horz")
            self.call("wmctrl", "-i", "-r", window, "-e", f"0,{x},{y},{width},{height}")
        else:
            raise SystemExit(f"unknown step {verb!r} in {step!r}")

    def wake_accessibility(self, programs: int) -> None:
        """Switch AT-SPI on, now that the windows stand (Qt 5 misses the bus when it is on before), until all answer."""
        for values in (["<true>"], [], ["<false>", "<true>"], ["<false>", "<true>"]):
            for value in values:
                for name in ("IsEnabled", "ScreenReaderEnabled"):
                    self.call(
                        "gdbus",
                        "call",
                        "--session",
                        "--dest",
                        "org.a11y.Bus",
                        "--object-path",
                        "/org/a11y/bus",
                        "--method",
                        "org.freedesktop.DBus.Properties.Set",
                        "org.a11y.Status",
                        name,
                        value,
                    )
                time.sleep(0.5)
            time.sleep(1)
            if len({node["pid"] for node in self.boxes()}) >= programs:
                return
        raise SilentProgramError

    def boxes(self) -> list[dict]:
        """All nodes of all accessible programs that can be seen now: role, name, box (xywh pixels), window, ..."""
        shown = subprocess.run(
            ["/usr/bin/python3", str(HERE / "accessible_boxes.py")],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            **AS_USER,
        )
        if shown.returncode:
            raise SystemExit(f"accessible_boxes.py failed: {shown.stderr[-2000:]}")
        return json.loads(shown.stdout)


def wait_for(ready, seconds: float, what: str) -> None:
    """Return as soon as `ready()` is true; end the run with a sentence after `seconds`."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise SystemExit(f"{what} did not appear within {seconds:.0f} s (see /tmp/guiground-capture/programs.log)")
        time.sleep(0.15)


def write_theme(theme: str, icons: str, dark: bool) -> None:
    """Write the GTK 2, GTK 3, xfwm4 and KDE settings files that fix fonts, theme and icons."""
    gtk = HOME / ".config/gtk-3.0"
    gtk.mkdir(parents=True, exist_ok=True)
    (gtk / "settings.ini").write_text(
        f"[Settings]\ngtk-theme-name={theme}\ngtk-icon-theme-name={icons}\ngtk-font-name={FONT}\n"
        f"gtk-application-prefer-dark-theme={int(dark)}\ngtk-enable-animations=0\ngtk-cursor-blink=0\n"
        "gtk-xft-antialias=1\ngtk-xft-hinting=1\ngtk-xft-hintstyle=hintslight\ngtk-xft-rgba=none\n"
        "gtk-menu-images=1\ngtk-button-images=1\ngtk-recent-files-enabled=0\n"
    )
    (HOME / ".gtkrc-2.0").write_text(
        f'gtk-theme-name="{theme}-dark"\n' if dark and theme == "Adwaita" else f'gtk-theme-name="{theme}"\n'
    )
    with (HOME / ".gtkrc-2.0").open("a") as file:
        file.write(f'gtk-icon-theme-name="{icons}"\ngtk-font-name="{FONT}"\ngtk-cursor-blink=0\n')
    frame = theme if (Path("/usr/share/themes") / theme / "xfwm4").exists() else "Default"
    xfwm = HOME / ".config/xfce4/xfconf/xfce-perchannel-xml"
    xfwm.mkdir(parents=True, exist_ok=True)
    (xfwm / "xfwm4.xml").write_text(
        '<?xml version="1.0"?>\n<channel name="xfwm4" version="1.0"><property name="general" type="empty">'
        f'<property name="theme" type="string" value="{frame}"/>'
        '<property name="title_font" type="string" value="DejaVu Sans Bold 9"/></property></channel>\n'
    )
    scheme = Path(f"/usr/share/color-schemes/Breeze{'Dark' if dark else 'Light'}.colors")
    colours = scheme.read_text() if scheme.exists() else ""
    (HOME / ".config/kdeglobals").write_text(
        colours + f"\n[Icons]\nTheme={'breeze-dark' if dark else 'breeze'}\n[KDE]\nAnimationDurationFactor=0\n"
        "[UiSettings]\nColorScheme=" + ("Breeze Dark" if dark else "Breeze Light") + "\n"
    )


def empty_home() -> None:
    """Remove the made-up home folder, so that each picture starts from the same state."""
    shutil.rmtree(HOME, ignore_errors=True)
    for name in ("Desktop", "Documents", "Downloads", "Music", "Pictures", "Projects"):
        (HOME / name).mkdir(parents=True)
    (HOME / ".config").mkdir()
    (HOME / ".config/user-dirs.dirs").write_text(
        "".join(
            f'XDG_{key}_DIR="$HOME/{name}"\n'
            for key, name in (
                ("DESKTOP", "Desktop"),
                ("DOCUMENTS", "Documents"),
                ("DOWNLOAD", "Downloads"),
                ("MUSIC", "Music"),
                ("PICTURES", "Pictures"),
            )
        )
    )
