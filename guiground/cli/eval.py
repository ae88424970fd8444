"""guiground eval: how often a model hits the targets of a benchmark."""

import platform
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guiground.cli import outcome
from guiground.cli.merge import command as merging
from guiground.cli.options import ModelChoice, model_options
from guiground.cli.outcome import tell
from guiground.cli.progress import status
from guiground.errors import UsageError
from guiground.evaluation.breakdown import BY

if TYPE_CHECKING:
    from guiground.evaluation.annotations import Sample
    from guiground.evaluation.journal import Journal
    from guiground.evaluation.tasks import Found

FOLDER = click.Path(path_type=Path)
BBOX_FORMAT = click.Choice(["xywh", "xyxy", "normalised"])


class WithMerge(click.Command):
    """The command, and `merge` in the place of a task."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args[:1] == ["merge"]:
            return merging.make_context("merge", args[1:], parent=parent, **extra)
        return super().make_context(info_name, args, parent=parent, **extra)


@click.command(
    cls=WithMerge,
    epilog="""\b
Tasks:
  desk, mmbench-gui-l2, osworld-g, osworld-g-refined, screenspot, screenspot-pro,
  screenspot-v2, screenspot-v2-variants, ui-vision
  or a .json, .jsonl or .parquet file with rows of img_filename, bbox, instruction

\b
Examples:
  guiground eval desk
  guiground eval desk --method mixkv --budget 64 --out runs/desk
  guiground eval desk --limit 20 --batch-size 8 --by kind,target,screen,source,wording
  guiground eval screenspot --data ScreenSpot --budget 64
  guiground eval screenshots/desk.json --limit 20 --json
  guiground eval desk --baseline runs/desk --fail-under 60
  guiground eval desk --shard 0/2 --out runs/0; guiground eval desk --shard 1/2 --out runs/1
  guiground eval merge runs/0 runs/1 --out runs/both
