"""guiground models: the checkpoints that are known by name."""

import json
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from guiground.models.listing import Row


@click.command(
    epilog="""\b
Examples:
  guiground models
  guiground models --json
""",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with everything that is known.")
def command(as_json: bool) -> None:
    """Print the models that --model takes: name, size, the unit in which they answer, whether their files are here.

    A model that is not here is fetched from the Hugging Face Hub when it is first used.
    """
    from guiground.models.listing import listing

    rows = listing()
    if as_json:
        click.echo(json.dumps([row.to_json() for row in rows], indent=2 if sys.stdout.isatty() else None))
    else:
        _print(rows)


def _print(rows: "list[Row]") -> None:
    from rich.console import Console
    from rich.table import Table

    terminal = sys.stdout.isatty()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for heading, width in (
        ("NAME", None),
        ("SIZE", 7),
        ("UNIT", None),
        ("HERE", None),
        ("LICENCE", 16),
        ("REPOSITORY", 32),
    ):
        table.add_column(heading, overflow="fold", max_width=width if terminal else None)
    for row in rows:
        here = "[green]yes[/]" if row.local else "-"
        table.add_row(row.name, row.parameters, row.space, here, row.licence, row.repo_id or "(in this package)")
    wide = {} if terminal else {"width": 200}  # in a file or a pipe a row is a line
    Console(highlight=False, **wide).print(table)
