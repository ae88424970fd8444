"""A screenshot and words such as "the Save button" -> the point to click."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guiground.geometry import Box, Point
    from guiground.locator import Locator
    from guiground.result import Result

__version__ = "0.1.0"
__all__ = ["Box", "Locator", "Point", "Result", "__version__"]

_HOMES = {
    "Locator": "guiground.locator",
    "Result": "guiground.result",
    "Point": "guiground.geometry",
    "Box": "guiground.geometry",
}


def __getattr__(name: str) -> Any:
    """Loads a public name from its home when it is first used, so that importing guiground costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'guiground' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
