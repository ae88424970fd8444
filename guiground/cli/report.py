"""guiground report: runs as one page to open, send and publish."""

import json
from pathlib import Path

import click

from guiground.cli import outcome
from guiground.cli.progress import status
from guiground.errors import UsageError


@click.command(
    epilog="""\b
Examples:
  guiground eval screenshots/desk.json --limit 20 --out runs/full
  guiground eval screenshots/desk.json --limit 20 --budget 64 --out runs/mixkv
  guiground report runs/full runs/mixkv -o report.html
  guiground report runs/full -o full.html --pictures 500 --json
""",
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True, metavar="FILE",
    help="The page; FILE.md and FILE.csv are written beside it.",
)  # fmt: skip
@click.option(
    "--pictures", type=click.IntRange(min=0), default=150, show_default=True, metavar="N", help="Targets with pictures."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with the files and the numbers.")
def command(runs: tuple[str, ...], output: Path, pictures: int, as_json: bool) -> None:
    """Write a report of one or several runs (folders of eval --out or sweep, or FOLDER@HASH) and print its path.

    The page opens without a network: tables, charts, and pictures of misses and hits to filter. The first run is the
    one that the others are compared with. The pictures are taken from where the run found them.
    """
    from guiground.evaluation import report
    from guiground.evaluation.runs import read_all

    if output.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"the report is a page: '{output}' must end in .html (its twins get .md and .csv)")
    with status() as say:
        say("reading rows")
        found = report.numbers([run for name in runs for run in read_all(name)])
        say("drawing pictures")
        written = {
            output: report.html(found, pictures),
            output.with_suffix(".md"): report.markdown(found),
            output.with_suffix(".csv"): report.table(found),
        }
        for path, text in written.items():
            outcome.write(path, text)
    if as_json:
        names = [str(path) for path in written]
        click.echo(json.dumps({"files": names, "labels": list(found.labels), "runs": list(found.summaries)}))
    else:
        click.echo(str(output))
