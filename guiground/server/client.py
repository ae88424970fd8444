"""Asking the resident process; loads neither torch nor numpy, so that a command is short."""

import os
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import guiground
from guiground import errors
from guiground.errors import ModelError, UsageError
from guiground.server import place, wire

if TYPE_CHECKING:
    from guiground.result import Result
    from guiground.screen import Screenshot

_START_SECONDS = 60
_ERRORS = ("UsageError", "CaptureError", "ModelError", "AnswerError")


class Resident:
    """A connection to the resident process, which answers as a Locator with the same settings does.

    settings: the arguments of Locator; a folder is meant as seen from here.
    """

    def __init__(self, connection: socket.socket, settings: dict[str, Any] | None = None) -> None:
        self._connection, self._stream = connection, connection.makefile("rb")
        self._settings = settings or {}

    def __enter__(self) -> "Resident":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()
        self._connection.close()

    @property
    def min_confidence(self) -> float | None:
        return self._settings.get("min_confidence")

    def load(self) -> None:
        """Has the model loaded."""
        self.ask("load")

    def locate(self, instruction: str, screenshot: "Screenshot") -> "Result":
        """Where the instruction's target is."""
        return self.locate_many([instruction], screenshot)[0]

    def locate_many(self, instructions: Sequence[str], screenshot: "Screenshot") -> "list[Result]":
        """One result for each instruction, as from `Locator.locate_many`.

        The stage "resident" of the first one's time is what passed besides: the way there and back, and waiting while
        others were answered.
        """
        since = time.perf_counter()
        record, pixels = wire.pack_screenshot(screenshot)
        told = self.ask("locate", pixels, instructions=list(instructions), screenshot=record)
        results = [wire.unpack_result(one) for one in told["results"]]
        passed = 1000 * (time.perf_counter() - since)
        inside = sum(result.timing_ms["total"] for result in results) - screenshot.taken_ms
        first, beside = results[0].timing_ms, max(0.0, passed - inside)
        results[0] = replace(results[0], timing_ms={**first, "resident": beside, "total": first["total"] + beside})
        return results

    def ask(self, wish: str, pixels: bytes = b"", **more: Any) -> dict[str, Any]:
        """The reply to one message. Raises what the resident process raised that the user can mend."""
        asked = {"wish": wish, "version": guiground.__version__, "cwd": os.getcwd(), "settings": self._settings, **more}
        try:
            wire.send(self._connection.sendall, asked, pixels)
            got = wire.receive(self._stream)
        except (OSError, ValueError):
            got = None
        if got is None:
            raise ModelError(
                f"the resident process ended before it answered (see {place.log_path()}, or say --no-resident)"
            )
        reply = got[0]
        if error := reply.get("error"):
            if error["kind"] in _ERRORS:
                raise getattr(errors, error["kind"])(error["message"])
            raise RuntimeError(f"in the resident process: {error['message']}")
        return reply


def connect(settings: dict[str, Any] | None = None) -> Resident | None:
    """The resident process, if it runs. The socket of one that no longer does is removed."""
    if not hasattr(socket, "AF_UNIX") or not place.in_use():
        return None
    path, connection = str(place.socket_path()), socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        place.remove_stale()
        return None
    return Resident(connection, settings)


def start(idle_minutes: float, settings: dict[str, Any] | None = None) -> Resident:
    """A new resident process, or the one that another command has started meanwhile.

    It ends by itself when nothing was asked for so many minutes; 0 keeps it. Raises ModelError if it does not start.
    """
    import subprocess

    place.check_sockets()
    home = str(Path(guiground.__file__).resolve().parents[1])
    paths = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "guiground.server", str(idle_minutes)]
    pipes = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    try:
        ran = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, cwd="/", timeout=_START_SECONDS, **pipes)
        trouble = ran.stderr.strip().splitlines()
        trouble = trouble[-1] if trouble else f"exit code {ran.returncode}"
    except subprocess.TimeoutExpired:
        trouble = f"nothing was heard of it for {_START_SECONDS} seconds"
    resident = connect(settings)
    if resident is None:
        raise ModelError(f"the resident process did not start: {trouble} (leave out --keep to go without)")
    return resident


def end() -> int | None:
    """Ends the resident process when it has answered what it is about; its process id, or None if there is none."""
    resident = connect()
    if resident is None:
        return None
    with resident:
        process = resident.ask("down")["pid"]
    deadline = time.monotonic() + _START_SECONDS
    while (lock := place.take_lock()) is None:
        if time.monotonic() > deadline:
            raise UsageError(f"the resident process {process} is still answering (wait, or: kill {process})")
        time.sleep(0.02)
    os.close(lock)
    return process
