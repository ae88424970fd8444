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
    if tokens == held:
        oracle.read(module.layer_idx, query, key, value, attention_mask, residual)
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    if attention_mask is None:
        attention_mask = torch.ones(1, 1, tokens, held, dtype=torch.bool).tril(held - tokens)
    evicted = oracle.hidden[module.layer_idx]
    evicted = torch.nn.functional.pad(evicted, (0, held - evicted.shape[-1]))
    mask = (attention_mask & ~evicted).expand(len(query), -1, -1, -1)
    groups = module.num_key_value_groups
    output = torch.nn.functional.scaled_dot_product_attention(
        query, key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1), mask, scale=kwargs["scaling"]
    )
    return output.transpose(1, 2).contiguous(), None


class Oracle:
    """What `method` evicts: `hidden` is layer -> pairs [batch, query_heads, 1, prompt tokens]."""

    def __init__(self, method, num_layers, images=None):
        self.method, self.num_layers, self.images = method, num_layers, images
        self.states, self.hidden = {}, {}

    def read(self, layer, *states):
        self.states[layer] = states
        if layer == self.num_layers - 1:
            self.hidden = self.evicted_pairs([self.states[number] for number in range(self.num_layers)])

    def evicted_pairs(self, layers):
        query, key, _, mask, _ = layers[0]
        evicted = torch.ones(len(layers), *key.shape[:-1], dtype=torch.bool)
        for row in range(len(key)):
            real = torch.ones(key.shape[-2]) if mask is None else mask[row, 0, -1]
            columns = real.nonzero().squeeze(-1)
            states = [tuple(tensor[row][:, columns] for tensor in layer[:3]) for layer in layers]
            residuals = None if layers[0][4] is None else [layer[4][row][columns] for layer in layers]
            images = None if self.images is None else self.images[row]
            kept = mixkv.select_layers(self.method, states, images, residuals)
            for layer, heads in enumerate(kept):
                for head, positions in enumerate(heads):
                    evicted[layer, row, head, columns[positions]] = False
            evicted[:, row][..., real == 0] = False  # padding is hidden by the model's own mask
        pairs = evicted.repeat_interleave(query.shape[1] // key.shape[1], dim=2).unsqueeze(3)
        return dict(enumerate(pairs))


AttentionInterface.register("oracle", oracle_attention)
AttentionMaskInterface.register("oracle", sdpa_mask)


@contextmanager
def hiding(model, method, images=None):
    """Inside the block the model hides what `method` evicts; `images` are those of each row."""
    decoder = model.get_decoder()
    oracle = Oracle(method, decoder.config.num_hidden_layers, images)
    hooks = [
        decoder.register_forward_pre_hook(lambda _, args, kwargs: (args, kwargs | {"oracle": oracle}), with_kwargs=True)
    ]
    if images is not None:
        hooks += [
            layer.register_forward_pre_hook(
                lambda _, args, kwargs: (args, kwargs | {"residual": args[0]}), with_kwargs=True
            )
            for layer in decoder.layers
        ]
    decoder.set_attn_implementation("oracle")
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        decoder.set_attn_implementation("sdpa")
