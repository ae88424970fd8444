"""HybridKV on whole models: both modes, batches, beams, branches, and what lies where."""

import copy

import pytest
import torch
from oracle_attention import hiding
from test_branches import answered, batch
from test_open_prompt import answer, positioned, read_in_pieces
from tiny_models import IMAGE
from transformers import DynamicCache

import mixkv
from mixkv.recall import RecallLayer

SETTINGS = {"budget": 40, "window": 8, "chunk": 4, "text_queries": 12, "dynamic_share": 1}


def described(inputs):
    cache, grids = mixkv.CompressedCache(), inputs["image_grid_thw"][:, 1:] // 2
    cache.describe(mixkv.find_images(inputs["input_ids"], IMAGE, grids, inputs["attention_mask"]))
    return cache


def both(model, inputs, generate, **settings):
    logits = {}
    for mode in ("physical", "simulate"):
        with mixkv.compress(model, "hybridkv", **SETTINGS | settings, mode=mode):
            cache = described(inputs)
            logits[mode] = generate(model, inputs, cache, steps=6)[1]
    return logits["physical"], logits["simulate"], cache


@pytest.mark.parametrize("scope", ["layer", "model"])
@pytest.mark.parametrize("threshold", [0.9, 2])
@pytest.mark.parametrize("name", ["qwen2_5_vl", "qwen3_vl"])
def test_a_model_says_the_same_in_both_modes(name, threshold, scope, tiny_model, prompt, generate):
    model, inputs = tiny_model(name), prompt(1, 30, [(12, 16)])
    physical, simulated, _ = both(model, inputs, generate, threshold=threshold, scope=scope)
    torch.testing.assert_close(physical, simulated, atol=1e-4, rtol=1e-4)
    untouched = generate(model, inputs, DynamicCache(), steps=6)[1]
    assert torch.equal(physical[:, 0], untouched[:, 0]) and (physical - untouched).abs().max() > 0.1


@pytest.mark.parametrize(("scope", "threshold"), [("layer", 2), ("model", 0.8)])
def test_padded_rows_equal_their_single_runs(scope, threshold, tiny_model, prompt, generate, left_padded):
    model, rows = tiny_model("qwen2_5_vl"), [prompt(1, 30, [(12, 16)]), prompt(2, 20, [(12, 12)])]
    with mixkv.compress(model, "hybridkv", **SETTINGS, threshold=threshold, scope=scope):
        _, together = generate(model, left_padded(rows), described(left_padded(rows)))
        alone = [generate(model, row, described(row))[1] for row in rows]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-4, rtol=1e-4)


def test_beams_and_branches_recall_their_own(tiny_model, prompt, generate):
    model, inputs = tiny_model("qwen2_5_vl"), prompt(1, 30, [(12, 16)])
    ids = {}
    for mode in ("physical", "simulate"):
        with mixkv.compress(model, "hybridkv", **SETTINGS, threshold=2, mode=mode):
            ids[mode] = generate(model, inputs, described(inputs), num_beams=3, num_return_sequences=2, steps=6)[0]
    assert torch.equal(ids["physical"], ids["simulate"])
    with mixkv.compress(model, "hybridkv", **SETTINGS, threshold=2), torch.no_grad():
        cache = described(inputs)
        model(**inputs, past_key_values=cache)
        step = torch.tensor([[3, 4, 5]])
        expected = model(step, past_key_values=copy.deepcopy(cache)).logits
        model(step + 20, past_key_values=cache.branch())
        torch.testing.assert_close(model(step, past_key_values=cache).logits, expected)


def test_what_lies_where_is_counted(tiny_model, prompt):
    model, inputs = tiny_model("qwen2_5_vl"), prompt(1, 30, [(12, 16)])
    tokens, entry = inputs["input_ids"].shape[1], 2 * 16 * 4
    with mixkv.compress(model, "hybridkv", **SETTINGS, threshold=2), torch.no_grad():
        cache = described(inputs)
        model(**inputs, past_key_values=cache)
    layer, heads = cache.layers[0], 3 * 2
    assert all(isinstance(layer, RecallLayer) for layer in cache.layers)
    assert cache.tokens_held == 40  # 32 of text and two chunks
    representatives = heads * layer.host_keys.shape[1] * entry / 2
    assert cache.bytes_held == cache.tokens_held * heads * entry + representatives
    assert cache.bytes_offloaded >= heads * (tokens - 32) * entry
    with mixkv.compress(model, "hybridkv", **SETTINGS, threshold=0), torch.no_grad():
        pruned = described(inputs)
        model(**inputs, past_key_values=pruned)
    assert pruned.bytes_offloaded == 0 and pruned.bytes_held == 40 * heads * entry


def test_a_budget_of_the_model_is_spread_over_its_layers(tiny_model, prompt, generate):
    """Layers hold different numbers of entries; hiding them in a plain cache, or compressing later, says the same."""
    model, inputs = tiny_model("qwen2_5_vl"), prompt(1, 30, [(12, 16)])
    method = mixkv.make_method("hybridkv", **SETTINGS | {"window": 2, "text_queries": 2}, threshold=0, scope="model")
    with mixkv.compress(model, method):
        cache, later = described(inputs), described(inputs)
        logits = generate(model, inputs, cache, steps=4)[1]
        with torch.no_grad(), later.open_prompt():
            model(**inputs, past_key_values=later)
        later.compress_now()
    held = [layer.tokens_held - layer.appended for layer in cache.layers]
    assert sum(held) == pytest.approx(3 * 40) and len(set(held)) > 1
    assert [layer.tokens_held for layer in later.layers] == pytest.approx(held)
    with hiding(model, method, cache.images):
        hidden = generate(model, inputs, DynamicCache(), steps=4)[1]
    torch.testing.assert_close(logits, hidden, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("threshold", [0, 0.8])
def test_branches_share_a_budget_of_the_model_each_for_itself(threshold, tiny_model, prompt):
    model, inputs = tiny_model("qwen2_5_vl"), prompt(1, 40, [(12, 12)])
    single, together = batch(model, inputs, [torch.arange(5, 5 + count)[None] for count in (7, 12)])
    with mixkv.compress(model, "hybridkv", **SETTINGS, threshold=threshold, scope="model") as cache:
        read_in_pieces(model, positioned(model, inputs), cache, [inputs["input_ids"].shape[1]])
        branches = mixkv.Branches(cache, 2)
        logits = answered(model, together, branches)
        for row, whole in enumerate(single):
            alone = cache.branch()
            expected = answer(model, whole, alone, steps=3)
            torch.testing.assert_close(logits[row : row + 1], expected, atol=1e-4, rtol=1e-4)
            held = branches.row(row, answered=3)
            assert (held.tokens_held, held.bytes_held) == (alone.tokens_held, alone.bytes_held)
            assert held.bytes_offloaded == alone.bytes_offloaded and (threshold == 0) == (alone.bytes_offloaded == 0)
