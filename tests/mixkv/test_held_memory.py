"""Tokens and bytes: what is held, measured on the storages, and that new tokens find their place."""

import copy

import pytest
import torch
from tiny_models import UNTOLD

import mixkv
from mixkv.attention import by_segment, in_one_batch, ragged_attention
from mixkv.layers import CompressedLayer, RaggedLayer

LAYERS, HEADS, DIM, BYTES = 3, 2, 16, 4  # of the tiny text models
BUDGETED = [name for name in UNTOLD if name != "full"]
ENTRY = 2 * DIM * BYTES  # one key and one value


def storages(cache):
    return [store.untyped_storage() for layer in cache.layers for store in (layer.keys, layer.values)]


def prefilled(model, inputs, method, **settings):
    with mixkv.compress(model, method, **settings) as cache, torch.no_grad():
        model(**inputs, past_key_values=cache)
    return cache


@pytest.mark.parametrize("budget", [1, 16, 24, "30%"])
@pytest.mark.parametrize("method", BUDGETED)
def test_held_bytes_are_exactly_the_budget(method, budget, tiny_model, prompt):
    pruned = {"threshold": 0} if "hybrid" in method else {}  # no head recalls anything
    cache = prefilled(tiny_model("llama"), prompt(1, 80), method, budget=budget, **pruned)
    entries = 24 if budget == "30%" else budget
    assert (cache.tokens_seen, cache.tokens_held) == (80, entries)
    nominal = entries * ENTRY * HEADS * LAYERS
    raised = sum(layer.bias.nbytes for layer in cache.layers if layer.bias is not None)  # where entries were merged
    assert nominal == sum(storage.nbytes() for storage in storages(cache)) == cache.bytes_held - raised
    assert cache.bytes_held <= 1.05 * nominal
    assert len({storage.data_ptr() for storage in storages(cache)}) == 2 * LAYERS
    assert cache.bytes_full == 80 * ENTRY * HEADS * LAYERS


@pytest.mark.parametrize("method", ["snapkv", "adakv", "mixkv-pyramidkv"])
def test_held_bytes_of_a_padded_batch_hold_no_padding(method, tiny_model, prompt, left_padded):
    cache = prefilled(
        tiny_model("llama"), left_padded([prompt(1, 80), prompt(2, 40), prompt(3, 10)]), method, budget=24
    )
    assert cache.bytes_held == sum(storage.nbytes() for storage in storages(cache))
    assert cache.bytes_held == (24 + 24 + 10) * ENTRY * HEADS * LAYERS
    assert cache.bytes_full == 3 * 80 * ENTRY * HEADS * LAYERS


@pytest.mark.parametrize("method", ["snapkv", "pyramidkv", "adakv", "mixkv-adakv"])
def test_new_tokens_are_counted(method, tiny_model, generate, prompt):
    model, new = tiny_model("qwen2_5_vl"), 6
    inputs = prompt(1, 30, [(12, 12)])
    seen = inputs["input_ids"].shape[1] + new - 1  # the last token is never fed back
    with mixkv.compress(model, method, budget=24) as cache:
        generate(model, inputs, cache, steps=new)
    assert cache.tokens_seen == seen
    assert cache.tokens_held == 24 + new - 1
    for layer in cache.layers:
        room = layer.layout.room if isinstance(layer, RaggedLayer) else new - 1
        held = layer.keys.untyped_storage().nbytes() // (DIM * BYTES)
        assert held == layer.segments * (layer.tokens_held - layer.appended + room)


@pytest.mark.parametrize("budget", [16, 64, "50%"])
@pytest.mark.parametrize("method", ["adakv", "mixkv-adakv", "sparsemm", "pyramidkv", "vlcache"])
def test_adaptive_budgets_hold_at_most_a_twentieth_more_than_their_name(method, budget, tiny_model, prompt):
    """At the end of the prompt and after every further token, free room included."""
    model, step, prompted = tiny_model("llama"), torch.tensor([[3]]), 400
    with mixkv.compress(model, method, budget=budget) as cache, torch.no_grad():
        model(**prompt(1, prompted), past_key_values=cache)
        entries = prompted // 2 if budget == "50%" else budget
        for appended in range(40):
            nominal = (entries + appended) * ENTRY * HEADS * LAYERS
            assert nominal <= cache.bytes_held <= 1.05 * nominal
            model(step, past_key_values=cache)


