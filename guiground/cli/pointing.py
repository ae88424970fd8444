"""guiground click, doubleclick, rightclick, move: one place, and what the pointer does there."""

import click

from guiground.cli.acting import EXIT_CODES_HELP, Caution, Session, act_options, at_option
from guiground.cli.options import Asking, Looking, ask_options, json_option, look_options
from guiground.geometry import Point


def _command(kind: str, what: str) -> click.Command:
    examples = f"""
\b
Examples:
  guiground {kind} "Reply to all" --image screenshots/page-mail.png --dry-run
  guiground {kind} --at 640,400 -i screenshots/pluma-editor.png --dry-run --overlay there.png
"""
    text = f"""{what} and print X Y, where it was done.

    What is done happens on the desktop: a target on a picture (--image) needs the picture's coordinate map (--map).
    A point outside every monitor is refused, and a pointer moved into a corner of the screen stops the command.
    """

    @click.command(kind, help=text, epilog=EXIT_CODES_HELP + examples)
    @click.argument("instruction", required=False)
    @at_option
    @act_options
    @look_options
    @ask_options
    @json_option
    def command(
        instruction: str | None, at: Point | None, caution: Caution, look: Looking, choice: Asking, as_json: bool
    ) -> int:
        from guiground.action import Action

        session = Session(look, choice, caution, as_json)
        point = session.place(instruction, at)
        return session.act(point and Action(kind, point))

    return command


press_left = _command("click", "Click on INSTRUCTION's target")
press_twice = _command("doubleclick", "Double-click on INSTRUCTION's target")
press_right = _command("rightclick", "Click on INSTRUCTION's target with the right button")
move = _command("move", "Move the pointer to INSTRUCTION's target")
