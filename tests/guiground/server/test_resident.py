"""The resident process: equal answers, one worker, an end to everything, and the sentences for what goes wrong."""

import os
import socket
import stat
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from guiground import Locator
from guiground.errors import ModelError, UsageError
from guiground.screen import Monitor, Screenshot, open_image
from guiground.server import client, place

PIXELS = 60_000


@pytest.fixture(scope="module")
def screenshots():
    image = Image.linear_gradient("L").resize((320, 200)).convert("RGB")
    return [open_image(image), Screenshot(image.rotate(180), Monitor(1, -320, 0, 160, 100, 2.0), ("a remark",), 2.0)]


def told(result):
    return {key: value for key, value in result.to_json().items() if key not in ("timing_ms", "memory")}


class Fake:
    """Stands in for a locator: tells what it was made with, and fails as it is told to."""

    def __init__(self, **settings):
        self.settings, self.loaded, self.model = settings, None, settings["model"]
        self.screenshots_bytes, self.closed, self.log = 7, False, []

    def share(self, other):
        self.loaded = other.loaded

    def close(self):
        self.closed = True

    def load(self):
        self.loaded = self.loaded or types.SimpleNamespace(device="cpu", weights_bytes=11, of=self.model)


@pytest.mark.parametrize(
    ("answer", "settings"),
    [
        ("(40, 60)", {}),
        ("(40, 60)", {"budget": 24, "min_confidence": 0.0}),
        ("(40, 60)", {"method": "snapkv", "budget": "50%", "samples": 2, "min_confidence": 1.0}),
        ("(40, 60)", {"zoom": 2}),
        ("(-1, -1)", {"min_confidence": 0.5}),
        ("(40000, 3)", {}),
    ],
)
def test_answers_equal_those_in_process(listening, answering, screenshots, answer, settings):
    listening()
    settings = {"model": str(answering(answer)), "max_pixels": PIXELS, **settings}
    own = Locator(**settings)
    with client.connect(settings) as resident:
        for screenshot in screenshots:
            expected = own.locate_many(["one", "Ärger"], screenshot)
            found = resident.locate_many(["one", "Ärger"], screenshot)
            assert [told(result) for result in found] == [told(result) for result in expected]
            first, second = (result.timing_ms for result in found)
            assert first["resident"] > 0 and "resident" not in second
            assert first["total"] == pytest.approx(sum(first.values()) - first["total"] - first["shared"])
        assert told(resident.locate("one", screenshots[0])) == told(own.locate("one", screenshots[0]))


def test_a_folder_is_meant_as_seen_from_the_client(listening, answering, screenshots, monkeypatch):
    listening()
    folder = answering("(40, 60)")
    monkeypatch.chdir(folder.parent)
    with client.connect({"model": folder.name, "max_pixels": PIXELS}) as resident:
        assert resident.locate("x", screenshots[0]).found


def test_one_model_serves_every_budget_and_another_takes_its_place(listening):
    made = []
    listener, _ = listening(lambda **settings: made.append(Fake(**settings)) or made[-1])
    for model, budget, samples in (("a", 1, 0), ("a", 2, 0), ("a", 1, 5), ("b", 1, 0)):
        with client.connect({"model": model, "budget": budget, "samples": samples}) as resident:
            resident.load()
            facts = resident.ask("status")
            assert (facts["model"], facts["device"], facts["weights_bytes"]) == (model, "cpu", 11)
    assert [(one.model, one.settings["budget"]) for one in made] == [("a", 1), ("a", 2), ("b", 1)]
    assert made[0].loaded is made[1].loaded and made[2].loaded.of == "b"
    assert [one.closed for one in made] == [True, True, False] and made[0].samples == 5
    for budget in range(9):
        with client.connect({"model": "b", "budget": budget}) as resident:
            resident.load()
    assert sum(not one.closed for one in made) == 4 and listener.worker.answered == 13


