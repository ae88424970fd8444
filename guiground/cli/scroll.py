"""guiground scroll: the wheel over a place."""

from collections.abc import Callable

import click

from guiground.cli.acting import EXIT_CODES_HELP, Session, acting, target
from guiground.errors import UsageError
from guiground.geometry import Point


@click.command(
    epilog=EXIT_CODES_HELP
    + """
\b
Examples:
  guiground scroll "the list of messages" --down 5 --image screenshots/page-mail.png --dry-run
  guiground scroll --at 640,400 --up 3 -i screenshots/pluma-editor.png --dry-run
"""
)
@target
@click.option("--down", type=click.IntRange(min=1), metavar="N", help="Notches to turn it down.  [default: 3]")
@click.option("--up", type=click.IntRange(min=1), metavar="N", help="Notches to turn it up.")
@acting
def command(
    instruction: str | None, at: Point | None, down: int | None, up: int | None, begin: Callable[[], Session]
) -> int:
    """Turn the wheel over INSTRUCTION's target and print X Y, where it was done."""
    from guiground.action import Action

    if down is not None and up is not None:
        raise UsageError("the wheel turns one way at a time (leave out --down or --up)")
    session = begin()
    point = session.place(instruction, at)
    return session.act(point and Action("scroll", point, notches=up or -(down or 3)))
