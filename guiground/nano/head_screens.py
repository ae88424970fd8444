"""Draws the packaged screens on which visual heads are measured: `python -m guiground.nano.head_screens FOLDER`.

Training draws none of them: their seeds lie beyond its own, and their fonts are held out.
"""

import json
import random
from collections import Counter
from pathlib import Path

import click
from PIL import Image

from guiground.nano.scenes import Scene, draw

SEEDS = [2**51 + number for number in (0, 1, 2, 4, 6, 7, 8)]  # looked at: words are drawn by chance
WORDS = {"button": "the {} button", "menu": "the {} menu", "field": "the {} field", "tab": "the {} tab"}
READABLE = ("menu item", "list item", "tree item", "radio button", "checkbox", "cell", *WORDS)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--targets", default=4, show_default=True, help="Of each screen.")
@click.option("--width", default=832, show_default=True)
@click.option("--height", default=576, show_default=True)
def command(folder: Path, targets: int, width: int, height: int) -> None:
    """Write the pictures, in few colours so that they are small, and screens.json with the targets into FOLDER."""
    rows = []
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS):
        scene = draw(seed, width, height, "desktop", held_out=True, icons="")
        name = f"screen-{number + 1}.png"
        Image.fromarray(scene.image).quantize(48, dither=Image.Dither.NONE).save(folder / name, optimize=True)
        rows += [{"img_filename": name, "img_size": [width, height], **row} for row in _targets(scene, number, targets)]
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    (folder / "screens.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def _targets(scene: Scene, seed: int, count: int) -> list[dict]:
    """Elements with a readable name that no other element on the screen bears."""
    names = Counter(element.name for element in scene.elements)
    fitting = [
        element
        for element in scene.elements
        if element.role in READABLE and names[element.name] == 1 and not element.icon and element.name.isascii()
    ]
    chosen = random.Random(seed).sample(fitting, min(count, len(fitting)))
    return [
        {
            "bbox": [round(side) for side in (left, top, right - left, bottom - top)],
            "instruction": WORDS.get(element.role, "{}").format(element.name),
        }
        for element in chosen
        for left, top, right, bottom in [element.box]
    ]


if __name__ == "__main__":
    command()
