"""Finished runs, read back from the folders that they were kept in."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guiground.errors import UsageError
from guiground.evaluation.journal import ROWS
from guiground.eviction import AFTER_PREFILL


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its settings and rows (by the sample's id), and what is known about how it was made.

    about: as `journal.begin` was told; command, pictures and environment of the run.
    """

    folder: Path
    run: str
    settings: dict[str, Any]
    about: dict[str, Any]
    rows: dict[str, dict[str, Any]]

    @property
    def task(self) -> str:
        return self.settings.get("task", {}).get("name", "?")

    @property
    def label(self) -> str:
        """Model, method, budget and protocol, as short as they tell it from others."""
        budget = self.settings.get("budget")
        method = self.settings.get("method", "?")
        note = self.settings.get("method_note")
        of_method = f"{method}{f' {budget}' if budget is not None else ''}{f' ({note})' if note else ''}"
        return f"{self.settings.get('model', '?')} {of_method}{self.when}"

    @property
    def when(self) -> str:
        """The protocol in brackets after a space; nothing for the usual one."""
        protocol = self.settings.get("protocol", AFTER_PREFILL)
        return "" if protocol == AFTER_PREFILL else f" ({protocol})"


def read_all(name: str | Path) -> list[Run]:
    """The runs of FOLDER, or of FOLDER@HASH the one whose hash begins so, in the order in which they were begun.

    Reads only; a row that is being written while this reads is left out. Raises UsageError where there is none.
    """
    folder, _, wanted = (
        str(name).rpartition("@") if "@" in str(name) and not Path(name).exists() else (str(name), "", "")
    )
    path = Path(folder) / ROWS
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    try:
        content = path.read_bytes().splitlines(keepends=True)
    except OSError:
        raise UsageError(f"'{folder}' is no folder of a run: it has no {ROWS} (give what --out of eval was)") from None
    for number, line in enumerate(content, 1):
        if line.endswith(b"\n"):
            try:
                row = json.loads(line)
                rows.setdefault(row["run"], {})[row["id"]] = row
            except (ValueError, TypeError, KeyError):
                raise UsageError(f"'{path}', line {number} is no row of a run (take the line out)") from None
    found = [_run(Path(folder), run, of_run) for run, of_run in rows.items() if run.startswith(wanted)]
    if not found:
        raise UsageError(f"'{path}' has no rows of a run {wanted or 'yet'} (it has: {', '.join(rows) or 'nothing'})")
    return found


def read(name: str | Path) -> Run:
    """The one run of FOLDER or FOLDER@HASH. Raises UsageError naming the choices where there are several."""
    found = read_all(name)
    if len(found) > 1:
        choices = ", ".join(f"@{run.run} ({run.label}, {len(run.rows):,} rows)" for run in found)
        raise UsageError(f"'{name}' holds {len(found)} runs (say which, {name}@HASH: {choices})")
    return found[0]


def _run(folder: Path, run: str, rows: dict[str, dict[str, Any]]) -> Run:
    path = folder / f"run-{run}.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return Run(folder, run, dict(record["settings"]), dict(record.get("about") or {}), rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"'{path}' does not say the settings of its run: {type(error).__name__} (run it again)"
        ) from None
