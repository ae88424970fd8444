"""Attention of many questions to one picture and, causally, each to itself.

On a CPU the two parts are two calls of torch's flash kernel, joined by their log-sum-exps: half the time of one call
with a mask. Its backward pass is exact when the kernel is given the joint output and the joint log-sum-exp.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

_forward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


class _Joined(torch.autograd.Function):
    @staticmethod
    def forward(ctx, query, key, value, own_key, own_value, count):
        output, share = _forward(query, key, value)
        own = [split(x, count) for x in (query, own_key, own_value)]
        own_output, own_share = _forward(*own, is_causal=True)
        own_output, own_share = joined(own_output, count), joined(own_share[..., None], count)[..., 0]
        total = torch.logaddexp(share, own_share)
        output = output * (share - total).exp()[..., None] + own_output * (own_share - total).exp()[..., None]
        output = output.to(query.dtype)
        ctx.save_for_backward(query, key, value, own_key, own_value, output, total)
        ctx.count = count
        return output

    @staticmethod
    def backward(ctx, gradient):
        query, key, value, own_key, own_value, output, total = ctx.saved_tensors
        count, gradient = ctx.count, gradient.contiguous()
        to_query, to_key, to_value = _backward(gradient, query, key, value, output, total, 0.0, False)
        own = [split(x, count).contiguous() for x in (gradient, query, own_key, own_value, output)]
        own_total = split(total[..., None], count)[..., 0].contiguous()
        own_query, to_own_key, to_own_value = _backward(*own, own_total, 0.0, True)
        to_query = to_query + joined(own_query, count)
        return to_query, to_key, to_value, joined(to_own_key, count), joined(to_own_value, count), None


def split(x: Tensor, count: int) -> Tensor:
    """[pictures, heads, questions * length, dim] -> [pictures * questions, heads, length, dim]."""
    return x.unflatten(2, (count, -1)).transpose(1, 2).flatten(0, 1)


def joined(x: Tensor, count: int) -> Tensor:
    """[pictures * questions, heads, length, dim] -> [pictures, heads, questions * length, dim]."""
    return x.unflatten(0, (-1, count)).transpose(1, 2).flatten(2, 3)


def attend(query: Tensor, key: Tensor, value: Tensor, own_key: Tensor, own_value: Tensor, count: int) -> Tensor:
    """What `count` questions read, like `query` [pictures, heads, questions * length, dim].

    key, value [pictures, heads, prefix, dim] of the picture, own_key, own_value like the query.
    """
    if query.device.type == "cpu":
        return _Joined.apply(query, key, value, own_key, own_value, count)
    return masked(query, key, value, own_key, own_value, count)


def masked(query: Tensor, key: Tensor, value: Tensor, own_key: Tensor, own_value: Tensor, count: int) -> Tensor:
    """The same in one call with a mask: the reference, and the way on other devices."""
    tokens, prefix = query.shape[2], key.shape[2]
    length = tokens // count
    question = torch.arange(tokens, device=query.device) // length
    own = (question[:, None] == question) & torch.ones(tokens, tokens, dtype=torch.bool, device=query.device).tril()
    mask = F.pad(own, (prefix, 0), value=True)
    keys, values = torch.cat([key, own_key], dim=2), torch.cat([value, own_value], dim=2)
    return F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
