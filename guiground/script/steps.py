"""Reading a script: every step checked before the first one is done.

timeout = 10                     # seconds to look for a target, for all steps; also retries, monitor, window, region
[[step]]
click = "the File menu"
[[step]]
type = "notes for ${DAY}"        # filled in by --set DAY=Monday
into = "the text field"
"""

import difflib
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guiground.errors import UsageError
from guiground.geometry import Box, Point

POINTING = ("click", "doubleclick", "rightclick", "move", "drag", "scroll")
LOOKING = ("locate", "wait", "assert")
EXPECTING = ("opened", "closed", "file")  # without a model: a part of a window's title, or a path
VERBS = (*LOOKING, *POINTING, "type", "press", *EXPECTING, "screenshot", "sleep")
_NUMBER, _TEXT, _WHOLE, _FLAG = "a number from 0", "text", "a whole number from 1", "true or false"
_PLACE = "words, or a point [x, y]"
_SETTINGS = {"timeout": _NUMBER, "retries": "a whole number from 0", "monitor": "a number or a name"}
_SETTINGS |= {"window": _TEXT, "region": "[x, y, width, height]"}
_VALUE = dict.fromkeys(POINTING, _PLACE) | dict.fromkeys(LOOKING, _TEXT)
_VALUE |= {"type": _TEXT, "press": _TEXT, "opened": _TEXT, "closed": _TEXT}
_VALUE |= {"file": "a file name", "screenshot": "a file name", "sleep": _NUMBER}
_OWN = {"drag": {"to": _PLACE}, "scroll": {"up": _WHOLE, "down": _WHOLE}, "type": {"into": _PLACE}}
_OWN |= {"wait": {"gone": _FLAG}, "assert": {"gone": _FLAG}, "file": {"contains": _TEXT}}
_WORDS = ("into", "to")  # settings that may be instructions
_CHECKS = {
    _TEXT: lambda value: isinstance(value, str) and value.strip() != "",
    "a file name": lambda value: isinstance(value, str) and value.strip() != "",
    _NUMBER: lambda value: _is_number(value) and value >= 0,
    _WHOLE: lambda value: _is_whole(value) and value >= 1,
    "a whole number from 0": lambda value: _is_whole(value) and value >= 0,
    "a number or a name": lambda value: _is_whole(value) or isinstance(value, str),
    _FLAG: lambda value: isinstance(value, bool),
    _PLACE: lambda value: (isinstance(value, str) and value.strip() != "") or _are_numbers(value, 2),
    "[x, y, width, height]": lambda value: _are_numbers(value, 4) and min(value[2:]) > 0,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step. verb: one of VERBS. value: what it is done to. more: the verb's own settings, such as `into`.

    timeout: seconds to look for a target; None is the default of the verb. retries: how often it is tried again.
    verify: whether an action that changes nothing on the screen has failed.
    """

    number: int
    verb: str
    value: Any
    more: Mapping[str, Any] = field(default_factory=dict)
    timeout: float | None = None
    retries: int = 0
    verify: bool = False
    monitor: int | str | None = None
    window: str | None = None
    region: Box | None = None

    @property
    def title(self) -> str:
        """The step in words; typed text is told by its length, as it may be a password."""
        if self.verb == "type":
            into = f" into {_quoted(self.more['into'])}" if "into" in self.more else ""
            return f"type {len(self.value)} characters{into}"
        value = f"{self.value:g} s" if self.verb == "sleep" else _quoted(self.value)
        to = f" to {_quoted(self.more['to'])}" if "to" in self.more else ""
        return f"{self.verb} {value}{to}{' gone' if self.more.get('gone') else ''}"


def read(path: str | Path, filled: Mapping[str, str] | None = None) -> list[Step]:
    """The steps of a script. filled: what stands for each ${NAME} in its texts.

    Raises UsageError for a file that is no script, with the number of the step and the field that is wrong.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        script = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"the script '{path}' cannot be read: {reason} (give the path of a TOML file)") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the script '{path}' is no TOML: {str(error)[:120]} (mend that line)") from None
    steps = script.pop("step", [])
    if not isinstance(steps, list) or not steps or not all(isinstance(step, dict) for step in steps):
        raise UsageError(
            f"the script '{path}' has no steps (write each as [[step]] and a line such as: click = \"Save\")"
        )
    _check_fields(script, _SETTINGS, f"{path}")
    return [_step(number, step, script, filled or {}, path) for number, step in enumerate(steps, 1)]


