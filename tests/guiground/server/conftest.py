"""A resident process in a thread of the tests, in a state folder of its own."""

import shutil
import tempfile
from pathlib import Path
from threading import Thread

import pytest

pytest.importorskip("fcntl", reason="needs unix sockets")


@pytest.fixture
def state(monkeypatch):
    """A state folder with a short path, as sockets need it."""
    folder = Path(tempfile.mkdtemp(prefix="gg"))
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    yield folder / "guiground"
    shutil.rmtree(folder)


@pytest.fixture
def listening(state, monkeypatch):
    """listening(build, idle_minutes) -> (listener, thread) that answer, with locators that `build` makes."""
    from guiground.server import place
    from guiground.server.resident import Listener, Worker

    running = []

    def start(build=None, idle_minutes=0.0):
        if build is not None:  # whose models have any name
            monkeypatch.setattr("guiground.server.resident._as_seen_from", lambda folder, model: model)
        listener = Listener(place.take_lock(), Worker(build), idle_minutes)
        thread = Thread(target=listener.serve)
        thread.start()
        running.append((listener, thread))
        return running[-1]

    yield start
    for listener, thread in running:
        listener.stop.set()
        thread.join(20)
        assert not thread.is_alive()
