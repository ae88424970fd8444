"""guiground type: text into the field that has the focus, or into one found by words."""

import sys
from collections.abc import Callable

import click

from guiground.cli.acting import EXIT_CODES_HELP, Session, acting, at_option
from guiground.errors import UsageError
from guiground.geometry import Point


@click.command(
    epilog=EXIT_CODES_HELP
    + """
\b
Examples:
  guiground type "Grüße aus Köln" --into "Search mail" --image screenshots/page-mail.png --dry-run
  guiground type "hello" --at 640,400 -i screenshots/pluma-editor.png --dry-run --json
"""
)
@click.argument("text", metavar="TEXT|-")
@click.option("--into", metavar="INSTRUCTION", help="Click on this first.")
@at_option
@acting
def command(text: str, into: str | None, at: Point | None, begin: Callable[[], Session]) -> int:
    """Type TEXT, in any script; - reads it from standard input.

    With --into or --at that place is clicked first, and printed as X Y. Records tell how long the text was, not the
    text.
    """
    from guiground.action import Action
    from guiground.screen.typist import check_text

    if text != "-":
        check_text(text)
    session = begin()
    if text == "-":
        if session.look.image == "-":
            raise UsageError("standard input cannot be the text and the picture (give one of them as a file)")
        text = check_text(sys.stdin.read())
    if into is None and at is None:
        return session.act(Action("type", text=text))
    point = session.place(into, at)
    return session.act(point and Action("type", point, text=text))
