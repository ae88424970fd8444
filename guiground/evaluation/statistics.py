"""How sure a measured share is, and how spread out measured times are."""

import math
from collections.abc import Sequence

_NORMAL_975 = 1.959963984540054  # the 97.5 % point of the standard normal distribution


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of hits/n, as shares in [0, 1]; nothing measured gives (0, 1).

    The score interval: it holds for small n and near 0 and 1, where the plain +- interval does not. Source:
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    if n == 0:
        return 0.0, 1.0
    share, spread = hits / n, _NORMAL_975**2 / n
    middle = share + spread / 2
    half = math.sqrt(spread * (share * (1 - share) + spread / 4))
    low, high = (middle - half) / (1 + spread), (middle + half) / (1 + spread)
    return 0.0 if hits == 0 else low, 1.0 if hits == n else high


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value with at least that share of the values at or below it (nearest rank); None for no values."""
    ranked = sorted(values)
    return ranked[max(math.ceil(share * len(ranked)), 1) - 1] if ranked else None


def mean(values: Sequence[float]) -> float | None:
    """The mean, or None for no values."""
    return math.fsum(values) / len(values) if values else None
