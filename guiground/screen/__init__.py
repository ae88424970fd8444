"""The desktop: what is on the screen or in an image file, and the hands that act on it."""

from guiground.screen.capture import grab, monitors
from guiground.screen.files import open_image
from guiground.screen.screenshot import Monitor, Screenshot
from guiground.screen.view import View, take

__all__ = ["Monitor", "Screenshot", "View", "grab", "monitors", "open_image", "take"]
