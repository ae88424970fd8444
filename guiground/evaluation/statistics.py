"""How sure a measured share is, and how spread out measured times are."""

import math
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import ndarray

RESAMPLES = 4000
_CHUNK = 500  # resamples drawn at once: bounds the memory
_SEED = 0


@cache
def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of hits/n, as shares in [0, 1]; nothing measured gives (0, 1).

    The score interval: it holds for small n and near 0 and 1, where the plain +- interval does not. Source:
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    if n == 0:
        return 0.0, 1.0
    from scipy.stats import binomtest

    interval = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def clustered(clusters: Sequence[str], parts: "ndarray", wholes: "ndarray") -> "ndarray":
    """The mean over the columns of parts/wholes, summed over all rows, for RESAMPLES draws of whole clusters.

    clusters: the cluster of each row, such as its screenshot; parts, wholes: [rows, columns]. A column without rows in
    a draw is left out of that draw's mean. Returns [RESAMPLES], the same for the same input. Source: the cluster
    bootstrap, A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8.
    """
    import numpy

    _, cluster = numpy.unique(numpy.asarray(clusters), return_inverse=True)
    count = int(cluster.max()) + 1
    summed = numpy.zeros((2, count, parts.shape[1]))
    numpy.add.at(summed[0], cluster, parts)
    numpy.add.at(summed[1], cluster, wholes)
    random = numpy.random.default_rng(_SEED)
    drawn = []
    for start in range(0, RESAMPLES, _CHUNK):
        weights = random.multinomial(count, [1 / count] * count, size=min(_CHUNK, RESAMPLES - start))
        above, below = weights @ summed[0], weights @ summed[1]  # [draws, columns]
        there = below > 0
        shares = numpy.divide(above, below, out=numpy.zeros_like(above), where=there)
        drawn.append(shares.sum(1) / numpy.maximum(there.sum(1), 1))
    return numpy.concatenate(drawn)


def macro_interval(
    groups: Sequence[Sequence[str]], hits: Sequence[bool], clusters: Sequence[str]
) -> tuple[float, float]:
    """The 95 % interval of the mean of the groups' accuracies, by drawing screenshots.

    groups: of each row, the groups it counts in; hits, clusters: of each row, whether it was hit and its screenshot.
    """
    import numpy

    names = sorted({name for of_row in groups for name in of_row})
    member = numpy.array([[name in of_row for name in names] for of_row in groups], dtype=float)
    low, high = numpy.quantile(
        clustered(clusters, member * numpy.array(hits, dtype=float)[:, None], member), (0.025, 0.975)
    )
    return float(low), float(high)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value with at least that share of the values at or below it (nearest rank); None for no values."""
    ranked = sorted(values)
    return ranked[max(math.ceil(share * len(ranked)), 1) - 1] if ranked else None


def mean(values: Sequence[float]) -> float | None:
    """The mean, or None for no values."""
    return math.fsum(values) / len(values) if values else None
