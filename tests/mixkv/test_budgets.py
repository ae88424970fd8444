"""Budgets: what a user may write, and how many entries each layer and head then holds."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mixkv import Share, parse_budget
from mixkv.budget import adaptive, effective_window, keep_best, pyramid, resolve_budget, round_to_total, water_fill


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("64", 64),
        (" 64 ", 64),
        (1, 1),
        ("10%", Share(10.0)),
        (0.1, Share(10.0)),
        ("12.5 %", Share(12.5)),
        (1.0, Share(100.0)),
    ],
)
def test_what_a_budget_may_be(text, budget):
    assert parse_budget(text) == budget
    assert parse_budget(budget) == budget


@pytest.mark.parametrize(
    "text", [0, -1, "0", "-5", "64.5", "", "many", "0%", "-3%", "101%", 2.0, -0.1, float("nan"), True, None, "%", "1/0"]
)
def test_what_a_budget_may_not_be(text):
    with pytest.raises(ValueError, match=r"^(budget|a budget share) .+") as error:
        parse_budget(text)
    assert str(error.value).count("\n") == 0


@pytest.mark.parametrize(
    ("budget", "tokens", "entries"),
    [(64, 1000, 64), (64, 10, 64), ("10%", 144, 14), ("29%", 100, 29), ("7%", 100, 7), ("0.1%", 50, 1), ("100%", 7, 7)],
)
def test_shares_are_of_the_prompt_rounded_down(budget, tokens, entries):
    assert resolve_budget(parse_budget(budget), tokens) == entries


@pytest.mark.parametrize(("budget", "window"), [(64, 32), (33, 32), (32, 16), (16, 8), (17, 8), (3, 1), (2, 1), (1, 1)])
def test_a_small_budget_shrinks_the_window(budget, window):
    assert effective_window(32, budget) == window


@settings(max_examples=60, deadline=None)
@given(weights=st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any), total=st.integers(0, 500))
def test_rounding_keeps_the_total_and_stays_close(weights, total):
    shares = torch.tensor(weights, dtype=torch.float64) / sum(weights) * total
    rounded = round_to_total(shares, total)
    assert rounded.sum() == total
    assert ((rounded - shares).abs() < 1 + 1e-9).all()


@settings(max_examples=60, deadline=None)
@given(
    entries=st.integers(1, 300), extra=st.integers(1, 2000), layers=st.integers(1, 40), beta=st.sampled_from([1, 4, 20])
)
def test_a_pyramid_falls_and_its_mean_is_the_budget(entries, extra, layers, beta):
    prefix = entries + extra
    rooms = [pyramid(entries, prefix, layer, layers, beta) for layer in range(layers)]
    assert sum(rooms) == entries * layers
    assert rooms == sorted(rooms, reverse=True)
    assert 0 <= rooms[-1] <= rooms[0] <= prefix


def test_the_released_pyramid_exceeds_its_budget():
    """Effective mean budgets of the released rounding for 28 layers, window 32."""
    means = [sum(pyramid(b - 32, 3000, x, 28, 20, legacy=True) for x in range(28)) / 28 + 32 for b in (64, 128, 256)]
    assert means == [68.0, 139.0, 266.5]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1000), entries=st.integers(1, 20), floor=st.sampled_from([0.0, 0.2, 0.5, 1.0]))
def test_adaptive_budgets_sum_to_the_budget_of_the_layer(seed, entries, floor):
    importance = torch.rand(3, 4, 20, generator=torch.Generator().manual_seed(seed)) ** 4
    rooms = adaptive(importance, entries, floor)
    assert rooms.sum(-1).tolist() == [4 * entries] * 3
    assert (rooms >= int(floor * entries)).all() and (rooms <= 20).all()
    legacy = adaptive(importance, entries, floor, legacy=True).sum(-1)
    assert ((legacy - 4 * entries).abs() <= 4).all()


def test_adaptive_budgets_favour_heads_with_spread_importance():
    flat, peaked = torch.ones(40), torch.cat([torch.ones(4) * 10, torch.zeros(36)])
    rooms = adaptive(torch.stack([flat, peaked])[None] / 40, 10, 0.2)
    assert rooms[0, 0] > rooms[0, 1]


def test_the_best_are_kept_and_the_window_always():
    scores = torch.tensor([[[1.0, 5.0, 3.0, 5.0], [0.0, 0.0, 0.0, 0.0]]])
    kept = keep_best(scores, torch.tensor([[2, 1]]), window=2)
    assert kept.int().tolist() == [[[0, 1, 0, 1, 1, 1], [1, 0, 0, 0, 1, 1]]]


@settings(max_examples=80, deadline=None)
@given(
    weights=st.lists(st.integers(0, 50), min_size=1, max_size=10),
    total=st.integers(0, 300),
    least=st.integers(0, 5),
    room=st.integers(0, 60),
)
def test_water_filling_keeps_the_total_and_the_limits(weights, total, least, room):
    weights = torch.tensor(weights, dtype=torch.float64)
    filled = water_fill(weights, total, least, least + room)
    assert filled.sum() == min(max(total, least * len(weights)), (least + room) * len(weights))
    assert filled.min() >= least and filled.max() <= least + room
    order = weights.argsort(stable=True)
    assert (filled[order].diff() >= -1).all()  # more weight, more entries, but for the rounding
    inside = (filled > least) & (filled < least + room) & (weights > 0)
    if inside.sum() > 1:  # in proportion where no limit is met
        rates = filled[inside] / weights[inside]
        assert ((rates - rates.mean()).abs() <= 1.01 / weights[inside].min()).all()


def test_water_filling_of_rows():
    filled = water_fill(torch.tensor([[1.0, 3.0], [0.0, 0.0]]), 8, 1, torch.tensor([8, 5]))
    assert filled.tolist() == [[3, 5], [4, 4]]
