"""What compression must equal: full attention over an ordinary cache, the evicted pairs hidden from later tokens."""

from contextlib import contextmanager

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

import mixkv


def oracle_attention(module, query, key, value, attention_mask, hidden=None, method=None, num_layers=1, **kwargs):
    """`hidden` is filled in the prefill: layer -> the evicted pairs  # [batch, query_heads, 1, prompt tokens]"""
    tokens, held = query.shape[-2], key.shape[-2]
    if tokens == held:
        hidden[module.layer_idx] = evicted_pairs(
            method, query, key, value, attention_mask, module.layer_idx, num_layers
        )
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    if attention_mask is None:
        attention_mask = torch.ones(1, 1, tokens, held, dtype=torch.bool).tril(held - tokens)
    evicted = hidden[module.layer_idx]
    evicted = torch.nn.functional.pad(evicted, (0, held - evicted.shape[-1]))
    mask = (attention_mask & ~evicted).expand(len(query), -1, -1, -1)
    groups = module.num_key_value_groups
    output = torch.nn.functional.scaled_dot_product_attention(
        query, key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1), mask, scale=kwargs["scaling"]
    )
    return output.transpose(1, 2).contiguous(), None


def evicted_pairs(method, query, key, value, attention_mask, layer, num_layers):
    evicted = torch.ones(key.shape[:-1], dtype=torch.bool)
    for row in range(len(key)):
        real = torch.ones(key.shape[-2]) if attention_mask is None else attention_mask[row, 0, -1]
        columns = real.nonzero().squeeze(-1)
        states = (tensor[row][:, columns] for tensor in (query, key, value))
        for head, kept in enumerate(mixkv.select(method, *states, layer, num_layers)):
            evicted[row, head, columns[kept]] = False
        evicted[row][:, real == 0] = False  # padding is hidden by the model's own mask
    return evicted.repeat_interleave(query.shape[1] // key.shape[1], dim=1).unsqueeze(2)


AttentionInterface.register("oracle", oracle_attention)
AttentionMaskInterface.register("oracle", sdpa_mask)


@contextmanager
def hiding(model, method):
    """Inside the block the model hides what `method` evicts; yields the hidden pairs by layer."""
    decoder, hidden = model.get_decoder(), {}
    seam = {"hidden": hidden, "method": method, "num_layers": decoder.config.num_hidden_layers}
    hook = decoder.register_forward_pre_hook(lambda _, args, kwargs: (args, kwargs | seam), with_kwargs=True)
    decoder.set_attn_implementation("oracle")
    try:
        yield hidden
    finally:
        hook.remove()
        decoder.set_attn_implementation("sdpa")
