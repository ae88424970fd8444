"""Capture on a Wayland desktop: the portal's conversation on a private bus, and fakes where GStreamer would be."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from guiground.errors import CaptureError
from guiground.geometry import Box, Point
from guiground.screen import View, capture, monitors, portal, windows
from guiground.screen.portal import Portal, Stream

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Wayland is of Linux")
GSTREAMER = """#!{python}
import sys
from PIL import Image
words = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
width, height = {{"41": (200, 120), "42": (300, 180)}}[words["path"]]
picture = Image.linear_gradient("L").resize((width, height)).convert("RGB")
picture.putpixel((width - 1, height - 1), (int(words["path"]), 0, 255))
picture.save(words["location"])
"""
STREAMS = [[41, {"position": [-200, 0], "size": [200, 120]}], [42, {"position": [0, 30], "size": [200, 120]}]]


@pytest.fixture
def wayland(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def desktop(wayland, monkeypatch, tmp_path):
    """desktop(answer=0, token="t1", portal=True) -> the calls that the portal got; a bus, a portal and a GStreamer."""
    pytest.importorskip("dbus_fast", reason="needs dbus-fast (the extra wayland)")
    daemon = shutil.which("dbus-daemon") or pytest.skip("needs dbus-daemon (apt-get install dbus)")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "gst-launch-1.0").write_text(GSTREAMER.format(python=sys.executable))
    (programs / "gst-launch-1.0").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    running = []

    def start(answer=0, token="t1", portal=True, streams=STREAMS):
        command = [daemon, "--session", "--nofork", "--print-address=1", f"--address=unix:path={tmp_path}/bus"]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", running[0].stdout.readline().strip())
        log = tmp_path / "calls.jsonl"
        if portal:
            (tmp_path / "told.json").write_text(json.dumps({"streams": streams, "answer": answer, "token": token}))
            fake = [sys.executable, Path(__file__).with_name("fake_portal.py"), tmp_path / "told.json", log]
            running.append(subprocess.Popen(fake, stdout=subprocess.PIPE, text=True))
            assert running[1].stdout.readline() == "ready\n"
        return lambda: [json.loads(line) for line in log.read_text().splitlines()]

    yield start
    for process in reversed(running):
        process.terminate()
        process.wait(20)
        process.stdout.close()


@LINUX
def test_monitors_with_origins_and_scales(desktop):
    desktop()
    left, right = monitors()
    assert (left.left, left.top, left.width, left.height, left.scale) == (-200, 0, 200, 120, 1.0)
    assert (right.left, right.top, right.width, right.height, right.scale) == (0, 30, 200, 120, 1.5)


@LINUX
def test_a_monitor_of_another_scale_and_a_region_of_it(desktop):
    desktop()
    whole = View(monitor=2).take()
    assert whole.image.size == (300, 180) and whole.to_desktop.apply(Point(300, 180)) == Point(200, 150)
    part = View(monitor=2, region=Box.from_xywh(100, 60, 100, 60)).take()
    assert part.image.size == (150, 90) and part.image.getpixel((149, 89)) == (42, 0, 255)
    assert tuple(part.to_desktop.apply(Point(150, 90))) == pytest.approx((200, 150))
    both = View(monitor="all").take()
    assert both.image.size == (400, 150) and both.to_desktop.apply(Point(0, 0)) == Point(-200, 0)
    assert both.image.getpixel((199, 119)) == (41, 0, 255)


@LINUX
def test_the_leave_is_kept_for_this_user_and_used_once(desktop):
    calls = desktop(token="t1")
    portal.keep_token("t0")
    monitors()
    assert [name for name, _ in calls()] == ["CreateSession", "SelectSources", "Start", "OpenPipeWireRemote", "Close"]
    wanted = calls()[1][1][1]
    assert wanted["restore_token"] == "t0" and (wanted["persist_mode"], wanted["types"]) == (2, 1)
    assert portal.read_token() == "t1"
    assert stat.S_IMODE(portal.token_path().stat().st_mode) == 0o600
    portal.keep_token(None)
    assert portal.read_token() is None


@LINUX
@pytest.mark.parametrize(("answer", "words"), [(1, "was not allowed"), (2, "was ended by the desktop")])
def test_a_refusal_has_a_remedy(desktop, answer, words):
    calls = desktop(answer=answer)
    with pytest.raises(CaptureError, match=f"{words} .agree when the desktop asks, or log in to an X11 session"):
        capture.grab()
    assert calls()[-1][0] == "Close"


@LINUX
def test_nothing_shared(desktop):
    desktop(streams=[])
    with pytest.raises(CaptureError, match="no monitor was shared"):
        capture.grab()


@LINUX
def test_no_portal_and_no_bus(desktop, monkeypatch):
    desktop(portal=False)
    with pytest.raises(CaptureError, match=r"ServiceUnknown .install xdg-desktop-portal"):
        capture.grab()
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    with pytest.raises(CaptureError, match=r"session bus .*cannot be reached.*DBUS_SESSION_BUS_ADDRESS"):
        capture.grab()


@LINUX
def test_without_gstreamer(desktop, monkeypatch):
    desktop()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CaptureError, match=r"gst-launch-1.0 is not installed .on Debian: apt-get install gstreamer1"):
        capture.grab()


def test_without_the_extra(wayland, monkeypatch):
    monkeypatch.setitem(sys.modules, "dbus_fast", None)
    with pytest.raises(CaptureError, match=r"pip install 'guiground\[wayland\]', or log in to an X11 session"):
        capture.grab()


def test_windows_are_not_told(wayland):
    with pytest.raises(CaptureError, match="--region or --monitor"):
        windows.windows()


def test_pictures_are_taken_once_and_cut_to_their_own_pixels(monkeypatch):
    taken = []
    picture = Image.linear_gradient("L").resize((400, 200)).convert("RGB")
    monkeypatch.setattr(portal, "_frame", lambda remote, node: taken.append((remote, node)) or picture)
    made = Portal([Stream(7, -100, -50, 200, 100), Stream(8, 100, -50, 200, 100)], 3)
    assert made.monitors[0] == {"left": -100, "top": -50, "width": 400, "height": 100}
    shot = made.grab({"left": 0, "top": 0, "width": 50, "height": 25})
    assert (shot.width, shot.height) == (100, 50) and taken == [(3, 7)]
    expected = picture.crop((200, 100, 300, 150))
    assert Image.frombytes("RGB", (100, 50), shot.bgra, "raw", "BGRX").tobytes() == expected.tobytes()
    across = made.grab({"left": 50, "top": -50, "width": 100, "height": 100})
    assert (across.width, across.height) == (100, 100) and taken == [(3, 7), (3, 8)]


def test_a_monitor_without_a_size():
    with pytest.raises(CaptureError, match="does not tell a monitor's size"):
        Stream.of(1, {"position": (0, 0)})
    assert Stream.of(1, {"size": (8, 9)}) == Stream(1, 0, 0, 8, 9)
