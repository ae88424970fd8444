"""Layers that recall chunks: both modes agree, and nothing depends on what was recalled before."""

import pytest
import torch
from test_hybridkv import DIM, GROUP, HEADS, PRIOR, a_prompt

import mixkv
from mixkv.attention import recalling_attention, simulated_mask
from mixkv.methods.hybridkv import HybridKV
from mixkv.recall import RecallLayer, SimulatedLayer


def the_layers(prompt, **settings):
    """The same prompt in both modes, with equal chunks."""
    made = []
    for mode in ("physical", "simulate"):
        cache = mixkv.CompressedCache()
        cache.update(prompt.key, prompt.value, 0)
        choice = HybridKV(**settings, mode=mode).choose(prompt)
        made.append(mixkv.recall.compressed(cache.layers[0], choice))
    return made


def steps(seed, count, tokens=1):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        yield tuple(
            torch.randn(1, heads, tokens, DIM, generator=generator, dtype=torch.float64)
            for heads in (HEADS * GROUP, HEADS, HEADS)
        )


def read(layer, query, key, value):
    """What `query` reads, [tokens, query_heads, dim], after `key` and `value` were appended."""
    keys, values = layer.update(key, value)
    if isinstance(layer, RecallLayer):
        return recalling_attention(query, layer, None, 0.3)[0]
    mask = simulated_mask(query, layer, None)
    keys, values = (states.repeat_interleave(GROUP, 1) for states in (keys, values))
    return torch.nn.functional.scaled_dot_product_attention(query, keys, values, mask, scale=0.3)[0].transpose(0, 1)


MODES = [
    {"budget": 80, "threshold": 2, "dynamic_share": 1, "chunk": 8, "window": 16},
    {"budget": 90, "threshold": 0.6, "chunk": 8, "dynamic_share": 0.8},
    {
        "budget": 90,
        "threshold": 0.6,
        "dynamic_share": 0.8,
        "representative": "minmax",
        "tiles": True,
        "chunk": 9,
        "window": 8,
    },
    {"budget": 40, "threshold": 2, "dynamic_share": 1, "chunk": 4, "refresh": 3, "window": 8},
    {"budget": 40, "threshold": 2, "dynamic_share": 1, "chunk": 4, "refresh": 0, "window": 8},
]


@pytest.mark.parametrize("settings", MODES)
@pytest.mark.parametrize("tokens", [1, 3])
def test_both_modes_agree(settings, tokens):
    physical, simulated = the_layers(a_prompt(), **settings)
    assert isinstance(physical, RecallLayer) and isinstance(simulated, SimulatedLayer)
    before, fetched = [tensor.untyped_storage().nbytes() for tensor in physical.stores], physical.copied
    for number, step in enumerate(steps(1, 8, tokens)):
        torch.testing.assert_close(read(physical, *step), read(simulated, *step), atol=1e-12, rtol=0)
        if number:  # the first token makes room for more of them
            assert before[2] == physical.stores[2].untyped_storage().nbytes()
    moved = physical.copied - fetched
    assert moved == 0 if settings.get("refresh") == 0 else 0 < moved <= 8 * tokens * sum(physical.chunks.room)
    assert physical.tokens_held == pytest.approx(simulated.tokens_held)


def test_the_result_does_not_depend_on_what_was_recalled_before():
    layer, other = (the_layers(a_prompt(), **MODES[0])[0] for _ in range(2))
    for wandering in steps(5, 4):
        layer.prepare(wandering[0][:, :, 0], 0)
    (step,) = steps(9, 1)
    torch.testing.assert_close(read(layer, *step), read(other, *step), atol=1e-12, rtol=0)


def test_chunks_of_one_are_the_best_keys_of_all():
    prompt = a_prompt()
    method = HybridKV(budget=90, threshold=2, dynamic_share=1, chunk=1, window=16, mode="simulate")
    layer = mixkv.recall.compressed(the_layers(prompt, budget=260)[0], method.choose(prompt))
    ((query, _, _),) = steps(2, 1)
    seen = layer.visible(query[:, :, 0], 0)[0]
    logits = (query[0, :, 0].view(HEADS, GROUP, DIM).mean(1).unsqueeze(1) * prompt.key[0]).sum(-1)
    for head in range(HEADS):
        best = logits[head, 6:222].topk(90 - PRIOR).indices + 6
        assert set(seen[head, 6:222].nonzero().flatten().add(6).tolist()) == set(best.tolist())


def test_room_for_all_chunks_is_full_attention():
    choice = HybridKV(budget=90, threshold=2, dynamic_share=1, chunk=8, window=16).choose(a_prompt())
    choice.keep[choice.chunks >= 0] = True
    layer = RecallLayer(a_prompt().key, a_prompt().value, choice, the_layers(a_prompt(), budget=260)[0])
    (step,) = steps(3, 1)
    query, key, value = step
    keys, values = torch.cat([a_prompt().key, key], 2), torch.cat([a_prompt().value, value], 2)
    keys, values = (states.repeat_interleave(GROUP, 1) for states in (keys, values))
    full = torch.nn.functional.scaled_dot_product_attention(query, keys, values, scale=0.3)[0].transpose(0, 1)
    torch.testing.assert_close(read(layer, *step), full, atol=1e-12, rtol=0)


def test_what_is_pruned_never_matters_again():
    """Other keys and values where static heads hold nothing change nothing that is read later."""
    prompt = a_prompt()
    method = HybridKV(80, threshold=0)
    choice = method.choose(prompt)
    gone = ~choice.keep.unsqueeze(-1)
    outputs = []
    for noise in (0.0, 7.0):
        cache = mixkv.CompressedCache()
        cache.update(prompt.key + noise * gone, prompt.value + noise * gone, 0)
        layer = mixkv.recall.compressed(cache.layers[0], choice)
        outputs.append(layer.keys)
    assert torch.equal(*outputs)
