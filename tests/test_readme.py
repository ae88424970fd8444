"""The README is true: its tree is the tree, its commands run, its links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
WEIGHTS = ROOT / "guiground" / "nano" / "weights" / "model.safetensors"
TOP_LEVEL = {".ci", ".gitignore", "LICENSE", "README.md", "pyproject.toml"}
TOP_LEVEL |= {"guiground", "mixkv", "screenshots", "tasks", "tests"}


def fences(language: str) -> list[str]:
    return [
        text for kind, text in re.findall(r"^```(\w*)\n(.*?)^```", README, re.DOTALL | re.MULTILINE) if kind == language
    ]


def tree_paths() -> list[str]:
    """The paths of the README's tree: a folder's lines are indented under it."""
    paths, folders = [], []
    for line in next(block for block in fences("") if "mixkv/" in block).splitlines():
        found = re.match(r"( *)([\w.-]+/?)(  |$)", line)
        if not found:
            continue
        depth, name = len(found[1]) // 2, found[2]
        folders = folders[:depth]
        paths.append("".join(folders) + name)
        if name.endswith("/"):
            folders.append(name)
    return paths


def commands() -> list[list[str]]:
    lines = [line for block in fences("sh") for line in block.splitlines()]
    parsed = [shlex.split(line.rpartition("&& ")[2], comments=True) for line in lines]
    return [words for words in parsed if words and words[0].endswith("guiground")]


def test_the_tree_is_the_tree():
    paths = tree_paths()
    assert len(paths) > 20
    for path in paths:
        assert (ROOT / path).exists(), path
    for package in ("guiground", "mixkv"):
        children = {f"{package}/{child.name}{'/' * child.is_dir()}" for child in (ROOT / package).iterdir()}
        hidden = {f"{package}/{name}" for name in ("__pycache__/", "__init__.py", "__main__.py", "py.typed")}
        assert children - hidden == {p for p in paths if re.fullmatch(rf"{package}/[\w.]+/?", p)} - hidden


def test_nothing_else_stands_at_the_top_level():
    tracked = (ROOT / ".git").exists()
    if not tracked:
        pytest.skip("not a git checkout: other files may lie here")
    import subprocess

    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("git cannot list this checkout's files")
    assert {name.split("/")[0] for name in listed.stdout.splitlines()} <= TOP_LEVEL


def test_every_link_leads_to_a_file():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    for link in links:
        assert (ROOT / link).exists(), link


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_commands_run(words, monkeypatch, tmp_path):
    """Locating runs for real; for the others their options must at least be known."""
    from guiground.cli import group

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    arguments = [str(tmp_path / word) if word.endswith("found.png") else word for word in words[1:]]
    monkeypatch.chdir(ROOT)
    if arguments[0] == "locate":
        if not WEIGHTS.exists():
            pytest.skip("the embedded weights are missing")
        result = CliRunner().invoke(group, arguments, standalone_mode=False)
        assert result.return_value == 0, result.output
    elif arguments[0] == "models":
        assert not CliRunner().invoke(group, arguments, standalone_mode=False).return_value
    else:
        shown = CliRunner().invoke(group, [arguments[0], "--help"]).output
        for option in (word for word in arguments if word.startswith("--")):
            assert option in shown, option
