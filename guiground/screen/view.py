"""What to look at: a monitor, a region, a window, or a picture in a file."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from guiground.errors import UsageError
from guiground.geometry import Box, CoordinateMap
from guiground.screen.screenshot import Screenshot

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class View:
    """What to look at; `take` looks.

    image: a path, "-" for standard input, or an open picture; None for the screen. monitor: its number, its name, or
    "all" for the whole desktop; None for the primary one. window: part of the title of a window. region: in pixels of
    the picture, or in desktop units from the corner of the monitor or window; of the desktop where none is named.
    delay: seconds to wait first. coordinates: places a picture from a file on the desktop.
    """

    image: "str | Path | Image | None" = None
    monitor: int | str | None = None
    region: Box | None = None
    window: str | None = None
    delay: float = 0.0
    coordinates: CoordinateMap | None = None

    def __post_init__(self) -> None:
        if self.monitor is not None and self.window is not None:
            raise UsageError("a monitor and a window cannot both be chosen (leave one of them out)")
        if self.image is not None and (self.monitor is not None or self.window is not None):
            raise UsageError("a monitor or a window is of the screen, not of a picture (leave out one of the two)")
        if self.image is None and self.coordinates is not None:
            raise UsageError("a coordinate map belongs to a picture (give the picture too: --image FILE)")

    def take(self) -> Screenshot:
        """The picture as it is now.

        Raises CaptureError when the screen cannot be grabbed, UsageError for a picture that cannot be read and for a
        monitor, window or region that is not there.
        """
        if self.delay > 0:
            time.sleep(self.delay)
        if self.image is None:
            from guiground.screen.capture import grab

            return grab(self.monitor, self.region, self.window)
        from guiground.screen.files import open_image

        screenshot = open_image(self.image)
        if self.coordinates is not None:
            screenshot = screenshot.mapped(self.coordinates)
        return screenshot if self.region is None else screenshot.cut(self.region)


def take(source: "str | Path | Image | View | Screenshot | None" = None) -> Screenshot:
    """The screenshot that a path, "-", an open picture or a View stands for; None is the primary monitor."""
    if isinstance(source, Screenshot):
        return source
    return (source if isinstance(source, View) else View(source)).take()
