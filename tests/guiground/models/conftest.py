"""Fixtures for the tests of guiground.models: loaded tiny checkpoints and screenshots of noise."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def grounder(tiny_checkpoint):
    """grounder(family) -> the tiny checkpoint of that family, loaded on the CPU."""
    loaded = {}

    def load_once(family: str):
        from guiground.models.load import load

        if family not in loaded:
            loaded[family] = load(tiny_checkpoint(family), device="cpu")
        return loaded[family]

    return load_once


@pytest.fixture(scope="session")
def noise():
    """noise(width, height, seed) -> a picture in which every pixel differs."""

    def picture(width: int, height: int, seed: int = 0) -> Image.Image:
        values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        return Image.fromarray(values)

    return picture
