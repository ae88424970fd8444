"""A part of a benchmark that looks like the whole."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from guiground.errors import UsageError
from guiground.evaluation.annotations import Sample


def stratified(samples: Sequence[Sample], limit: int, seed: int = 0) -> list[Sample]:
    """`limit` of the samples, every group in its share up to rounding, in their old order.

    Depends on the samples' ids, the limit and the seed only, not on the order of the files; with the same seed a
    smaller limit is a part of a larger one, so its rows are reused. Raises UsageError for a limit below 1.
    """
    if limit < 1:
        raise UsageError(f"--limit must be at least 1, got {limit} (leave it out for all {len(samples)} samples)")
    groups = defaultdict(list)
    for sample in samples:
        groups[sample.group].append(sample)
    depth = {}  # id -> how far into its group, in (0, 1): the groups are emptied side by side
    for group in groups.values():
        group.sort(key=lambda sample: _lot(sample, seed))
        depth |= {sample.id: ((rank + 0.5) / len(group), _lot(sample, seed)) for rank, sample in enumerate(group)}
    drawn = set(sorted(depth, key=depth.__getitem__)[:limit])
    return [sample for sample in samples if sample.id in drawn]


def _lot(sample: Sample, seed: int) -> str:
    return hashlib.sha256(f"{seed} {sample.id}".encode()).hexdigest()
