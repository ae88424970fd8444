"""Screens that real toolkits rendered beforehand, taken at random while more of them arrive."""

import os
import random
from pathlib import Path

import numpy as np

from guiground.nano.bank import BLOCK
from guiground.nano.scenes import Scene
from guiground.nano.scenes.canvas import shifted, within
from guiground.nano.toolkits import load

VARIABLE = "GUIGROUND_TOOLKITS"
USUAL = "runs/toolkits"
FEWEST = 40  # pictures; fewer would be learnt by heart
MOST_PIXELS = 1920 * 1088  # larger ones are cut: one step must not take a minute


class Rendered:
    """The pictures of a folder, looked through again now and then."""

    def __init__(self, folder: Path | None = None):
        self.folder = folder or Path(os.environ.get(VARIABLE, USUAL))
        self.files: list[Path] = []
        self.taken = 0

    def take(self, rng: random.Random) -> Scene | None:
        """One of them, cut where it is very large; None where there are too few."""
        if self.taken % 50 == 0:
            self.files = sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []
        self.taken += 1
        if len(self.files) < FEWEST:
            return None
        scene = load(rng.choice(self.files), rng)
        height, width = scene.image.shape[:2]
        if height * width <= MOST_PIXELS or rng.random() < 0.15:
            return scene
        left = rng.randrange(0, max(1, width - 1280 + 1), BLOCK)
        top = rng.randrange(0, max(1, height - 800 + 1), BLOCK)
        return cut(scene, left, top, min(width, left + 1280), min(height, top + 800))


def cut(scene: Scene, left: int, top: int, right: int, bottom: int) -> Scene:
    """A part of a screen with the labels of what lies wholly in it; what it cuts keeps its characters."""
    part = (left, top, right, bottom)
    elements = [e.shifted(left, top) for e in scene.elements if within(e.aim, part)]
    icons = scene.icons
    if icons is not None:  # one that is cut is still known to be there, but nowhere
        icons = [
            (group, shifted(box, left, top) if within(box, part) else (0.0, 0.0, 0.0, 0.0)) for group, box in icons
        ]
    glyphs = scene.glyphs
    if len(glyphs):
        inside = (glyphs[:, 2] >= top) & (glyphs[:, 2] < bottom) & (glyphs[:, 1] > left) & (glyphs[:, 0] < right)
        glyphs = glyphs[inside] - np.array([left, left, top, 0], dtype=np.float32)
    return Scene(scene.image[top:bottom, left:right], elements, glyphs, icons)
