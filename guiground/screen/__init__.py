"""Where pictures come from: the screen, or an image file that may be anything."""

from guiground.screen.capture import grab
from guiground.screen.files import open_image
from guiground.screen.screenshot import Monitor, Screenshot

__all__ = ["Monitor", "Screenshot", "grab", "open_image"]
