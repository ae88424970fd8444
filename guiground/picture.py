"""A picture as everything here takes it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


def opaque(image: "Image") -> "Image":
    """The picture in RGB, see-through parts on white."""
    from PIL import Image

    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")
