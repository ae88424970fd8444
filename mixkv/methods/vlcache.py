"""VL-Cache (Tu et al. 2024, arXiv 2410.23317): layers whose attention is less sparse hold more."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mixkv.budget import effective_window, keep_best, resolve_budget, water_fill
from mixkv.importance import pooled, window_attention
from mixkv.methods.method import Joint, Prompt, require_share
from mixkv.methods.snapkv import SnapKV


@dataclass(frozen=True)
class VLCache(Joint, SnapKV):
    """Ranks like SnapKV without pooling, by the attention of the tokens after the last image, at most `window` of them.

    A layer's share of the budget is its density: the share of those tokens' attention weights that reach `threshold`
    times the highest of their row. Where nobody said where the images stand, the window is looked at. The source looks
    at all tokens after the image.
    """

    name: ClassVar[str] = "vlcache"

    kernel: int = 1  # no pooling
    threshold: float = 0.01  # of the row's highest weight
    floor_ratio: float = 0.01  # share of the prompt's tokens that every layer may hold, if the budget allows

    def __post_init__(self):
        super().__post_init__()
        require_share("threshold", self.threshold)
        require_share("floor_ratio", self.floor_ratio)

    def keep_layers(self, prompts: list[Prompt]) -> list[Tensor]:
        tokens = prompts[0].tokens
        budget = resolve_budget(self.budget, tokens)
        if budget >= tokens:
            return [prompt.all_entries() for prompt in prompts]
        window = effective_window(self.window, budget)
        entries, prefix = budget - window, tokens - window
        scores, densities = zip(*(self._look(prompt, window) for prompt in prompts), strict=True)
        least = min(entries, int(self.floor_ratio * tokens))
        held = water_fill(torch.stack(densities, -1), entries * len(prompts), least, prefix)  # [batch, layers]
        heads = prompts[0].key.shape[1]
        return [
            keep_best(layer, held[:, number, None].expand(-1, heads), window) for number, layer in enumerate(scores)
        ]

    def _look(self, prompt: Prompt, window: int) -> tuple[Tensor, Tensor]:
        """Scores of the prefix [batch, kv_heads, prefix] and density of the layer [batch]."""
        rows = window
        if prompt.images:
            rows = min(window, prompt.tokens - prompt.images[-1].stop) or window
        # [batch, kv_heads, group, rows, tokens]
        paid = window_attention(prompt.query, prompt.key, rows, prompt.scaling, prompt.softcap)
        reaches = (paid >= self.threshold * paid.amax(-1, keepdim=True)) & (paid > 0)
        visible = torch.arange(prompt.tokens - rows + 1, prompt.tokens + 1, device=paid.device)
        density = (reaches.sum(-1) / visible).mean((1, 2, 3))
        joined = paid[..., : prompt.tokens - window].mean(-2)
        joined = joined.mean(2) if self.gqa == "mean" else joined.amax(2)
        return pooled(joined, self.kernel, self.pool), density
