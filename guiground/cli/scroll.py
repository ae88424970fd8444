"""guiground scroll: the wheel over a place."""

import click

from guiground.cli.acting import EXIT_CODES_HELP, Caution, Session, act_options, at_option
from guiground.cli.options import Asking, Looking, ask_options, json_option, look_options
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
@click.argument("instruction", required=False)
@at_option
@click.option("--down", type=click.IntRange(min=1), metavar="N", help="Notches to turn it down.  [default: 3]")
@click.option("--up", type=click.IntRange(min=1), metavar="N", help="Notches to turn it up.")
@act_options
@look_options
@ask_options
@json_option
def command(
    instruction: str | None,
    at: Point | None,
    down: int | None,
    up: int | None,
    caution: Caution,
    look: Looking,
    choice: Asking,
    as_json: bool,
) -> int:
    """Turn the wheel over INSTRUCTION's target and print X Y, where it was done."""
    from guiground.action import Action

    if down is not None and up is not None:
        raise UsageError("the wheel turns one way at a time (leave out --down or --up)")
    session = Session(look, choice, caution, as_json)
    point = session.place(instruction, at)
    return session.act(point and Action("scroll", point, notches=up or -(down or 3)))
