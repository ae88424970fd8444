"""The real command: what it prints where, how it ends, and how fast it helps."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from PIL import Image

import guiground
from guiground import cli
from guiground.models.catalogue import find

ROOT = Path(__file__).parents[2]
HELPFUL = ([], ["locate"], ["screenshot"], ["models"])  # the commands whose examples are run here


def run(*arguments, **settings):
    settings = {"cwd": ROOT, "capture_output": True, "timeout": 120, "text": True, **settings}
    return subprocess.run([sys.executable, "-m", "guiground", *arguments], **settings)


@pytest.fixture(scope="module")
def shot(tmp_path_factory):
    path = tmp_path_factory.mktemp("shot") / "shot.png"
    Image.linear_gradient("L").resize((320, 200)).convert("RGB").save(path)
    return path


@pytest.fixture(scope="module")
def model(tiny_checkpoint, tmp_path_factory):
    """model("(40, 60)") -> a tiny checkpoint whose answers begin so, because they are prefilled."""

    def checkpoint(answer):
        folder = tmp_path_factory.mktemp("cli") / "model"
        shutil.copytree(tiny_checkpoint("qwen2_5_vl"), folder)
        lines = ('like = "gta1-7b-2507"', "[prompt]", f"prefill = {json.dumps(answer)}", "[generation]")
        (folder / "guiground.toml").write_text("\n".join((*lines, "max_new_tokens = 1")))
        return folder

    return checkpoint


@pytest.fixture(scope="module")
def finding(model):
    return model("(40, 60)")


def test_the_answer_alone_is_on_stdout(shot, finding):
    ran = run("locate", "the Save button", "--image", str(shot), "--model", str(finding))
    assert re.fullmatch(r"\d+ \d+\n", ran.stdout) and ran.stderr == "" and ran.returncode == 0


def test_standard_input_and_warnings(shot, finding):
    with shot.open("rb") as file:
        ran = run("locate", "the Save button", "--image", "-", "--model", str(finding), "--budget", "9999", stdin=file)
    assert re.fullmatch(r"\d+ \d+\n", ran.stdout)
    assert ran.stderr == "warning: budget 9999 holds the whole prompt: nothing was evicted\n" and ran.returncode == 0


def test_json(here, shot, finding):
    code, out, err = here("locate", "the Säve button", "-i", shot, "-m", finding, "--json", "--budget", "64")
    record = json.loads(out)
    assert code == 0 and err == "" and out.count("\n") == 1
    assert record["status"] == "found" and record["instruction"] == "the Säve button"
    assert record["kv"]["method"] == "gistkv" and record["kv"]["budget"] == 64
    plain = here("locate", "the Säve button", "-i", shot, "-m", finding, "--budget", "64")
    assert plain[1] == "{} {}\n".format(*(int(number) for number in record["point"]))


@pytest.mark.parametrize(("answer", "code"), [("(-1, -1)", 1), ("(40,", 5), ("(40000, 3)", 5)])
def test_not_found_and_unparsable(here, shot, model, tmp_path, answer, code):
    arguments = ("locate", "the Save button", "-i", shot, "-m", model(answer), "--overlay", tmp_path / "seen.png")
    ended, out, err = here(*arguments)
    assert (ended, out) == (code, "") and "Traceback" not in err and err.count("\n") <= 2
    with Image.open(tmp_path / "seen.png") as seen:
        assert seen.size == (320, 200)
    ended, out, _ = here(*arguments, "--json")
    assert ended == code and json.loads(out)["point"] is None


def test_overlay(here, shot, finding, tmp_path):
    code, out, err = here("locate", "the Save button", "-i", shot, "-m", finding, "--overlay", tmp_path / "seen.png")
    assert code == 0 and err == "" and [path.name for path in tmp_path.iterdir()] == ["seen.png"]
    with Image.open(tmp_path / "seen.png") as seen:
        red, green, _ = seen.getpixel(tuple(int(number) for number in out.split()))
    assert red > 200 and green < 100  # the dot of the crosshair


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["locat"], "did you mean locate?"),
        (["locate"], "an INSTRUCTION, or --queries FILE"),
        (["locate", "x", "--imagine", "a.png"], "--imag"),
        (["locate", ""], "instruction is empty"),
        (["locate", "x" * 10_000], "10,000 characters, where 1,000 are allowed"),
        (["locate", "x", "-i", "none.png"], "no such picture: 'none.png'"),
        (["locate", "x", "-i", "README.md"], "README.md"),
        (["locate", "x", "-i", "pyproject.toml"], "no picture that can be read"),
        (["locate", "x", "-i", "SHOT", "-m", "qwen2.5-vl-7"], "did you mean qwen2.5-vl-7b"),
        (["locate", "x", "-i", "SHOT", "--overlay", "none/a.png"], "no folder 'none'"),
        (["locate", "x", "-i", "SHOT", "--overlay", "a.txt"], "must be one of .png"),
        (["locate", "x", "-i", "SHOT", "--overlay", "SHOT"], "would replace the screenshot"),
        (["locate", "x", "-i", "SHOT", "--dtype", "int8"], "'int8' is not one of"),
        (["locate", "x", "-i", "SHOT", "--max-pixels", "0"], "x>=1"),
        (["locate", "x", "-i", "SHOT", "-m", "FINDING", "--device", "abacus"], "unknown device 'abacus'"),
        (["locate", "x", "-i", "SHOT", "-m", "FINDING", "--method", "snap"], "did you mean snapkv"),
        (["locate", "x", "-i", "SHOT", "-m", "FINDING", "--method", "full", "--budget", "9"], "takes no budget"),
        (["locate", "x", "-i", "SHOT", "-m", "FINDING", "--budget", "0"], "at least 1"),
        (["locate", "x", "-i", "SHOT", "-m", "FINDING", "--budget", "-3"], "at least 1"),
        (["locate", "x", "-i", "SHOT", "-m", "FINDING", "--budget", "many"], "'many'"),
    ],
)
def test_mistakes_are_one_line(here, shot, finding, monkeypatch, arguments, words):
    monkeypatch.chdir(ROOT)
    places = {"SHOT": str(shot), "FINDING": str(finding)}
    code, out, err = here(*(places.get(argument, argument) for argument in arguments))
    assert (code, out) == (2, "") and err.startswith("error: ") and err.count("\n") == 1 and words in err


def test_a_model_that_is_not_there_is_exit_4(here, shot, tmp_path):
    (tmp_path / "empty").mkdir()
    code, out, err = here("locate", "x", "-i", shot, "-m", tmp_path / "empty")
    assert (code, out, err.count("\n")) == (4, "", 1) and "config.json" in err
    code, out, err = here("locate", "x", "-i", shot, "-m", "qwen2.5-vl-3b")
    assert (code, out, err.count("\n")) == (4, "", 1) and "hf download" in err


def test_memory_that_runs_out_is_exit_4(here, shot, finding, monkeypatch):
    def fail(*arguments, **settings):
        raise MemoryError

    monkeypatch.setattr("guiground.asking.answer_all", fail)
    code, out, err = here("locate", "x", "-i", shot, "-m", finding)
    assert (code, out, err.count("\n")) == (4, "", 1) and "--max-pixels" in err


def test_bugs_keep_their_traceback(shot, finding, tmp_path):
    program = (
        "import guiground.screen.capture, guiground.cli\n"
        "def broken(*arguments): raise KeyError('a bug')\n"
        "guiground.screen.capture.grab = broken\n"
        "guiground.cli.main(['locate', 'x'])"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1 and "Traceback" in ran.stderr and "KeyError: 'a bug'" in ran.stderr


def test_interrupted_is_130():
    # Where the tests run in the background, SIGINT is ignored from the start: the handler is put back first.
    start = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from guiground.cli import main; "
    command = [sys.executable, "-c", start + "main(['locate', 'x', '--image', '-'])"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as waiting:
        time.sleep(1.5)
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, out, err) == (130, "", "\ninterrupted\n")


def test_a_closed_pipe_ends_quietly():
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ran = run("models", "--json", stdout=writing, stderr=subprocess.PIPE, capture_output=False)
    finally:
        os.close(writing)
    assert ran.stderr == "" and ran.returncode == 141


def test_models(here):
    code, out, err = here("models", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0 and err == "" and rows["qwen2.5-vl-7b"]["repo_id"] == "Qwen/Qwen2.5-VL-7B-Instruct"
    code, out, err = here("models")
    lines = out.splitlines()
    assert code == 0 and err == "" and len(lines) == len(rows) + 1 and "\x1b" not in out
    assert [line.split()[0] for line in lines[1:]] == list(rows)
    assert all(row["licence"] in out and row["space"] in out and row["repo_id"] in out for row in rows.values())


def test_colour_is_for_terminals_that_want_it():
    pty = pytest.importorskip("pty", reason="needs pseudo-terminals")

    def shown(**environment):
        reading, writing = pty.openpty()
        kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
        settings = {"env": kept | {"TERM": "xterm-256color", "COLUMNS": "120", **environment}, "stdout": writing}
        with subprocess.Popen([sys.executable, "-m", "guiground", "models"], cwd=ROOT, **settings) as command:
            os.close(writing)
            text = b""
            while True:
                try:
                    piece = os.read(reading, 4096)
                except OSError:  # Linux tells the end of a pseudo-terminal so
                    piece = b""
                if not piece:
                    break
                text += piece
            command.wait(timeout=60)
        os.close(reading)
        return text.decode()

    assert "\x1b[1m" in shown()
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", shown(NO_COLOR="1"))


def test_help_is_quick_and_needs_no_torch():
    times = []
    for _ in range(3):
        since = time.perf_counter()
        ran = run("--help")
        times.append(time.perf_counter() - since)
        assert ran.returncode == 0 and ran.stderr == ""
    assert all(name in ran.stdout for name in cli.COMMANDS)
    assert min(times) < 0.3
    program = "import sys, guiground.cli as c\ntry: c.main({})\nexcept SystemExit: print(chr(0), *sys.modules)"
    for arguments in (["--help"], ["--version"], ["locate", "--help"], ["screenshot", "--help"], ["eval", "--help"]):
        command = [sys.executable, "-c", program.format(arguments)]
        loaded = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60).stdout
        loaded = set(loaded.partition("\0")[2].split())
        assert "guiground.cli" in loaded and not {"torch", "transformers", "PIL", "numpy"} & loaded


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == guiground.__version__ and project["scripts"] == {"guiground": "guiground.cli:main"}


def test_version_and_no_command(here):
    code, out, err = here("--version")
    assert code == 0 and err == "" and re.fullmatch(r"guiground \d+\.\d+\.\d+ \(torch .*\)\n", out)
    code, out, err = here()
    assert (code, out) == (2, "") and err.startswith("Usage: guiground")


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_help_of_every_command(here, name):
    code, out, err = here(name, "--help")
    assert code == 0 and err == "" and len(examples(out)) >= 2
    assert max(map(len, out.splitlines())) <= 120


def test_exit_codes_are_in_the_help(here):
    out = here("locate", "--help")[1]
    assert all(re.search(rf"\b{code}  ", out) for code in (0, 1, 2, 3, 4, 5, 130))


def examples(text):
    return [line.strip() for line in text.splitlines() if line.startswith("    guiground ")]


@pytest.mark.parametrize("command", HELPFUL)
def test_examples_of_the_help_run(command, tmp_path):
    for example in examples(run(*command, "--help").stdout):
        arguments = shlex.split(example)[1:]
        pictures = [argument for argument in arguments if argument.startswith("screenshots/")]
        assert all((ROOT / picture).is_file() for picture in pictures), example
        if arguments[0] == "locate" and not (find("nano").folder / "model.safetensors").is_file():
            pytest.skip("the weights of the embedded model are not in guiground/nano/weights")
        (tmp_path / "screenshots").unlink(missing_ok=True)
        (tmp_path / "screenshots").symlink_to(ROOT / "screenshots")
        ran = run(*arguments, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
        assert ran.returncode == 0, (example, ran.stderr)
        assert ran.stdout and "Traceback" not in ran.stderr
