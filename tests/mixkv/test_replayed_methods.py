"""Methods that look at images and at what layers are given: in pieces, and replayed from one prefill."""

import pytest
import torch
from test_evicted_equals_hidden import SETTINGS
from test_open_prompt import CLOSE, answer, positioned, read_in_pieces, same_entries
from tiny_models import IMAGE

import mixkv

BUDGET = {"budget": 24, "window": 8}
TOLD = ["guikv", "guikv principal", "stlite", "mixkv-frames"]


def method_of(case):
    name, *rest = case.split()
    return mixkv.make_method(name, **SETTINGS[name], **({"subspace": "principal"} if rest else {}))


@pytest.fixture
def inputs(tiny_model, prompt):
    return positioned(tiny_model("qwen2_5_vl"), prompt(2, 40, [(8, 12), (8, 12)]))


def described(cache, inputs):
    cache.describe(mixkv.find_images(inputs["input_ids"], IMAGE, inputs["image_grid_thw"][:, 1:] // 2))
    return cache


@pytest.mark.parametrize("case", TOLD)
def test_replayed_from_a_prefill_that_remembers(case, tiny_model, inputs):
    model, tokens = tiny_model("qwen2_5_vl"), inputs["input_ids"].shape[1]
    with mixkv.compress(model, "full") as prefilled:
        described(prefilled, inputs)
        first = read_in_pieces(model, inputs, prefilled, [tokens - 5, tokens], remember=tokens, residuals=True)
        assert prefilled.bytes_held > prefilled.bytes_full + 3 * tokens * 64 * 4
        replayed = prefilled.branch()
        replayed.compress_now(method_of(case))
        replay = answer(model, inputs, replayed, first)
    with mixkv.compress(model, method_of(case)) as whole:
        torch.testing.assert_close(replay, answer(model, inputs, described(whole, inputs)), **CLOSE)
        same_entries(replayed, whole)
    assert replayed.bytes_held == whole.bytes_held


@pytest.mark.parametrize("case", TOLD)
def test_pieces_leave_what_a_single_forward_leaves(case, tiny_model, inputs):
    model, tokens = tiny_model("qwen2_5_vl"), inputs["input_ids"].shape[1]
    with mixkv.compress(model, method_of(case)) as whole:
        expected = answer(model, inputs, described(whole, inputs))
        cache = described(mixkv.CompressedCache(), inputs)
        read_in_pieces(model, inputs, cache, [tokens - 12, tokens - 3])
        torch.testing.assert_close(answer(model, inputs, cache), expected, **CLOSE)
        same_entries(cache, whole)


def test_two_turns_on_one_model_with_and_without_what_is_remembered(tiny_model, inputs):
    """That one cache remembers more changes nothing for another of the same block."""
    model, tokens = tiny_model("qwen2_5_vl"), inputs["input_ids"].shape[1]
    with mixkv.compress(model, "mixkv", **BUDGET) as plain:
        expected = answer(model, inputs, plain)
        read_in_pieces(model, inputs, mixkv.CompressedCache(), [tokens - 5], residuals=True)
        again = mixkv.CompressedCache()
        assert torch.equal(answer(model, inputs, again), expected) and again.bytes_held == plain.bytes_held


def test_what_was_not_remembered_is_said(tiny_model, inputs):
    model, tokens = tiny_model("qwen2_5_vl"), inputs["input_ids"].shape[1]
    with mixkv.compress(model, "full") as cache:
        described(cache, inputs)
        read_in_pieces(model, inputs, cache, [tokens - 5], remember=tokens)
        with pytest.raises(ValueError, match=r"'guikv' looks at what the layers were given, .*residuals=True"):
            cache.compress_now("guikv")
        assert not cache.prompt_ended
        with (
            pytest.raises(RuntimeError, match="a part of this prompt was read without residuals=True"),
            cache.open_prompt(residuals=True),
        ):
            pass
    assert not any(layer._forward_pre_hooks for layer in model.get_decoder().layers)
