"""The attention function registered as "mixkv": full attention in the prefill, then the method, then the decode."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from mixkv.branches import BranchedLayer, Branches, Row
from mixkv.cache import CompressedCache
from mixkv.importance import capped
from mixkv.kernels import ragged, used_for
from mixkv.layer_types import trim
from mixkv.layers import CompressedLayer, RaggedLayer
from mixkv.recall import RecallLayer, SimulatedLayer
from mixkv.shortening import Shortening

NAME = "mixkv"


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    compressed_cache: CompressedCache | None = None,
    residual: Tensor | None = None,
    shortening: Shortening | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **kwargs,
) -> tuple[Tensor, None]:
    """What a layer's tokens read from the cache, [batch, tokens, query_heads, dim]; compresses when the prefill ends.

    `query` [batch, query_heads, tokens, dim]; `key`, `value` [batch, kv_heads, held, dim] as the cache layer returned
    them; `attention_mask` booleans [batch, 1, tokens, newest tokens] or None for plain causal; `softcap` bounds the
    logits. Raises ValueError for models whose softmax has a learned sink or a position bias.
    """
    if s_aux is not None or kwargs.get("position_bias") is not None:
        raise ValueError(f"{type(module).__name__} has learned sinks or a position bias, which no method takes along")
    layer = compressed_cache.layers[module.layer_idx]
    if not isinstance(layer, CompressedLayer):  # a sliding window: as the model says
        output = dense_attention(module, query, key, value, attention_mask, scaling, softcap, **kwargs)
        if query.shape[-2] > 1:
            trim(layer)
        return output, None
    if isinstance(layer, BranchedLayer):
        given = {"attention_mask": attention_mask, "scaling": scaling, "residual": residual}
        return branched_attention(module, query, compressed_cache, **given, **kwargs), None
    if isinstance(layer, RecallLayer):
        return recalling_attention(query, layer, attention_mask, scaling, softcap), None
    if isinstance(layer, RaggedLayer):
        return ragged_attention(query, layer, attention_mask, scaling, softcap), None
    if isinstance(layer, SimulatedLayer):
        mask = simulated_mask(query, layer, attention_mask)
        return dense_attention(module, query, key, value, mask, scaling, softcap, **kwargs), None
    mask = raised(dense_mask(layer, query.shape[-2], attention_mask), layer.bias, layer.appended, query)
    output = dense_attention(module, query, key, value, mask, scaling, softcap, **kwargs)
    if shortening is not None:
        shortening.look(module.layer_idx, query, key, scaling or query.shape[-1] ** -0.5)
    if not layer.prompt_ended:
        scaling = scaling or query.shape[-1] ** -0.5
        stood = {} if shortening is None else {"columns": shortening.columns, "places": shortening.places}
        given = {"residual": residual, "softcap": softcap}
        compressed_cache.read_prompt(module.layer_idx, query, attention_mask, scaling, **given, **stood)
    return output, None


def dense_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scaling: float | None,
    softcap: float | None,
    **kwargs,
) -> Tensor:
    """Attention over stores of equal length, [batch, tokens, query_heads, dim]; without a mask it is causal."""
    if softcap is None:
        return sdpa_attention_forward(module, query, key, value, mask, scaling=scaling, **kwargs)[0]
    if mask is None:
        mask = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool, device=key.device)
        mask = mask.tril(key.shape[-2] - query.shape[-2])
    key, value = (states.repeat_interleave(query.shape[1] // key.shape[1], 1) for states in (key, value))
    return dot_product(query, key, value, mask, scaling, softcap).transpose(1, 2).contiguous()


def dot_product(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float | None, softcap: float | None
) -> Tensor:
    """Attention of as many query heads as keys have heads, over what the mask's booleans show, or its numbers raise."""
    if softcap is None:
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scaling)
    logits = query.float() @ key.float().transpose(-1, -2) * (scaling or query.shape[-1] ** -0.5)
    logits = capped(logits, softcap)
    if mask is not None and mask.dtype != torch.bool:
        logits = logits + mask
    elif mask is not None:
        logits = logits.masked_fill(~mask, torch.finfo(logits.dtype).min)
    return (logits.softmax(-1) @ value.float()).to(query.dtype)


