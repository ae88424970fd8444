"""Fixtures for all tests of guiground: tiny random checkpoints on disk, and no network."""

import pytest
from tiny_checkpoints import build


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory):
    """tiny_checkpoint(family) -> folder, for a family of tiny_checkpoints.FAMILIES; do not change the folder."""
    root, built = tmp_path_factory.mktemp("tiny_checkpoints"), {}

    def checkpoint(family: str):
        if family not in built:
            built[family] = build(family, root / family)
        return built[family]

    return checkpoint
