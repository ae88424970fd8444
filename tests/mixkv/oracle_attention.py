"""What compression must equal: full attention over an ordinary cache, the evicted pairs hidden from later tokens."""

from contextlib import contextmanager

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

import mixkv


def oracle_attention(module, query, key, value, attention_mask, oracle=None, residual=None, **kwargs):
    """`oracle.hidden` is filled at the end of the prefill: layer -> the evicted pairs."""
    tokens, held = query.shape[-2], key.shape[-2]
    if module.layer_idx not in oracle.numbers:
        return plain(module, query, key, value, attention_mask, **kwargs)
    if tokens == held:
        oracle.read(module.layer_idx, query, key, value, attention_mask, residual, kwargs)
        return plain(module, query, key, value, attention_mask, **kwargs)
    if attention_mask is None:
        attention_mask = torch.ones(1, 1, tokens, held, dtype=torch.bool).tril(held - tokens)
    evicted = oracle.hidden[module.layer_idx]
    evicted = torch.nn.functional.pad(evicted, (0, held - evicted.shape[-1]))
    mask = (attention_mask & ~evicted).expand(len(query), -1, -1, -1)
    return plain(module, query, key, value, mask, **kwargs)


def plain(module, query, key, value, mask, scaling, softcap=None, **kwargs):
    """What the model itself computes; an explicit softmax where its logits are bounded."""
    if softcap is None and (mask is None or query.shape[-2] == key.shape[-2]):
        return sdpa_attention_forward(module, query, key, value, mask, scaling=scaling, **kwargs)
    if mask is None:
        mask = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool).tril(key.shape[-2] - query.shape[-2])
    key, value = (states.repeat_interleave(module.num_key_value_groups, 1) for states in (key, value))
    if softcap is None:
        output = torch.nn.functional.scaled_dot_product_attention(query, key, value, mask, scale=scaling)
    else:
        logits = softcap * (query @ key.mT * scaling / softcap).tanh()
        output = logits.masked_fill(~mask, -1e9).softmax(-1) @ value
    return output.transpose(1, 2).contiguous(), None


class Oracle:
    """What `method` evicts: `hidden` is layer -> pairs [batch, query_heads, 1, prompt tokens]."""

    def __init__(self, method, numbers, images=None):
        """`numbers` of the layers with full attention."""
        self.method, self.numbers, self.images = method, numbers, images
        self.states, self.hidden, self.logits = {}, {}, {}

    def read(self, layer, *states):
        *self.states[layer], given = states
        self.logits = {name: given.get(name) for name in ("scaling", "softcap")}
        if layer == self.numbers[-1]:
            pairs = self.evicted_pairs([self.states[number] for number in self.numbers])
            self.hidden = dict(zip(self.numbers, pairs, strict=True))

    def evicted_pairs(self, layers):
        query, key, _, mask, _ = layers[0]
        evicted = torch.ones(len(layers), *key.shape[:-1], dtype=torch.bool)
        for row in range(len(key)):
            real = torch.ones(key.shape[-2]) if mask is None else mask[row, 0, -1]
            columns = real.nonzero().squeeze(-1)
            states = [tuple(tensor[row][:, columns] for tensor in layer[:3]) for layer in layers]
            residuals = None if layers[0][4] is None else [layer[4][row][columns] for layer in layers]
            images = None if self.images is None else self.images[row]
            kept = mixkv.select_layers(self.method, states, images, residuals, **self.logits)
            for layer, heads in enumerate(kept):
                for head, positions in enumerate(heads):
                    evicted[layer, row, head, columns[positions]] = False
            evicted[:, row][..., real == 0] = False  # padding is hidden by the model's own mask
        return evicted.repeat_interleave(query.shape[1] // key.shape[1], dim=2).unsqueeze(3)


AttentionInterface.register("oracle", oracle_attention)
AttentionMaskInterface.register("oracle", sdpa_mask)


@contextmanager
def hiding(model, method, images=None):
    """Inside the block the model hides what `method` evicts; `images` are those of each row."""
    decoder = model.get_decoder()
    types = getattr(decoder.config, "layer_types", None) or ["full_attention"] * decoder.config.num_hidden_layers
    numbers = [number for number, kind in enumerate(types) if kind == "full_attention"]
    oracle, previous = Oracle(method, numbers, images), decoder.config._attn_implementation
    hooks = [
        decoder.register_forward_pre_hook(lambda _, args, kwargs: (args, kwargs | {"oracle": oracle}), with_kwargs=True)
    ]
    if images is not None:
        hooks += [
            layer.register_forward_pre_hook(
                lambda _, args, kwargs: (args, kwargs | {"residual": args[0]}), with_kwargs=True
            )
            for layer in (decoder.layers[number] for number in numbers)
        ]
    decoder.set_attn_implementation("oracle")
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        decoder.set_attn_implementation(previous)