def test_head_wise_budgets_free_memory(tiny_model, prompt):
    uniform = prefilled(tiny_model("llama"), prompt(1, 80), "snapkv", budget=24)
    ragged = prefilled(tiny_model("llama"), prompt(1, 80), "adakv", budget=24)
    assert any(isinstance(layer, RaggedLayer) for layer in ragged.layers)
    assert ragged.bytes_held == uniform.bytes_held < ragged.bytes_full


def test_an_empty_cache():
    cache = mixkv.CompressedCache()
    assert (cache.tokens_seen, cache.tokens_held, cache.bytes_held, cache.bytes_full) == (0, 0, 0, 0)


def test_the_arithmetic_of_a_real_model():
    """32,000 tokens of Mistral-7B (32 layers, 8 kv heads of 128, float16) are 3.906 GiB; without memory, on meta."""
    cache = mixkv.CompressedCache()
    states = torch.empty(1, 8, 32_000, 128, dtype=torch.float16, device="meta")
    for layer in range(32):
        cache.update(states, states, layer)
    assert cache.bytes_held == cache.bytes_full == 2 * 32 * 8 * 32_000 * 128 * 2
    assert cache.bytes_full / 2**30 == pytest.approx(3.906, abs=5e-4)


def test_reset_makes_a_fresh_cache(tiny_model, generate, prompt):
    model = tiny_model("llama")
    with mixkv.compress(model, "adakv", budget=24) as cache:
        first = generate(model, prompt(1, 70), cache)[1]
        cache.reset()
        assert (cache.tokens_seen, cache.bytes_held) == (0, 0)
        assert torch.equal(first, generate(model, prompt(1, 70), cache)[1])


@pytest.mark.parametrize("method", ["snapkv", "adakv"])
def test_one_prefill_answers_several_questions(method, tiny_model, generate, prompt):
    model, inputs = tiny_model("qwen2_5_vl"), prompt(1, 30, [(12, 12)])

    def question(seed):
        ids = torch.cat([inputs["input_ids"], prompt(seed, 7)["input_ids"]], 1)
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}

    with mixkv.compress(model, method, budget=24) as cache, torch.no_grad():
        model(**inputs, past_key_values=cache)
        shared = [generate(model, question(seed), copy.deepcopy(cache))[1] for seed in (5, 6)]
        for seed, answer in zip((5, 6), shared, strict=True):
            own = mixkv.CompressedCache()
            model(**inputs, past_key_values=own)
            assert torch.equal(answer, generate(model, question(seed), own)[1])
    assert cache.tokens_seen == inputs["input_ids"].shape[1]


@pytest.mark.parametrize("method", ["snapkv", "adakv"])
def test_cropped_tokens_are_forgotten(method, tiny_model, prompt):
    model, inputs = tiny_model("llama"), prompt(1, 70)
    step = torch.tensor([[3, 4, 5]])
    with mixkv.compress(model, method, budget=24) as cache, torch.no_grad():
        model(**inputs, past_key_values=cache)
        expected = model(step, past_key_values=copy.deepcopy(cache)).logits
        model(step + 20, past_key_values=cache)
        cache.crop(-3)
        assert (cache.tokens_seen, cache.tokens_held) == (70, 24)
        torch.testing.assert_close(model(step, past_key_values=cache).logits, expected)
        with pytest.raises(ValueError, match="cannot crop 4 tokens: 3 came after the prompt was compressed"):
            cache.crop(-4)