def test_requests_wait_for_one_worker_in_their_order(listening, screenshots):
    at_work, most, order, gate = [], [], [], threading.Event()

    class Slow(Fake):
        def locate_many(self, instructions, screenshot):
            at_work.append(1)
            most.append(len(at_work))
            gate.wait(10)
            order.append(instructions[0])
            at_work.pop()
            return []

    def ask(name):
        with client.connect({"model": "a"}) as resident:
            resident.ask("locate", b"\0" * 3, instructions=[name], screenshot=tiny)

    tiny = {"size": [1, 1], "monitor": None, "warnings": [], "taken_ms": 0.0, "placed": None}
    listener, _ = listening(Slow)
    names = [str(number) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        asked = []
        for number, name in enumerate(names):
            asked.append(pool.submit(ask, name))
            until(lambda number=number: listener.worker.waiting == number + 1)
        with client.connect() as resident:
            facts = resident.ask("status")  # answered at once, while others wait
        assert (facts["waiting"], facts["idle_seconds"]) == (4, 0.0)
        gate.set()
        for one in asked:
            one.result(20)
    assert order == names and max(most) == 1


def until(holds):
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_only_this_user_can_open_it(listening, state):
    listening()
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE((state / "resident.sock").stat().st_mode) == 0o600


def test_it_ends_when_nothing_was_asked_for_long_enough(listening, state):
    _, thread = listening(Fake, idle_minutes=0.4 / 60)
    thread.join(0.2)
    with client.connect({"model": "a"}) as resident:
        resident.load()  # begins the time anew
    since = time.monotonic()
    thread.join(20)
    assert not thread.is_alive() and time.monotonic() - since >= 0.3
    assert not (state / "resident.sock").exists() and client.connect() is None and client.end() is None
    os.close(place.take_lock())  # it is free again


def test_what_is_being_answered_is_finished_and_what_waits_is_told(listening):
    gate, begun, told = threading.Event(), threading.Event(), []

    class Slow(Fake):
        def load(self):
            begun.set()
            gate.wait(10)

    def ask():
        with client.connect({"model": "a"}) as resident:
            try:
                told.append(resident.ask("load"))
            except ModelError as error:
                told.append(str(error))

    listener, thread = listening(Slow)
    asking = [threading.Thread(target=ask) for _ in range(2)]
    for number, one in enumerate(asking):
        one.start()
        until(lambda number=number: listener.worker.waiting == number + 1)
    begun.wait(10)
    ending = threading.Thread(target=client.end)
    ending.start()
    until(listener.stop.is_set)
    until(lambda: listener.worker.ended)
    assert not place.socket_path().exists()
    gate.set()
    for one in (*asking, ending, thread):
        one.join(20)
        assert not one.is_alive()
    assert len(told) == 2 and {} in told and any("is ending" in str(one) for one in told)


def test_the_socket_of_a_process_that_is_gone_is_removed(state):
    path = place.socket_path()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert path.exists() and client.connect() is None and not path.exists()


def test_another_version_is_told_what_to_do(listening):
    listening(Fake)
    with client.connect({"model": "a"}) as resident:
        with pytest.raises(UsageError, match=r"this is 9\.9 \(restart it: guiground down, then guiground up\)"):
            resident.ask("load", version="9.9")
        assert resident.ask("status", version="9.9")["model"] is None
        resident.load()


def test_what_the_user_can_mend_is_the_same_error(listening, answering, screenshots):
    listening()
    with client.connect({"model": str(answering("(40, 60)"))}) as resident:
        resident.load()
    for settings, words in (({"model": "qwen2.5-vl-7"}, "did you mean"), ({"method": "zzz"}, "unknown method 'zzz'")):
        with client.connect({"model": "nano", **settings}) as resident, pytest.raises(UsageError, match=words):
            resident.locate("x", screenshots[0])
        with client.connect() as resident:
            assert resident.ask("status")["weights_bytes"] > 0  # the model that was loaded still is


def test_bugs_and_junk_do_not_end_it(listening, capfd):
    class Broken(Fake):
        def load(self):
            raise KeyError("a bug")

    listening(Broken)
    with client.connect({"model": "a"}) as resident:
        for _ in range(2):
            with pytest.raises(RuntimeError, match="KeyError: 'a bug'"):
                resident.load()
        with pytest.raises(RuntimeError, match="unheard"):
            resident.ask("unheard")
    for junk in (b"junk\n", b"[]\n", b'{"bytes": 0}\n', b'{"bytes": 99}\nshort'):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(str(place.socket_path()))
            raw.sendall(junk)
            raw.shutdown(socket.SHUT_WR)
            raw.settimeout(10)
            while raw.recv(65536):
                pass
    with client.connect() as resident:
        assert resident.ask("status")["answered"] >= 2
    assert "KeyError: 'a bug'" in capfd.readouterr().err  # which is the log


def test_a_process_that_dies_meanwhile_is_told(state):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place.socket_path()))
        server.listen()
        with client.connect() as resident:
            server.accept()[0].close()
            with pytest.raises(ModelError, match=r"ended before it answered \(see .*resident\.log"):
                resident.ask("status")


def test_folders_and_systems_that_will_not_do(state, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ("x" * 120)))
    with pytest.raises(UsageError, match="too long for a socket"):
        place.socket_path()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="cannot be used: "):
        place.folder()
    assert client.connect() is None and client.end() is None  # commands go on without it
    monkeypatch.delattr(socket, "AF_UNIX")
    assert client.connect() is None
    with pytest.raises(UsageError, match="no unix sockets"):
        client.start(1)
