"""Merging over several stages, in parts, and on turned images."""

import pytest
import torch
from test_merging import attention_of, groups_of, lightkv, picture

from mixkv.guidance import causal_guidance, column_guidance, column_guidance_of, text_columns
from mixkv.methods.in_prefill import Remaining
from mixkv.methods.lightkv import LightKV


@pytest.mark.parametrize("chunk", [1, 3, 500])
def test_guidance_is_the_same_in_parts(chunk):
    query, key = attention_of()
    chosen, text = torch.arange(4, 50), torch.tensor([0, 1, 2, 3, *range(50, 60)])
    whole = column_guidance(text_columns(query, key, text, 0.4), chosen)
    torch.testing.assert_close(column_guidance_of(query, key, chosen, text, 0.4, chunk), whole)
    torch.testing.assert_close(causal_guidance(query, key, 10, 0.4, chunk), causal_guidance(query, key, 10, 0.4))
    assert (whole >= 0).all() and whole.sum() <= len(query) * len(text) + 1e-3  # each column is a distribution


@pytest.mark.parametrize(("sides", "left"), [((4, 2, 1), (288, 145, 73)), ((6, 4, 4), (288, 145, 77))])
def test_the_released_chain_of_three_stages(sides, left):
    """From 24 by 24 tokens; the last stage of the second chain is laid on four by four windows."""
    states, weight, remaining = picture(24, 24)
    method = LightKV(stages=[0, 1, 2], windows=sides, released=True)
    for layer, expected in enumerate(left):
        remaining = Remaining(remaining.places, remaining.images, layer, 3)
        states, stays = method.shorten(remaining, states, weight)
        states, weight = states[stays], weight[stays]
        remaining = Remaining(remaining.places[stays], remaining.images, layer, 3)
        assert len(remaining.of(remaining.images[0])) == expected


def test_a_merged_token_is_no_longer_than_its_group():
    states, weight, remaining = picture(12, 12)
    after, stays = lightkv().shorten(remaining, states, weight)
    target = groups_of(lightkv(), remaining, states, weight)
    longest = torch.zeros(len(states)).double().scatter_reduce(0, target, states.norm(dim=-1), "amax")
    assert (after.norm(dim=-1) <= longest + 1e-12)[stays].all()


@pytest.mark.parametrize("turn", ["columns", "transposed"])
def test_a_turned_image_gives_the_turned_result_on_a_chess_board(turn):
    side = (9, 9) if turn == "transposed" else (8, 15)
    states, weight, remaining = picture(*side)
    (image,) = remaining.images
    method = lightkv(split="checker") if turn == "transposed" else lightkv(split="checker", per_side=4)
    after, stays = method.shorten(remaining, states, weight)
    grid = torch.arange(image.start, image.stop).view(*side)
    order = torch.arange(len(states))
    order[image.start : image.stop] = (grid.T if turn == "transposed" else grid.flip(1)).flatten()
    other, other_stays = method.shorten(remaining, states[order], weight[order])
    assert torch.equal(other_stays, stays[order])
    torch.testing.assert_close(other[other_stays], after[order][other_stays])


@pytest.mark.parametrize(
    ("layers", "stages", "share"),
    [(28, (12, 17, 22), 0.621), (32, (12, 18, 24), 0.574), (40, (15, 23, 31), 0.575), (28, (1, 2, 3), 0.205)],
)
def test_the_share_that_stays(layers, stages, share):
    """The source's schedules, where the layer after which tokens are merged still holds them all."""
    assert lightkv(stages=stages, windows=(6, 4, 2)).retained(layers) == pytest.approx(share, abs=2e-3)
    assert lightkv(stages=stages, windows=(6, 4, 2), ratio=0).retained(layers) == 1
