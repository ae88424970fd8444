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


class _Some(torch.autograd.Function):
    """The same for a few positions of each question, with plain operations for what is its own."""

    @staticmethod
    def forward(ctx, query, key, value, own_key, own_value, seen, count):
        output, share = _forward(query, key, value)
        own_output, own_share = own_part(*(split(x, count) for x in (query, own_key, own_value)), seen)
        own_output, own_share = joined(own_output, count), joined(own_share[..., None], count)[..., 0]
        total = torch.logaddexp(share, own_share)
        output = output * (share - total).exp()[..., None] + own_output * (own_share - total).exp()[..., None]
        output = output.to(query.dtype)
        ctx.save_for_backward(query, key, value, own_key, own_value, seen, output, total)
        ctx.count = count
        return output

    @staticmethod
    def backward(ctx, gradient):
        query, key, value, own_key, own_value, seen, output, total = ctx.saved_tensors
        count, gradient = ctx.count, gradient.contiguous()
        to_query, to_key, to_value = _backward(gradient, query, key, value, output, total, 0.0, False)
        gradient, own_query, own_key, own_value, output = (
            split(x, count).float() for x in (gradient, query, own_key, own_value, output)
        )
        total = split(total[..., None], count)
        scale = query.shape[-1] ** -0.5
        share = (scale * own_query @ own_key.transpose(-1, -2) - total).exp().masked_fill(~seen, 0.0)
        slope = share * (gradient @ own_value.transpose(-1, -2) - (gradient * output).sum(-1, keepdim=True))
        to_query = to_query + joined(scale * slope @ own_key, count).to(query.dtype)
        to_own_key = joined(scale * slope.transpose(-1, -2) @ own_query, count).to(query.dtype)
        to_own_value = joined(share.transpose(-1, -2) @ gradient, count).to(query.dtype)
        return to_query, to_key, to_value, to_own_key, to_own_value, None, None


def own_part(query: Tensor, key: Tensor, value: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Attention of some positions to the whole question where `seen`, and its log-sum-exp, in float."""
    scores = query.float() @ key.float().transpose(-1, -2) * query.shape[-1] ** -0.5
    scores = scores.masked_fill(~seen, -torch.inf)
    share = scores.logsumexp(-1)
    return (scores - share[..., None]).exp() @ value.float(), share


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


def attend_some(query, key, value, own_key, own_value, places: Tensor, count: int) -> Tensor:
    """What some positions of `count` questions read: query [pictures, heads, questions * some, dim].

    `places` [pictures, questions, some]: where they stand in their question; the rest as for `attend`.
    """
    length = own_key.shape[2] // count
    seen = (torch.arange(length, device=places.device) <= places[..., None]).flatten(0, 1)[:, None]
    if query.device.type == "cpu":
        return _Some.apply(query, key, value, own_key, own_value, seen, count)
    prefix = torch.ones(*seen.shape[:3], key.shape[2], dtype=torch.bool, device=seen.device)
    wide = [x.repeat_interleave(count, 0) for x in (key, value)]
    keys, values = (torch.cat([x, split(own, count)], 2) for x, own in zip(wide, (own_key, own_value), strict=True))
    mask = torch.cat([prefix, seen], dim=-1)
    return joined(F.scaled_dot_product_attention(split(query, count), keys, values, attn_mask=mask), count)


def masked(query: Tensor, key: Tensor, value: Tensor, own_key: Tensor, own_value: Tensor, count: int) -> Tensor:
    """The same in one call with a mask: the reference, and the way on other devices."""
    tokens, prefix = query.shape[2], key.shape[2]
    length = tokens // count
    question = torch.arange(tokens, device=query.device) // length
    own = (question[:, None] == question) & torch.ones(tokens, tokens, dtype=torch.bool, device=query.device).tril()
    mask = F.pad(own, (prefix, 0), value=True)
    keys, values = torch.cat([key, own_key], dim=2), torch.cat([value, own_value], dim=2)
    return F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
