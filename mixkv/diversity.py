"""How unlike the others an entry is, and how much alike all entries of a head are. All arithmetic is float32."""

from torch import Tensor
from torch.nn import functional


def mean_direction(key: Tensor) -> Tensor:
    """Mean of the unit keys over all tokens, window included, not normalised again: [batch, kv_heads, 1, dim]."""
    return functional.normalize(key.float(), dim=-1).mean(-2, keepdim=True)


def diversity(key: Tensor, window: int) -> Tensor:
    """Minus the cosine of each prefix key with the head's mean direction, up to one positive factor per head.

    `key` [batch, kv_heads, tokens, dim]; returns [batch, kv_heads, prefix]. Source: KeyDiff, arXiv 2504.15364; MixKV,
    arXiv 2510.20707.
    """
    prefix = key[:, :, : key.shape[-2] - window].float()
    return -(functional.normalize(prefix, dim=-1) * mean_direction(key)).sum(-1)


def redundancy(key: Tensor) -> Tensor:
    """Mean cosine similarity of two different keys of a head, in [-1/(tokens-1), 1]: [batch, kv_heads, 1].

    Closed form (T * |m|^2 - 1) / (T - 1) with m the mean direction, hence linear in the tokens T. Source: MixKV.
    """
    tokens = key.shape[-2]
    squared = mean_direction(key).square().sum(-1)
    return (tokens * squared - 1) / max(tokens - 1, 1)
