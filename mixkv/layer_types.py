"""Layers beside full attention: they hold a window or a running state, which no method touches, and say how much."""

import copy

from torch import Tensor
from transformers import PreTrainedConfig
from transformers.cache_utils import (
    DYNAMIC_LAYER_TYPE_MAPPING,
    DynamicSlidingWindowLayer,
    LinearAttentionLayer,
    get_layer_types_and_kwargs,
)

from mixkv.layers import CompressedLayer

UNTOUCHED = ("sliding_attention", "chunked_attention", "linear_attention", "conv")
Untouched = DynamicSlidingWindowLayer | LinearAttentionLayer


def full_attention_layers(config: PreTrainedConfig) -> tuple[int, ...]:
    """The numbers of the layers that attend to the whole prompt, and so can be compressed.

    Raises ValueError where there are none, or where a layer is of a type that is neither that nor can be left alone.
    """
    types, _ = get_layer_types_and_kwargs(config)
    if others := sorted(set(types) - {"full_attention", *UNTOUCHED}):
        raise ValueError(
            f"this model has layers of type {', '.join(others)}: only full attention can be compressed, beside layers "
            "with a sliding window or linear attention"
        )
    numbers = tuple(number for number, kind in enumerate(types) if kind == "full_attention")
    if not numbers:
        raise ValueError(
            f"all layers of this model are of type {', '.join(sorted(set(types)))}, which hold a window or a state of "
            "fixed size: there is nothing to compress"
        )
    return numbers


def new_layers(config: PreTrainedConfig, ours: type[CompressedLayer]) -> list[CompressedLayer | Untouched]:
    """Empty cache layers for a model: `ours` where it has full attention, elsewhere those of transformers."""
    types, settings = get_layer_types_and_kwargs(config)
    return [
        ours() if kind == "full_attention" else DYNAMIC_LAYER_TYPE_MAPPING[kind](**given)
        for kind, given in zip(types, settings, strict=True)
    ]


def stores_of(layer: Untouched) -> list[Tensor]:
    """Everything that such a layer holds."""
    if isinstance(layer, DynamicSlidingWindowLayer):
        stores = [layer.keys, layer.values]
    else:
        stores = [*layer.conv_states.values(), *layer.recurrent_states.values()]
    return [store for store in stores if store is not None]


def branch_of(layer: Untouched) -> Untouched:
    """A copy that goes on by itself. A running state is written in place, a window only replaced."""
    return copy.copy(layer) if isinstance(layer, DynamicSlidingWindowLayer) else copy.deepcopy(layer)


def trim(layer: Untouched) -> None:
    """Lets go of what a window no longer shows: after a prompt it is a view of all of it."""
    if isinstance(layer, DynamicSlidingWindowLayer):
        layer.keys, layer.values = layer.keys.clone(), layer.values.clone()
