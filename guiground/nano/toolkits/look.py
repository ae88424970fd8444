"""Draws a picture's labels over it, for looking at them before training does."""

from PIL import Image, ImageDraw

from guiground.nano.scenes import Scene

COLOURS = {"icon": (230, 0, 120), "beside": (0, 140, 0), "text": (220, 30, 0)}


def annotated(scene: Scene, names: bool = True) -> Image.Image:
    """The picture twice as large: aims with names, the boxes of elements in blue, a dot at every character's middle."""
    image = Image.fromarray(scene.image)
    image = image.resize((image.width * 2, image.height * 2), Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(image)
    for left, right, middle, _ in scene.glyphs.tolist():
        pen.line((2 * left, 2 * middle, 2 * right - 1, 2 * middle), fill=(0, 190, 220))
        pen.line((2 * left, 2 * middle - 3, 2 * left, 2 * middle + 3), fill=(0, 190, 220))
    for _, box in scene.icons or ():
        pen.rectangle([2 * v for v in box], outline=(240, 160, 0))
    for element in scene.elements:
        kind = "icon" if element.icon else "beside" if element.beside else "text"
        pen.rectangle([2 * v for v in element.box], outline=(90, 120, 255))
        pen.rectangle([2 * v for v in element.aim], outline=COLOURS[kind])
        if names:
            text = f"{element.role}: {element.name}" if element.icon or element.beside else element.role
            pen.text((2 * element.aim[0], 2 * element.aim[1] - 10), text, fill=COLOURS[kind])
    return image
