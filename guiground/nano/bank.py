"""Screens remembered with what the vision tower made of them."""

import random

import torch

from guiground.nano import labels, questions, windows
from guiground.nano.architecture import TOKEN
from guiground.nano.scenes import draw
from guiground.nano.stages import Stage

BLOCK = windows.WINDOW  # parts of a screen start at multiples of this


class Bank:
    """Screens with their visual tokens, renewed a few at a time, so that a frozen tower sees each screen once."""

    def __init__(self, model, stage: Stage, rng: random.Random, device, most: int = 600):
        self.model, self.stage, self.rng, self.device, self.most = model, stage, rng, device, most
        self.entries: list[tuple[torch.Tensor, list]] = []

    def renew(self, level: int) -> None:
        """Adds one screen; the oldest leaves when the bank is full."""
        width, height = self.rng.choice(self.stage.screens)
        scene = draw(self.rng.randrange(2**40), width, height, level=level)
        with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16):
            tokens = windows.features(self.model.model.visual, labels.padded(scene.image), self.device)
        self.entries.append((tokens.to(torch.bfloat16), scene.elements))
        del self.entries[: -self.most]

    def take(self, width: int, height: int) -> tuple[torch.Tensor, list]:
        """The tokens of a random part of a random screen, and the elements inside."""
        tokens, elements = self.rng.choice(self.entries)
        return part(self.rng, tokens, elements, width, height)


def part(rng: random.Random, tokens: torch.Tensor, elements: list, width: int, height: int):
    """A part of a screen that starts on a window: its tokens (or pixels' windows) and its elements."""
    rows, columns = -(-height // TOKEN), -(-width // TOKEN)
    step = BLOCK // TOKEN
    top = rng.randrange(0, max(1, tokens.shape[0] - rows + 1), step)
    left = rng.randrange(0, max(1, tokens.shape[1] - columns + 1), step)
    inside = questions.visible(elements, left * TOKEN, top * TOKEN, left * TOKEN + width, top * TOKEN + height)
    return tokens[top : top + rows, left : left + columns], inside
