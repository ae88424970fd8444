"""How much the prompt cares for each image token: the weights with which tokens are merged or dropped in the prefill.

`query` [query_heads, tokens, dim] and `key` [kv_heads, tokens, dim] are those of one prompt, rotated. All arithmetic is
at least float32, and the attention of the whole prompt is never in memory at once. Source: LightKV, arXiv 2605.00789.
"""

import torch
from torch import Tensor

from mixkv.importance import window_attention


def causal_guidance(query: Tensor, key: Tensor, after: int, scaling: float, chunk: int = 64) -> Tensor:
    """What the last `after` queries, the text behind the image, really attend to, over all heads: [tokens].

    The attention of `chunk` queries is in memory at once.
    """
    tokens = key.shape[-2]
    paid = torch.zeros(tokens, device=key.device)
    for start in range(tokens - after, tokens, chunk):
        end = min(start + chunk, tokens)
        states = (query[None, :, :end], key[None, :, :end])
        paid[:end] += window_attention(*states, end - start, scaling).sum((0, 1, 2, 3))
    return paid


def column_guidance(logits: Tensor, chosen: Tensor) -> Tensor:
    """The released rule: for each text token as a key, which share of the prompt's affinity each image token holds.

    `logits` [query_heads, tokens, text tokens] of every query with the text tokens' keys, without a causal mask; the
    softmax runs over the queries. `chosen` [image tokens] are the image tokens' positions. Returns [image tokens].
    """
    return logits.softmax(1)[:, chosen].sum((0, 2))


def column_guidance_of(
    query: Tensor, key: Tensor, chosen: Tensor, text: Tensor, scaling: float, chunk: int = 64
) -> Tensor:
    """The same from queries and keys, the columns of `chunk` text tokens in memory at once: [image tokens]."""
    parts = (text_columns(query, key, some, scaling) for some in text.split(chunk))
    return torch.stack([column_guidance(logits, chosen) for logits in parts]).sum(0)


def text_columns(query: Tensor, key: Tensor, text: Tensor, scaling: float) -> Tensor:
    """Logits of every query with the keys at `text` [text tokens]: [query_heads, tokens, text tokens]."""
    keys = key[:, text].repeat_interleave(len(query) // len(key), 0)
    return query.float() @ keys.float().transpose(-1, -2) * scaling


def row_guidance(query: Tensor, key: Tensor, chosen: Tensor, text: Tensor, scaling: float, chunk: int = 256) -> Tensor:
    """The paper's rule: what each image token as a query would pay to the text, without a causal mask: [image tokens].

    `chosen` [image tokens] and `text` [text tokens] are positions; `chunk` image tokens are in memory at once.
    """
    keys, parts = key.float().repeat_interleave(len(query) // len(key), 0).transpose(-1, -2), []
    for some in chosen.split(chunk):
        paid = (query[:, some].float() @ keys * scaling).softmax(-1)  # [query_heads, some, tokens]
        parts.append(paid[..., text].sum((0, 2)))
    return torch.cat(parts)
