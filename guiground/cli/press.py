"""guiground press: keys."""

from collections.abc import Callable

import click

from guiground.cli.acting import Session, acting_blindly


@click.command(
    epilog="""\b
Exit codes:
  0  done                               3  no screen, or no input
  1  declined, or no change             130  interrupted
  2  wrong argument or file

\b
Examples:
  guiground press ctrl+s --image screenshots/pluma-editor.png --dry-run
  guiground press alt+f4 -i screenshots/pluma-editor.png --dry-run --json
"""
)
@click.argument("keys")
@acting_blindly
def command(keys: str, begin: Callable[[], Session]) -> int:
    """Press KEYS together, such as enter, ctrl+s or ctrl+shift+t.

    cmd is the command key on macOS and ctrl elsewhere.
    """
    from guiground.action import Action
    from guiground.screen.keys import parse

    parsed = parse(keys)
    return begin().act(Action("press", keys=parsed))
