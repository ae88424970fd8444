"""guiground eval merge: the rows of shards put together."""

import json
import sys
from pathlib import Path

import click

from guiground.cli import outcome


@click.command(
    epilog="""\b
Examples:
  guiground eval screenshots/desk.json --limit 8 --shard 0/2 --out runs/0
  guiground eval screenshots/desk.json --limit 8 --shard 1/2 --out runs/1
  guiground eval merge runs/0 runs/1 --out runs/both
  guiground eval merge runs/0 runs/1 --out runs/both --estimate 1000000
  guiground eval merge runs/0 runs/1 --out runs/both --json
""",
)
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER...")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where all rows are kept.")
@click.option(
    "--estimate", type=click.IntRange(min=1), metavar="N", help="Tell what N screenshots like these would take."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def command(folders: tuple[str, ...], out: Path, estimate: int | None, as_json: bool) -> None:
    """Put the rows of runs that were made apart into one folder, and print the numbers of the whole.

    Only rows of the same hash become one run: the same task, model, weights, settings, versions and kind of device.
    """
    from guiground.evaluation import estimate as estimating
    from guiground.evaluation import summary
    from guiground.evaluation.merge import merge

    measured = []
    for merged in merge(folders, out):
        run = merged.run
        numbers = summary.summarise(run.task, list(run.rows.values()), run.settings, run.run)
        if estimate:
            numbers["estimate"] = estimating.estimate(list(run.rows.values()), estimate)
        measured.append(numbers | {"of": run.about.get("samples") or numbers["n"]})
        outcome.tell(f"run {run.run}: {merged.added:,} rows added, {merged.twice:,} were there already")
    if as_json:
        click.echo(json.dumps({"out": str(out), "runs": measured}, indent=2 if sys.stdout.isatty() else None))
    else:
        for numbers in measured:
            outcome.show(numbers, as_json=False)
    if len(measured) > 1:
        outcome.tell(f"note: these are rows of {len(measured)} settings: they stay {len(measured)} runs")
