"""up, down, status, and the commands that ask the resident process: with real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from guiground.server import client, place

ROOT = Path(__file__).parents[3]
CLIENT = """
import sys, guiground.cli as cli
try:
    cli.main(sys.argv[1:])
finally:
    print(" ".join(sys.modules), file=sys.stderr)
"""


@pytest.fixture
def shot(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.linear_gradient("L").resize((320, 200)).convert("RGB").save("shot.png")
    return "shot.png"


@pytest.fixture
def ended(state):
    """Ends what a test has started, whatever became of it."""
    yield
    client.end()


def until_free():
    deadline = time.monotonic() + 10
    while (lock := place.take_lock()) is None:
        assert time.monotonic() < deadline, "the process did not end"
        time.sleep(0.02)
    os.close(lock)


def test_commands_ask_the_process_that_keep_started(here, shot, answering, state, ended):
    model = ("-i", shot, "-m", answering("(40, 60)"), "--dtype", "float32")
    alone = json.loads(here("locate", "x", *model, "--json", "--budget", "48")[1])
    assert here("status") == (1, "no resident process is up (start it with: guiground up)\n", "")
    code, out, err = here("locate", "x", *model, "--json", "--budget", "48", "--keep")
    asked = json.loads(out)
    assert (code, err) == (0, "")
    for facts in (alone, asked):
        del facts["timing_ms"], facts["memory"]
    assert asked == alone
    for command in (("click", "x", "--dry-run"), ("wait", "x"), ("locate", "x")):
        before = json.loads(here("status", "--json")[1])["answered"]
        ran = [sys.executable, "-c", CLIENT, *command, *map(str, model)]
        told = subprocess.run(ran, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": ROOT})
        loaded = set(told.stderr.splitlines()[-1].split())
        heavy = {"torch", "transformers", "mixkv", "rich"} | ({"numpy"} if command[0] != "click" else set())  # it draws
        assert "guiground.server.client" in loaded and not heavy & loaded
        assert told.returncode == 0 and told.stdout == "{} {}\n".format(*(int(side) for side in alone["point"]))
        assert json.loads(here("status", "--json")[1])["answered"] == before + 1
    before = json.loads(here("status", "--json")[1])
    assert here("locate", "x", *model, "--no-resident")[1] == told.stdout
    assert json.loads(here("status", "--json")[1])["answered"] == before["answered"]
    Path("two.toml").write_text('[[step]]\nlocate = "a"\n[[step]]\nlocate = "b"\n')
    assert here("run", "two.toml", *model)[0] == 0
    code, out, _ = here("status")
    assert code == 0 and f"resident process {before['pid']} is up: " in out and " on cpu" in out
    code, out, _ = here("down")
    assert code == 0 and out == f"resident process {before['pid']} has ended\n"
    assert here("down")[1] == "no resident process was up\n" and here("status", "--json")[0] == 1
    assert (state / "resident.log").read_text() == ""


def test_sigterm_ends_it_and_takes_the_socket_away(state, ended):
    with client.start(5) as resident:
        facts = resident.ask("status")
    assert facts["idle_minutes"] == 5 and facts["model"] is None and facts["pid"] != os.getpid()
    os.kill(facts["pid"], signal.SIGTERM)
    until_free()
    assert not (state / "resident.sock").exists()
    with client.start(0) as resident:
        facts = resident.ask("status")
    os.kill(facts["pid"], signal.SIGKILL)
    until_free()
    assert (state / "resident.sock").exists() and client.connect() is None  # it left its socket, which is removed
    assert not (state / "resident.sock").exists()


def test_there_is_only_one(state, ended):
    with ThreadPoolExecutor(3) as pool:
        started = list(pool.map(lambda number: client.start(1), range(3)))
    assert len({resident.ask("status")["pid"] for resident in started}) == 1
    for resident in started:
        resident.close()


def test_keep_and_no_resident_exclude_each_other(here, shot, answering):
    code, out, err = here("locate", "x", "-i", shot, "-m", answering("(40, 60)"), "--keep", "--no-resident")
    assert (code, out, err.count("\n")) == (2, "", 1) and "leave one of them out" in err
