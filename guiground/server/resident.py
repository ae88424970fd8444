"""The resident process itself: one worker with one loaded model, which answers one request after the other."""

import json
import os
import socketserver
import sys
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

import guiground
from guiground.errors import GuigroundError, ModelError, UsageError
from guiground.server import place, wire

if TYPE_CHECKING:
    from guiground.locator import Locator

KEPT = 4  # locators of one model that differ in what is evicted
KEEP_BYTES = 1 << 28  # of recent screenshots, for each of them
_WEIGHTS = ("model", "device", "dtype", "max_pixels")  # the settings that belong to the loaded model
_ASKED = {"min_confidence": None, "samples": 0, "zoom": 0}  # the settings that belong to one question
_LAST_WORDS = 5.0  # seconds for replies to be sent at the end


class Worker:
    """Holds the locators, all on one loaded model, and runs what is asked for in the order in which it came."""

    def __init__(self, build: "Callable[..., Locator] | None" = None) -> None:
        self._build = build or _locator
        self._locators: OrderedDict[str, Locator] = OrderedDict()
        self._weights: list[Any] | None = None
        self._pool = ThreadPoolExecutor(1)
        self._count = Lock()
        self.waiting = self.answered = 0
        self.used = time.monotonic()
        self.ended = False

    def run(self, request: dict[str, Any], pixels: bytes) -> dict[str, Any]:
        """The reply to "load" or "locate"; comes back when those before it are answered."""
        with self._count:
            self.waiting += 1
        try:
            return self._submit(request, pixels).result()
        finally:
            with self._count:
                self.waiting, self.answered, self.used = self.waiting - 1, self.answered + 1, time.monotonic()

    def facts(self) -> dict[str, Any]:
        """What is held, for `status`."""
        held = list(self._locators.values())
        grounder = held[-1].loaded if held else None
        return {
            "model": held[-1].model if held else None,
            "device": grounder and str(grounder.device),
            "weights_bytes": grounder.weights_bytes if grounder else 0,
            "screenshots_bytes": sum(locator.screenshots_bytes for locator in held),
            "answered": self.answered,
            "waiting": self.waiting,
            "idle_seconds": 0.0 if self.waiting else round(time.monotonic() - self.used, 1),
        }

    def end(self) -> None:
        """Finishes what is being answered; what waits behind it is given up."""
        self.ended = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, request: dict[str, Any], pixels: bytes) -> Future:
        try:
            return self._pool.submit(self._answer, request, pixels)
        except RuntimeError:  # the pool takes no more
            raise CancelledError from None

    def _answer(self, request: dict[str, Any], pixels: bytes) -> dict[str, Any]:
        locator = self._locator(request)
        if request["wish"] == "load":
            locator.load()
            return {}
        screenshot = wire.unpack_screenshot(request["screenshot"], pixels)
        return {"results": [wire.pack_result(one) for one in locator.locate_many(request["instructions"], screenshot)]}

    def _locator(self, request: dict[str, Any]) -> "Locator":
        settings = dict(request["settings"])
        settings["model"] = _as_seen_from(request["cwd"], settings.get("model", "nano"))
        asked = {name: settings.pop(name) for name in _ASKED if name in settings}
        weights, key = [settings.get(name) for name in _WEIGHTS], json.dumps(settings, sort_keys=True)
        made = self._locators.get(key) or self._build(**settings)
        if weights != self._weights:
            while self._locators:
                self._locators.popitem()[1].close()
            self._weights = weights
        for other in self._locators.values():
            made.share(other)
        self._locators[key] = made
        self._locators.move_to_end(key)
        while len(self._locators) > KEPT:
            self._locators.popitem(last=False)[1].close()
        for name, default in _ASKED.items():
            setattr(made, name, asked.get(name, default))
        return made


def _locator(**settings: Any) -> "Locator":
    from guiground.locator import Locator

    return Locator(**settings, keep_bytes=KEEP_BYTES)


def _as_seen_from(folder: str, model: str) -> str:
    """The model's name, or the whole path of its folder. Raises UsageError if it is neither."""
    from guiground.models.catalogue import find

    path = Path(folder, Path(model).expanduser())
    try:
        find(model)
    except UsageError:
        if path.is_dir():
            return str(path)
        raise  # before the model that is loaded is let go for it
    return model


class Listener(socketserver.ThreadingMixIn, getattr(socketserver, "UnixStreamServer", socketserver.TCPServer)):
    """The socket, open to this user only, and the lock that says that it is in use."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, lock: int, worker: Worker, idle_minutes: float = 0.0) -> None:
        self.lock, self.worker, self.idle_minutes = lock, worker, idle_minutes
        self.stop, self.replying = Event(), 0
        path = place.socket_path()
        path.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            super().__init__(str(path), _Connection)
        finally:
            os.umask(mask)

    def serve(self) -> None:
        """Answers until `stop` is set, or nothing was asked for the idle minutes."""
        answering = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        answering.start()
        while not self.stop.wait(self._patience()):
            idle = time.monotonic() - self.worker.used
            if self.idle_minutes and not self.worker.waiting and idle >= 60 * self.idle_minutes:
                break
        place.socket_path().unlink(missing_ok=True)
        self.shutdown()
        answering.join()
        self.worker.end()
        deadline = time.monotonic() + _LAST_WORDS
        while self.replying and time.monotonic() < deadline:
            time.sleep(0.01)
        self.server_close()
        os.close(self.lock)

    def _patience(self) -> float | None:
        if not self.idle_minutes:
            return None
        return max(0.01, 60 * self.idle_minutes - (time.monotonic() - self.worker.used))

    def reply(self, request: dict[str, Any], pixels: bytes) -> dict[str, Any]:
        """The reply to a request; what goes wrong is a reply too."""
        try:
            wish = request["wish"]
            if wish in ("status", "down"):
                if wish == "down":
                    self.stop.set()
                facts = {"pid": os.getpid(), "version": guiground.__version__, "idle_minutes": self.idle_minutes}
                return facts | self.worker.facts()
            if request["version"] != guiground.__version__:
                raise UsageError(
                    f"the resident process is of guiground {guiground.__version__}, this is {request['version']}"
                    " (restart it: guiground down, then guiground up)"
                )
            if wish not in ("load", "locate"):
                raise ValueError(f"unknown wish '{wish}'")
            return self.worker.run(request, pixels)
        except GuigroundError as error:
            return _error(type(error).__name__, str(error))
        except CancelledError:
            return _error(ModelError.__name__, "the resident process is ending (ask again, or say --no-resident)")
        except Exception:
            return _error("bug", traceback.format_exc())


class _Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        try:
            while (got := wire.receive(self.rfile)) is not None:
                self.server.replying += 1
                try:
                    wire.send(self.connection.sendall, self.server.reply(*got))
                finally:
                    self.server.replying -= 1
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return  # the client is gone, or is none


def _error(kind: str, message: str) -> dict[str, Any]:
    if kind == "bug":
        print(message, file=sys.stderr, flush=True)
    return {"error": {"kind": kind, "message": message}}
