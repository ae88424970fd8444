"""A connection to the X server through python-xlib, whatever state its authority file is in."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING

from guiground.errors import CaptureError

if TYPE_CHECKING:
    from Xlib.display import Display


@contextmanager
def authority() -> Iterator[None]:
    """Lets python-xlib connect where there is no authority file, which the server may not ask for at all.

    It wants to read one and prints what it misses to standard output, which is for answers.
    """
    path = os.environ.get("XAUTHORITY") or os.path.expanduser("~/.Xauthority")
    missing = not os.path.isfile(path)
    before = os.environ.get("XAUTHORITY")
    if missing:
        os.environ["XAUTHORITY"] = os.devnull
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        if missing:
            os.environ.pop("XAUTHORITY")
            if before is not None:
                os.environ["XAUTHORITY"] = before


@contextmanager
def connect() -> "Iterator[Display]":
    """The display that DISPLAY names. Raises CaptureError if it cannot be reached."""
    if not os.environ.get("DISPLAY"):
        raise CaptureError("there is no display: DISPLAY is not set (set it to that of the desktop, such as :0)")
    from Xlib import error
    from Xlib.display import Display

    try:
        with authority():
            display = Display()
    except (error.DisplayError, error.XauthError, OSError) as reason:
        raise CaptureError(unreachable(reason)) from reason
    try:
        yield display
    finally:
        display.close()


def unreachable(reason: Exception) -> str:
    """What to say when the X server does not let us in."""
    detail = " ".join(str(reason).split()).rstrip(".") or type(reason).__name__
    return (
        f"display '{os.environ.get('DISPLAY')}' cannot be reached: {detail}"
        " (check DISPLAY, and set XAUTHORITY to the file of the server)"
    )
