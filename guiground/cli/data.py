"""guiground data: looking through a benchmark, and fetching one."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from guiground.cli.progress import status

FOLDER = click.Path(path_type=Path)
BBOX_FORMAT = click.Choice(["xywh", "xyxy", "normalised"])
BAD_ROWS = 1  # the exit code where something is wrong with the data


@click.group(
    epilog="""\b
Examples:
  guiground data check screenshots/desk.json
  guiground data check desk --json
""",
)
def command() -> None:
    """Check or fetch the data of a benchmark."""


@command.command(
    epilog="""\b
Examples:
  guiground data check screenshots/desk.json
  guiground data check screenshots/desk.json --bbox-format xywh --json
""",
)
@click.argument("task", metavar="TASK|PATH")
@click.option("--images", type=FOLDER, metavar="DIR", help="Where the screenshots are, if not beside the annotations.")
@click.option(
    "--data", type=FOLDER, metavar="DIR", envvar="GUIGROUND_DATA", show_envvar=True, help="The unpacked benchmark."
)
@click.option("--bbox-format", type=BBOX_FORMAT, help="How boxes are written, where the files do not tell.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(task: str, images: Path | None, data: Path | None, bbox_format: str | None, as_json: bool) -> int:
    """Print every row of a benchmark that is not right, with its file, number and reason.

    Opens every picture. Exit code 0: all rows are right; 1: some are not; 2: the files cannot be read.
    """
    from guiground.evaluation import tasks
    from guiground.evaluation.check import check as look

    found = tasks.resolve(task, data, images)
    with status() as say:
        say(f"looking through {found.task.name}")
        checked = look(found, bbox_format, lambda line: click.echo(f"note: {line}", err=True))
    if as_json:
        click.echo(json.dumps(asdict(checked), indent=2 if sys.stdout.isatty() else None))
    else:
        for line in checked.wrong:
            click.echo(line)
        boxes = ", ".join(f"{count:,} {form}" for form, count in checked.forms.items())
        groups = ", ".join(f"{name} {count:,}" for name, count in checked.groups.items())
        extent = f" of {checked.expected:,}" if checked.expected and checked.expected != checked.rows else ""
        click.echo(f"{checked.task}: {checked.rows:,}{extent} targets on {checked.screenshots:,} screenshots")
        click.echo(f"boxes: {boxes or 'none'}; groups: {groups or 'none'}")
        click.echo(f"{len(checked.wrong):,} bad rows, {checked.repeated:,} said twice")
    return BAD_ROWS if checked.wrong else 0


@command.command(
    epilog="""\b
Examples:
  guiground data get screenspot-v2 --to data
  guiground eval screenspot-v2 --data data --limit 100
""",
)
@click.argument("task")
@click.option(
    "--to", type=FOLDER, metavar="DIR", envvar="GUIGROUND_DATA", show_envvar=True, help="Where to put it.  [default: .]"
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def get(task: str, to: Path | None, as_json: bool) -> None:
    """Fetch the benchmark TASK from the Hugging Face Hub into a folder of its name below DIR, and print that folder."""
    from guiground.evaluation import tasks
    from guiground.evaluation.download import download

    wanted = tasks.find(task)
    if wanted.layout.in_source_tree:
        folder = tasks.locate(wanted, None).images
    else:
        with status() as say:
            folder = download(wanted, (to or Path()) / wanted.layout.folders[0], say)
    click.echo(json.dumps({"task": wanted.name, "folder": str(folder)}) if as_json else str(folder))
