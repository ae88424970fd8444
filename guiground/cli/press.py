"""guiground press: keys."""

import click

from guiground.cli.acting import Caution, Session, act_options
from guiground.cli.options import Looking, json_option, look_options


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
@act_options
@look_options
@json_option
def command(keys: str, caution: Caution, look: Looking, as_json: bool) -> int:
    """Press KEYS together, such as enter, ctrl+s or ctrl+shift+t.

    cmd is the command key on macOS and ctrl elsewhere.
    """
    from guiground.action import Action
    from guiground.screen.keys import parse

    parsed = parse(keys)
    return Session(look, None, caution, as_json).act(Action("press", keys=parsed))
