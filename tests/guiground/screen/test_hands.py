"""Pointer and keyboard: what pyautogui is asked to do, why it may refuse, and keys and letters on a real server."""

import gc
import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiground.errors import CaptureError, UsageError
from guiground.geometry import Point
from guiground.screen import hands, keys, typist


class FailSafe(Exception):
    pass


@pytest.fixture
def robot(monkeypatch):
    """A made-up pyautogui that writes down its calls, on a screen of 1280x800."""
    calls = []
    module = types.ModuleType("pyautogui")
    for name in ("click", "moveTo", "dragTo", "mouseDown", "scroll", "hotkey", "write"):

        def call(*arguments, _name=name, **named):
            calls.append((_name, *arguments, *named.items()))

        setattr(module, name, call)
    module.platformModule = types.SimpleNamespace(_mouseUp=lambda x, y, button: calls.append(("mouseUp", button)))
    module.FailSafeException, module.FAILSAFE, module.size = FailSafe, True, lambda: (1280, 800)
    module.FAILSAFE_POINTS = [(0, 0), (0, 799), (1279, 0), (1279, 799)]
    module.position = lambda: (5, 5)
    module.calls = calls
    monkeypatch.setitem(sys.modules, "pyautogui", module)
    monkeypatch.setattr(hands, "_check_x11", lambda: None)
    return module


def test_clicks_are_on_the_pixel_that_holds_the_point(robot):
    hands.click(Point(640.9, 400.2))
    hands.click(Point(-1.5, 3), button="right")
    hands.click(Point(1, 2), clicks=2)
    assert [call[1:3] for call in robot.calls] == [(640, 400), (-2, 3), (1, 2)]
    assert robot.FAILSAFE is True


@pytest.mark.parametrize(
    ("corner", "beside"), [((0, 0), (1, 1)), ((1279, 799), (1278, 798)), ((0, 799), (1, 798)), ((1279, 0), (1278, 1))]
)
def test_a_target_in_a_corner_does_not_set_off_the_fail_safe(robot, corner, beside):
    hands.move(Point(*corner))
    assert robot.calls == [("moveTo", *beside)]


def test_the_fail_safe_stops_with_one_sentence(robot):
    def stop(*arguments, **named):
        raise FailSafe("corner")

    robot.click = stop
    with pytest.raises(CaptureError, match="corner of the screen"):
        hands.click(Point(5, 5))


def test_a_drag_lets_go_also_when_it_is_stopped(robot):
    def stop(*arguments, duration=None):
        if duration:
            raise FailSafe("corner")

    robot.moveTo = stop
    with pytest.raises(CaptureError, match="corner"):
        hands.drag(Point(1, 1), Point(50, 50))
    assert robot.calls == [("mouseDown",), ("mouseUp", "left")]


@pytest.mark.parametrize(("platform", "key", "notches"), [("linux", "ctrl", 3), ("darwin", "command", 3)])
def test_keys_and_wheel(robot, monkeypatch, platform, key, notches):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("guiground.screen.capture.monitors", lambda: [])
    hands.press(("cmd", "shift", "s"))
    hands.scroll(Point(9, 9), 3)
    assert robot.calls == [("hotkey", key, "shift", "s"), ("moveTo", 9, 9), ("scroll", notches)]


def test_mss_comes_before_pyautogui_on_windows(robot, monkeypatch):
    order = []
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr("guiground.screen.capture.monitors", lambda: order.append("mss"))
    hands.scroll(Point(9, 9), -2)
    assert order == ["mss"] and robot.calls[-1] == ("scroll", -240)


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_text_beyond_ascii_is_pasted_and_the_clipboard_put_back(robot, monkeypatch, platform):
    held = ["before"]
    clipboard = types.ModuleType("pyperclip")
    clipboard.paste, clipboard.copy = lambda: held[-1], held.append
    monkeypatch.setitem(sys.modules, "pyperclip", clipboard)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("guiground.screen.capture.monitors", lambda: [])
    monkeypatch.setattr(typist.time, "sleep", lambda seconds: None)
    typist.type_text("plain")
    typist.type_text("Grüße €")
    assert robot.calls == [("write", "plain"), ("hotkey", "ctrl" if platform == "win32" else "command", "v")]
    assert held == ["before", "Grüße €", "before"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ImportError("No module named 'pyautogui'"), "pip install pyautogui"),
        (SystemExit("NOTE: You must install tkinter"), "apt-get install python3-tk"),
        (KeyError("DISPLAY"), "set DISPLAY"),
        (RuntimeError("Xlib.error.XauthError: no file"), "XAUTHORITY"),
    ],
)
def test_why_pyautogui_cannot_be_imported(monkeypatch, error, words):
    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "pyautogui":
                raise error

    monkeypatch.delitem(sys.modules, "pyautogui", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    monkeypatch.setattr(hands, "_check_x11", lambda: None)
    with pytest.raises(CaptureError, match=words):
        hands.check()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # python-xlib leaves its socket open
@pytest.mark.parametrize(("display", "words"), [(None, "DISPLAY is not set"), (":4711", "':4711' cannot be reached")])
def test_without_a_display_nothing_is_imported(monkeypatch, display, words):
    monkeypatch.delenv("DISPLAY", raising=False)
    if display:
        monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delitem(sys.modules, "pyautogui", raising=False)
    with pytest.raises(CaptureError, match=words):
        hands.check()
    assert "pyautogui" not in sys.modules
    gc.collect()


@pytest.mark.parametrize(
    ("written", "parsed"),
    [
        ("enter", ("enter",)),
        ("Ctrl+S", ("ctrl", "s")),
        ("control + shift + ESCAPE", ("ctrl", "shift", "esc")),
        ("ctrl++", ("ctrl", "+")),
        ("+", ("+",)),
        ("super", ("win",)),
        ("cmd+pgdn", ("cmd", "pagedown")),
        ("f24", ("f24",)),
    ],
)
def test_names_of_keys(written, parsed):
    assert keys.parse(written) == parsed


@pytest.mark.parametrize("written", ["", "ctrl+", "f25", "crtl+s", "é", "ctrl s", "enter+"])
def test_names_that_are_no_keys(written):
    if written in ("ctrl+", "enter+"):
        assert keys.parse(written)[-1] == "+"  # the plus key
        return
    with pytest.raises(UsageError, match="unknown key"):
        keys.parse(written)


@given(st.characters(exclude_categories=("C", "Zl", "Zp")))
def test_every_printable_character_has_a_number_of_its_own(letter):
    number = typist.keysym(letter)
    assert number == ord(letter) or number == 0x1000000 + ord(letter)


@pytest.mark.parametrize(("text", "words"), [("", "no text"), ("a\x1bb", "x1b"), ("a\x00", "x00")])
def test_text_that_cannot_be_typed(text, words):
    with pytest.raises(UsageError, match=words):
        typist.check_text(text)


class Keyboard:
    """A keyboard that has a few letters."""

    def __init__(self, letters):
        self.codes = {typist.keysym(letter): number for number, letter in enumerate(letters)}

    def keysym_to_keycodes(self, number):
        return [(self.codes[number], 0)] if number in self.codes else []


@given(st.text("abcäöüßéñ€", max_size=40), st.integers(1, 4))
def test_text_is_split_where_the_free_keys_end(text, spare):
    keyboard = Keyboard("abc")
    parts = list(typist._parts(text, keyboard, spare))
    assert "".join(parts) == text
    assert all(len(set(part) - set("abc")) <= spare for part in parts)
