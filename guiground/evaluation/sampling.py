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


def shard(samples: Sequence[Sample], part: int, parts: int) -> list[Sample]:
    """The samples of every parts-th screenshot, counted from `part` (0 to parts - 1), so that none is opened twice.

    All shards together are all samples, and no sample is in two. Raises UsageError for a part that there is not.
    """
    if not 0 <= part < parts:
        raise UsageError(f"--shard {part}/{parts} is none of 0/{parts} to {parts - 1}/{parts} (shards count from 0)")
    numbers = {name: number for number, name in enumerate(dict.fromkeys(sample.image for sample in samples))}
    chosen = [sample for sample in samples if numbers[sample.image] % parts == part]
    if not chosen:
        raise UsageError(
            f"--shard {part}/{parts} is empty: there are only {len(numbers)} screenshots (take fewer parts)"
        )
    return chosen


def _lot(sample: Sample, seed: int) -> str:
    return hashlib.sha256(f"{seed} {sample.id}".encode()).hexdigest()
