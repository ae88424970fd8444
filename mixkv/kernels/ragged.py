"""Attention of one new token over segments of different lengths in a flat store, without padding or copying it."""

import torch
from torch import Tensor
from torch.nn import functional

from mixkv.kernels import used_for


def attend(query: Tensor, keys: Tensor, values: Tensor, start: Tensor, length: Tensor, scaling: float) -> Tensor:
    """What each row of `query` [batch, kv_heads, rows, dim] reads from its segment; every entry is visible.

    `keys`, `values` [entries, dim]; `start`, `length` [batch, kv_heads], each segment's first entry and its entries.
    """
    choose = triton_attend if used_for(keys) else torch_attend
    return choose(query, keys, values, start, length, scaling)


def torch_attend(query: Tensor, keys: Tensor, values: Tensor, start: Tensor, length: Tensor, scaling: float) -> Tensor:
    """The reference, segment by segment."""
    output = torch.empty_like(query)
    for row, head in torch.cartesian_prod(*(torch.arange(side) for side in start.shape)).tolist():
        first, count = int(start[row, head]), int(length[row, head])
        states = (store[None, None, first : first + count] for store in (keys, values))
        output[row, head] = functional.scaled_dot_product_attention(
            query[None, None, row, head], *states, scale=scaling
        )
    return output


def triton_attend(query: Tensor, keys: Tensor, values: Tensor, start: Tensor, length: Tensor, scaling: float) -> Tensor:
    """The same by one kernel, a program for each segment."""
    from mixkv.kernels import ragged_triton as kernels

    batch, heads, rows, dim = query.shape
    query, output = query.contiguous(), torch.empty_like(query, memory_format=torch.contiguous_format)
    kernels.attend[(batch * heads,)](
        *(query, keys, values, output, start.contiguous(), length.contiguous(), rows, dim, scaling),
        *(keys.stride(0), values.stride(0)),
        **kernels.sizes(rows, dim),
    )
    return output
