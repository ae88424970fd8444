"""Importance alone, the MixKV paper's ablation: attention of the window plus the norm of the value."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from mixkv.importance import intrinsic, on_scale_of
from mixkv.methods.method import Prompt
from mixkv.methods.snapkv import SnapKV


@dataclass(frozen=True)
class VNorm(SnapKV):
    """SnapKV's importance plus the value norms on the same scale (MixKV without diversity)."""

    name: ClassVar[str] = "vnorm"

    def rank(self, prompt: Prompt, window: int, entries: int) -> tuple[Tensor, int | Tensor]:
        importance, entries = super().rank(prompt, window, entries)
        return importance + on_scale_of(intrinsic(prompt.value, window), importance), entries
