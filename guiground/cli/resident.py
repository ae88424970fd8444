"""guiground up, down, status: the process that keeps a model loaded between commands."""

from typing import Any

import click

from guiground.cli.options import ModelChoice, json_option, model_options, print_json, warn
from guiground.cli.progress import status

IDLE_MINUTES = 15.0
NOT_UP = 1


@click.command(
    "up",
    epilog="""\b
Exit codes: 0 up, 2 wrong argument, 4 model or memory, 130 interrupted.

\b
Examples:
  guiground up
  guiground up --idle 60 --json
""",
)
@click.option(
    "--idle",
    type=click.FloatRange(min=0),
    default=IDLE_MINUTES,
    show_default=True,
    metavar="MINUTES",
    help="End by itself when nothing was asked for so long; 0 for never.",
)
@model_options
@json_option
def start(idle: float, choice: ModelChoice, as_json: bool) -> int:
    """Start the resident process and load a model, so that the commands after it answer at once.

    As long as it runs, locate, click, wait, run and the others ask it, each with its own options; another model takes
    the place of the one loaded. It listens on a socket that only this user can open.
    """
    from guiground.server import client

    settings = choice.settings()
    with status() as say:
        say("starting")
        before = client.connect(settings)
        with before or client.start(idle, settings) as resident:
            say(f"loading model {choice.model}")
            resident.load()
            facts = resident.ask("status")
    if before and facts["idle_minutes"] != idle:
        warn((f"it was up already, with --idle {facts['idle_minutes']:g} (guiground down lets you start it anew)",))
    _tell(facts, as_json)
    return 0


@click.command(
    "down",
    epilog="""\b
Exit codes: 0 none is up any more, 2 it is still answering.

\b
Examples:
  guiground down
  guiground down --json
""",
)
@json_option
def end(as_json: bool) -> int:
    """End the resident process, when it has answered what it is about."""
    from guiground.server import client

    process = client.end()
    if as_json:
        print_json({"schema_version": 1, "up": False, "ended": process})
    else:
        click.echo("no resident process was up" if process is None else f"resident process {process} has ended")
    return 0


@click.command(
    "status",
    epilog="""\b
Exit codes: 0 up, 1 not up.

\b
Examples:
  guiground status
  guiground status --json
""",
)
@json_option
def show(as_json: bool) -> int:
    """Tell whether the resident process is up, what it holds, and when it would end."""
    from guiground.server import client

    resident = client.connect()
    if resident is None:
        if as_json:
            print_json({"schema_version": 1, "up": False})
        else:
            click.echo("no resident process is up (start it with: guiground up)")
        return NOT_UP
    with resident:
        _tell(resident.ask("status"), as_json)
    return 0


def _tell(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json({"schema_version": 1, "up": True, **facts})
        return
    model = f"{facts['model']} on {facts['device']}" if facts["device"] else "no model loaded"
    weights, screenshots = (round(facts[name] / 1e6) for name in ("weights_bytes", "screenshots_bytes"))
    idle = facts["idle_minutes"]
    click.echo(f"resident process {facts['pid']} is up: {model}")
    click.echo(f"holds {weights:,} MB of weights and {screenshots:,} MB of recent screenshots")
    click.echo(f"{facts['answered']:,} answered, {facts['waiting']:,} waiting, idle for {facts['idle_seconds']:.0f} s")
    click.echo(f"ends after {idle:g} idle minutes" if idle else "stays until guiground down")
