"""Branches of one open prompt are read and answered together as each would be alone, and hold what it would hold."""

import pytest
import torch
from test_evicted_equals_hidden import SETTINGS
from test_open_prompt import CLOSE, answer, positioned, read_in_pieces
from tiny_models import UNTOLD
from torch.nn import functional

import mixkv

PAIRS = [(name, method) for name in ("qwen2_5_vl", "llama") for method in UNTOLD]
PAIRS += [(name, method) for name in ("qwen2_vl", "qwen3_vl") for method in ("full", "mixkv-adakv")]
RESTS = (7, 12, 1)  # tokens of each prompt after what they share


@pytest.fixture(scope="module")
def shared(tiny_model, prompt):
    """shared(name) -> model, inputs up to where they part, and the rest of each as token ids."""

    def make(name):
        inputs = prompt(1, 40, [(12, 12)]) if name.endswith("vl") else prompt(1, 76)
        generator = torch.Generator().manual_seed(9)
        rests = [torch.randint(1, 80, (1, count), generator=generator) for count in RESTS]
        return tiny_model(name), inputs, rests

    return make


def followed(inputs, rest):
    """The whole prompt of one branch."""
    longer = {"input_ids": torch.cat([inputs["input_ids"], rest], 1)}
    longer["attention_mask"] = torch.ones_like(longer["input_ids"])
    if "mm_token_type_ids" in inputs:
        longer["mm_token_type_ids"] = functional.pad(inputs["mm_token_type_ids"], (0, rest.shape[1]))
    return inputs | longer


def batch(model, inputs, rests):
    """One padded batch of all branches: the stem, then the rests filled up at their left."""
    own, stem = max(rest.shape[1] for rest in rests), inputs["input_ids"].shape[1]
    single = [positioned(model, followed(inputs, rest)) for rest in rests]
    fill = [own - rest.shape[1] for rest in rests]
    made = {}
    for name in ("input_ids", "attention_mask", "position_ids"):
        rows = [
            torch.cat([row[name][..., :stem], functional.pad(row[name][..., stem:], (count, 0))], -1)
            for row, count in zip(single, fill, strict=True)
        ]
        made[name] = torch.cat(rows, dim=-2)
    return single, made


def answered(model, inputs, cache, steps=4):
    """Greedy logits of all rows and the tokens that were read, beginning with the rest of the prompts."""
    seen = cache.get_seq_length()
    ids, mask, position = inputs["input_ids"][:, seen:], inputs["attention_mask"], inputs["position_ids"][..., seen:]
    logits = []
    for _ in range(steps):
        with torch.no_grad():
            made = model(input_ids=ids, attention_mask=mask, position_ids=position, past_key_values=cache)
        logits.append(made.logits[:, -1:])
        ids, mask, position = logits[-1].argmax(-1), functional.pad(mask, (0, 1), value=1), position[..., -1:] + 1
    return torch.cat(logits, 1)


@pytest.mark.parametrize(("name", "method"), PAIRS)
def test_branches_answer_and_hold_as_if_alone(name, method, shared):
    model, inputs, rests = shared(name)
    single, together = batch(model, inputs, rests)
    stem = inputs["input_ids"].shape[1]
    with mixkv.compress(model, method, **SETTINGS[method]) as cache:
        read_in_pieces(model, positioned(model, inputs), cache, [stem])
        before = cache.bytes_held
        branches = mixkv.Branches(cache, len(rests))
        branches.note_kept()
        logits = answered(model, together, branches)
        assert len(set(logits[:, 0].argmax(-1).tolist())) > 1 or len(set(logits[:, -1].argmax(-1).tolist())) > 1
        for row, whole in enumerate(single):
            alone = cache.branch()
            alone.note_kept()
            expected = answer(model, whole, alone, steps=3)
            torch.testing.assert_close(logits[row : row + 1], expected, **CLOSE)
            held = branches.row(row, answered=3)
            assert (held.tokens_seen, held.tokens_held) == (alone.tokens_seen, alone.tokens_held)
            assert (held.bytes_full, held.bytes_held) == (alone.bytes_full, alone.bytes_held)
            assert (held.bytes_offloaded, held.bytes_untouched) == (alone.bytes_offloaded, 0)
            assert held.kept is None or all(held.kept[layer].equal(kept) for layer, kept in alone.kept.items())
            assert (held.kept is None) == (method == "full")
        assert (cache.bytes_held, cache.tokens_seen, cache.prompt_ended) == (before, stem, False)


@pytest.mark.parametrize("method", ["full", "mixkv", "mixkv-adakv"])
def test_a_shorter_answer_holds_less(method, shared):
    """Rows whose answer is complete are read on for the sake of the others; what they hold of that does not count."""
    model, inputs, rests = shared("qwen2_5_vl")
    single, together = batch(model, inputs, rests)
    with mixkv.compress(model, method, **SETTINGS[method]) as cache:
        read_in_pieces(model, positioned(model, inputs), cache, [inputs["input_ids"].shape[1]])
        branches = mixkv.Branches(cache, len(rests))
        answered(model, together, branches, steps=6)
        for row, whole in enumerate(single):
            alone = cache.branch()
            answer(model, whole, alone, steps=1)
            held = branches.row(row, answered=1)
            assert (held.tokens_seen, held.tokens_held) == (alone.tokens_seen, alone.tokens_held)
            assert held.bytes_full == alone.bytes_full
            if method == "mixkv-adakv":  # what was read on for other rows has made free room
                assert alone.bytes_held <= held.bytes_held < 1.3 * alone.bytes_held
            else:
                assert held.bytes_held == alone.bytes_held


def test_many_rows_are_attended_in_parts(shared, monkeypatch):
    model, inputs, rests = shared("qwen2_5_vl")
    _, together = batch(model, inputs, rests)

    def logits():
        with mixkv.compress(model, "full") as cache:
            read_in_pieces(model, positioned(model, inputs), cache, [inputs["input_ids"].shape[1]])
            return answered(model, together, mixkv.Branches(cache, len(rests)))

    expected = logits()
    monkeypatch.setattr("mixkv.branches.MOST_LOGITS", 1)
    torch.testing.assert_close(logits(), expected, **CLOSE)


def test_what_is_shared_is_held_once(shared):
    model, inputs, rests = shared("qwen2_5_vl")
    _, together = batch(model, inputs, rests)
    with mixkv.compress(model, "full") as cache:
        read_in_pieces(model, positioned(model, inputs), cache, [inputs["input_ids"].shape[1]])
        branches = mixkv.Branches(cache, len(rests))
        answered(model, together, branches, steps=2)
        own = branches.bytes_held - cache.bytes_held
        assert 0 < own == len(rests) * (max(RESTS) + 1) * cache.bytes_full // cache.tokens_seen
    with mixkv.compress(model, "mixkv", budget=24, window=8) as cache:
        read_in_pieces(model, positioned(model, inputs), cache, [inputs["input_ids"].shape[1]])
        branches = mixkv.Branches(cache, len(rests))
        answered(model, together, branches, steps=2)
        assert branches.bytes_held < cache.bytes_held  # nobody needs the stem any more


def test_a_stem_must_be_one_open_prompt(shared):
    model, inputs, _ = shared("llama")
    with mixkv.compress(model, "full") as cache:
        with pytest.raises(ValueError, match="open prompt of one row"):
            mixkv.Branches(cache, 2)
        model(**inputs, past_key_values=cache)
        with pytest.raises(ValueError, match="open prompt of one row"):
            mixkv.Branches(cache, 2)
