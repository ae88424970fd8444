import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiground.evaluation.statistics import mean, percentile, wilson


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775328),
        (1, 10, 0.0178762, 0.4041500),
        (5, 10, 0.2365931, 0.7634069),
        (10, 10, 0.7224672, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson_gives_the_published_values(hits, n, low, high):
    assert wilson(hits, n) == pytest.approx((low, high), abs=1e-6)


@given(st.integers(1, 5000), st.data())
def test_the_interval_holds_the_share_and_mirrors(n, data):
    hits = data.draw(st.integers(0, n))
    low, high = wilson(hits, n)
    assert 0 <= low <= hits / n <= high <= 1
    assert low < high
    assert wilson(n - hits, n) == pytest.approx((1 - high, 1 - low))
    assert high - low > wilson(hits * 4, n * 4)[1] - wilson(hits * 4, n * 4)[0]


def test_percentiles_are_measured_values():
    assert percentile([5, 1, 3], 0.5) == 3
    assert percentile(list(range(1, 101)), 0.95) == 95
    assert percentile([7], 0.95) == 7
    assert percentile([], 0.5) is None
    assert mean([1, 2]) == 1.5
    assert mean([]) is None
