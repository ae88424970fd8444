"""What all commands that act have in common: plan, show, ask, do, check, tell."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import click

from guiground.cli.finding import EXIT_CODES, find, loaded, open_record
from guiground.cli.options import (
    POINT,
    Asking,
    Looking,
    ask_options,
    different,
    grouped,
    json_option,
    look_options,
    print_json,
    record_option,
    warn,
)
from guiground.errors import UsageError
from guiground.geometry import Point

if TYPE_CHECKING:
    from PIL.Image import Image

    from guiground.action import Action, Change
    from guiground.locator import Locator
    from guiground.result import Result
    from guiground.screen import Screenshot

DRY_RUN_PICTURE = "dry-run.png"
NOT_DONE = 1
EXIT_CODES_HELP = """\b
Exit codes:
  0  done                               4  model or memory
  1  not found, declined, no change     5  answer that names no point
  2  wrong argument or file             130  interrupted
  3  no screen, no input, or a point on no monitor
"""


@dataclass(frozen=True, slots=True)
class Caution:
    """What --dry-run, --confirm, --verify, --overlay and --record say."""

    dry_run: bool
    confirm: bool
    verify: bool
    overlay: str | None
    record: str | None


_CAUTION = (
    click.option("--dry-run", is_flag=True, help=f"Do nothing; draw what would happen.  [default: {DRY_RUN_PICTURE}]"),
    click.option("--confirm", is_flag=True, help="Ask before anything is done."),
    click.option("--verify", is_flag=True, help="Tell whether the screen changed around the target."),
    click.option("--overlay", metavar="OUT.png", help="Write the screenshot with the target drawn on it."),
    record_option,
)
at_option = click.option(
    "--at", type=POINT, help="The place itself, of the desktop; of the picture with --image or --map."
)


def target(command: Callable) -> Callable:
    """The argument INSTRUCTION or the option --at."""
    return click.argument("instruction", required=False)(at_option(command))


def acting(command: Callable) -> Callable:
    """All options of a command that finds what it acts on; it gets `begin`, which makes its Session."""
    return _acting(command, lambda command: look_options(ask_options(json_option(command))))


def acting_blindly(command: Callable) -> Callable:
    """The same for a command that looks for nothing."""
    return _acting(command, lambda command: look_options(json_option(command)))


def _acting(command: Callable, others: Callable) -> Callable:
    @wraps(command)
    def begun(caution: "Caution", look: Looking, as_json: bool, choice: Asking | None = None, **given: Any) -> Any:
        return command(**given, begin=partial(Session, look, choice, caution, as_json))

    return grouped(others(begun), _CAUTION, "caution", Caution)


class Session:
    """One command's look at the screen, the places it found there, and what it does about them."""

    def __init__(self, look: Looking, choice: Asking | None, caution: Caution, as_json: bool) -> None:
        from guiground.overlay import check_path

        self.look, self.choice, self.caution, self.as_json = look, choice, caution, as_json
        self.view = look.view()
        self.overlay = caution.overlay or (DRY_RUN_PICTURE if caution.dry_run else None)
        if self.overlay is not None:
            check_path(self.overlay)
            different(self.overlay, look.image)
        if look.image is not None and look.map is None and not caution.dry_run:
            raise UsageError(
                f"where '{look.image}' lies on the desktop is not known (add --map TOKEN from screenshot, or --dry-run)"
            )
        if not caution.dry_run:
            from guiground.screen import hands

            hands.check()  # before a model is loaded for nothing
        self.record = open_record(caution.record)
        self.screenshot: Screenshot | None = None
        self.picture: Image | None = None
        self.results: list[Result] = []
        self._locator: Locator | None = None

    def place(self, instruction: str | None, at: Point | None) -> Point | None:
        """The desktop point of an instruction, or of `at`; None if it was not found."""
        if (instruction is None) == (at is None):
            raise UsageError("say what to act on: an INSTRUCTION, or --at X,Y (one of the two)")
        if at is not None:
            in_picture = self.look.image is not None
            return self._seen().to_desktop.apply(at) if in_picture else at
        from guiground.instruction import check_instruction

        check_instruction(instruction)
        screenshot = self._seen()
        self._locator = self._locator or loaded(self.choice)
        result = find(self._locator, [instruction], screenshot)[0]
        warn(result.warnings)
        self.results.append(result)
        return result.point

    def act(self, action: "Action | None") -> int:
        """Shows, asks, does and tells; None where a target was not found. The exit code of the command."""
        from guiground.action import perform, perform_and_compare
        from guiground.screen import monitors

        if action is None:
            return self._not_found()
        if not self.caution.dry_run or self.look.image is None:
            action.check(monitors())
        self._draw(action, action.describe())
        if self.caution.dry_run:
            return self._tell(action, f"would {action.describe()}: see {self.overlay}", False, None, 0)
        if self.caution.confirm and not click.confirm(f"{action.describe()}?", err=True):
            return self._tell(action, "nothing was done", False, None, NOT_DONE)
        if not self.caution.verify:
            perform(action)
            return self._tell(action, "", True, None, 0)
        change = perform_and_compare(action)
        area = "around the target" if action.points else "on the screen"
        remark = f"{change.around:.1%} {area} changed" if change.seen else f"nothing changed {area}"
        return self._tell(action, remark, True, change, 0 if change.seen else NOT_DONE)

    def _seen(self) -> "Screenshot":
        if self.screenshot is None:
            self.screenshot = self.view.take()
        return self.screenshot

    def _draw(self, action: "Action | None", caption: str) -> None:
        from guiground.overlay import draw, save

        if self.overlay is None and self.record is None:
            return
        screenshot = self._seen()
        box = self.results[0].on_screenshot()[1] if self.results else None
        if action is None:
            self.picture = draw(screenshot.image, caption=caption)
        else:
            self.picture = action.draw(screenshot.image, screenshot.to_desktop, box, caption)
        if self.overlay is not None:
            save(self.picture, self.overlay)

    def _not_found(self) -> int:
        missed = next(result for result in self.results if not result.found)
        click.echo(missed.explain(), err=True)
        self._draw(None, f"{missed.status}: {missed.instruction}")
        facts = self._facts(None, False, None)
        if self.record is not None:
            self.record.add(f"look for {missed.instruction!r}", "failed", missed.explain(), self.picture, facts)
        if self.as_json:
            print_json(facts)
        return EXIT_CODES[missed.status]

    def _tell(self, action: "Action", remark: str, done: bool, change: "Change | None", code: int) -> int:
        if remark:
            click.echo(remark, err=True)
        facts = self._facts(action, done, change)
        if self.record is not None:
            status = "planned" if self.caution.dry_run else "ok" if code == 0 else "failed"
            self.record.add(action.describe(), status, remark, self.picture, facts)
        if self.as_json:
            print_json(facts)
        elif action.points and (done or self.caution.dry_run):
            click.echo("\n".join(f"{point.x // 1:.0f} {point.y // 1:.0f}" for point in action.points))
        sys.stdout.flush()
        return code

    def _facts(self, action: "Action | None", done: bool, change: "Change | None") -> dict:
        return {
            "schema_version": 1,
            "action": action and action.to_json(),
            "done": done,
            "dry_run": self.caution.dry_run,
            "verify": change and change.to_json(),
            "overlay": self.overlay,
            "results": [result.to_json() for result in self.results],
        }