@pytest.fixture
def ragged():
    """Two rows, three kv heads, prompts of 1 to 9 entries."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.tensor([[4, 1, 9], [2, 7, 3]])
    total = int(lengths.sum())
    layer = RaggedLayer(*torch.randn(2, total, DIM, generator=generator), lengths, seen=40)
    return layer, lambda new: torch.randn(2, 3, new, DIM, generator=generator)


def segments(layer):
    return [
        (layer.keys[start : start + length + layer.appended], layer.values[start : start + length + layer.appended])
        for _, _, start, length in layer.layout.segments()
    ]


def test_ragged_appends_in_place_until_the_room_is_used_up(ragged):
    layer, states = ragged
    expected, moves = segments(layer), 0
    for new in (1, 1, 5, 1, 30, 1, 90, 2):
        key, value = states(new), states(new)
        before = layer.keys.data_ptr()
        fits = layer.appended + new <= layer.layout.room
        layer.update(key, value)
        assert (layer.keys.data_ptr() == before) == fits
        moves += not fits
        flat = zip(key.flatten(0, 1), value.flatten(0, 1), strict=True)
        expected = [(torch.cat([k, a]), torch.cat([v, b])) for (k, v), (a, b) in zip(expected, flat, strict=True)]
        for (k, v), (wanted_k, wanted_v) in zip(segments(layer), expected, strict=True):
            assert torch.equal(k, wanted_k) and torch.equal(v, wanted_v)
    assert (layer.get_seq_length(), layer.appended, layer.tokens_held) == (171, 131, 26 / 6 + 131)
    assert moves == 6  # what follows the 30 and the 90 fits in the room that they left


@pytest.mark.parametrize("appended", [1, 4])
@pytest.mark.parametrize("masked", [False, True])
def test_both_ragged_kernels_agree(ragged, appended, masked):
    layer, states = ragged
    layer.update(states(2), states(2))
    layer.update(states(appended), states(appended))
    query, newest = states(2 * appended), None
    if masked:
        newest = torch.rand(2, 1, 2 * appended, appended + 2, generator=torch.Generator().manual_seed(1)) > 0.4
    torch.testing.assert_close(by_segment(query, layer, newest, 0.3), in_one_batch(query, layer, newest, 0.3))


def test_ragged_attention_ignores_the_order_of_the_entries(ragged):
    layer, states = ragged
    layer.update(states(1), states(1))
    query = torch.cat([states(1), states(1)], 1)  # two query heads a kv head
    before = ragged_attention(query, layer, None, 0.25)
    for _, _, start, length in layer.layout.segments():
        order = torch.randperm(length + 1, generator=torch.Generator().manual_seed(length)) + start
        layer.keys[start : start + length + 1], layer.values[start : start + length + 1] = (
            layer.keys[order],
            layer.values[order],
        )
    torch.testing.assert_close(ragged_attention(query, layer, None, 0.25), before)


def test_ragged_rows_can_be_chosen_and_repeated(ragged):
    layer, states = ragged
    layer.update(states(2), states(2))
    before = segments(layer)
    layer.reorder_cache(torch.tensor([1, 0]))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(segments(layer), before[3:] + before[:3], strict=True))
    layer.batch_select_indices(torch.tensor([1]))
    assert all(torch.equal(a[1], b[1]) for a, b in zip(segments(layer), before[:3], strict=True))
    layer.batch_repeat_interleave(2)
    assert all(torch.equal(a[0], b[0]) for a, b in zip(segments(layer), before[:3] * 2, strict=True))
    layer.update(states(1), states(1))
    assert layer.appended == 3


def test_equal_lengths_stay_dense_and_others_become_ragged():
    states = torch.arange(2 * 2 * 5.0).view(2, 2, 5, 1)
    keep = torch.tensor([[[1, 0, 1, 0, 0], [0, 0, 0, 1, 1]], [[1, 1, 0, 0, 0], [0, 1, 0, 1, 0]]]).bool()

    def filled():
        layer = CompressedLayer()
        layer.update(states, -states)
        return layer

    dense = filled().compressed(keep)
    assert dense.keys.squeeze(-1).tolist() == [[[0, 2], [8, 9]], [[10, 11], [16, 18]]]
    assert dense.get_mask_sizes(3) == (3, 5)
    keep[0, 0, 4] = True
    ragged = filled().compressed(keep)
    assert ragged.values.squeeze(-1).tolist() == [0, -2, -4, -8, -9, -10, -11, -16, -18]
    assert (ragged.get_seq_length(), ragged.tokens_held) == (5, 2.25)
