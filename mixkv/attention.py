"""The attention function registered as "mixkv": full attention in the prefill, then the method, then the decode."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from mixkv.cache import CompressedCache
from mixkv.layers import CompressedLayer, RaggedLayer
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
    **kwargs,
) -> tuple[Tensor, None]:
    """What a layer's tokens read from the cache, [batch, tokens, query_heads, dim]; compresses when the prefill ends.

    `query` [batch, query_heads, tokens, dim]; `key`, `value` [batch, kv_heads, held, dim] as the cache layer returned
    them; `attention_mask` booleans [batch, 1, tokens, newest tokens] or None for plain causal.
    """
    layer = compressed_cache.layers[module.layer_idx]
    if isinstance(layer, RaggedLayer):
        return ragged_attention(query, layer, attention_mask, scaling), None
    mask = dense_mask(layer, query.shape[-2], attention_mask)
    output, _ = sdpa_attention_forward(module, query, key, value, mask, scaling=scaling, **kwargs)
    if shortening is not None:
        shortening.look(module.layer_idx, query, key, scaling or query.shape[-1] ** -0.5)
    if not layer.prompt_ended:
        scaling = scaling or query.shape[-1] ** -0.5
        compressed_cache.read_prompt(module.layer_idx, query, attention_mask, scaling, residual)
    return output, None


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


def ragged_attention(query: Tensor, layer: RaggedLayer, attention_mask: Tensor | None, scaling: float | None) -> Tensor:
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
    attend = by_segment if query.device.type == "cpu" else in_one_batch
    output = attend(grouped.flatten(2, 3), layer, newest, scaling)
    return output.unflatten(2, (group, tokens)).flatten(1, 2).transpose(1, 2).contiguous()


def by_segment(query: Tensor, layer: RaggedLayer, newest: Tensor | None, scaling: float | None) -> Tensor:
    """Attention of `query` [batch, kv_heads, rows, dim], one call for each segment, without copying the store."""
    output = torch.empty_like(query)
    for row, head, start, prompt in layer.layout.segments():
        end = start + prompt + layer.appended
        mask = None if newest is None else functional.pad(newest[row, 0], (prompt, 0), value=True)
        output[row, head] = functional.scaled_dot_product_attention(
            query[None, None, row, head],
            layer.keys[None, None, start:end],
            layer.values[None, None, start:end],
            attn_mask=mask,
            scale=scaling,
        )
    return output


def in_one_batch(query: Tensor, layer: RaggedLayer, newest: Tensor | None, scaling: float | None) -> Tensor:
    """Attention of `query` [batch, kv_heads, rows, dim] in one call, every segment padded to the longest and masked."""
    keys, values, index = layer.padded()  # index [batch, kv_heads, longest]: of the appended token, negative: prompt
    visible = (index < layer.appended).unsqueeze(2)  # [batch, kv_heads, 1, longest]
    if newest is not None:
        of_slot = index.clamp(0, layer.appended - 1).unsqueeze(2).expand(-1, -1, query.shape[2], -1)
        newest = newest.expand(-1, query.shape[1], -1, -1).gather(-1, of_slot)  # [batch, kv_heads, rows, longest]
        visible = visible & ((index < 0).unsqueeze(2) | newest)
    return functional.scaled_dot_product_attention(query, keys, values, attn_mask=visible, scale=scaling)


AttentionInterface.register(NAME, attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
