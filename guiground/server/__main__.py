"""python -m guiground.server MINUTES: starts the resident process and comes back when it can be asked."""

import os
import signal
import sys
import time

from guiground.errors import GuigroundError
from guiground.server import place
from guiground.server.resident import Listener, Worker

_LOCK_SECONDS = 2.0  # another command may hold the lock for a moment, to remove an old socket


def main(idle_minutes: float) -> None:
    """Goes on in a process of its own, if none is there yet."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while (lock := place.take_lock()) is None:
        if place.socket_path().exists() or time.monotonic() > deadline:
            return  # one is there
        time.sleep(0.02)
    with open(os.open(place.log_path(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as log:
        listener = Listener(lock, Worker(), idle_minutes)
        if os.fork():
            os._exit(0)
        os.setsid()
        with open(os.devnull) as nothing:
            for ours, theirs in ((nothing, 0), (log, 1), (log, 2)):
                os.dup2(ours.fileno(), theirs)
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(name, lambda number, frame: listener.stop.set())
    listener.serve()


if __name__ == "__main__":
    try:
        main(float(sys.argv[1]))
    except GuigroundError as error:
        sys.exit(str(error))
