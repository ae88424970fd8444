"""What a script can check without a model: that a window is open or closed, and what a file holds."""

import time
from pathlib import Path

INTERVAL = 0.2  # seconds between two looks


def unmet(kind: str, value: str, contains: str | None = None) -> str | None:
    """Why an expectation is not met, in words, or None if it is.

    kind: "opened" or "closed", value a part of a window's title; or "file", value a path whose file must be there and,
    if asked, contain that text. Raises CaptureError where the system does not tell its windows.
    """
    return _file(Path(value), contains) if kind == "file" else _window(value, kind == "opened")


def wait_until_met(kind: str, value: str, contains: str | None, timeout: float) -> str | None:
    """The same, waited for; what it says after so many seconds. It is looked at once at least."""
    deadline = time.monotonic() + timeout
    while (reason := unmet(kind, value, contains)) is not None and time.monotonic() < deadline:
        time.sleep(INTERVAL)
    return reason


def _window(title: str, wanted: bool) -> str | None:
    from guiground.screen.windows import NoWindow, find

    try:
        found = find(title)
    except NoWindow as reason:
        return str(reason) if wanted else None
    return None if wanted else f"the window '{found.title}' is still open"


def _file(path: Path, contains: str | None) -> str | None:
    if not path.is_file():
        return f"there is no file '{path}'"
    if contains is None:
        return None
    try:
        held = path.read_bytes()
    except OSError as error:
        return f"the file '{path}' cannot be read: {error.strerror}"
    # the text is not repeated, as it may be a password
    return None if contains.encode() in held else f"the file '{path}' does not contain the text asked for"
