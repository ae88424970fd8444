"""MixKV (Liu et al. 2025, arXiv 2510.20707): importance and diversity, mixed by how redundant a head is."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mixkv.diversity import cosines, redundancy_of
from mixkv.importance import intrinsic, on_scale_of, pooled
from mixkv.kernels import used_for
from mixkv.kernels.scores import scores
from mixkv.methods.adakv import AdaKV
from mixkv.methods.method import Prompt
from mixkv.methods.pyramidkv import PyramidKV
from mixkv.methods.snapkv import SnapKV
from mixkv.once import once


def mixed(attention: Tensor, value_norm: Tensor, diversity: Tensor, weight: Tensor) -> Tensor:
    """The MixKV score (1 - r) * (attention + value norm) + r * diversity, the last two on the scale of the first.

    All [batch, kv_heads, prefix]; `weight` r [batch or 1, kv_heads, 1].
    """
    importance = attention + on_scale_of(value_norm, attention)
    return (1 - weight) * importance + weight * on_scale_of(diversity, attention)


@dataclass(frozen=True)
class MixKV(SnapKV):
    """Ranks by importance and diversity: the more alike a head's keys, the more diversity counts.

    `redundancy` is the weight of diversity: None measures it on the prompt, for each head (the paper's); a number holds
    for all heads (0 is `vnorm`, 1 is `keydiff`, 0.5 the unweighted mix); a tensor or nested list [layers, kv_heads] is
    a prior measured elsewhere. Budgets are those of the host method.
    """

    name: ClassVar[str] = "mixkv"

    redundancy: float | tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "redundancy", _as_prior(self.redundancy))

    def rank(self, prompt: Prompt, window: int, entries: int) -> tuple[Tensor, int | Tensor]:
        with once():  # the host asks for the attention, which a kernel computes along with all else
            attention, entries = super().rank(prompt, window, entries)
            if self._fused(prompt):
                _, norms, alike, mean = scores(prompt.query, prompt.key, prompt.value, window, prompt.scaling)
            else:
                norms, (alike, mean) = intrinsic(prompt.value, window), cosines(prompt.key, window)
        return mixed(attention, norms, -alike, self._weight(prompt, mean)), entries

    def attention(self, prompt: Prompt, window: int) -> Tensor:
        if not self._fused(prompt):
            return super().attention(prompt, window)
        paid = scores(prompt.query, prompt.key, prompt.value, window, prompt.scaling).attention
        return pooled(paid, self.kernel, self.pool)

    def _fused(self, prompt: Prompt) -> bool:
        """Whether a kernel computes the scores: one is wanted, and it knows these settings."""
        return used_for(prompt.key) and self.gqa == "mean" and prompt.softcap is None

    def _weight(self, prompt: Prompt, mean: Tensor) -> Tensor:
        if self.redundancy is None:
            return redundancy_of(mean, prompt.tokens)
        heads, layers = prompt.key.shape[1], self.redundancy
        if isinstance(layers, float):
            return torch.full((1, heads, 1), layers, device=prompt.key.device)
        if prompt.layer >= len(layers) or len(layers[prompt.layer]) != heads:
            raise ValueError(
                f"the redundancy prior has {len(layers)} layers of {len(layers[0])} kv heads, but the model has "
                f"{prompt.num_layers} of {heads}: give a prior of this model, or None to measure it on the prompt"
            )
        return torch.tensor(layers[prompt.layer], device=prompt.key.device).view(1, heads, 1)


@dataclass(frozen=True)
class MixPyramidKV(MixKV, PyramidKV):
    """MixKV's ranking with PyramidKV's budgets."""

    name: ClassVar[str] = "mixkv-pyramidkv"


@dataclass(frozen=True)
class MixAdaKV(MixKV, AdaKV):
    """MixKV's ranking with AdaKV's budgets, which look at attention alone."""

    name: ClassVar[str] = "mixkv-adakv"


def _as_prior(prior) -> float | tuple[tuple[float, ...], ...] | None:
    """The prior as plain numbers, so that settings compare, hash and print."""
    if prior is None or (isinstance(prior, int | float) and not isinstance(prior, bool)):
        return prior if prior is None else float(prior)
    try:
        rows = tuple(tuple(float(head) for head in layer) for layer in prior)
    except (TypeError, ValueError):
        rows = ()
    if not rows or not rows[0]:
        raise ValueError("redundancy must be None, a number, or numbers [layers, kv_heads]")
    return rows
