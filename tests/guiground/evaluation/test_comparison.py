import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiground.errors import UsageError
from guiground.evaluation.comparison import compare, compare_all, holm
from guiground.evaluation.statistics import RESAMPLES, clustered, macro_interval


def rows(hits, screenshots=None):
    images = screenshots or [f"{place}.png" for place in range(len(hits))]
    return {
        str(place): {"hit": bool(hit), "image": image}
        for place, (hit, image) in enumerate(zip(hits, images, strict=True))
    }


def test_the_exact_test_counts_only_pairs_that_differ():
    base = rows([1] * 50 + [0] * 50)
    other = rows([1] * 48 + [0] * 2 + [1] * 10 + [0] * 40)
    found = compare(("base", base), ("other", other))
    assert (found.n, found.won, found.lost, found.base_hits, found.other_hits) == (100, 10, 2, 50, 58)
    assert found.p == pytest.approx(2 * (1 + 12 + 66) / 2**12)  # at most 2 of 12 fair coins, both sides
    assert found.difference == pytest.approx(0.08)
    low, high = found.ci95
    assert 0 < low < 0.08 < high < 0.16
    assert found.better and not found.worse


def test_a_run_against_itself_shows_nothing():
    same = rows([1, 0] * 40)
    found = compare(("a", same), ("b", same))
    assert (found.p, found.difference, found.ci95, found.won, found.lost) == (1.0, 0.0, (0.0, 0.0), 0, 0)
    assert not found.better and not found.worse
    assert found.smallest == pytest.approx(6 / 80)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60))
def test_turning_the_comparison_round_turns_its_signs(pairs):
    a, b = rows([first for first, _ in pairs]), rows([second for _, second in pairs])
    there, back = compare(("a", a), ("b", b)), compare(("b", b), ("a", a))
    assert there.difference == -back.difference
    assert there.p == back.p
    assert there.ci95 == pytest.approx((-back.ci95[1], -back.ci95[0]))
    assert there.smallest == pytest.approx(back.smallest)


def test_samples_of_one_screenshot_count_as_less_than_as_many_screenshots():
    base, hits = [0] * 100, ([1] * 10 + [0] * 10) * 5
    apart = compare(("a", rows(base)), ("b", rows(hits)))
    screens = [f"{place // 10}.png" for place in range(100)]
    together = compare(("a", rows(base, screens)), ("b", rows(hits, screens)))
    assert together.difference == apart.difference == 0.5
    assert together.ci95[1] - together.ci95[0] > 2 * (apart.ci95[1] - apart.ci95[0])
    assert together.smallest > 2 * apart.smallest


def test_the_smallest_difference_is_the_one_that_is_found_in_four_of_five_samples():
    random = numpy.random.default_rng(1)
    n, gain = 400, 0.045
    found = []
    for _ in range(20):
        draw = random.random(n)
        base, other = draw < 0.5, (draw < 0.5 - 0.03) | ((draw > 0.5) & (draw < 0.5 + 0.03 + gain))
        found.append(compare(("a", rows(base)), ("b", rows(other))))
    power = sum(one.p < 0.05 for one in found) / len(found)
    assert numpy.mean([one.smallest for one in found]) == pytest.approx(gain, rel=0.15)
    assert 0.6 < power <= 0.95


def test_holm_gives_the_published_example_and_keeps_the_order():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_many_comparisons_need_a_clearer_difference():
    base, better = rows([0] * 60), rows([1] * 7 + [0] * 53)
    [alone] = compare_all(("base", base), [("x", better)])
    among = compare_all(("base", base), [("x", better), *((str(n), base) for n in range(4))])[0]
    assert alone.better and alone.p == among.p
    assert among.p_holm == pytest.approx(5 * among.p) and not among.better


def test_rows_without_a_counterpart_are_counted_and_none_in_common_is_an_error():
    base = rows([1, 0, 1])
    other = {key: row for key, row in base.items() if key != "0"} | {"9": {"hit": True, "image": "a"}}
    found = compare(("a", base), ("b", other))
    assert (found.n, found.unpaired) == (2, 2)
    with pytest.raises(UsageError, match="a and b have no sample in common"):
        compare(("a", base), ("b", {"9": base["0"]}))


def test_the_bootstrap_agrees_with_the_textbook_where_nothing_is_clustered():
    hits = numpy.array([1.0] * 300 + [0.0] * 100)
    drawn = clustered([str(n) for n in range(400)], hits[:, None], numpy.ones((400, 1)))
    assert drawn.shape == (RESAMPLES,)
    assert drawn.mean() == pytest.approx(0.75, abs=0.002)
    assert drawn.std() == pytest.approx((0.75 * 0.25 / 400) ** 0.5, rel=0.06)


def test_the_macro_interval_holds_the_macro_and_leaves_empty_groups_out():
    groups = [("a",)] * 90 + [("b",)] * 10
    hits = [True] * 90 + [False, True] * 5
    low, high = macro_interval(groups, hits, [str(n) for n in range(100)])
    assert 0.5 < low < 0.75 < high < 1
    assert macro_interval([("a", "b")], [True], ["x"]) == (1.0, 1.0)
    assert macro_interval(groups, hits, [str(n) for n in range(100)]) == (low, high)
