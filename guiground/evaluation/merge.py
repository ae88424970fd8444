"""Rows that were made apart, by shards on other machines, put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from guiground.errors import UsageError
from guiground.evaluation.journal import Journal
from guiground.evaluation.runs import Run, read_all

_ANSWER = ("status", "point", "hit")  # what two rows of one sample must agree on


@dataclass(frozen=True, slots=True)
class Merged:
    """One run after merging: added: rows that were new here; twice: rows that several folders had, which agreed."""

    run: Run
    added: int
    twice: int


def merge(folders: Sequence[str | Path], out: Path) -> list[Merged]:
    """All rows of all runs in the folders, in `out`, which may have rows already; merging again changes nothing.

    A row with an answer counts before one with an error. Raises UsageError where two folders have different answers to
    one sample of one run: then they were not made with the same settings, whatever their hash says.
    """
    found = [run for folder in folders for run in read_all(folder)]
    merged = []
    with Journal(out) as journal:
        for run in dict.fromkeys(run.run for run in found):
            of_hash = next(part for part in found if part.run == run)
            journal.begin(of_hash.run, of_hash.settings, of_hash.about)
            added = twice = 0
            for part in (run for run in found if run.run == of_hash.run):
                for identity, row in part.rows.items():
                    if not journal.finished(identity) and (row["status"] != "error" or identity not in journal.rows):
                        journal.append(row)
                        added += 1
                    elif row["status"] != "error":
                        _check(journal.rows[identity], row, part)
                        twice += 1
            merged.append((of_hash.run, added, twice))
    after = {run.run: run for run in read_all(out)}
    return [Merged(after[run], added, twice) for run, added, twice in merged]


def _check(kept: dict, row: dict, part: Run) -> None:
    if any(kept.get(key) != row.get(key) for key in _ANSWER):
        raise UsageError(
            f"'{part.folder}' answers {row.get('place', row['id'])} with {row.get('point') or row['status']}, another "
            f"folder with {kept.get('point') or kept['status']} (rows of one run must agree: leave one folder out)"
        )
