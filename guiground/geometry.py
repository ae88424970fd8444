"""Points, boxes and sizes, and the chain of hops from a model's units to the desktop and back.

Inside the program every coordinate is in pixels of the original screenshot: x to the right, y down, (0, 0) the top-left
corner. Conversions happen at the two edges only, and all of them live here.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TypeVar

from guiground.errors import UsageError

SPACES = ("abs_resized", "0-1000", "0-999", "0-1")
_UNITS_PER_SIDE = {"0-1000": 1000.0, "0-999": 999.0, "0-1": 1.0}


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of a picture or a monitor, in whole pixels."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise UsageError(f"a picture of {self.width}x{self.height} pixels has no area (give one of at least 1x1)")

    @property
    def area(self) -> int:
        return self.width * self.height

    def contains(self, point: "Point") -> bool:
        """Whether the point lies on one of the pixels, that is in [0, width) x [0, height)."""
        return 0 <= point.x < self.width and 0 <= point.y < self.height

    def clamp(self, point: "Point") -> "Point":
        """The nearest point inside [0, width - 1] x [0, height - 1]."""
        return Point(min(max(point.x, 0.0), self.width - 1.0), min(max(point.y, 0.0), self.height - 1.0))

    def to_json(self) -> list[int]:
        return [self.width, self.height]


@dataclass(frozen=True, slots=True)
class Point:
    """A place in a picture or on the desktop; unpacks as x, y."""

    x: float
    y: float

    def __iter__(self) -> Iterator[float]:
        yield self.x
        yield self.y

    def to_json(self) -> list[float]:
        return [self.x, self.y]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle by its edges; the edges belong to it. Corners given in the wrong order are put right."""

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        left, right = sorted((self.left, self.right))
        top, bottom = sorted((self.top, self.bottom))
        for name, value in (("left", left), ("top", top), ("right", right), ("bottom", bottom)):
            object.__setattr__(self, name, value)

    @classmethod
    def from_xywh(cls, x: float, y: float, width: float, height: float) -> "Box":
        """A box from its top-left corner, width and height."""
        return cls(x, y, x + width, y + height)

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def center(self) -> Point:
        return Point((self.left + self.right) / 2, (self.top + self.bottom) / 2)

    def contains(self, point: Point) -> bool:
        """Whether the point lies in the box, its edges included."""
        return self.left <= point.x <= self.right and self.top <= point.y <= self.bottom

    def intersection(self, other: "Box") -> "Box | None":
        """What both boxes cover, or None if that has no area."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Box(left, top, right, bottom) if left < right and top < bottom else None

    def to_json(self) -> list[float]:
        return [self.left, self.top, self.right, self.bottom]


@dataclass(frozen=True, slots=True)
class Hop:
    """One change of coordinates: out = in * scale + offset, for x and y apart. Scales are positive."""

    name: str
    scale_x: float
    scale_y: float
    offset_x: float = 0.0
    offset_y: float = 0.0

    def __post_init__(self) -> None:
        scales, offsets = (self.scale_x, self.scale_y), (self.offset_x, self.offset_y)
        if not all(math.isfinite(number) for number in scales + offsets) or min(scales) <= 0:
            raise UsageError(f"hop '{self.name}' has scale {scales} and offset {offsets} (scales must be above 0)")

    def apply(self, point: Point) -> Point:
        return Point(point.x * self.scale_x + self.offset_x, point.y * self.scale_y + self.offset_y)

    def inverse(self) -> "Hop":
        """The way back: "a -> b" becomes "b -> a"."""
        name = " -> ".join(reversed(self.name.split(" -> ")))
        scale_x, scale_y = 1 / self.scale_x, 1 / self.scale_y
        return Hop(name, scale_x, scale_y, -self.offset_x * scale_x, -self.offset_y * scale_y)


Place = TypeVar("Place", Point, Box)


@dataclass(frozen=True, slots=True)
class Chain:
    """Hops one after the other; an empty chain changes nothing."""

    hops: tuple[Hop, ...] = ()

    def apply(self, place: Place) -> Place:
        """The point or box at the far end of the chain."""
        if isinstance(place, Box):
            return Box(*self.apply(Point(place.left, place.top)), *self.apply(Point(place.right, place.bottom)))
        for hop in self.hops:
            place = hop.apply(place)
        return place

    def inverse(self) -> "Chain":
        """The way back: `chain.inverse().apply(chain.apply(p))` is p up to rounding."""
        return Chain(tuple(hop.inverse() for hop in reversed(self.hops)))

    def joined(self, name: str) -> Hop:
        """The whole chain as one hop."""
        joined = Hop(name, 1.0, 1.0)
        for hop in self.hops:
            scale_x, scale_y = joined.scale_x * hop.scale_x, joined.scale_y * hop.scale_y
            joined = Hop(name, scale_x, scale_y, *hop.apply(Point(joined.offset_x, joined.offset_y)))
        return joined

    def then(self, other: "Chain | Hop") -> "Chain":
        """This chain followed by another."""
        return Chain(self.hops + ((other,) if isinstance(other, Hop) else other.hops))

    def to_json(self) -> list[dict]:
        """One dict a hop: name, scale_x, scale_y, offset_x, offset_y."""
        return [asdict(hop) for hop in self.hops]

    @classmethod
    def from_json(cls, hops: list[dict]) -> "Chain":
        """The chain that `to_json` wrote."""
        return cls(tuple(Hop(**hop) for hop in hops))


def model_to_screenshot(space: str, resized: Size, screenshot: Size) -> Chain:
    """From the numbers a model writes to pixels of the screenshot.

    space: the model's unit, one of SPACES: "abs_resized" (pixels of the picture the model saw), or thousandths
    ("0-1000", "0-999") or shares ("0-1") of its sides.
    resized: the size at which the screenshot stood in the picture the model saw, padding not counted. A screenshot that
    was only padded keeps its own size here, so its pixels map one to one.
    Raises UsageError for an unknown space.
    """
    if space not in SPACES:
        raise UsageError(f"unknown coordinate space '{space}' (choose from: {', '.join(SPACES)})")
    rescale = Hop("resized -> screenshot", screenshot.width / resized.width, screenshot.height / resized.height)
    if space == "abs_resized":
        return Chain((rescale,))
    units = _UNITS_PER_SIDE[space]
    return Chain((Hop(f"{space} -> resized", resized.width / units, resized.height / units), rescale))


def capture_to_desktop(origin_x: float, origin_y: float, scale: float = 1.0) -> Chain:
    """From pixels of a captured monitor to desktop coordinates, as pointer events use them.

    origin_x, origin_y: the monitor's top-left corner on the desktop, negative for one left of or above the first.
    scale: captured pixels per desktop unit (2 on a Retina screen).
    """
    if not (math.isfinite(scale) and scale > 0):
        raise UsageError(f"the scale of a monitor must be above 0, got {scale}")
    return Chain((Hop("capture -> desktop", 1 / scale, 1 / scale, origin_x, origin_y),))


@dataclass(frozen=True, slots=True)
class TokenGrid:
    """Which image token covers which part of a screenshot; tokens count line by line from the top left.

    grid: the picture's image tokens, columns by rows. canvas, resized: the picture the model saw, in pixels, with and
    without padding. screenshot: the size of the screenshot itself.
    """

    grid: Size
    canvas: Size
    resized: Size
    screenshot: Size

    def cell(self, column: int, row: int) -> Box:
        """The part of the screenshot that one token covers; tokens of padding lie outside of it."""
        width, height = self._cell
        return Box(column * width, row * height, (column + 1) * width, (row + 1) * height)

    def tokens_on(self, box: Box) -> list[int]:
        """The tokens that cover a part of the box, in order; at least one for a box in the screenshot."""
        width, height = self._cell
        columns = _cells(box.left / width, box.right / width, self.grid.width)
        rows = _cells(box.top / height, box.bottom / height, self.grid.height)
        return [row * self.grid.width + column for row in rows for column in columns]

    @property
    def _cell(self) -> tuple[float, float]:
        """Width and height of one token in pixels of the screenshot."""
        across = self.screenshot.width / self.resized.width * self.canvas.width / self.grid.width
        return across, self.screenshot.height / self.resized.height * self.canvas.height / self.grid.height


def _cells(start: float, end: float, count: int) -> range:
    first = min(max(math.floor(start), 0), count - 1)
    return range(first, min(max(math.ceil(end), first + 1), count))


@dataclass(frozen=True, slots=True)
class CoordinateMap:
    """Where the pixels of a picture lie on the desktop, as one line of text: v1:WIDTH,HEIGHT:ORIGIN_X,ORIGIN_Y:SCALE.

    size: of the picture, in pixels. origin: the picture's top-left corner in desktop coordinates. scale: pixels per
    desktop unit.
    """

    size: Size
    origin: Point
    scale: float = 1.0

    @classmethod
    def of(cls, size: Size, to_desktop: Chain) -> "CoordinateMap":
        """The map of a picture of which the way to the desktop is known."""
        hop = to_desktop.joined("screenshot -> desktop")
        return cls(size, Point(hop.offset_x, hop.offset_y), 1 / hop.scale_x)

    @classmethod
    def parse(cls, token: str) -> "CoordinateMap":
        """The map that a token stands for. Raises UsageError if it is none."""
        try:
            version, size, origin, scale = token.strip().split(":")
            width, height = size.split(",")
            x, y = map(float, origin.split(","))
            if version != "v1" or not (math.isfinite(x) and math.isfinite(y)):
                raise ValueError
            found = cls(Size(int(width), int(height)), Point(x, y), float(scale))
            found.hop()  # refuses scales that are none
        except (ValueError, ZeroDivisionError, UsageError):
            form = "v1:WIDTH,HEIGHT:ORIGIN_X,ORIGIN_Y:SCALE"
            raise UsageError(f"'{token}' is no coordinate map (take the {form} that screenshot printed)") from None
        return found

    def __str__(self) -> str:
        x, y, scale = (format(number, ".12g") for number in (*self.origin, self.scale))
        return f"v1:{self.size.width},{self.size.height}:{x},{y}:{scale}"

    def hop(self) -> Hop:
        """From pixels of the picture to the desktop."""
        return Hop("screenshot -> desktop", 1 / self.scale, 1 / self.scale, *self.origin)
