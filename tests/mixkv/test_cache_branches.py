"""Branches of a cache: what they share until they differ, and that each goes its own way."""

import copy

import pytest
import torch
from test_open_prompt import BUDGET, CLOSE, answer, positioned, read_in_pieces

import mixkv


def pointers(cache):
    return [store.data_ptr() for layer in cache.layers for store in (layer.keys, layer.values)]


def test_branches_share_storages_until_they_differ(tiny_model, one_prompt):
    model = tiny_model("llama")
    inputs = positioned(model, one_prompt("llama"))
    with mixkv.compress(model, "snapkv", **BUDGET) as prefix:
        read_in_pieces(model, inputs, prefix, [60])
        where, content = pointers(prefix), copy.deepcopy(prefix)
        branches = [prefix.branch(), prefix.branch(), prefix.branch()]
        assert all(pointers(branch) == where for branch in branches)
        answer(model, inputs, branches[0])
        branches[1].compress_now("adakv", **BUDGET)
        assert not set(pointers(branches[0]) + pointers(branches[1])) & set(where)
        assert branches[1].bytes_held < prefix.bytes_held
    assert pointers(prefix) == pointers(branches[2]) == where
    assert (prefix.tokens_seen, prefix.tokens_held, prefix.prompt_ended) == (60, 60, False)
    for layer, before in zip(prefix.layers, content.layers, strict=True):
        assert torch.equal(layer.keys, before.keys) and torch.equal(layer.tail.query, before.tail.query)


@pytest.mark.parametrize("method", ["snapkv", "adakv"])
def test_branches_of_a_compressed_prompt_go_their_own_ways(method, tiny_model, one_prompt):
    model = tiny_model("llama")
    inputs = positioned(model, one_prompt("llama"))
    with mixkv.compress(model, method, **BUDGET) as memory:
        read_in_pieces(model, inputs, memory, [60])
        memory.compress_now()
        expected = answer(model, inputs, copy.deepcopy(memory))
        one, other = memory.branch(), memory.branch()
        answer(model, inputs | {"input_ids": inputs["input_ids"].flip(1)}, one)
        assert torch.equal(answer(model, inputs, other), expected)
        assert torch.equal(answer(model, inputs, memory), expected)


def test_a_batch_of_questions_on_one_screenshot(tiny_model, one_prompt):
    """The rows of a repeated open prompt are compressed as each would be alone."""
    model = tiny_model("llama")
    rows = [positioned(model, one_prompt("llama")) for _ in range(2)]
    rows[1]["input_ids"] = torch.cat([rows[0]["input_ids"][:, :60], rows[1]["input_ids"][:, 60:].flip(1)], 1)
    both = {name: torch.cat([row[name] for row in rows]) for name in ("input_ids", "attention_mask", "position_ids")}
    with mixkv.compress(model, "mixkv", **BUDGET) as prefix:
        read_in_pieces(model, rows[0], prefix, [60])
        alone = [answer(model, row, prefix.branch()) for row in rows]
        prefix.batch_repeat_interleave(2)
        torch.testing.assert_close(answer(model, both, prefix), torch.cat(alone), **CLOSE)
