"""PyramidKV (Cai et al. 2024, arXiv 2406.02069): SnapKV with more room in the first layers than in the last."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from mixkv.budget import pyramid
from mixkv.methods.method import Prompt
from mixkv.methods.snapkv import SnapKV


@dataclass(frozen=True)
class PyramidKV(SnapKV):
    """SnapKV's choice; the entries beside the window fall linearly from layer to layer, and `budget` is their mean."""

    name: ClassVar[str] = "pyramidkv"

    beta: float = 20  # the last layer gets about 1/beta of the mean
    legacy: bool = False  # the released rounding, which exceeds the budget

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.beta, int | float) or not self.beta >= 1:
            raise ValueError(f"beta must be a number of at least 1, not {self.beta!r}")

    def rank(self, prompt: Prompt, window: int, entries: int) -> tuple[Tensor, int | Tensor]:
        importance, _ = super().rank(prompt, window, entries)
        prefix = prompt.tokens - window
        return importance, pyramid(entries, prefix, prompt.layer, prompt.num_layers, self.beta, self.legacy)
