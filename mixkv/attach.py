"""Compression for as long as a `with` block lasts; the model is left as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor
from transformers import PreTrainedModel

from mixkv.attention import NAME
from mixkv.cache import CompressedCache
from mixkv.methods import Method, make_method


@contextmanager
def compress(model: PreTrainedModel, method: str | Method = "mixkv", **settings) -> Iterator[CompressedCache]:
    """Inside the block, caches of `model` are compressed once, at the end of their first forward. Yields a fresh cache.

    Pass it as `past_key_values=`. More `CompressedCache()` objects may be used, one for each conversation, and all of
    them only inside a block. `method` is a name in METHODS with its settings, or a ready method. Later turns on the
    same cache are appended, never evicted. The prompt must come in one forward. Any text decoder with full attention in
    all layers works; the attention is torch's scaled dot product, whatever the model was loaded with.

    Raises ValueError for an unknown method or setting and for models with sliding-window or linear attention layers,
    RuntimeError if the model is already being compressed, TypeError from a forward without a CompressedCache.
    """
    method = make_method(method, **settings)
    decoder = model.get_decoder()
    config = decoder.config
    _require_full_attention(config)
    previous = config._attn_implementation
    if previous == NAME:
        raise RuntimeError("this model is already inside a compress block: leave it before entering another")

    is_open = True

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
        _require_whole_prompt(cache, kwargs.get("position_ids"))
        cache.block_is_open = lambda: is_open
        seam = {"compressed_cache": cache, "method": method, "num_layers": config.num_hidden_layers}
        return args, kwargs | seam

    hook = decoder.register_forward_pre_hook(hand_over, with_kwargs=True)
    try:
        decoder.set_attn_implementation(NAME)
        if config._attn_implementation != NAME:
            raise ValueError(f"{type(decoder).__name__} has an attention of its own that transformers cannot exchange")
        yield CompressedCache()
    finally:
        is_open = False
        hook.remove()
        decoder.set_attn_implementation(previous)


def _require_full_attention(config) -> None:
    types = getattr(config, "layer_types", None)
    if types is None and getattr(config, "sliding_window", None) is not None:
        types = ["sliding_attention"]
    others = sorted(set(types or ()) - {"full_attention"})
    if others:
        raise ValueError(f"this model has layers of type {', '.join(others)}: only full attention can be compressed")


def _require_whole_prompt(cache: CompressedCache, positions: Tensor | None) -> None:
    """Refuses `generate(prefill_chunk_size=...)`: the first piece alone would be compressed, the others never.

    It is known by its positions: the pieces are slices of one tensor, while a new turn computes new ones.
    """
    if cache.get_seq_length() == 0:
        cache.prompt_positions = positions
        return
    prompt, cache.prompt_positions = cache.prompt_positions, None
    if prompt is None or positions is None:
        return
    if prompt.untyped_storage().data_ptr() == positions.untyped_storage().data_ptr():
        raise ValueError(
            "the prompt came in pieces, but the cache is compressed after the first forward: generate without "
            "prefill_chunk_size (or, for a new turn on this cache, pass position_ids in a tensor of their own)"
        )
