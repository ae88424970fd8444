"""guiground eval: how often a model hits the targets of a benchmark."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guiground.cli.progress import status
from guiground.errors import ModelError, UsageError

if TYPE_CHECKING:
    from guiground.evaluation.annotations import Sample
    from guiground.evaluation.journal import Journal
    from guiground.evaluation.tasks import Found

FOLDER = click.Path(path_type=Path)


@click.command(
    epilog="""\b
Tasks:
  desk, screenspot, screenspot-pro, screenspot-v2
  or a JSON file: a list of img_filename, bbox [x, y, width, height] in pixels, instruction, data_type, data_source

\b
Examples:
  guiground eval desk
  guiground eval desk --method mixkv --budget 64 --out runs/desk
  guiground eval screenspot --data ScreenSpot --budget 64
  guiground eval targets.json --images shots --limit 100 --json
""",
)
@click.argument("task")
@click.option("--images", type=FOLDER, metavar="DIR", help="Where the screenshots are, if not beside the annotations.")
@click.option(
    "--data", type=FOLDER, metavar="DIR", envvar="GUIGROUND_DATA", show_envvar=True, help="The unpacked benchmark."
)
@click.option("-m", "--model", metavar="NAME|DIR", default="nano", show_default=True, help="See guiground models.")
@click.option(
    "--method", metavar="METHOD", help="How cache entries are chosen.  [default: full; mixkv if there is a budget]"
)
@click.option("--budget", metavar="N|P%", help="Cache entries to hold per head, or a percentage of the prompt.")
@click.option("--limit", type=int, metavar="N", help="A sample of N targets, each group in its share.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Which targets --limit draws.")
@click.option("--out", type=FOLDER, metavar="DIR", help="Keep rows in DIR/rows.jsonl; a second run goes on.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1, mps.")
@click.option(
    "--dtype",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
    help="Number format of the weights.",
)
@click.option(
    "--max-pixels", type=click.IntRange(min=1), metavar="N", help="Largest area the model looks at; saves memory."
)
def command(
    task: str,
    images: Path | None,
    data: Path | None,
    model: str,
    method: str | None,
    budget: str | None,
    limit: int | None,
    seed: int,
    out: Path | None,
    as_json: bool,
    device: str,
    dtype: str,
    max_pixels: int | None,
) -> int:
    """Print how often the model hits the targets of TASK, by group, with 95 % intervals.

    A hit lies in the target's closed box. What the model refuses, answers unreadably or fails on is a miss.
    """
    from guiground.evaluation import annotations, fingerprint, run, sampling, summary, tasks
    from guiground.evaluation.journal import Journal
    from guiground.locator import Locator

    found = tasks.resolve(task, data, images)
    samples = annotations.load(found)
    chosen = samples if limit is None else sampling.stratified(samples, limit, seed)
    _tell_extent(task, found, samples)
    with Journal(out) as journal:
        with status() as say:
            say("loading torch")
            locator = Locator(model, method=method, budget=budget, device=device, dtype=dtype, max_pixels=max_pixels)
            say(f"loading model {model}")
            settings = fingerprint.settings(locator, found.task)
        journal.begin(fingerprint.run_hash(settings), settings)
        with _resumable(journal, chosen) as on_row:
            rows = run.run(chosen, found.images, locator, journal, on_row)
        measured = summary.summarise(found.task.name, rows, settings, journal.run)
    measured |= {"of": found.task.samples or len(samples), "limit": limit, "seed": seed if limit else None}
    if as_json:
        click.echo(json.dumps(measured, indent=2 if sys.stdout.isatty() else None))
    else:
        _print(measured)
    _tell_trouble(rows, out)
    return _exit_code(rows)


def _tell_extent(asked: str, found: "Found", samples: "Sequence[Sample]") -> None:
    task = found.task
    if asked != task.name and task.samples:
        _tell(f"note: these are the files of {task.name}, not of {asked}: the numbers are {task.name}'s")
    if task.samples and len(samples) != task.samples:
        _tell(f"note: {len(samples):,} targets were found where {task.name} has {task.samples:,}: not its full number")


@contextmanager
def _resumable(journal: "Journal", chosen: "Sequence[Sample]") -> "Iterator[Callable[[dict[str, Any]], None]]":
    """Progress for the run; an interrupted one says how it goes on."""
    finished = [journal.rows[sample.id] for sample in chosen if journal.finished(sample.id)]
    if finished:
        _tell(f"{len(finished):,} of {len(chosen):,} rows were there already")
    if journal.others():
        _tell(f"note: {journal.path} also has rows of {journal.others()} other settings: they are not counted")
    try:
        with _bar(len(chosen), finished) as on_row:
            yield on_row
    except KeyboardInterrupt:
        if journal.path is not None:
            _tell(f"{len(journal.rows):,} rows are safe in {journal.path}: run the same command to go on")
        raise


@contextmanager
def _bar(total: int, finished: Sequence[dict[str, Any]]) -> Iterator[Callable[[dict[str, Any]], None]]:
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


def _print(measured: dict[str, Any]) -> None:
    from rich.console import Console

    from guiground.evaluation import summary

    extent = "" if measured["n"] == measured["of"] else f" of {measured['of']:,}"
    click.echo(f"{measured['task']}: {measured['n']:,}{extent} targets on {measured['screenshots']:,} screenshots")
    Console(soft_wrap=True).print(summary.table(measured))
    for line in summary.remarks(measured):
        click.echo(line)


def _tell_trouble(rows: Sequence[dict[str, Any]], out: Path | None) -> None:
    warnings = Counter(warning for row in rows for warning in row.get("warnings", ()))
    for warning, count in warnings.most_common(3):
        _tell(f"warning: {warning} ({count:,} of {len(rows):,} rows)")
    failed = [row for row in rows if row["status"] == "error"]
    if failed:
        retry = "" if out is None else ", run the same command to try them again"
        _tell(
            f"warning: {len(failed):,} of {len(rows):,} rows failed and count as misses{retry}; "
            f"the first: {_error(failed[0])}"
        )


def _error(row: dict[str, Any]) -> str:
    error = row["error"]
    place = "" if row["place"] in error["message"] else f"{row['place']}: "
    kind = f"{error['type']}: " if "traceback" in error else ""
    return f"{place}{kind}{error['message']}"


def _exit_code(rows: Sequence[dict[str, Any]]) -> int:
    """0, unless nothing could be measured at all."""
    if any(row["status"] != "error" for row in rows):
        return 0
    usage = all(row["error"]["type"] == UsageError.__name__ for row in rows)
    return UsageError.exit_code if usage else ModelError.exit_code


def _tell(line: str) -> None:
    click.echo(line, err=True)