def raised(mask: Tensor | None, bias: Tensor | None, appended: int, query: Tensor) -> Tensor | None:
    """`mask`, booleans [batch or 1, heads or 1, tokens, held], with what raises the logits of merged entries.

    `bias` [batch, kv_heads, held of the prompt]; `query` [batch, query_heads, tokens, dim]. Without a bias the mask.
    """
    if bias is None:
        return mask
    bias = functional.pad(bias, (0, appended)).to(query.dtype)
    bias = bias.repeat_interleave(query.shape[1] // bias.shape[1], 1).unsqueeze(2)
    if mask is None:
        return bias.expand(-1, -1, query.shape[-2], -1)
    return bias.masked_fill(~mask, torch.finfo(query.dtype).min)


def newest_mask(tokens: int, appended: int, attention_mask: Tensor | None, device: torch.device) -> Tensor:
    """Which of the `appended` newest tokens each of the last `tokens` sees: [batch or 1, 1, tokens, appended]."""
    if attention_mask is not None:
        return attention_mask[..., -appended:]
    return torch.ones(1, 1, tokens, appended, dtype=torch.bool, device=device).tril(appended - tokens)


def dense_mask(layer: CompressedLayer, tokens: int, attention_mask: Tensor | None) -> Tensor | None:
    """The mask over a dense layer: every entry left of the prompt is visible, the newest tokens as the model says."""
    if attention_mask is None and (tokens == 1 or layer.prompt_held == 0):
        return None
    newest = newest_mask(tokens, layer.appended, attention_mask, layer.keys.device)
    return functional.pad(newest, (layer.prompt_held, 0), value=True)


def ragged_attention(
    query: Tensor,
    layer: RaggedLayer,
    attention_mask: Tensor | None,
    scaling: float | None,
    softcap: float | None = None,
) -> Tensor:
    """Exact attention over a ragged layer: [batch, tokens, query_heads, dim].

    `query` [batch, query_heads, tokens, dim]. Segment by segment on a CPU, where that is up to three times as fast; one
    padded batch on an accelerator.
    """
    tokens, heads = query.shape[-2], layer.layout.prompt.shape[1]
    grouped = query.unflatten(1, (heads, -1))  # [batch, kv_heads, group, tokens, dim]
    group = grouped.shape[2]
    newest = None  # all of them are visible
    if tokens > 1 or attention_mask is not None:
        newest = newest_mask(tokens, layer.appended, attention_mask, query.device).repeat(1, 1, group, 1)
        newest = newest.expand(len(query), -1, -1, -1)  # [batch, 1, group * tokens, appended]
    plain = newest is None and softcap is None and layer.valid is None and layer.bias is None
    if plain and used_for(layer.keys):
        held = layer.layout.prompt + layer.appended
        factor = scaling or query.shape[-1] ** -0.5
        output = ragged.attend(grouped.flatten(2, 3), layer.keys, layer.values, layer.layout.start, held, factor)
    else:
        attend = by_segment if query.device.type == "cpu" else in_one_batch
        output = attend(grouped.flatten(2, 3), layer, newest, scaling, softcap)
    return output.unflatten(2, (group, tokens)).flatten(1, 2).transpose(1, 2).contiguous()


def recalling_attention(
    query: Tensor,
    layer: RecallLayer,
    attention_mask: Tensor | None,
    scaling: float | None,
    softcap: float | None = None,
) -> Tensor:
    """The same for a layer that fetches what each query recalls: [batch, tokens, query_heads, dim], one by one."""
    tokens, read = query.shape[-2], []
    newest = newest_mask(tokens, layer.appended, attention_mask, query.device)
    for token in range(tokens):
        layer.prepare(query[:, :, token], layer.appended - tokens + token)
        one = slice(token, token + 1)
        read.append(ragged_attention(query[:, :, one], layer, newest[..., one, :], scaling, softcap))
    return torch.cat(read, 1)


def simulated_mask(query: Tensor, layer: SimulatedLayer, attention_mask: Tensor | None) -> Tensor:
    """What each query sees of a layer that only hides what it does not recall: [batch, query_heads, tokens, held]."""
    tokens = query.shape[-2]
    before = layer.appended - tokens
    seen = torch.stack([layer.visible(query[:, :, token], before + token) for token in range(tokens)], 2)
    seen = seen.repeat_interleave(query.shape[1] // seen.shape[1], 1)
    newest = newest_mask(tokens, layer.appended, attention_mask, query.device)
    return torch.cat([seen, newest.expand(*seen.shape[:2], -1, -1)], -1)


def branched_attention(
    module: nn.Module,
    query: Tensor,
    cache: Branches,
    attention_mask: Tensor | None,
    scaling: float | None,
    residual: Tensor | None,
    **kwargs,
) -> Tensor:
    """The same for branches: over what they share at once, or row by row where each holds entries of its own."""
    number = module.layer_idx
    layer, scaling = cache.layers[number], scaling or query.shape[-1] ** -0.5
    if layer.rows is not None:
        rows = zip(query.split(1), layer.newest, layer.rows, strict=True)
        read = [
            attention(module, one, *pair, None, scaling, compressed_cache=Row({number: row}), **kwargs)[0]
            for one, pair, row in rows
        ]
        return torch.cat(read)
    output = layer.attend(query, attention_mask, scaling)
    if not layer.prompt_ended:
        cache.read_prompt(number, query, attention_mask, scaling, residual)
    return output


def by_segment(
    query: Tensor, layer: RaggedLayer, newest: Tensor | None, scaling: float | None, softcap: float | None = None
) -> Tensor:
    """Attention of `query` [batch, kv_heads, rows, dim], one call for each segment, without copying the store."""
    output = torch.empty_like(query)
    for row, head, start, prompt in layer.layout.segments():
        end = start + prompt + layer.appended
        mask = None if newest is None else functional.pad(newest[row, 0], (prompt, 0), value=True)
        if layer.valid is not None and mask is not None:
            mask[:, :prompt] &= layer.valid[row, head, :prompt]
        if layer.bias is not None:
            bias = layer.bias[row : row + 1, head : head + 1, :prompt]
            mask = raised(mask, bias, layer.appended, query[None, None, row, head])
        states = (query[row, head], layer.keys[start:end], layer.values[start:end])
        output[row, head] = dot_product(*(one[None, None] for one in states), mask, scaling, softcap)
    return output


def in_one_batch(
    query: Tensor, layer: RaggedLayer, newest: Tensor | None, scaling: float | None, softcap: float | None = None
) -> Tensor:
    """Attention of `query` [batch, kv_heads, rows, dim] in one call, every segment padded to the longest and masked."""
    keys, values, index = layer.padded()  # index [batch, kv_heads, longest]: of the appended token, negative: prompt
    visible = (index < layer.appended).unsqueeze(2)  # [batch, kv_heads, 1, longest]
    if newest is not None:
        of_slot = index.clamp(0, layer.appended - 1).unsqueeze(2).expand(-1, -1, query.shape[2], -1)
        newest = newest.expand(-1, query.shape[1], -1, -1).gather(-1, of_slot)  # [batch, kv_heads, rows, longest]
        visible = visible & ((index < 0).unsqueeze(2) | newest)
    if layer.valid is not None:
        slots = functional.pad(layer.valid, (0, index.shape[-1] - layer.valid.shape[-1]), value=True)
        visible = visible & (slots | (index >= 0)).unsqueeze(2)
    if layer.bias is not None:
        visible = raised(visible, layer.bias, index.shape[-1] - layer.bias.shape[-1], query)
    return dot_product(query, keys, values, visible, scaling, softcap)


AttentionInterface.register(NAME, attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
