"""What is told about a run: while it goes on, when it is done, and whether it was good enough."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guiground.errors import ModelError, UsageError

if TYPE_CHECKING:
    from guiground.evaluation.runs import Run

BELOW = 1  # the exit code where --fail-under or --baseline is not met


@contextmanager
def bar(total: int, finished: Sequence[dict[str, Any]]) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A progress bar on stderr, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda row: None
        return
    hits, seen = sum(row["hit"] for row in finished), len(finished)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=total, completed=seen)

        def on_row(row: dict[str, Any]) -> None:
            nonlocal hits, seen
            hits, seen = hits + row["hit"], seen + 1
            progress.update(bar, advance=1, description=f"{100 * hits / seen:.1f} % hit")

        yield on_row


def classes(by: str | None) -> list[str]:
    """What --by names. Raises UsageError."""
    from guiground.evaluation.breakdown import BY

    named = [name.strip() for name in (by or "").split(",") if name.strip()]
    for name in named:
        if name not in BY:
            raise UsageError(f"--by does not know '{name}' (choose from: {', '.join(BY)})")
    return named


def show(measured: dict[str, Any], as_json: bool, by: Sequence[str] = ()) -> None:
    """The numbers on stdout. by: the classes to print tables of, beside the groups."""
    if as_json:
        click.echo(json.dumps(measured, indent=2 if sys.stdout.isatty() else None))
        return
    from rich.console import Console

    from guiground.evaluation import estimate, summary

    extent = "" if measured["n"] == measured["of"] else f" of {measured['of']:,}"
    click.echo(f"{measured['task']}: {measured['n']:,}{extent} targets on {measured['screenshots']:,} screenshots")
    for name in ("group", *(name for name in by if measured["by"][name])):
        Console(soft_wrap=True).print(summary.table(measured, name))
    estimated = measured.get("estimate")
    for line in (*summary.remarks(measured), *(estimate.told(estimated) if estimated else ())):
        click.echo(line)


def tell_trouble(rows: Sequence[dict[str, Any]], out: Path | None) -> None:
    """Warnings and failed rows, on stderr."""
    warnings = Counter(warning for row in rows for warning in row.get("warnings", ()))
    for warning, count in warnings.most_common(3):
        tell(f"warning: {warning} ({count:,} of {len(rows):,} rows)")
    failed = [row for row in rows if row["status"] == "error"]
    if failed:
        retry = "" if out is None else ", run the same command to try them again"
        tell(
            f"warning: {len(failed):,} of {len(rows):,} rows failed and count as misses{retry}; "
            f"the first: {_error(failed[0])}"
        )


def _error(row: dict[str, Any]) -> str:
    error = row["error"]
    place = "" if row["place"] in error["message"] else f"{row['place']}: "
    kind = f"{error['type']}: " if "traceback" in error else ""
    return f"{place}{kind}{error['message']}"


def exit_code(rows: Sequence[dict[str, Any]]) -> int:
    """0, unless nothing could be measured at all."""
    if any(row["status"] != "error" for row in rows):
        return 0
    usage = all(row["error"]["type"] == UsageError.__name__ for row in rows)
    return UsageError.exit_code if usage else ModelError.exit_code


def write(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written: {error.strerror} (choose another place)") from None


def tell(line: str) -> None:
    """A line on stderr."""
    click.echo(line, err=True)


def against(before: "Run", measured: dict[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The comparison with an earlier run, told in one line and returned for --json."""
    from guiground.evaluation import comparison

    if before.task != measured["task"]:
        raise UsageError(f"--baseline '{before.folder}' is a run of {before.task}, not of {measured['task']}")
    now = {row["id"]: row for row in rows}
    found = comparison.compare((f"baseline {before.label}", before.rows), ("this run", now))
    low, high = found.ci95
    tell(
        f"against {found.base}: {100 * found.difference:+.1f} points (95 % interval {100 * low:+.1f} to "
        f"{100 * high:+.1f}) on {found.n:,} targets, {found.won:,} won, {found.lost:,} lost, p = {found.p:.3f}"
    )
    return asdict(found) | {"worse": found.worse}


def gates(measured: dict[str, Any], fail_under: float | None) -> int:
    """The exit code of --fail-under and --baseline."""
    accuracy = 100 * measured["accuracy"]
    failed = []
    if fail_under is not None and accuracy < fail_under:
        failed.append(f"the accuracy is {accuracy:.1f} %, below --fail-under {fail_under:g}")
    if measured.get("baseline", {}).get("worse"):
        failed.append("this run is worse than --baseline, by more than chance")
    for line in failed:
        tell(f"failed: {line}")
    return BELOW if failed else 0
