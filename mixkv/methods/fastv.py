"""FastV (Chen et al. 2024, arXiv 2403.06764): after the first layers, most image tokens are dropped."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mixkv.budget import Share, parse_budget, resolve_budget
from mixkv.importance import window_attention
from mixkv.methods.in_prefill import InPrefill, Remaining
from mixkv.methods.method import require_whole


@dataclass(frozen=True)
class FastV(InPrefill):
    """Drops the image tokens that the last token of the prompt attends to least, before layer `layer`.

    `keep_tokens` says how many image tokens stay, all images together: a number, or a share such as "50%". Attention is
    that of the layer before, on the mean over its heads. The layers before hold all tokens.
    """

    name: ClassVar[str] = "fastv"

    keep_tokens: int | Share | str = "50%"  # image tokens that stay; or a share of them
    layer: int = 2  # the first layer that sees fewer tokens, counted from 0; at least 1

    def __post_init__(self):
        object.__setattr__(self, "keep_tokens", parse_budget(self.keep_tokens))
        require_whole("layer", self.layer)

    def shortens_after(self, layer: int, num_layers: int) -> bool:
        return layer == self.layer - 1

    def guide(self, remaining: Remaining, query: Tensor, key: Tensor, scaling: float) -> Tensor:
        return window_attention(query[None], key[None], 1, scaling).mean((0, 1, 2, 3))

    def shorten(self, remaining: Remaining, hidden: Tensor, guidance: Tensor) -> tuple[Tensor, Tensor]:
        stays = torch.ones_like(guidance, dtype=torch.bool)
        stays[-1] = False  # the last token is not ranked, whatever it is
        stays[remaining.text()] = False
        of_images = stays.nonzero().flatten()
        stays = ~stays
        best = guidance[of_images].argsort(descending=True, stable=True)
        stays[of_images[best[: resolve_budget(self.keep_tokens, len(of_images))]]] = True
        return hidden, stays
