"""Every command of this room: help with examples, and the examples run on the screenshots of the source tree."""

import shlex

import pytest
from click.testing import CliRunner

from guiground.cli import group
from guiground.evaluation import tasks

COMMANDS = ("eval", "eval merge", "data", "data check", "data get", "compare", "report", "sweep", "reproduce")
LOCAL = (
    "eval merge",
    "data",
    "data check",
    "compare",
    "report",
    "sweep",
)  # whose examples need no network and end soon
NEEDS_MODEL = ("eval", "sweep")


def examples(name):
    ran = CliRunner().invoke(group, [*name.split(), "--help"])
    assert ran.exit_code == 0, ran.output
    assert max(map(len, ran.output.splitlines())) <= 120
    return [line.strip() for line in ran.output.splitlines() if line.startswith("    guiground ")]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_two_examples(name):
    assert len(examples(name)) >= 2


@pytest.mark.skipif(
    not (tasks.SOURCE_TREE / "screenshots/desk.json").is_file(), reason="screenshots/desk.json is not there"
)
def test_the_examples_run_one_after_the_other(tiny_checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "screenshots").symlink_to(tasks.SOURCE_TREE / "screenshots")
    done = set()
    for name in LOCAL:
        for example in examples(name):
            arguments = shlex.split(example)[1:]
            if arguments[0] in NEEDS_MODEL and arguments[1] != "merge":
                arguments = [*arguments, "--model", str(tiny_checkpoint("nano")), "--device", "cpu", "--limit", "2"]
            if tuple(arguments) in done:
                continue
            done.add(tuple(arguments))
            ran = CliRunner().invoke(group, arguments, standalone_mode=False)
            assert ran.exception is None, (example, ran.exception)
            assert not ran.return_value and ran.stdout, (example, ran.stderr)
    assert (tmp_path / "report.html").is_file() and (tmp_path / "sweep.html").is_file()
