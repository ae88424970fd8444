"""Whether one run is better than another: both answered the same instructions, so they are compared pair by pair."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from guiground.errors import UsageError
from guiground.evaluation.statistics import clustered, wilson

SIGNIFICANT = 0.05
_FEWEST_PAIRS = 6  # disagreements, all of one kind, that the exact test needs: 2 / 2**6 < 0.05
_POWER = 1.959964 + 0.841621  # standard errors between no difference and one found in 80 % of samples at 5 %

Rows = Mapping[str, Mapping[str, Any]]  # by the sample's id


@dataclass(frozen=True, slots=True)
class Comparison:
    """Run `other` against run `base` on the n samples that both have.

    won, lost: samples that only the other, only the base hit. difference: of the accuracies, in shares; ci95: its
    interval by drawing screenshots. p: the exact McNemar test, two-sided; p_holm: with all comparisons of one call
    taken into account. smallest: the smallest true difference that a sample like this shows in 80 of 100 cases.
    unpaired: rows that only one of the two runs has.
    """

    base: str
    other: str
    n: int
    base_hits: int
    other_hits: int
    base_ci95: tuple[float, float]
    other_ci95: tuple[float, float]
    won: int
    lost: int
    difference: float
    ci95: tuple[float, float]
    p: float
    p_holm: float
    smallest: float
    unpaired: int

    @property
    def better(self) -> bool:
        return self.p_holm < SIGNIFICANT and self.difference > 0

    @property
    def worse(self) -> bool:
        return self.p_holm < SIGNIFICANT and self.difference < 0


def compare(base: tuple[str, Rows], other: tuple[str, Rows]) -> Comparison:
    """One run against another. Raises UsageError where they have no sample in common."""
    import numpy
    from scipy.stats import binomtest

    (base_name, base_rows), (other_name, other_rows) = base, other
    both = [identity for identity in base_rows if identity in other_rows]
    if not both:
        raise UsageError(f"{base_name} and {other_name} have no sample in common (compare runs of the same benchmark)")
    first = numpy.array([bool(base_rows[identity]["hit"]) for identity in both], dtype=float)
    second = numpy.array([bool(other_rows[identity]["hit"]) for identity in both], dtype=float)
    won, lost = int(((second - first) > 0).sum()), int(((second - first) < 0).sum())
    drawn = clustered(
        [base_rows[identity]["image"] for identity in both], (second - first)[:, None], numpy.ones((len(both), 1))
    )
    p = float(binomtest(won, won + lost).pvalue) if won + lost else 1.0
    return Comparison(
        base=base_name,
        other=other_name,
        n=len(both),
        base_hits=int(first.sum()),
        other_hits=int(second.sum()),
        base_ci95=wilson(int(first.sum()), len(both)),
        other_ci95=wilson(int(second.sum()), len(both)),
        won=won,
        lost=lost,
        difference=float((second - first).mean()),
        ci95=(float(numpy.quantile(drawn, 0.025)), float(numpy.quantile(drawn, 0.975))),
        p=p,
        p_holm=p,
        smallest=min(1.0, max(_POWER * float(drawn.std()), _FEWEST_PAIRS / len(both))),
        unpaired=len(base_rows) + len(other_rows) - 2 * len(both),
    )


def compare_all(base: tuple[str, Rows], others: Sequence[tuple[str, Rows]]) -> list[Comparison]:
    """Each of the others against the base, with the p values corrected for their number."""
    comparisons = [compare(base, other) for other in others]
    corrected = holm([comparison.p for comparison in comparisons])
    return [replace(found, p_holm=p) for found, p in zip(comparisons, corrected, strict=True)]


def holm(values: Sequence[float]) -> list[float]:
    """The p values, corrected so that 5 % bounds the chance of any false finding among them.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    corrected, reached = [0.0] * len(values), 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        reached = max(reached, min(1.0, (len(values) - rank) * values[place]))
        corrected[place] = reached
    return corrected
