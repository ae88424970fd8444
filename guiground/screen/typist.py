"""Typing any text, also letters that the keyboard does not have."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

from guiground.errors import UsageError
from guiground.screen.hands import hands

if TYPE_CHECKING:
    from Xlib.display import Display

SETTLE_SECONDS = 0.3  # programs read a changed keyboard only when they see its first key
_CONTROLS = {"\n": 0xFF0D, "\r": 0xFF0D, "\t": 0xFF09}  # keysyms of Return and Tab


def check_text(text: str) -> str:
    """The text, if it can be typed: not empty, no control characters but line ends and tabs; otherwise UsageError."""
    if not text:
        raise UsageError("there is no text to type (give at least one character)")
    odd = next((letter for letter in text if letter not in _CONTROLS and not letter.isprintable()), None)
    if odd is not None:
        raise UsageError(f"the character {odd!r} cannot be typed (use press for keys, and text without it)")
    return text


def type_text(text: str) -> None:
    """Types the text into what has the focus.

    X11: each letter that the keyboard lacks is lent an unused key. Elsewhere text beyond ASCII is pasted, and the
    clipboard gets back the text it had. Raises CaptureError where input cannot be sent.
    """
    check_text(text)
    with hands() as pyautogui:
        if sys.platform not in ("win32", "darwin"):
            _type_on_x11(text, pyautogui)
        elif text.isascii():
            pyautogui.write(text)
        else:
            _paste(text, pyautogui)


def _paste(text: str, pyautogui: ModuleType) -> None:
    import pyperclip

    before = pyperclip.paste()
    pyperclip.copy(text)
    try:
        pyautogui.hotkey("command" if sys.platform == "darwin" else "ctrl", "v")
        time.sleep(SETTLE_SECONDS)
    finally:
        pyperclip.copy(before)


def keysym(letter: str) -> int:
    """The X11 number of a character: its own in Latin-1, else its Unicode number after a mark."""
    code = ord(letter)
    return _CONTROLS.get(letter) or (code if 0x20 <= code <= 0x7E or 0xA0 <= code <= 0xFF else 0x1000000 | code)


def _type_on_x11(text: str, pyautogui: ModuleType) -> None:
    from Xlib import XK, X
    from Xlib.ext.xtest import fake_input

    from guiground.screen.x11 import connect

    with connect() as display:
        shift = display.keysym_to_keycode(XK.XK_Shift_L)
        spare = _spare(display)
        for part in _parts(text, display, len(spare)):
            with _lent(display, part, spare) as lent:
                for letter in part:
                    pyautogui.failSafeCheck()
                    code, shifted = _own_key(display, letter) or (lent[letter], False)
                    if shifted:
                        fake_input(display, X.KeyPress, shift)
                    fake_input(display, X.KeyPress, code)
                    fake_input(display, X.KeyRelease, code)
                    if shifted:
                        fake_input(display, X.KeyRelease, shift)
                    display.sync()
                    time.sleep(0.005)


def _own_key(display: "Display", letter: str) -> tuple[int, bool] | None:
    """The key that gives the letter by itself or with Shift, and whether with Shift."""
    found = [(code, index) for code, index in display.keysym_to_keycodes(keysym(letter)) if index in (0, 1)]
    return (found[0][0], found[0][1] == 1) if found else None


def _spare(display: "Display") -> list[int]:
    """Key codes that no key has."""
    first, last = display.display.info.min_keycode, display.display.info.max_keycode
    table = display.get_keyboard_mapping(first, last - first + 1)
    return [first + number for number, row in enumerate(table) if not any(row)]


def _parts(text: str, display: "Display", spare: int) -> Iterator[str]:
    """The text in pieces, none of which needs more lent keys than there are."""
    start, lent = 0, set()
    for place, letter in enumerate(text):
        if letter in lent or _own_key(display, letter):
            continue
        if len(lent) == spare:
            if not spare:
                raise UsageError(f"the keyboard has no free key for {letter!r} (leave that character out)")
            yield text[start:place]
            start, lent = place, set()
        lent.add(letter)
    yield text[start:]


@contextmanager
def _lent(display: "Display", text: str, spare: list[int]) -> Iterator[dict[str, int]]:
    """Gives unused keys the letters that the keyboard lacks; takes them back when programs have read them."""
    missing = [letter for letter in dict.fromkeys(text) if not _own_key(display, letter)]
    lent = dict(zip(missing, spare, strict=False))
    for letter, code in lent.items():
        display.change_keyboard_mapping(code, [[keysym(letter)] * 2])
    display.sync()
    try:
        if lent:
            time.sleep(SETTLE_SECONDS)
        yield lent
    finally:
        if lent:
            time.sleep(SETTLE_SECONDS)
        for code in lent.values():
            display.change_keyboard_mapping(code, [[0, 0]])
        display.sync()
