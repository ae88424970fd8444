"""Asking a model where things are, for the commands that look before they do something."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from guiground.cli.options import Asking
from guiground.cli.progress import status
from guiground.errors import AnswerError, UsageError
from guiground.result import NOT_THERE

if TYPE_CHECKING:
    from guiground.locator import Locator
    from guiground.record import Record
    from guiground.result import Result
    from guiground.screen import Screenshot
    from guiground.server.client import Resident

EXIT_CODES = {"found": 0, **dict.fromkeys(NOT_THERE, 1)}
EXIT_CODES |= dict.fromkeys(("unparsable", "truncated"), AnswerError.exit_code)


def loaded(choice: Asking) -> "Locator | Resident":
    """The resident process if it runs, or with --keep a new one; else a locator with its model in memory.

    Says on a terminal what is being waited for.
    """
    if choice.keep and choice.no_resident:
        raise UsageError("--keep starts the resident process that --no-resident avoids (leave one of them out)")
    if not choice.no_resident and (resident := _resident(choice)):
        return click.get_current_context().with_resource(resident)
    from guiground.models.load import resolve

    resolve(choice.model)  # before the spinner: an unknown name is told at once, and a download has a bar of its own
    with status() as say:
        say("loading torch")
        locator = choice.locator()
        say(f"loading model {choice.model}")
        locator.load()
    return locator


def _resident(choice: Asking) -> "Resident | None":
    from guiground.server import client

    settings = choice.settings()
    resident = client.connect(settings)
    if resident is None and choice.keep:
        from guiground.cli.resident import IDLE_MINUTES

        with status() as say:
            say("starting the resident process")
            resident = client.start(IDLE_MINUTES, settings)
    return resident


def find(locator: "Locator | Resident", instructions: Sequence[str], screenshot: "Screenshot") -> "list[Result]":
    """Where the targets of the instructions are on the screenshot."""
    with status() as say:
        say(f"looking for {instructions[0]}" if len(instructions) == 1 else f"looking for {len(instructions)} targets")
        return locator.locate_many(instructions, screenshot)


def find_all(locator: "Locator | Resident", instructions: Sequence[str], screenshot: "Screenshot") -> "list[Result]":
    """Every place that fits the one instruction."""
    from guiground.matches import every

    with status() as say:
        say(f"looking for every {instructions[0]}")
        return every(lambda picture: locator.locate(instructions[0], picture), screenshot, locator.min_confidence)


def open_record(folder: str | None) -> "Record | None":
    """The record of --record, opened before anything is done, so that a folder that will not do is told at once."""
    from guiground.record import Record

    return None if folder is None else Record(folder)


def keep_result(record: "Record | None", verb: str, result: "Result", screenshot: "Screenshot") -> None:
    """Adds a look and what it found to the record."""
    from guiground.overlay import draw

    if record is None:
        return
    detail = "{} {}".format(*result) if result.found else result.explain()
    picture = draw(screenshot.image, *result.on_screenshot(), f"{result.status}: {result.instruction}")
    status = "ok" if result.found else "failed"
    record.add(f"{verb} {result.instruction!r}", status, detail, picture, result.to_json())
