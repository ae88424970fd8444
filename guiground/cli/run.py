"""guiground run: a script of steps, with a record of what was seen and done."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from guiground.cli.finding import find, loaded, open_record
from guiground.cli.options import (
    Asking,
    Looking,
    ask_options,
    json_option,
    look_options,
    print_json,
    record_option,
)
from guiground.errors import UsageError

if TYPE_CHECKING:
    from guiground.record import Record
    from guiground.result import Result
    from guiground.screen import Screenshot
    from guiground.script.play import Played


@click.command(
    epilog="""\b
Exit codes:
  0  all steps done                     4  model or memory
  1  a target not found, no change      5  answer that names no point
  2  wrong argument, file or script     130  interrupted
  3  no screen, no input, or a point on no monitor

\b
Examples:
  guiground run tests/desk_scripts/look.toml --image screenshots/page-mail.png
  guiground run tests/desk_scripts/editor.toml --set FILE=/tmp/notes.txt --dry-run
"""
)
@click.argument("script", metavar="SCRIPT.toml")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="What stands for ${NAME} in the script.")
@click.option("--dry-run", is_flag=True, help="Check the script and print its steps; do nothing.")
@record_option
@look_options
@ask_options
@json_option
def command(
    script: str,
    pairs: tuple[str, ...],
    dry_run: bool,
    record: str | None,
    look: Looking,
    choice: Asking,
    as_json: bool,
) -> int:
    """Do the steps of SCRIPT.toml one after the other, and stop at the first that fails.

    A step is one of locate, wait, assert, click, doubleclick, rightclick, move, drag, scroll, type, press, screenshot
    and sleep, or checks without a model: opened and closed (a window, by a part of its title), file (a path; contains).
    A target is looked for until it is there (timeout, 10 seconds), and a failed step is tried again (retries). Of a
    step that fails the picture is kept, also without --record.
    """
    from guiground.script.play import play
    from guiground.script.steps import read

    steps = read(script, _filled(pairs))
    if dry_run:
        titles = [{"number": step.number, "title": step.title} for step in steps]
        if as_json:
            print_json({"schema_version": 1, "dry_run": True, "steps": titles})
        else:
            click.echo("\n".join(f"{step['number']}  {step['title']}" for step in titles))
        return 0
    kept = open_record(record)
    model = _Model(choice)
    done = []
    for played in play(steps, model.look, look.view()):
        done.append(played.to_json())
        picture = _keep(played, kept)
        done[-1]["picture"] = picture and str(picture)
        if not as_json:
            _tell(played)
        if not played.ok:
            seen = f" (see {picture})" if picture else ""
            click.echo(f"step {played.step.number} of {len(steps)} failed: {played.detail}{seen}", err=True)
    if as_json:
        print_json({"schema_version": 1, "ok": played.ok, "steps": done, "record": kept and str(kept.page)})
    return played.code


class _Model:
    """The model, loaded when the first step needs it."""

    def __init__(self, choice: Asking) -> None:
        self.choice, self._locator = choice, None

    def look(self, instruction: str, screenshot: "Screenshot") -> "Result":
        if self._locator is None:
            self._locator = loaded(self.choice)
        return find(self._locator, [instruction], screenshot)[0]


def _filled(pairs: tuple[str, ...]) -> dict[str, str]:
    filled = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--set '{pair}' is not NAME=VALUE (such as --set FILE=notes.txt)")
        filled[name] = value
    return filled


def _keep(played: "Played", kept: "Record | None") -> Path | None:
    """The path of the step's picture: in the record, or beside the user where a step failed without one."""
    if kept is not None:
        status = "ok" if played.ok else "failed"
        return kept.add(played.step.title, status, played.detail, played.picture, played.to_json())
    if played.ok or played.picture is None:
        return None
    from guiground.overlay import save

    path = Path(f"failed-step-{played.step.number:03}.png")
    save(played.picture, path)
    return path


def _tell(played: "Played") -> None:
    point = f"{played.point.x // 1:.0f} {played.point.y // 1:.0f}" if played.point is not None else ""
    parts = (str(played.step.number), "ok" if played.ok else "FAILED", played.step.title, point)
    click.echo("  ".join(part for part in parts if part))
