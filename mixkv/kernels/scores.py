"""All that MixKV ranks by, of one layer: two passes over its keys and one over its values.

The first pass finds every window query's normaliser, the mean direction of the keys, and the norms of keys and values;
the second one what the window pays to each key, and how much each key is like the mean. Nothing of the size of the
window times the prompt is stored, and keys and values are never copied.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from mixkv import diversity, importance
from mixkv.kernels import used_for
from mixkv.once import shared


class Scores(NamedTuple):
    """attention, value_norm, alike  # [batch, kv_heads, prefix]; mean  # [batch, kv_heads, 1, dim]. All float32.

    attention: what the window pays, on the mean over its queries and the group, not pooled. alike: cosine with the mean
    direction `mean`, times its length.
    """

    attention: Tensor
    value_norm: Tensor
    alike: Tensor
    mean: Tensor


@shared
def scores(query: Tensor, key: Tensor, value: Tensor, window: int, scaling: float) -> Scores:
    """The scores of one layer, by the kernel where one is wanted and by torch elsewhere.

    `query` [batch, query_heads, tokens, dim], of which the last `window` count; `key`, `value` [batch, kv_heads,
    tokens, dim].
    """
    if used_for(key):
        return triton_scores(query, key, value, window, scaling)
    return torch_scores(query, key, value, window, scaling)


def torch_scores(query: Tensor, key: Tensor, value: Tensor, window: int, scaling: float) -> Scores:
    """The reference: the same by the functions of `importance` and `diversity`."""
    attention = importance.extrinsic(query, key, window, scaling, kernel=1)
    return Scores(attention, importance.intrinsic(value, window), *diversity.cosines(key, window))


def triton_scores(query: Tensor, key: Tensor, value: Tensor, window: int, scaling: float) -> Scores:
    """The same by two kernels, with what all blocks of tokens have in common added up by torch between them."""
    from mixkv.kernels import scores_triton as kernels

    batch, heads, tokens, dim = key.shape
    group, prefix = query.shape[1] // heads, tokens - window
    query = query[:, :, -window:].contiguous()
    key, value = (states if states.stride(-1) == 1 else states.contiguous() for states in (key, value))
    sizes = kernels.sizes(window, dim)
    blocks = -(-tokens // sizes["BLOCK"])
    like = {"dtype": torch.float32, "device": key.device}
    highest, summed = (torch.empty(batch * heads, blocks, group * window, **like) for _ in range(2))
    directions = torch.empty(batch * heads, blocks, dim, **like)
    inverse, attention, value_norm, alike = (torch.empty(batch * heads, tokens, **like) for _ in range(4))
    shape = (tokens, heads, group, window, dim, scaling)
    kernels.first_pass[(blocks, batch * heads)](
        *(query, key, value, highest, summed, directions, inverse, value_norm, *shape),
        *(*key.stride()[:3], *value.stride()[:3]),
        **sizes,
    )
    most = highest.amax(1)  # [batch * kv_heads, group * window]
    share = 1 / ((summed * (highest - most.unsqueeze(1)).exp()).sum(1) * (group * window))
    mean = directions.sum(1) / tokens  # [batch * kv_heads, dim]
    kernels.second_pass[(blocks, batch * heads)](
        *(query, key, most, share, mean, inverse, attention, alike, *shape), *key.stride()[:3], **sizes
    )
    rows = (states.view(batch, heads, tokens)[..., :prefix] for states in (attention, value_norm, alike))
    return Scores(*rows, mean.view(batch, heads, 1, dim))
