"""How unlike the others an entry is, and how much alike all entries of a head are. All arithmetic is float32."""

import torch
from torch import Tensor

from mixkv.once import shared

SMALLEST = 1e-12  # length below which a key counts as this long


@shared
def cosines(key: Tensor, window: int = 0) -> tuple[Tensor, Tensor]:
    """Cosine of each prefix key with the head's mean direction m, times |m|, and m itself.

    `key` [batch, kv_heads, tokens, dim]; returns [batch, kv_heads, prefix] and [batch, kv_heads, 1, dim]. m is the mean
    of the unit keys over all tokens, window included, not normalised again; the unit keys are never stored.
    """
    key, tokens = key.float(), key.shape[-2]
    inverse = torch.linalg.vector_norm(key, dim=-1).clamp_min(SMALLEST).reciprocal()  # [batch, kv_heads, tokens]
    mean = inverse.unsqueeze(-2) @ key / tokens
    along = (key[:, :, : tokens - window] @ mean.transpose(-1, -2)).squeeze(-1)
    return along * inverse[..., : tokens - window], mean


def mean_direction(key: Tensor) -> Tensor:
    """Mean of the unit keys over all tokens, window included, not normalised again: [batch, kv_heads, 1, dim]."""
    return cosines(key)[1]


def diversity(key: Tensor, window: int) -> Tensor:
    """Minus the cosine of each prefix key with the head's mean direction, up to one positive factor per head.

    `key` [batch, kv_heads, tokens, dim]; returns [batch, kv_heads, prefix]. Source: KeyDiff, arXiv 2504.15364; MixKV,
    arXiv 2510.20707.
    """
    return -cosines(key, window)[0]


def redundancy(key: Tensor) -> Tensor:
    """Mean cosine similarity of two different keys of a head, in [-1/(tokens-1), 1]: [batch, kv_heads, 1].

    Linear in the tokens. Source: MixKV.
    """
    return redundancy_of(cosines(key)[1], key.shape[-2])


def redundancy_of(mean: Tensor, tokens: int) -> Tensor:
    """The same of heads with the mean direction m [batch, kv_heads, 1, dim]: (T * |m|^2 - 1) / (T - 1)."""
    return (tokens * mean.square().sum(-1) - 1) / max(tokens - 1, 1)
