"""guiground click, doubleclick, rightclick, move: one place, and what the pointer does there."""

from collections.abc import Callable

import click

from guiground.cli.acting import EXIT_CODES_HELP, Session, acting, target
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
    @target
    @acting
    def command(instruction: str | None, at: Point | None, begin: Callable[[], Session]) -> int:
        from guiground.action import Action

        session = begin()
        point = session.place(instruction, at)
        return session.act(point and Action(kind, point))

    return command


press_left = _command("click", "Click on INSTRUCTION's target")
press_twice = _command("doubleclick", "Double-click on INSTRUCTION's target")
press_right = _command("rightclick", "Click on INSTRUCTION's target with the right button")
move = _command("move", "Move the pointer to INSTRUCTION's target")
