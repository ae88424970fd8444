"""SparseMM (Wang et al. 2025, arXiv 2506.05344): SnapKV with more room for the heads that look at the picture."""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor
from transformers import PreTrainedModel

from mixkv.budget import visual_heads
from mixkv.head_scores import head_scores, load_head_scores
from mixkv.methods.method import Prompt, require_share
from mixkv.methods.mixkv import MixKV
from mixkv.methods.snapkv import SnapKV


@dataclass(frozen=True)
class SparseMM(SnapKV):
    """SnapKV's choice with budgets fixed for a model: a head's share grows with its visual score, over all layers.

    `visual_heads` are the scores [layers, query_heads] that `mixkv.heads.measure` gives; None reads those stored
    for the model when a `compress` block is entered. `budget` is the mean over all layers and heads. Raises ValueError
    where the scores are missing or those of another model.
    """

    name: ClassVar[str] = "sparsemm"
    per_head: ClassVar[bool] = True

    visual_heads: tuple[tuple[float, ...], ...] | None = None
    floor_ratio: float = 0.1  # share of the mean that every head gets
    legacy: bool = False  # the released rounding, which loses entries that a short prompt cannot use

    def __post_init__(self):
        super().__post_init__()
        require_share("floor_ratio", self.floor_ratio)
        if self.visual_heads is not None:
            object.__setattr__(self, "visual_heads", head_scores(self.visual_heads))

    def for_model(self, model: PreTrainedModel) -> "SparseMM":
        return self if self.visual_heads else replace(self, visual_heads=load_head_scores(model))

    def rank(self, prompt: Prompt, window: int, entries: int) -> tuple[Tensor, int | Tensor]:
        importance, _ = super().rank(prompt, window, entries)
        held = visual_heads(
            self._scores(prompt), entries, self.floor_ratio, prefix=importance.shape[-1], legacy=self.legacy
        )
        return importance, held[prompt.layer].to(importance.device).expand(importance.shape[:2])

    def _scores(self, prompt: Prompt) -> Tensor:
        """Scores of the kv heads, each the sum over its query heads: [layers, kv_heads]."""
        if self.visual_heads is None:
            raise ValueError(
                f"method {self.name!r} needs the visual head scores of this model: measure them with "
                "mixkv.heads.measure and pass visual_heads=..., or store them with mixkv.head_scores.save_head_scores"
            )
        scores, heads = torch.tensor(self.visual_heads, dtype=torch.float64), prompt.query.shape[1]
        if list(scores.shape) != [prompt.num_layers, heads]:
            raise ValueError(
                f"the visual head scores are of {scores.shape[0]} layers with {scores.shape[1]} query heads, but the "
                f"model has {prompt.num_layers} with {heads}: measure them on this model with mixkv.heads.measure"
            )
        return scores.unflatten(1, (prompt.key.shape[1], -1)).sum(-1)


@dataclass(frozen=True)
class MixSparseMM(MixKV, SparseMM):
    """MixKV's ranking with SparseMM's budgets."""

    name: ClassVar[str] = "mixkv-sparsemm"