""",
)
@click.argument("task")
@click.option("--images", type=FOLDER, metavar="DIR", help="Where the screenshots are, if not beside the annotations.")
@click.option(
    "--data", type=FOLDER, metavar="DIR", envvar="GUIGROUND_DATA", show_envvar=True, help="The unpacked benchmark."
)
@click.option("--bbox-format", type=BBOX_FORMAT, help="How boxes are written, where the files do not tell.")
@click.option("--instruction-field", metavar="NAME", help="The field with the instruction, such as instruction_cn.")
@model_options
@click.option(
    "--batch-size", "batch", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
    help="Instructions answered at once, on screenshots of any sizes.",
)  # fmt: skip
@click.option("--limit", type=int, metavar="N", help="A sample of N targets, each group in its share.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Which targets --limit draws.")
@click.option("--shard", metavar="I/N", help="Only the I-th of N parts (from 0), each screenshot in one; see merge.")
@click.option(
    "--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True, help="Where it runs."
)
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Of Ray.  [default: one a GPU]")
@click.option(
    "--gpus", type=click.FloatRange(min=0), metavar="X", help="The share of a GPU that a worker of Ray takes."
)
@click.option(
    "--address", metavar="ADDRESS", help="Of a Ray cluster: auto, ray://head:10001.  [default: start one here]"
)
@click.option("--out", type=FOLDER, metavar="DIR", help="Keep rows in DIR/rows.jsonl; a second run goes on.")
@click.option(
    "--fail-under", type=click.FloatRange(0, 100), metavar="%", help="Exit with 1 where the accuracy is lower."
)
@click.option("--by", metavar="CLASSES", help=f"Tables by class: {', '.join(BY)}, with commas between them.")
@click.option(
    "--estimate", type=click.IntRange(min=1), metavar="N", help="Tell what N screenshots like these would take."
)
@click.option("--baseline", metavar="RUN", help="Compare with that run's folder; exit with 1 where this one is worse.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
def command(
    task: str,
    images: Path | None,
    data: Path | None,
    bbox_format: str | None,
    instruction_field: str | None,
    choice: ModelChoice,
    batch: int,
    limit: int | None,
    seed: int,
    shard: str | None,
    engine: str,
    workers: int | None,
    gpus: float | None,
    address: str | None,
    out: Path | None,
    fail_under: float | None,
    by: str | None,
    estimate: int | None,
    baseline: str | None,
    as_json: bool,
) -> int:
    """Print how often the model hits the targets of TASK, by group, with 95 % intervals.

    A hit lies in the target's closed box. What the model refuses, answers unreadably or fails on is a miss, but for
    instructions that fit nothing: there a refusal is the hit.
    """
    from guiground.evaluation import annotations, fingerprint, runs, sampling, summary, tasks
    from guiground.evaluation import estimate as estimating
    from guiground.evaluation.cluster import Cluster
    from guiground.evaluation.journal import Journal
    from guiground.evaluation.run import Here

    before, classes = runs.read(baseline) if baseline else None, outcome.classes(by)
    found = tasks.resolve(task, data, images, instruction_field)
    samples = annotations.load(found, bbox_format, lambda line: tell(f"note: {line}"))
    chosen = samples if limit is None else sampling.stratified(samples, limit, seed)
    _tell_extent(task, found, samples)
    if shard is not None:
        chosen = sampling.shard(chosen, *_parts(shard))
    with status() as say:
        say("loading torch")
        choice = choice.for_tables()
        locator = choice.locator()
    place = Cluster(asdict(choice), workers, gpus, address, batch) if engine == "ray" else Here(locator, batch)
    with Journal(out) as journal, place:
        with status() as say:
            say(f"loading model {choice.model}")
            settings = place.settings(found.task)
        journal.begin(fingerprint.run_hash(settings), settings, about(found))
        with _resumable(journal, chosen) as on_row:
            rows = place.run(found.task, chosen, found.pictures, journal, on_row)
        measured = summary.summarise(found.task.name, rows, settings, journal.run)
    measured |= {
        "of": found.task.samples or len(samples),
        "limit": limit,
        "seed": seed if limit else None,
        "shard": shard,
    }
    if before:
        measured["baseline"] = outcome.against(before, measured, rows)
    if estimate:
        measured["estimate"] = estimating.estimate(rows, estimate)
    outcome.show(measured, as_json, classes)
    outcome.tell_trouble(rows, out)
    return outcome.exit_code(rows) or outcome.gates(measured, fail_under)


def _parts(shard: str) -> tuple[int, int]:
    try:
        part, parts = map(int, shard.split("/"))
        return part, parts
    except ValueError:
        raise UsageError(f"--shard is I/N, such as 0/4, got '{shard}'") from None


def about(found: "Found") -> dict[str, Any]:
    """What a report needs of a run beside its settings: the command, and where its pictures were."""
    return {
        "command": shlex.join(["guiground", *sys.argv[1:]]),
        "files": [str(path.resolve()) for path in found.files],
        "images": str(found.images.resolve()),
        "samples": found.task.samples,
        "headline": found.task.headline,
        "system": platform.platform(),
    }


def _tell_extent(asked: str, found: "Found", samples: "Sequence[Sample]") -> None:
    task = found.task
    if asked != task.name.partition(":")[0] and task.samples:
        tell(f"note: these are the files of {task.name}, not of {asked}: the numbers are {task.name}'s")
    if task.samples and len(samples) != task.samples:
        tell(f"note: {len(samples):,} targets were found where {task.name} has {task.samples:,}: not its full number")


@contextmanager
def _resumable(journal: "Journal", chosen: "Sequence[Sample]") -> "Iterator[Callable[[dict[str, Any]], None]]":
    """Progress for the run; an interrupted one says how it goes on."""
    finished = [journal.rows[sample.id] for sample in chosen if journal.finished(sample.id)]
    if finished:
        tell(f"{len(finished):,} of {len(chosen):,} rows were there already")
    if journal.others():
        tell(f"note: {journal.path} also has rows of {journal.others()} other settings: they are not counted")
    try:
        with outcome.bar(len(chosen), finished) as on_row:
            yield on_row
    except KeyboardInterrupt:
        if journal.path is not None:
            tell(f"{len(journal.rows):,} rows are safe in {journal.path}: run the same command to go on")
        raise
