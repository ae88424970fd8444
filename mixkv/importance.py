"""How much the rest of the prompt needs an entry: scores  # [batch, kv_heads, prefix]

The prefix is the prompt without its last `window` tokens, the observation window. All arithmetic is float32.
"""

import torch
from torch import Tensor
from torch.nn import functional

EPSILON = 1e-8


def window_attention(query: Tensor, key: Tensor, window: int, scaling: float) -> Tensor:
    """Attention that the last `window` queries pay to every key, causal inside the window; each row sums to 1.

    `query` [batch, query_heads, tokens, dim], `key` [batch, kv_heads, tokens, dim], both rotated. Returns
    [batch, kv_heads, group, window, tokens]; the quadratic attention of the prompt is never formed.
    """
    tokens, heads = key.shape[-2], key.shape[1]
    last = query[:, :, -window:].float().unflatten(1, (heads, -1))  # [batch, kv_heads, group, window, dim]
    logits = torch.einsum("bhgwd,bhtd->bhgwt", last, key.float()) * scaling
    future = torch.ones(window, tokens, dtype=torch.bool, device=key.device).triu(tokens - window + 1)
    return logits.masked_fill(future, float("-inf")).softmax(-1)


def accumulated_attention(query: Tensor, key: Tensor, scaling: float, chunk: int = 256) -> Tensor:
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
        logits = logits.unflatten(2, (-1, end - start))  # [batch, kv_heads, group, end - start, end]
        future = torch.ones(end - start, end, dtype=torch.bool, device=key.device).triu(start + 1)
        total[..., :end] += logits.masked_fill_(future, float("-inf")).softmax(-1).sum(-2).mean(2)
    return total


def pooled(scores: Tensor, kernel: int, pool: str) -> Tensor:
    """`scores` [batch, kv_heads, prefix] smoothed along it: mean ("avg", zeros beyond the edges) or maximum ("max")."""
    pooling = functional.avg_pool1d if pool == "avg" else functional.max_pool1d
    return pooling(scores, kernel, stride=1, padding=kernel // 2)


def extrinsic(
    query: Tensor, key: Tensor, window: int, scaling: float, kernel: int = 5, pool: str = "avg", gqa: str = "mean"
) -> Tensor:
    """Importance by attention: what the window pays to each prefix entry, joined over the query heads, pooled.

    Shapes as in `window_attention`; returns [batch, kv_heads, prefix]. Source: SnapKV, arXiv 2404.14469.
    """
    paid = window_attention(query, key, window, scaling)[..., : key.shape[-2] - window].mean(-2)
    joined = paid.mean(2) if gqa == "mean" else paid.amax(2)  # [batch, kv_heads, prefix]
    return pooled(joined, kernel, pool)


def intrinsic(value: Tensor, window: int) -> Tensor:
    """Importance without queries: the Euclidean norm of each prefix value. `value` [batch, kv_heads, tokens, dim]."""
    return value[:, :, : value.shape[-2] - window].float().norm(dim=-1)


def on_scale_of(scores: Tensor, reference: Tensor) -> Tensor:
    """`scores` stretched to [0, 1] per head, then scaled to the mean of `reference`; all zero if they are all equal."""
    low, high = scores.aminmax(dim=-1, keepdim=True)
    unit = (scores - low) / (high - low + EPSILON)
    return unit * (reference.mean(-1, keepdim=True) / (unit.mean(-1, keepdim=True) + EPSILON))
