"""Options that several commands share, each group handed to the command as one argument."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Self

import click

from guiground.errors import UsageError
from guiground.eviction import PROTOCOLS
from guiground.geometry import Box, CoordinateMap, Point

if TYPE_CHECKING:
    from guiground.locator import Locator
    from guiground.screen import View

_SETTINGS = ("model", "method", "budget", "protocol", "device", "dtype", "max_pixels", "min_confidence")
_SETTINGS += ("samples", "zoom")
DTYPES = ("auto", "float32", "bfloat16", "float16")


class Numbers(click.ParamType):
    """Whole numbers with commas or spaces between them."""

    def __init__(self, names: str) -> None:
        self.name, self.count = names, names.count(",") + 1

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            numbers = [int(part) for part in value.replace(",", " ").split()]
        except ValueError:
            numbers = []
        if len(numbers) != self.count:
            self.fail(f"'{value}' is not {self.name} (give {self.count} whole numbers)", parameter, context)
        return self.build(numbers, parameter, context)

    def build(self, numbers: list[int], parameter: click.Parameter | None, context: click.Context | None) -> Any:
        return Point(*numbers)


class Region(Numbers):
    """x,y,width,height as a Box."""

    def build(self, numbers: list[int], parameter: click.Parameter | None, context: click.Context | None) -> Box:
        if min(numbers[2:]) < 1:
            self.fail(f"a region of {numbers[2]}x{numbers[3]} has no area (give at least 1x1)", parameter, context)
        return Box.from_xywh(*numbers)


POINT, REGION = Numbers("X,Y"), Region("x,y,w,h")


@dataclass(frozen=True, slots=True)
class Looking:
    """What the options of `look_options` say."""

    image: str | None
    monitor: str | None
    region: Box | None
    window: str | None
    delay: float
    map: str | None

    def view(self) -> "View":
        from guiground.screen import View

        coordinates = None if self.map is None else CoordinateMap.parse(self.map)
        return View(self.image, self.monitor, self.region, self.window, self.delay, coordinates)


@dataclass(frozen=True, slots=True)
class Loading:
    """What the options of `loading_options` say."""

    model: str
    device: str
    dtype: str
    max_pixels: int | None

    def settings(self) -> dict[str, Any]:
        """The arguments of Locator."""
        given = {name: getattr(self, name) for name in _SETTINGS if hasattr(self, name)}
        if pairs := getattr(self, "setting", ()):
            from guiground.eviction import parse_settings

            given["method_settings"] = parse_settings(pairs)
        return given

    def for_tables(self) -> Self:
        """The same, on a CPU in float32 unless somebody chose: figures must not depend on what a CPU can do."""
        from guiground.models.load import choose_device

        on_cpu = self.dtype == "auto" and choose_device(self.device).type == "cpu"
        return replace(self, dtype="float32") if on_cpu else self

    def locator(self) -> "Locator":
        """The locator, its model not loaded yet."""
        from guiground.locator import Locator

        return Locator(**self.settings())


@dataclass(frozen=True, slots=True)
class ModelChoice(Loading):
    """What the options of `model_options` say."""

    method: str | None
    budget: str | None
    setting: tuple[str, ...]
    protocol: str


@dataclass(frozen=True, slots=True)
class Asking(ModelChoice):
    """What the options of `ask_options` say."""

    min_confidence: float | None
    samples: int
    zoom: int
    no_resident: bool
    keep: bool


_LOOK = (
    click.option("-i", "--image", metavar="FILE|-", help="Picture to look at, - for stdin.  [default: the screen]"),
    click.option("--monitor", metavar="N|NAME|all", help="Monitor to look at.  [default: the primary one]"),
    click.option("--region", type=REGION, help="Part of the picture, monitor or window; of the desktop by itself."),
    click.option("--window", metavar="TITLE", help="Window to look at, by a part of its title."),
    click.option("--delay", type=click.FloatRange(min=0), default=0.0, metavar="S", help="Seconds to wait first."),
    click.option("--map", metavar="TOKEN", help="Coordinate map of the picture, as screenshot prints it."),
)
_MODEL = (
    click.option("-m", "--model", metavar="NAME|DIR", default="nano", show_default=True, help="See guiground models."),
    click.option(
        "--method",
        metavar="METHOD",
        help="How cache entries are chosen.  [default: full; gistkv if there is a budget; coverkv for a memory]",
    ),
    click.option("--budget", metavar="N|P%", help="Cache entries to hold per kv head, or a percentage of the prompt."),
    click.option(
        "--setting", multiple=True, metavar="NAME=VALUE", help="Of the method, such as window=16; repeatable."
    ),
    click.option(
        "--protocol",
        default=PROTOCOLS[0],
        show_default=True,
        type=click.Choice(PROTOCOLS),
        metavar="WHEN",
        help="When entries go: after-prefill; strict, before the last token; memory, before the instruction.",
    ),
    click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1, mps."),
    click.option(
        "--dtype",
        default="auto",
        show_default=True,
        type=click.Choice(DTYPES),
        metavar="TYPE",
        help="float32, bfloat16, float16; auto: bfloat16 where the processor computes in it (in tables: not on a CPU).",
    ),
    click.option(
        "--max-pixels", type=click.IntRange(min=1), metavar="N", help="Largest area the model looks at; saves memory."
    ),
)
LOADING, SETTING = (_MODEL[0], *_MODEL[5:]), _MODEL[3]
_ASK = (
    click.option(
        "--min-confidence",
        type=click.FloatRange(0, 1),
        metavar="P",
        help="What is found with less counts as not found.",
    ),
    click.option(
        "--samples",
        type=click.IntRange(min=0),
        default=0,
        metavar="K",
        help="Tell the confidence from K sampled answers: the share that agree.",
    ),
    click.option(
        "--zoom", type=click.IntRange(0, 2), default=0, metavar="0|1|2", help="Closer looks around the first answer."
    ),
    click.option("--no-resident", is_flag=True, help="Do not ask the resident process (guiground up)."),
    click.option("--keep", is_flag=True, help="Start the resident process if there is none."),
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object with everything known.")
record_option = click.option("--record", metavar="DIR", help="Keep what was seen and done in DIR/index.html.")


def look_options(command: Callable) -> Callable:
    """--image, --monitor, --region, --window, --delay and --map, as the argument `look`."""
    return grouped(command, _LOOK, "look", Looking)


def loading_options(command: Callable) -> Callable:
    """--model, --device, --dtype and --max-pixels, as the argument `choice`."""
    return grouped(command, LOADING, "choice", Loading)


def model_options(command: Callable) -> Callable:
    """Those of `loading_options`, --method, --budget, --setting and --protocol, as the argument `choice`."""
    return grouped(command, _MODEL, "choice", ModelChoice)


def ask_options(command: Callable) -> Callable:
    """Those of `model_options`, --min-confidence, --samples, --no-resident and --keep, as the argument `choice`."""
    return grouped(command, _MODEL + _ASK, "choice", Asking)


def grouped(command: Callable, options: tuple[Callable, ...], name: str, kind: type) -> Callable:
    """The command with more options, which it gets as one argument `name` of this dataclass."""

    @wraps(command)
    def gathered(**given: Any) -> Any:
        gathers = {field: given.pop(field) for field in kind.__dataclass_fields__}
        return command(**given, **{name: kind(**gathers)})

    for option in reversed(options):
        gathered = option(gathered)
    return gathered


def one_line(record: Any) -> str:
    """JSON on one line, in letters that standard output can take."""
    return json.dumps(record, ensure_ascii=(sys.stdout.encoding or "").lower() != "utf-8")


def print_json(record: Any) -> None:
    """One JSON object on standard output: on one line, except on a terminal."""
    text = one_line(record)
    click.echo(json.dumps(json.loads(text), ensure_ascii=text.isascii(), indent=2) if sys.stdout.isatty() else text)


def warn(remarks: tuple[str, ...]) -> None:
    """Each remark as a line on standard error."""
    for remark in remarks:
        click.echo(f"warning: {remark}", err=True)


def different(output: str | None, image: str | None) -> None:
    """Raises UsageError if a picture would be written over the one that is looked at."""
    from pathlib import Path

    if None not in (output, image) and Path(output).resolve() == Path(image).resolve():
        raise UsageError(f"the overlay would replace the screenshot '{image}' (choose another path)")
