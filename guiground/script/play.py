"""Playing a script: one step after the other, until one fails."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from guiground.action import Action, perform, perform_and_compare
from guiground.errors import AnswerError, GuigroundError
from guiground.geometry import Point
from guiground.result import NOT_THERE
from guiground.screen import Screenshot, View, keys, take
from guiground.script.expecting import wait_until_met
from guiground.script.steps import EXPECTING, LOOKING, POINTING, Step
from guiground.waiting import wait_for

if TYPE_CHECKING:
    from PIL.Image import Image

    from guiground.result import Result

TIMEOUT = 10.0  # seconds to look for a target, and for what is expected
NOT_MET = 1

Look = Callable[[str, Screenshot], "Result"]


@dataclass(slots=True)
class Played:
    """How a step went. code: 0, or the exit code of what went wrong. picture: what was seen, with the target drawn."""

    step: Step
    code: int = 0
    detail: str = ""
    milliseconds: float = 0.0
    tries: int = 1
    point: Point | None = None
    picture: "Image | None" = None
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.code == 0

    def to_json(self) -> dict:
        return {
            "number": self.step.number,
            "title": self.step.title,
            "status": "ok" if self.ok else "failed",
            "exit_code": self.code,
            "detail": self.detail,
            "point": self.point and self.point.to_json(),
            "tries": self.tries,
            "milliseconds": round(self.milliseconds, 1),
            **self.data,
        }


class _NotMet(Exception):
    """A step that did not come to what it wanted: the exit code, and why."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def play(steps: Sequence[Step], look: Look, view: View | None = None) -> Iterator[Played]:
    """Plays the steps and yields how each went; ends after the first that failed.

    look: asks the model for an instruction on a screenshot. view: where steps look that do not say it themselves. What
    the user can mend is told in the step that failed; other errors are raised.
    """
    for step in steps:
        played = _play(step, look, _view(step, view or View()))
        yield played
        if not played.ok:
            return


def _view(step: Step, view: View) -> View:
    if view.image is not None:
        return view
    own = {name: getattr(step, name) for name in ("monitor", "window", "region")}
    if own["monitor"] is None and own["window"] is None:
        own |= {"monitor": view.monitor, "window": view.window}
    return replace(view, **{**own, "region": own["region"] or view.region})


def _play(step: Step, look: Look, view: View) -> Played:
    began = time.monotonic()
    for tries in range(1, step.retries + 2):
        played = Played(step, tries=tries)
        try:
            _once(step, look, view, played)
        except _NotMet as reason:
            played.code, played.detail = reason.code, str(reason)
        except GuigroundError as error:
            played.code, played.detail = error.exit_code, str(error)
        if played.ok:
            break
    if played.picture is None and step.verb != "sleep":
        played.picture = _last_picture(view)
    played.milliseconds = 1000 * (time.monotonic() - began)
    return played


def _once(step: Step, look: Look, view: View, played: Played) -> None:
    if step.verb == "sleep":
        time.sleep(step.value)
    elif step.verb == "screenshot":
        _save(step, view, played)
    elif step.verb in LOOKING:
        _wait(step, look, view, played)
    elif step.verb in EXPECTING:
        timeout = TIMEOUT if step.timeout is None else step.timeout
        if reason := wait_until_met(step.verb, step.value, step.more.get("contains"), timeout):
            raise _NotMet(NOT_MET, reason)
    else:
        _act(step, look, view, played)


def _save(step: Step, view: View, played: Played) -> None:
    from guiground.overlay import save

    screenshot = view.take()
    save(screenshot.image, step.value)
    played.picture, played.detail = screenshot.image, str(screenshot.map)


def _wait(step: Step, look: Look, view: View, played: Played) -> None:
    timeout = (0.0 if step.verb == "assert" else TIMEOUT) if step.timeout is None else step.timeout
    _found(step.value, look, view, timeout, played, gone=step.more.get("gone", False))


def _act(step: Step, look: Look, view: View, played: Played) -> None:
    action, screenshot, box = _plan(step, look, view, played)
    if screenshot is None:
        screenshot = take(view)
    screenshot.check_on_desktop()
    played.picture = action.draw(screenshot.image, screenshot.to_desktop, box, action.describe())
    played.data["action"] = action.to_json()
    if not step.verify:
        perform(action)
        return
    change = perform_and_compare(action)
    played.data["verify"] = change.to_json()
    if not change.seen:
        raise _NotMet(NOT_MET, f"nothing changed after: {action.describe()}")


def _plan(step: Step, look: Look, view: View, played: Played) -> tuple[Action, Screenshot | None, Any]:
    """The action of a step, with the screenshot and the box on it where a target was looked for."""
    if step.verb == "press":
        return Action("press", keys=keys.parse(step.value)), None, None
    timeout = TIMEOUT if step.timeout is None else step.timeout
    what = step.value if step.verb in POINTING else step.more.get("into")
    if what is None:
        return Action("type", text=step.value), None, None
    screenshot = box = end = None
    if isinstance(what, Point):
        point = played.point = what
    else:
        point, screenshot, box = _found(what, look, view, timeout, played)
    if step.verb == "drag":
        to = step.more["to"]
        end = to if isinstance(to, Point) else _found(to, look, view, timeout, played)[0]
        played.point = point
    notches = step.more.get("up", 0) - step.more.get("down", 0 if "up" in step.more else 3)
    settings = {"to": end, "notches": notches if step.verb == "scroll" else 0}
    return Action(step.verb, point, text=step.value if step.verb == "type" else "", **settings), screenshot, box


def _found(words: str, look: Look, view: View, timeout: float, played: Played, gone: bool = False) -> tuple:
    """Point, screenshot and box of a target that was waited for. Raises _NotMet if it did not come, or did not go."""
    from guiground.overlay import draw

    waited = wait_for(lambda screenshot: look(words, screenshot), view, gone=gone, timeout=timeout)
    result = waited.result
    played.data |= {"looks": waited.looks, "result": result and result.to_json()}
    box = None
    if result is not None:
        point, box = result.on_screenshot()
        played.picture = draw(waited.screenshot.image, point, box, f"{result.status}: {words}")
        played.point = result.point
    if waited.met:
        return played.point, waited.screenshot, box
    if gone:
        raise _NotMet(NOT_MET, f"'{words}' is still there after {waited.seconds:.1f} s")
    code = AnswerError.exit_code if result is not None and result.status not in NOT_THERE else NOT_MET
    seen = "there was nothing to look at" if result is None else result.explain()
    raise _NotMet(code, f"'{words}' did not come within {waited.seconds:.1f} s: {seen}")


def _last_picture(view: View) -> "Image | None":
    """What the step left behind; of the primary monitor, where the window that it looked at is gone."""
    for place in (view, View()):
        try:
            return take(place).image
        except GuigroundError:
            continue
    return None
