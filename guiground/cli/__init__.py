"""The command line: a table of commands, each loaded only when it runs, and the way every ending is told.

A command module has a click command named `command`, or several that the table names after a colon; each returns its
exit code (None counts as 0).
"""

import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import click

from guiground import __version__
from guiground.errors import GuigroundError, UsageError

COMMANDS = {  # name -> module, or module:command; help in one line
    "locate": ("guiground.cli.locate", "Print where on a screenshot, or on the screen, something is."),
    "screenshot": ("guiground.cli.screenshot", "Take a picture of the screen and list the monitors."),
    "click": ("guiground.cli.pointing:press_left", "Click on something."),
    "doubleclick": ("guiground.cli.pointing:press_twice", "Double-click on something."),
    "rightclick": ("guiground.cli.pointing:press_right", "Click on something with the right button."),
    "move": ("guiground.cli.pointing:move", "Move the pointer to something."),
    "drag": ("guiground.cli.drag", "Drag something to somewhere else."),
    "scroll": ("guiground.cli.scroll", "Turn the wheel over something."),
    "type": ("guiground.cli.type", "Type text, if asked into a field found by words."),
    "press": ("guiground.cli.press", "Press keys."),
    "wait": ("guiground.cli.wait", "Wait until something is on the screen, or no longer."),
    "run": ("guiground.cli.run", "Do the steps of a script, and keep a record."),
    "up": ("guiground.cli.resident:start", "Keep a model loaded, so that commands answer at once."),
    "down": ("guiground.cli.resident:end", "End the process that keeps a model loaded."),
    "status": ("guiground.cli.resident:show", "Tell whether a model is kept loaded, and which."),
    "doctor": ("guiground.cli.doctor", "Check what works on this machine, and what to do about the rest."),
    "eval": ("guiground.cli.eval", "Measure a model on a benchmark."),
    "compare": ("guiground.cli.compare", "Tell whether runs differ by more than chance."),
    "sweep": ("guiground.cli.sweep", "Measure many methods and budgets at once."),
    "explain": ("guiground.cli.explain", "Show what methods hold of a screenshot, side by side."),
    "redundancy": ("guiground.cli.redundancy", "Show how much alike the keys of each head are."),
    "heads": ("guiground.cli.heads", "Measure which heads look at the target."),
    "bench": ("guiground.cli.bench", "Time compression, and weigh what it holds."),
    "report": ("guiground.cli.report", "Make a page of runs to look at and to publish."),
    "reproduce": ("guiground.cli.reproduce", "Run a published experiment again."),
    "data": ("guiground.cli.data", "Check or fetch the data of a benchmark."),
    "models": ("guiground.cli.models", "List the models that can be used."),
}
INTERRUPTED = 130
CLOSED_PIPE = 141  # what a shell reports for a program that SIGPIPE ended


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for, not when it is listed."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, command = COMMANDS[name][0].partition(":")
        return getattr(import_module(module), command or "command")

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def resolve_command(self, context: click.Context, args: list[str]) -> tuple:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise UsageError(f"unknown command '{args[0]}' ({hint}choose from: {', '.join(COMMANDS)})")
        return super().resolve_command(context, args)

    def invoke(self, context: click.Context) -> int:
        """The command's exit code, also where nobody reads its output any more."""
        try:
            code = super().invoke(context)
            sys.stdout.flush()
            return code or 0
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the flush at exit says nothing
            return CLOSED_PIPE


def _print_version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from importlib import metadata

        beside = [f"{name} {metadata.version(name)}" for name in ("torch", "transformers")]
        python = ".".join(str(part) for part in sys.version_info[:3])
        click.echo(f"guiground {__version__} ({', '.join(beside)}, Python {python})")
        context.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  guiground locate "Reply to all" --image screenshots/page-mail.png
  guiground models
""",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Versions.")
def group() -> None:
    """A screenshot and words such as "the Save button" -> the point to click, on this machine."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs a command and exits with its code; what the user can mend is one line on stderr."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries' remarks; python -W brings them back
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        return group.main(arguments, prog_name="guiground", standalone_mode=False)
    except GuigroundError as error:
        _tell(f"error: {error}")
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        _tell(error.format_message())
        return error.exit_code
    except click.ClickException as error:
        context, message = getattr(error, "ctx", None), error.format_message().rstrip(".")
        message = message[:1].lower() + message[1:]
        _tell(f"error: {message} (see {context.command_path if context else 'guiground'} --help)")
        return 2
    except (KeyboardInterrupt, click.Abort):
        _tell("interrupted")
        return INTERRUPTED


def _tell(line: str) -> None:
    click.echo(line, err=True)
