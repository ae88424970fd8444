"""guiground drag: from one place to another with the button held."""

from collections.abc import Callable

import click

from guiground.cli.acting import EXIT_CODES_HELP, Session, acting, target
from guiground.cli.options import POINT
from guiground.errors import UsageError
from guiground.geometry import Point


@click.command(
    epilog=EXIT_CODES_HELP
    + """
\b
Examples:
  guiground drag "Reply to all" --to "Archive" --image screenshots/page-mail.png --dry-run
  guiground drag --at 300,200 --by 0,150 -i screenshots/pluma-editor.png --dry-run
"""
)
@target
@click.option("--to", metavar="INSTRUCTION", help="What to drag it to.")
@click.option("--to-at", type=POINT, help="The place to drag it to.")
@click.option("--by", type=POINT, help="How far to drag it, in desktop units.")
@acting
def command(
    instruction: str | None,
    at: Point | None,
    to: str | None,
    to_at: Point | None,
    by: Point | None,
    begin: Callable[[], Session],
) -> int:
    """Drag INSTRUCTION's target to another place and print both as X Y lines.

    The place to drop it is one of --to, --to-at and --by. Both places are found on the same picture.
    """
    from guiground.action import Action

    if sum(option is not None for option in (to, to_at, by)) != 1:
        raise UsageError("say where to drag it: --to INSTRUCTION, --to-at X,Y or --by X,Y (one of them)")
    session = begin()
    start = session.place(instruction, at)
    if start is None:
        return session.act(None)
    end = Point(start.x + by.x, start.y + by.y) if by is not None else session.place(to, to_at)
    return session.act(end and Action("drag", start, end))
