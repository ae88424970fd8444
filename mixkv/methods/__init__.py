"""The methods by name. A method ranks entries by importance and diversity, and spreads a budget over heads."""

from dataclasses import fields

from torch import Tensor

from mixkv.methods.adakv import AdaKV
from mixkv.methods.full import Full
from mixkv.methods.keydiff import KeyDiff
from mixkv.methods.method import Method, Prompt, Windowed
from mixkv.methods.mixkv import MixAdaKV, MixKV, MixPyramidKV
from mixkv.methods.pyramidkv import PyramidKV
from mixkv.methods.random import Random
from mixkv.methods.snapkv import SnapKV
from mixkv.methods.streamingllm import StreamingLLM
from mixkv.methods.vnorm import VNorm

__all__ = ["METHODS", "Method", "Prompt", "Windowed", "make_method", "select"]

METHODS: dict[str, type[Method]] = {
    method.name: method
    for method in (
        Full,
        Random,
        StreamingLLM,
        KeyDiff,
        VNorm,
        SnapKV,
        PyramidKV,
        AdaKV,
        MixKV,
        MixPyramidKV,
        MixAdaKV,
    )
}


def make_method(method: str | Method, **settings) -> Method:
    """The method of that name with these settings; a ready method is returned as it is.

    Raises ValueError for an unknown name or setting or a bad value, TypeError for settings beside a ready method.
    """
    if isinstance(method, Method):
        if settings:
            raise TypeError(f"settings {sorted(settings)} beside a ready method: use {type(method).__name__}(...)")
        return method
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r} (choose from: {', '.join(METHODS)})")
    known = [field.name for field in fields(METHODS[method])]
    for setting in settings:
        if setting not in known:
            choices = f"choose from: {', '.join(known)}" if known else "it has none"
            raise ValueError(f"method {method!r} has no setting {setting!r} ({choices})")
    return METHODS[method](**settings)


def select(
    method: str | Method, query: Tensor, key: Tensor, value: Tensor, layer: int = 0, num_layers: int = 1
) -> list[Tensor]:
    """The positions that `method` holds in one layer, sorted, one tensor for each kv head.

    `query` [query_heads, tokens, dim], `key` and `value` [kv_heads, tokens, dim], query and key already rotated; logits
    are scaled by 1/sqrt(dim). Nothing is changed.
    """
    match = key.ndim == 3 and key.shape[:2] == value.shape[:2] and query.shape[1:] == key.shape[1:]
    if not match or query.shape[0] % key.shape[0]:
        shapes = ", ".join(str(list(tensor.shape)) for tensor in (query, key, value))
        raise ValueError(
            f"query, key and value must be [heads, tokens, dim] of one prompt with whole groups of heads, not {shapes}"
        )
    prompt = Prompt(query[None], key[None], value[None], query.shape[-1] ** -0.5, layer, num_layers)
    return [held.nonzero().squeeze(-1) for held in make_method(method).keep(prompt)[0]]
