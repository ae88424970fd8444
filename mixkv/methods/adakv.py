"""AdaKV (Feng et al. 2024, arXiv 2407.11550): SnapKV with a different budget for each head of a layer."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from mixkv.budget import adaptive
from mixkv.methods.method import Prompt, require_share
from mixkv.methods.snapkv import SnapKV


@dataclass(frozen=True)
class AdaKV(SnapKV):
    """SnapKV's choice; heads whose importance is spread out hold more. `budget` is the mean over a layer's heads."""

    name: ClassVar[str] = "adakv"
    per_head: ClassVar[bool] = True

    floor_ratio: float = 0.2  # share of the mean that every head gets
    legacy: bool = False  # the released rounding, which misses the budget by a few entries

    def __post_init__(self):
        super().__post_init__()
        require_share("floor_ratio", self.floor_ratio)

    def rank(self, prompt: Prompt, window: int, entries: int) -> tuple[Tensor, int | Tensor]:
        importance, _ = super().rank(prompt, window, entries)
        return importance, adaptive(importance, entries, self.floor_ratio, self.legacy)
