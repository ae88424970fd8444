"""A screenshot: its pixels, and the monitor they came from if they came from one."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from guiground.geometry import Chain, Size, capture_to_desktop

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor in desktop coordinates, as pointer events use them.

    index: 1 for the first monitor. left, top: its corner on the desktop, negative for one left of or above the first.
    scale: captured pixels per desktop unit.
    """

    index: int
    left: int
    top: int
    width: int
    height: int
    scale: float = 1.0

    def to_desktop(self) -> Chain:
        """From pixels of the capture to desktop coordinates."""
        return capture_to_desktop(self.left, self.top, self.scale)

    def to_json(self) -> dict:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Screenshot:
    """An upright RGB picture; monitor is None for a file.

    warnings: what was changed on the way, one sentence each. taken_ms: how long grabbing or decoding took.
    """

    image: "Image"
    monitor: Monitor | None = None
    warnings: tuple[str, ...] = ()
    taken_ms: float = 0.0

    @property
    def size(self) -> Size:
        return Size(*self.image.size)
