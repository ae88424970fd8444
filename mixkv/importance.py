"""How much the rest of the prompt needs an entry: scores  # [batch, kv_heads, prefix]

The prefix is the prompt without its last `window` tokens, the observation window. All arithmetic is float32.
"""

import torch
from torch import Tensor
from torch.nn import functional

from mixkv.once import shared

EPSILON = 1e-8


def window_attention(query: Tensor, key: Tensor, window: int, scaling: float, softcap: float | None = None) -> Tensor:
    """Attention that the last `window` queries pay to every key, causal inside the window; each row sums to 1.

    `query` [batch, query_heads, tokens, dim], `key` [batch, kv_heads, tokens, dim], both rotated; `softcap` bounds the
    logits where the model does. Returns [batch, kv_heads, group, window, tokens]; the quadratic attention of the prompt
    is never formed.
    """
    return _window_logits(query, key, window, scaling, softcap).softmax(-1)


def _window_logits(query: Tensor, key: Tensor, window: int, scaling: float, softcap: float | None) -> Tensor:
    """The logits of `window_attention` in its shapes, -inf where a token lies in the future."""
    last = query[:, :, -window:].float().unflatten(1, (key.shape[1], -1)).flatten(2, 3) * scaling
    logits = last @ key.float().transpose(-1, -2)  # [batch, kv_heads, group * window, tokens], head after head
    logits = capped(logits, softcap).unflatten(2, (-1, window))
    future = torch.ones(window, window, dtype=torch.bool, device=key.device).triu(1)
    logits[..., key.shape[-2] - window :].masked_fill_(future, float("-inf"))
    return logits


def accumulated_attention(
    query: Tensor, key: Tensor, scaling: float, chunk: int = 256, softcap: float | None = None
) -> Tensor:
    """What all queries of the prompt together pay to each key, on the mean over a group: [batch, kv_heads, tokens].

    `query` [batch, query_heads, tokens, dim], `key` [batch, kv_heads, tokens, dim]. Sums to the number of tokens. The
    attention of `chunk` queries is in memory at once, never that of the whole prompt.
    """
    tokens, heads = key.shape[-2], key.shape[1]
    total = torch.zeros(key.shape[:-1], device=key.device)
    for start in range(0, tokens, chunk):
        end = min(start + chunk, tokens)
        grouped = query[:, :, start:end].unflatten(1, (heads, -1)).flatten(2, 3)  # one group after the other
        logits = grouped.float() @ key[:, :, :end].float().transpose(-1, -2) * scaling
        logits = capped(logits, softcap).unflatten(2, (-1, end - start))  # [batch, kv_heads, group, end - start, end]
        future = torch.ones(end - start, end, dtype=torch.bool, device=key.device).triu(start + 1)
        total[..., :end] += logits.masked_fill_(future, float("-inf")).softmax(-1).sum(-2).mean(2)
    return total


def capped(logits: Tensor, softcap: float | None) -> Tensor:
    """`logits` softly bounded to (-softcap, softcap); None leaves them as they are."""
    return logits if softcap is None else softcap * torch.tanh(logits / softcap)


def pooled(scores: Tensor, kernel: int, pool: str) -> Tensor:
    """`scores` [batch, kv_heads, prefix] smoothed along it: mean ("avg", zeros beyond the edges) or maximum ("max")."""
    pooling = functional.avg_pool1d if pool == "avg" else functional.max_pool1d
    return pooling(scores, kernel, stride=1, padding=kernel // 2)


@shared
def extrinsic(
    query: Tensor,
    key: Tensor,
    window: int,
    scaling: float,
    kernel: int = 5,
    pool: str = "avg",
    gqa: str = "mean",
    softcap: float | None = None,
) -> Tensor:
    """Importance by attention: what the window pays to each prefix entry, joined over the query heads, pooled.

    Shapes as in `window_attention`; returns [batch, kv_heads, prefix]. Source: SnapKV, arXiv 2404.14469.
    """
    logits = _window_logits(query, key, window, scaling, softcap)
    weights = logits.sub_(logits.amax(-1, keepdim=True)).exp_()  # the softmax in place, its sums divided out below
    share = weights.sum(-1).reciprocal() / window  # [batch, kv_heads, group, window]
    weights = weights[..., : key.shape[-2] - window]
    if gqa == "mean":  # all rows of a kv head in one product
        share, weights = share.flatten(2).unsqueeze(2) / share.shape[2], weights.flatten(2, 3).unsqueeze(2)
    joined = (share.unsqueeze(-2) @ weights).squeeze(-2).amax(2)  # [batch, kv_heads, prefix]
    return pooled(joined, kernel, pool)


@shared
def intrinsic(value: Tensor, window: int) -> Tensor:
    """Importance without queries: the Euclidean norm of each prefix value. `value` [batch, kv_heads, tokens, dim]."""
    return value[:, :, : value.shape[-2] - window].float().norm(dim=-1)


def on_scale_of(scores: Tensor, reference: Tensor) -> Tensor:
    """`scores` stretched to [0, 1] per head, then scaled to the mean of `reference`; all zero if they are all equal."""
    low, high = scores.aminmax(dim=-1, keepdim=True)
    unit = (scores - low) / (high - low + EPSILON)
    return unit * (reference.mean(-1, keepdim=True) / (unit.mean(-1, keepdim=True) + EPSILON))
