from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiground.errors import UsageError
from guiground.evaluation.annotations import Sample
from guiground.evaluation.sampling import stratified


def samples(**sizes):
    return [
        Sample(f"{group}{number}", "f", 1, "a.png", "x", (0, 0, 1, 1), "xywh", group)
        for group, size in sizes.items()
        for number in range(size)
    ]


SIZES = st.fixed_dictionaries({"a": st.integers(1, 60), "b": st.integers(1, 60), "c": st.integers(1, 60)})


@given(SIZES, st.integers(1, 200), st.integers(0, 3))
def test_every_group_has_its_share_and_the_order_is_kept(sizes, limit, seed):
    everything = samples(**sizes)
    drawn = stratified(everything, limit, seed)
    assert len(drawn) == min(limit, len(everything))
    assert drawn == [sample for sample in everything if sample in drawn]
    counts = Counter(sample.group for sample in drawn)
    for group, size in sizes.items():
        assert abs(counts[group] - size * len(drawn) / len(everything)) < 2


@given(SIZES, st.integers(1, 100), st.integers(0, 3))
def test_the_draw_depends_on_the_seed_not_on_the_order_and_grows(sizes, limit, seed):
    everything = samples(**sizes)
    drawn = {sample.id for sample in stratified(everything, limit, seed)}
    assert {sample.id for sample in stratified(everything[::-1], limit, seed)} == drawn
    assert drawn <= {sample.id for sample in stratified(everything, limit + 7, seed)}


def test_another_seed_draws_others_and_it_is_not_the_first_ones():
    everything = samples(a=100, b=100)
    draws = [tuple(sample.id for sample in stratified(everything, 20, seed)) for seed in range(5)]
    assert len(set(draws)) == 5
    assert all(not {f"a{n}" for n in range(10)} <= set(draw) for draw in draws)


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_below_one_is_refused(limit):
    with pytest.raises(UsageError, match=f"--limit must be at least 1, got {limit}"):
        stratified(samples(a=3), limit)