def _step(number: int, given: dict, settings: dict, filled: Mapping[str, str], path: str | Path) -> Step:
    place = f"{path}, step {number}"
    verbs = [verb for verb in VERBS if verb in given]
    if len(verbs) != 1:
        found = f"has {' and '.join(verbs)}" if verbs else f"has only {', '.join(given) or 'nothing'}"
        raise UsageError(f"{place} {found} (give it one of: {', '.join(VERBS)})")
    verb = verbs[0]
    own = _OWN.get(verb, {})
    _check_fields(given, {verb: _VALUE[verb], **_SETTINGS, "verify": _FLAG, **own}, place)
    if verb == "drag" and "to" not in given:
        raise UsageError(f'{place}: drag has no end (add: to = "words" or to = [x, y])')
    if "up" in given and "down" in given:
        raise UsageError(f"{place}: the wheel turns one way at a time (leave out up or down)")
    merged = {**settings, **given}
    if "window" in merged and "monitor" in merged:
        merged.pop("monitor" if "window" in given else "window")
    region = Box.from_xywh(*merged["region"]) if "region" in merged else None
    more = {name: _filled(given[name], filled, place) for name in own if name in given}
    step = Step(
        number,
        verb,
        _filled(given[verb], filled, place),
        more,
        merged.get("timeout"),
        merged.get("retries", 0),
        merged.get("verify", False),
        merged.get("monitor"),
        merged.get("window"),
        region,
    )
    _check_value(step)
    return step


def _check_value(step: Step) -> None:
    """Raises UsageError for keys, text, instructions and file names that would fail when their turn comes."""
    from guiground.instruction import check_instruction
    from guiground.overlay import check_path
    from guiground.screen import keys, typist

    if step.verb == "press":
        keys.parse(step.value)
    elif step.verb == "type":
        typist.check_text(step.value)
    elif step.verb == "screenshot":
        check_path(step.value)
    instructions = (step.value if step.verb in LOOKING + POINTING else None, *map(step.more.get, _WORDS))
    for words in instructions:
        if isinstance(words, str):
            check_instruction(words)


def _check_fields(given: dict, known: Mapping[str, str], place: str) -> None:
    for name, value in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, [*known, *VERBS], n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise UsageError(f"{place}: unknown field '{name}' ({hint}choose from: {', '.join(known)})")
        if not _CHECKS[known[name]](value):
            raise UsageError(f"{place}: {name} must be {known[name]}, got {value!r}")


def _filled(value: Any, filled: Mapping[str, str], place: str) -> Any:
    if isinstance(value, list):
        return Point(*value)
    if not isinstance(value, str):
        return value
    try:
        return string.Template(value).substitute(filled)
    except KeyError as error:
        raise UsageError(
            f"{place}: nothing stands for ${{{error.args[0]}}} (add: --set {error.args[0]}=VALUE)"
        ) from None
    except ValueError:
        raise UsageError(f"{place}: {value!r} has a $ that names nothing (write $$ for a dollar sign)") from None


def _quoted(value: Any) -> str:
    return f"({value.x:g}, {value.y:g})" if isinstance(value, Point) else f"'{value}'"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_numbers(value: Any, count: int) -> bool:
    return isinstance(value, list) and len(value) == count and all(_is_number(number) for number in value)
