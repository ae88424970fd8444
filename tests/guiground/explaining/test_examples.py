"""The examples in the help of the commands that show and measure run on the screenshots of the source tree."""

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from guiground.cli import group

ROOT = Path(__file__).parents[3]
FEW = {"heads": ["--limit", "1", "--mode", "mass", "--misses"]}  # a random model hits nothing
pytestmark = pytest.mark.skipif(not (ROOT / "screenshots/desk.json").is_file(), reason="screenshots/ is not there")


def examples(name):
    ran = CliRunner().invoke(group, [name, "--help"])
    assert max(map(len, ran.output.splitlines())) <= 120
    return [line.strip() for line in ran.output.splitlines() if line.startswith("    guiground ")]


@pytest.mark.parametrize("name", ["explain", "redundancy", "heads", "bench"])
def test_examples_run(name, tiny_checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "screenshots").symlink_to(ROOT / "screenshots")
    found = examples(name)
    assert len(found) >= 2
    for example in found:
        arguments = shlex.split(example)[1:]
        if name == "bench" and "tiny" not in arguments:
            continue  # takes minutes
        more = [] if name == "bench" else ["--model", str(tiny_checkpoint("nano")), "--device", "cpu"]
        ran = CliRunner().invoke(group, [*arguments, *FEW.get(name, []), *more], standalone_mode=False)
        assert ran.exception is None, (example, ran.exception)
        assert ran.return_value in (0, 5) and ran.stdout, (example, ran.stderr)  # 5: a random model's answer
        for word in arguments:
            assert not word.endswith(".png") or word.startswith("screenshots/") or (tmp_path / word).is_file()
