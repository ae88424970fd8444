"""One batch out of several caches: of open prompts of different lengths, or of prompts that have just ended."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from mixkv.cache import CompressedCache
from mixkv.layers import CompressedLayer, RaggedLayer
from mixkv.tail import Tail, left_padded


def joined(caches: Sequence[CompressedCache]) -> CompressedCache:
    """One batch of several open prompts of one compress block, row after row; the shorter are padded at their left.

    The attention masks of later forwards must be 0 for that padding, and may be 0 for more of it after the part that
    was read. The caches are unchanged. Raises RuntimeError where one of them has no open prompt.
    """
    if any(not cache.layers or cache.prompt_ended for cache in caches):
        raise RuntimeError("only open prompts can be joined: read each inside `with cache.open_prompt():`")
    caches[0].require_full_attention("joined")
    batch = caches[0].branch()
    batch.layers = [_joined(layers) for layers in zip(*(one.layers for one in caches), strict=True)]
    batch.images = None
    if all(one.images is not None for one in caches):
        batch.images = [row for one in caches for row in one.images_of_rows(len(one.layers[0].keys))]
    return batch


def gathered(caches: Sequence[CompressedCache]) -> CompressedCache | None:
    """One batch of several caches of one compress block whose prompts have just ended, row after row.

    Every row sees all it holds, and new tokens are appended to all rows alike: their positions must be given. None
    where an entry of one of them may be recalled, so that it cannot be moved. The caches are unchanged.
    """
    batch = caches[0].branch()
    batch.layers = [_gathered(layers) for layers in zip(*(one.layers for one in caches), strict=True)]
    batch.images, batch.kept = None, None
    return None if any(layer is None for layer in batch.layers) else batch


def _joined(layers: Sequence[CompressedLayer]) -> CompressedLayer:
    whole = layers[0].branch()
    whole.keys, whole.values = left_padded([one.keys for one in layers]), left_padded([one.values for one in layers])
    whole.appended = whole.cumulative_length = whole.keys.shape[-2]
    whole.tail = Tail.joined([one.tail for one in layers])
    return whole


def _gathered(layers: Sequence[CompressedLayer]) -> CompressedLayer | None:
    lengths = []
    for layer in layers:
        if type(layer) is RaggedLayer and layer.valid is None and layer.layout.room == 0:
            lengths.append(layer.layout.prompt)
        elif type(layer) is CompressedLayer and layer.prompt_ended:
            lengths.append(torch.full(layer.keys.shape[:2], layer.keys.shape[-2], device=layer.keys.device))
        else:
            return None
    keys = torch.cat([layer.keys.flatten(0, -2) for layer in layers])  # [all entries, dim], by row, then head
    values = torch.cat([layer.values.flatten(0, -2) for layer in layers])
    longest = max(int(of_layer.max()) for of_layer in lengths)
    biases = [
        functional.pad(layer.bias, (0, longest - layer.bias.shape[-1]))
        if layer.bias is not None
        else keys.new_zeros(*of_layer.shape, longest)
        for layer, of_layer in zip(layers, lengths, strict=True)
    ]
    bias = torch.cat(biases) if any(layer.bias is not None for layer in layers) else None
    lengths, seen = torch.cat(lengths), max(layer.cumulative_length for layer in layers)
    if lengths.amin() != lengths.amax():
        whole = RaggedLayer(keys, values, lengths, seen)
        whole.bias = bias
        return whole
    whole = CompressedLayer()
    whole.bias = bias
    whole.lazy_initialization(keys, values)
    whole.keys, whole.values = (flat.unflatten(0, (*lengths.shape, -1)) for flat in (keys, values))
    whole.cumulative_length, whole.prompt_ended = seen, True
    return whole
