"""Brings a screenshot to the size that a checkpoint wants and cuts it into patches."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guiground.errors import UsageError
from guiground.geometry import Size
from guiground.models.spec import Pixels
from guiground.picture import opaque

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_ASPECT = 200  # the longer side over the shorter one; the image processor refuses more


@dataclass(frozen=True, slots=True)
class Patches:
    """A picture as a checkpoint sees it.

    tensors: pixel_values  # [patches, channels x temporal x patch x patch] and image_grid_thw  # [1, 3]; the former is
    left out once a model has read them.
    resized: the size at which the screenshot stands in the picture, padding not counted. canvas: the whole picture.
    token_grid: the picture's image tokens, columns by rows.
    """

    tensors: dict
    resized: Size
    canvas: Size
    token_grid: Size


def patches(image: "Image", pixels: Pixels, processor: Any) -> Patches:
    """The screenshot cut into patches by the checkpoint's own image processor.

    Sizes are read from the grid that the processor reports. Raises UsageError for pictures over MAX_ASPECT times as
    long as wide.
    """
    image = opaque(image)
    long, short = max(image.size), min(image.size)
    if long > MAX_ASPECT * short:
        raise UsageError(
            f"the picture of {image.width}x{image.height} pixels is over {MAX_ASPECT} times as long as wide (crop it)"
        )
    if pixels.max_long_side and long > pixels.max_long_side:
        image = _scaled(image, pixels.max_long_side / long)
    resized = None
    if pixels.fit == "pad":
        image, resized = padded(image, processor.patch_size * processor.merge_size, pixels.max)
    size = {"shortest_edge": pixels.min, "longest_edge": pixels.max}
    tensors = dict(processor(images=[image], size=size, do_resize=pixels.fit == "resize", return_tensors="pt"))
    _, rows, columns = tensors["image_grid_thw"][0].tolist()
    canvas = Size(columns * processor.patch_size, rows * processor.patch_size)
    token_grid = Size(columns // processor.merge_size, rows // processor.merge_size)
    return Patches(tensors, resized or canvas, canvas, token_grid)


def padded(image: "Image", factor: int, max_area: int) -> tuple["Image", Size]:
    """The picture at the top left of a black canvas whose sides are multiples of factor, and its size on it.

    It is scaled down, never up, and only if the canvas would be larger than max_area square pixels.
    """
    from PIL import Image

    if _canvas(Size(*image.size), factor).area > max_area:
        scale = (max_area / (image.width * image.height)) ** 0.5
        while _canvas(_scale(image, scale), factor).area > max_area and scale * max(image.size) > factor:
            scale *= 0.99
        image = _scaled(image, scale)
    size = Size(*image.size)
    canvas = Image.new("RGB", (_canvas(size, factor).width, _canvas(size, factor).height))
    canvas.paste(image, (0, 0))
    return canvas, size


def _canvas(size: Size, factor: int) -> Size:
    return Size(-(-size.width // factor) * factor, -(-size.height // factor) * factor)


def _scale(image: "Image", scale: float) -> Size:
    return Size(max(1, round(image.width * scale)), max(1, round(image.height * scale)))


def _scaled(image: "Image", scale: float) -> "Image":
    from PIL import Image

    size = _scale(image, scale)
    return image.resize((size.width, size.height), Image.Resampling.BICUBIC)
