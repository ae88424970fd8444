"""Grabbing: the arithmetic of monitors with a made-up mss, and the real thing under Xvfb (Debian package xvfb)."""

import os
import shutil
import subprocess
import sys
import time
import types

import pytest
from PIL import Image

from guiground import Locator
from guiground.errors import CaptureError
from guiground.geometry import Box, Point, Size
from guiground.screen import Monitor, grab

HAS_XVFB = shutil.which("Xvfb") is not None
needs_xvfb = pytest.mark.skipif(not HAS_XVFB, reason="needs Xvfb: apt-get install xvfb")


class Shot:
    def __init__(self, image):
        self.width, self.height = image.size
        self.bgra = image.convert("RGBA").tobytes("raw", "BGRA")


class Session:
    """Stands in for mss.MSS: monitors as mss gives them, one picture whatever is asked."""

    def __init__(self, monitors, image):
        self.monitors, self.image, self.grabbed = monitors, image, None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def grab(self, monitor):
        self.grabbed = monitor
        return Shot(self.image)


def region(left, top, width, height, **more):
    return {"left": left, "top": top, "width": width, "height": height, **more}


def gradient(width, height):
    return Image.linear_gradient("L").resize((width, height)).convert("RGB")


@pytest.fixture
def session(monkeypatch):
    def install(monitors, image):
        import mss

        made = Session(monitors, image)
        monkeypatch.setattr(mss, "MSS", lambda: made)
        return made

    return install


def test_pixels_and_geometry_of_the_first_monitor(session):
    image = gradient(64, 48)
    session([region(0, 0, 128, 48), region(0, 0, 64, 48), region(64, 0, 64, 48)], image)
    shot = grab()
    assert shot.image.tobytes() == image.tobytes() and shot.monitor == Monitor(1, 0, 0, 64, 48, 1.0)
    assert shot.warnings == () and shot.taken_ms > 0


def test_the_primary_monitor_wins_also_left_of_the_origin(session):
    monitors = [region(-64, 0, 128, 48), region(0, 0, 64, 48), region(-64, -10, 64, 48, is_primary=True)]
    made = session(monitors, gradient(64, 48))
    shot = grab()
    assert made.grabbed == region(-64, -10, 64, 48) and (shot.monitor.index, shot.monitor.primary) == (2, True)
    assert shot.monitor.to_desktop().apply(Point(5, 5)) == Point(-59, -5)


def test_a_retina_capture_has_two_pixels_a_unit(session):
    session([region(0, 0, 64, 48), region(0, 0, 64, 48)], gradient(128, 96))
    shot = grab()
    assert shot.monitor.scale == 2
    assert shot.monitor.to_desktop().apply(Point(100, 50)) == Point(50, 25)


def test_monitors_as_objects(session):
    monitors = [types.SimpleNamespace(**region(0, 0, 64, 48, is_primary=False))] * 2
    session(monitors, gradient(64, 48))
    assert grab().monitor == Monitor(1, 0, 0, 64, 48, 1.0)


def test_a_black_picture_is_refused_and_a_plain_one_is_remarked(session):
    session([region(0, 0, 8, 8)] * 2, Image.new("RGB", (8, 8), "black"))
    with pytest.raises(CaptureError, match="black throughout"):
        grab()
    session([region(0, 0, 8, 8)] * 2, Image.new("RGB", (8, 8), "navy"))
    assert "one plain colour" in grab().warnings[0]


def test_no_monitor(session):
    session([region(0, 0, 1, 1)], gradient(8, 8))
    with pytest.raises(CaptureError, match="no monitor"):
        grab()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="DISPLAY is an X11 notion")
@pytest.mark.parametrize(("display", "words"), [(None, "DISPLAY is not set"), (":4711", "':4711'"), ("junk", "'junk'")])
def test_without_a_display(display, words):
    run = run_locate(display)
    assert run.returncode == 3 and run.stdout == ""
    assert words in run.stderr and run.stderr.startswith("error: ") and run.stderr.count("\n") == 1


def run_locate(display, program=("-m", "guiground", "locate", "the Save button")):
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    if display is not None:
        environment["DISPLAY"] = display
    return subprocess.run([sys.executable, *program], env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture
def xvfb(tmp_path):
    """An X server of 320x240 pixels with a Tk window of two colours, as its display name."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "320x240x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        display = f":{pipe.readline().strip()}"
    yield display
    server.terminate()
    server.wait(timeout=20)


WINDOW = """
import tkinter
window = tkinter.Tk()
window.overrideredirect(True)
window.geometry("320x240+0+0")
canvas = tkinter.Canvas(window, width=320, height=240, highlightthickness=0, background="#102030")
canvas.create_rectangle(100, 50, 200, 120, fill="#f0a010", width=0)
canvas.pack()
window.update()
print("ready", flush=True)
window.mainloop()
"""
GRAB = """
from guiground.screen import grab
shot = grab()
print(shot.monitor, [shot.image.getpixel(place) for place in ((9, 9), (150, 80))])
"""


@pytest.fixture
def window(xvfb):
    """The display of a screen on which a dark window with an orange area stands."""
    pytest.importorskip("tkinter", reason="needs tkinter: apt-get install python3-tk")
    command = [sys.executable, "-c", WINDOW]
    shown = subprocess.Popen(command, env={**os.environ, "DISPLAY": xvfb}, stdout=subprocess.PIPE, text=True)
    try:
        assert shown.stdout.readline() == "ready\n"
        deadline = time.monotonic() + 20
        while "(240, 160, 16)" not in run_locate(xvfb, ("-c", GRAB)).stdout:
            assert time.monotonic() < deadline, "the window did not appear"
        yield xvfb
    finally:
        shown.kill()
        shown.wait()
        shown.stdout.close()


@needs_xvfb
def test_an_empty_screen_is_black_and_refused(xvfb):
    ran = run_locate(xvfb)
    assert ran.returncode == 3 and "black throughout" in ran.stderr and ran.stderr.count("\n") == 1


@needs_xvfb
def test_a_real_screen(window):
    ran = run_locate(window, ("-c", GRAB))
    assert "[(16, 32, 48), (240, 160, 16)]" in ran.stdout, ran
    assert "Monitor(index=1, left=0, top=0, width=320, height=240, scale=1.0, name='screen', primary=" in ran.stdout


@needs_xvfb
def test_locate_on_a_real_screen(window, monkeypatch, tiny_checkpoint, tmp_path):
    model = shutil.copytree(tiny_checkpoint("qwen2_5_vl"), tmp_path / "model")
    lines = ('like = "gta1-7b-2507"', "[prompt]", 'prefill = "(140, 56)"', "[generation]", "max_new_tokens = 1")
    (model / "guiground.toml").write_text("\n".join(lines))
    monkeypatch.setenv("DISPLAY", window)
    result = Locator(model).locate("the orange area")
    assert result.image_size == Size(320, 240) and result.monitor.area == Box(0, 0, 320, 240)
    resized = 28 * round(320 / 28), 28 * round(240 / 28)
    assert list(result) == [140 * 320 // resized[0], 56 * 240 // resized[1]]
