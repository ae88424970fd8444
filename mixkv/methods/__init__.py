"""The methods by name. A method ranks entries by importance and diversity, and spreads a budget over heads."""

from collections.abc import Iterable, Sequence
from dataclasses import fields

from torch import Tensor

from mixkv.images import ImageTokens, ordered
from mixkv.methods.adakv import AdaKV
from mixkv.methods.coverkv import CoverKV
from mixkv.methods.fastv import FastV
from mixkv.methods.frames import FrameMixKV, FrameSnapKV
from mixkv.methods.full import Full
from mixkv.methods.gistkv import GistKV
from mixkv.methods.guikv import GUIKV
from mixkv.methods.h2o import H2O
from mixkv.methods.hybridkv import HybridKV, HybridMixKV
from mixkv.methods.in_prefill import InPrefill, Remaining
from mixkv.methods.keydiff import KeyDiff
from mixkv.methods.lightkv import LightHybridKV, LightKV, LightMixKV
from mixkv.methods.method import Choice, Joint, Merged, Method, Prompt, Recall, Windowed
from mixkv.methods.mixkv import MixAdaKV, MixKV, MixPyramidKV
from mixkv.methods.pyramidkv import PyramidKV
from mixkv.methods.random import Random
from mixkv.methods.snapkv import SnapKV
from mixkv.methods.sparsemm import MixSparseMM, SparseMM
from mixkv.methods.stlite import STLite
from mixkv.methods.streamingllm import StreamingLLM
from mixkv.methods.vlcache import VLCache
from mixkv.methods.vnorm import VNorm

__all__ = [
    "METHODS",
    "Choice",
    "InPrefill",
    "Joint",
    "Merged",
    "Method",
    "Prompt",
    "Recall",
    "Remaining",
    "Windowed",
    "make_method",
    "select",
    "select_layers",
]

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
        SparseMM,
        H2O,
        VLCache,
        GUIKV,
        STLite,
        FrameSnapKV,
        FrameMixKV,
        HybridKV,
        HybridMixKV,
        FastV,
        LightKV,
        LightMixKV,
        LightHybridKV,
        MixKV,
        MixPyramidKV,
        MixAdaKV,
        MixSparseMM,
        GistKV,
        CoverKV,
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
    method: str | Method,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    layer: int = 0,
    num_layers: int = 1,
    images: Iterable[ImageTokens] | None = None,
    residual: Tensor | None = None,
    scaling: float | None = None,
    softcap: float | None = None,
) -> list[Tensor]:
    """The positions that `method` holds in one layer, sorted, one tensor for each kv head.

    `query` [query_heads, tokens, dim], `key` and `value` [kv_heads, tokens, dim], query and key already rotated; logits
    are scaled by `scaling` (None: 1/sqrt(dim)) and bounded by `softcap` if given. The last queries are enough, as many
    as the method reads. `images` and `residual` [tokens, hidden], what the layer was given, are for the methods that
    read them. A method that looks at all layers sees only this one. Nothing is changed.
    """
    method = make_method(method)
    prompt = _prompt(method, (query, key, value), layer, num_layers, images, residual, scaling, softcap)
    return _positions(method.keep(prompt))


def select_layers(
    method: str | Method,
    layers: Sequence[tuple[Tensor, Tensor, Tensor]],
    images: Iterable[ImageTokens] | None = None,
    residuals: Sequence[Tensor] | None = None,
    scaling: float | None = None,
    softcap: float | None = None,
) -> list[list[Tensor]]:
    """The positions that `method` holds in all layers of a model, one list as `select` gives it for each layer.

    `layers` are (query, key, value) of each, `residuals` what each was given, all shaped as for `select`.
    """
    method, images, given = make_method(method), images and tuple(images), residuals or [None] * len(layers)
    prompts = [
        _prompt(method, states, number, len(layers), images, given[number], scaling, softcap)
        for number, states in enumerate(layers)
    ]
    return [_positions(choice.keep) for choice in method.choose_layers(prompts)]


def _positions(keep: Tensor) -> list[Tensor]:
    return [held.nonzero().squeeze(-1) for held in keep[0]]


def _prompt(
    method: Method,
    states: tuple[Tensor, Tensor, Tensor],
    layer: int,
    num_layers: int,
    images: Iterable[ImageTokens] | None,
    residual: Tensor | None,
    scaling: float | None,
    softcap: float | None,
) -> Prompt:
    query, key, value = states
    match = key.ndim == query.ndim == 3 and key.shape[:2] == value.shape[:2] and query.shape[2] == key.shape[2]
    if (
        not match
        or query.shape[0] % key.shape[0]
        or not min(method.reads, key.shape[1]) <= query.shape[1] <= key.shape[1]
    ):
        shapes = ", ".join(str(list(tensor.shape)) for tensor in states)
        raise ValueError(
            f"query, key and value must be [heads, tokens, dim] of one prompt with whole groups of heads and at "
            f"least the last {method.reads} queries, not {shapes}"
        )
    alone = (tensor[None] for tensor in states)
    images, residual = None if images is None else ordered(images), None if residual is None else residual[None]
    return Prompt(*alone, scaling or query.shape[-1] ** -0.5, layer, num_layers, images, residual, softcap)
