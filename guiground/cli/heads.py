"""guiground heads: measures which attention heads of a model look at the target, for the methods that want to know."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guiground.cli.options import Loading, json_option, loading_options, print_json
from guiground.cli.progress import status

if TYPE_CHECKING:
    from guiground.evaluation.annotations import Sample
    from guiground.evaluation.tasks import Found
    from guiground.visual_heads import Measured, Target

SHOWN = 8  # heads in the table


@click.command(
    epilog="""\b
Examples:
  guiground heads
  guiground heads screenshots/desk.json --limit 8 --mode mass --dry-run --json --plot heads.png
"""
)
@click.argument("task", required=False)
@click.option("--images", type=click.Path(path_type=Path), metavar="DIR", help="Where the screenshots of TASK are.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="A sample of N targets.")
@click.option(
    "--mode",
    type=click.Choice(["hit", "mass"]),
    default="hit",
    show_default=True,
    help="Count answer tokens whose strongest attention lies on the target, or sum the attention on it.",
)
@click.option("--misses", is_flag=True, help="Count targets that the model misses, too.")
@click.option("--dry-run", is_flag=True, help="Do not store the scores.")
@click.option("--plot", metavar="OUT.png", help="Also write a picture of the scores, layers by heads.")
@loading_options
@json_option
def command(
    task: str | None,
    images: Path | None,
    limit: int | None,
    mode: str,
    misses: bool,
    dry_run: bool,
    plot: str | None,
    choice: Loading,
    as_json: bool,
) -> int:
    """Measure the visual heads of a model and store their scores for --method sparsemm and mixkv-sparsemm.

    The model answers about the targets of TASK, an annotation file or a benchmark, by default 28 on packaged screens
    that belong to no benchmark. A head scores by the attention that the tokens of a right answer pay to the target.
    The scores are stored once for a model, known by its weights, and depend on no later screenshot.
    """
    from guiground import visual_heads
    from guiground.evaluation import annotations, sampling, tasks
    from guiground.overlay import check_path, save

    if plot is not None:
        check_path(plot)
    found = tasks.resolve(task or str(visual_heads.SCREENS), images=images)
    samples = annotations.load(found)
    samples = samples if limit is None else sampling.stratified(samples, limit, 0)
    with status() as say:
        say("loading torch")
        locator = choice.for_tables().locator()
        say(f"loading model {choice.model}")
        grounder = locator.load()
        targets = _targets(found, samples)
        measured = visual_heads.measure(
            locator, targets, mode, misses, lambda number: say(f"target {number} of {len(samples)}")
        )
    path = None if dry_run else visual_heads.store(grounder, measured)
    if plot is not None:
        from guiground.explaining.head_map import head_map

        title = f"visual heads · {grounder.entry.name} · {measured.used} right answers"
        save(head_map(measured.of_kv_heads, title, "share of all scores", unit=100, suffix=" %"), plot)
    record = {
        "model": grounder.entry.name,
        "revision": grounder.revision,
        "mode": mode,
        "targets": measured.targets,
        "used": measured.used,
        "stored": path and str(path),
        "shares": [[round(share, 5) for share in layer] for layer in measured.of_kv_heads],
        "scores": measured.scores,
    }
    if as_json:
        print_json(record)
    else:
        _print(record, measured)
    return 0


def _targets(found: "Found", samples: "list[Sample]") -> "Iterator[Target]":
    from guiground.geometry import Box, Size
    from guiground.visual_heads import Target

    pictures = found.pictures
    for sample in samples:
        screenshot = pictures.open(sample.image)
        box = sample.target(Size(*screenshot.image.size))
        if box is None:
            continue  # nothing to look at
        yield Target(screenshot, sample.instruction, box if isinstance(box, Box) else box.bounds)


def _print(record: dict[str, Any], measured: "Measured") -> None:
    shares = [(share, layer, head) for layer, row in enumerate(record["shares"]) for head, share in enumerate(row)]
    click.echo(
        f"{record['model']}: {record['used']} right answers to {record['targets']} targets, "
        f"{len(record['shares'])} layers of {measured.kv_heads} kv heads"
    )
    for share, layer, head in sorted(shares, reverse=True)[:SHOWN]:
        click.echo(f"  layer {layer:>2}, kv head {head:>2}: {100 * share:5.1f} % of all scores")
    if record["stored"]:
        click.echo(f"stored in {record['stored']}", err=True)
