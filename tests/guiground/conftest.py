"""Fixtures for all tests of guiground: tiny random checkpoints on disk, and no network."""

import json
import shutil
import sys

import pytest
from tiny_checkpoints import build


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(autouse=True)
def same_numbers(monkeypatch):
    """Models compute in float32 on every CPU, also on one that would compute in bfloat16."""
    monkeypatch.setattr("guiground.models.load.cpu_computes_in_bf16", lambda: False)


@pytest.fixture(autouse=True)
def no_resident(monkeypatch, tmp_path_factory):
    """No resident process that runs on this machine is asked."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))


@pytest.fixture(autouse=True)
def no_head_scores(monkeypatch, tmp_path):
    """No head scores that a user or another test measured are read, and none are left behind."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory):
    """tiny_checkpoint(family) -> folder, for a family of tiny_checkpoints.FAMILIES; do not change the folder."""
    root, built = tmp_path_factory.mktemp("tiny_checkpoints"), {}

    def checkpoint(family: str):
        if family not in built:
            built[family] = build(family, root / family)
        return built[family]

    return checkpoint


@pytest.fixture(scope="session")
def answering(tiny_checkpoint, tmp_path_factory):
    """answering("(40, 60)") -> a tiny checkpoint whose answers begin so, because they are prefilled."""
    built = {}

    def checkpoint(answer: str):
        if answer not in built:
            built[answer] = tmp_path_factory.mktemp("answering") / "model"
            shutil.copytree(tiny_checkpoint("qwen2_5_vl"), built[answer])
            lines = ('like = "gta1-7b-2507"', "[prompt]", f"prefill = {json.dumps(answer)}", "[generation]")
            (built[answer] / "guiground.toml").write_text("\n".join((*lines, "max_new_tokens = 1")))
        return built[answer]

    return checkpoint


@pytest.fixture
def here(capfd, monkeypatch):
    """The command in this process, without the seconds it takes to import torch: code, stdout, stderr."""
    monkeypatch.setattr(sys, "warnoptions", ["default"])  # main leaves the tests' own warning filters alone

    def call(*arguments):
        from guiground import cli

        capfd.readouterr()  # what making a checkpoint said
        with pytest.raises(SystemExit) as ended:
            cli.main([str(argument) for argument in arguments])
        return (ended.value.code, *capfd.readouterr())

    return call
