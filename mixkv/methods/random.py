"""Chance as a baseline: how far the observation window alone carries."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mixkv.methods.method import Prompt, Windowed, require_whole


@dataclass(frozen=True)
class Random(Windowed):
    """Holds the window and random prefix entries, drawn for each layer and kv head, alike in all rows of a batch."""

    name: ClassVar[str] = "random"

    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        require_whole("seed", self.seed, least=0)

    def rank(self, prompt: Prompt, window: int, entries: int) -> tuple[Tensor, int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + prompt.layer)
        batch, heads, tokens, _ = prompt.key.shape
        scores = torch.rand(1, heads, tokens - window, generator=generator)
        return scores.to(prompt.key.device).expand(batch, -1, -1), entries
