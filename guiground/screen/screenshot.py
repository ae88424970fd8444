"""A screenshot: its pixels, and the monitor they came from if they came from one."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from guiground.errors import UsageError
from guiground.geometry import Box, Chain, CoordinateMap, Hop, Point, Size, capture_to_desktop

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor in desktop coordinates, as pointer events use them.

    index: 1 for the first monitor, 0 for the whole desktop. left, top: its corner on the desktop, negative for one left
    of or above the first. scale: captured pixels per desktop unit. name: what the system calls it, if it tells.
    """

    index: int
    left: int
    top: int
    width: int
    height: int
    scale: float = 1.0
    name: str = ""
    primary: bool = False

    @property
    def area(self) -> Box:
        """Its rectangle on the desktop."""
        return Box.from_xywh(self.left, self.top, self.width, self.height)

    def shows(self, point: Point) -> bool:
        """Whether a desktop point lies on one of its pixels."""
        return Size(self.width, self.height).contains(Point(point.x - self.left, point.y - self.top))

    def to_desktop(self) -> Chain:
        """From pixels of the capture to desktop coordinates."""
        return capture_to_desktop(self.left, self.top, self.scale)

    def to_json(self) -> dict:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Screenshot:
    """An upright RGB picture; monitor is None for a file.

    warnings: what was changed on the way, one sentence each. taken_ms: how long grabbing or decoding took.
    placed: where the picture lies in the capture of its monitor, in the file it was cut from, or, with a coordinate
    map, on the desktop; None if it is the whole.
    """

    image: "Image"
    monitor: Monitor | None = None
    warnings: tuple[str, ...] = ()
    taken_ms: float = 0.0
    placed: Hop | None = None

    @property
    def size(self) -> Size:
        return Size(*self.image.size)

    @property
    def to_desktop(self) -> Chain:
        """From its pixels to the coordinates of answers: of the desktop, or of the file where there is no monitor."""
        chain = Chain((self.placed,) if self.placed else ())
        return chain.then(self.monitor.to_desktop()) if self.monitor else chain

    @property
    def map(self) -> CoordinateMap:
        return CoordinateMap.of(self.size, self.to_desktop)

    def check_on_desktop(self) -> "Screenshot":
        """This screenshot, if it is known where it lies on the desktop; otherwise UsageError."""
        if self.monitor is None and (self.placed is None or _end(self.placed) != "desktop"):
            raise UsageError("where this picture lies on the desktop is not known (give its coordinate map with it)")
        return self

    def cut(self, region: Box) -> "Screenshot":
        """The part of it within the region, which is in its own pixels; cut at its edges.

        Raises UsageError if the region lies outside.
        """
        left, top, right, bottom = (round(edge) for edge in region.to_json())
        inside = Box(0, 0, *self.image.size).intersection(Box(left, top, right, bottom))
        if inside is None:
            raise UsageError(
                f"region {left},{top},{right - left},{bottom - top} lies outside the picture of"
                f" {self.size.width}x{self.size.height} (give x,y,width,height within it)"
            )
        hop = Hop("region -> picture", 1.0, 1.0, inside.left, inside.top)
        placed = hop if self.placed is None else Chain((hop, self.placed)).joined(f"region -> {_end(self.placed)}")
        return replace(self, image=self.image.crop([int(edge) for edge in inside.to_json()]), placed=placed)

    def mapped(self, coordinates: CoordinateMap) -> "Screenshot":
        """The same picture, placed on the desktop by a coordinate map. Raises UsageError if the sizes differ."""
        if coordinates.size != self.size:
            size, wanted = self.size, coordinates.size
            raise UsageError(
                f"the coordinate map is of a picture of {wanted.width}x{wanted.height},"
                f" this one has {size.width}x{size.height} (use the map that belongs to it)"
            )
        return replace(self, monitor=None, placed=coordinates.hop())


def _end(hop: Hop) -> str:
    return hop.name.rpartition(" -> ")[2]
