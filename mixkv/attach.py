"""Compression for as long as a `with` block lasts; the model is left as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor
from transformers import PreTrainedModel

from mixkv.attention import NAME
from mixkv.cache import Block, CompressedCache
from mixkv.methods import InPrefill, Method, make_method
from mixkv.methods.method import UNKNOWN_IMAGES
from mixkv.shortening import Shortening


@contextmanager
def compress(model: PreTrainedModel, method: str | Method = "mixkv", **settings) -> Iterator[CompressedCache]:
    """Inside the block, caches of `model` are compressed once, at the end of their prompt. Yields a fresh cache.

    Pass it as `past_key_values=`. More `CompressedCache()` objects may be used, one for each conversation, and all of
    them only inside a block. `method` is a name in METHODS with its settings, or a ready method. Later turns on the
    same cache are appended, never evicted. The prompt is what the first forward reads, unless `cache.open_prompt()`
    says that more follows. Some methods must know where the image tokens stand: `cache.describe` tells them. Any text
    decoder with full attention works; its layers with a sliding window or linear attention, if it has such, are left
    alone, and `cache.bytes_untouched` says what they hold. The attention is torch's scaled dot product, whatever the
    model was loaded with.

    Raises ValueError for an unknown method or setting and for models without a layer of full attention, RuntimeError
    if the model is already being compressed, TypeError from a forward without a CompressedCache.
    """
    method = make_method(method, **settings).for_model(model)
    decoder = model.get_decoder()
    config = decoder.config
    previous = config._attn_implementation
    if previous == NAME:
        raise RuntimeError("this model is already inside a compress block: leave it before entering another")

    block = Block(model, method)
    if isinstance(method, InPrefill) and block.num_layers < config.num_hidden_layers:
        raise ValueError(f"method {method.name!r} needs full attention in all layers, which this model does not have")

    hooks, watched = [], []  # what layers are given is handed over only once a method or an open prompt asks for it

    def hand_over(_, args, kwargs):
        cache = kwargs.get("past_key_values")
        if not isinstance(cache, CompressedCache):
            given = "nothing" if cache is None else type(cache).__name__
            raise TypeError(
                f"a compressed model needs its own cache but got {given}: pass past_key_values=cache, the object that "
                "compress(...) yields, or a new mixkv.CompressedCache()"
            )
        if isinstance(mask := kwargs.get("attention_mask"), Tensor) and mask.ndim != 2:
            raise ValueError(f"attention_mask must be [batch, tokens] with 0 for padding, not {list(mask.shape)}")
        if cache.more_follows and not method.in_pieces:
            raise ValueError(f"method {method.name!r} works inside the prefill: read the prompt in one forward")
        _require_whole_prompt(cache, kwargs.get("position_ids"))
        cache.prepare(block)
        if cache.remembers_residuals and not watched:
            watched.extend(decoder.layers[number] for number in block.numbers)
            hooks.extend(one.register_forward_pre_hook(_hand_over_residual, with_kwargs=True) for one in watched)
        seam = {"compressed_cache": cache}
        if isinstance(method, InPrefill) and not cache.prompt_ended:
            seam["shortening"] = _shortening(method, cache, args, kwargs, config.num_hidden_layers)
        return args, kwargs | seam

    hooks.append(decoder.register_forward_pre_hook(hand_over, with_kwargs=True))
    if isinstance(method, InPrefill):
        for number, layer in enumerate(decoder.layers):
            hooks.append(layer.register_forward_pre_hook(partial(_shorten, number), with_kwargs=True))
    try:
        decoder.set_attn_implementation(NAME)
        if config._attn_implementation != NAME:
            raise ValueError(f"{type(decoder).__name__} has an attention of its own that transformers cannot exchange")
        yield CompressedCache()
    finally:
        block.is_open = False
        for hook in hooks:
            hook.remove()
        decoder.set_attn_implementation(previous)


def _shortening(method: InPrefill, cache: CompressedCache, args, kwargs, num_layers: int) -> Shortening:
    """The state of a forward that reads a whole prompt and makes it shorter on the way."""
    given = [*args[:1], kwargs.get("input_ids"), kwargs.get("inputs_embeds")]
    tokens = next(tokens for tokens in given if tokens is not None)
    batch, length = tokens.shape[:2]
    real = torch.ones(batch, length, dtype=torch.bool, device=tokens.device)
    if (mask := kwargs.get("attention_mask")) is not None:
        real = mask[:, -length:].bool()
    images = cache.images_of_rows(batch)
    if images is None:
        raise ValueError(UNKNOWN_IMAGES.format(method.name))
    return Shortening(method, images, real, num_layers)


def _shorten(number: int, _, args, kwargs):
    """Before a decoder layer: takes away what goes after the layer before, and fits all other arguments to the rest."""
    shortening = kwargs.get("shortening")
    if shortening is None:
        return args, kwargs
    hidden, *others = args or (kwargs["hidden_states"],)
    if number > 0:
        hidden = shortening.shorten(number - 1, hidden)
    if shortening.is_shorter:
        kwargs = shortening.arguments(kwargs)
    if args:
        return (hidden, *others), kwargs
    return args, kwargs | {"hidden_states": hidden}


def _hand_over_residual(_, args, kwargs):
    """What a decoder layer is given reaches its attention function as well."""
    return args, kwargs | {"residual": args[0] if args else kwargs["hidden_states"]}


def _require_whole_prompt(cache: CompressedCache, positions: Tensor | None) -> None:
    """Refuses `generate(prefill_chunk_size=...)`: the first piece alone would be compressed, the others never.

    It is known by its positions: the pieces are slices of one tensor, while a new turn computes new ones.
    """
    if not cache.prompt_ended:
        cache.prompt_positions = None if cache.more_follows else positions
        return
    prompt, cache.prompt_positions = cache.prompt_positions, None
    if prompt is None or positions is None:
        return
    if prompt.untyped_storage().data_ptr() == positions.untyped_storage().data_ptr():
        raise ValueError(
            "the prompt came in pieces, but the cache is compressed after the first forward: generate without "
            "prefill_chunk_size, or read the first pieces inside `with cache.open_prompt():` (for a new turn on this "
            "cache, pass position_ids in a tensor of their own)"
        )
