"""Windows that real toolkits drew, labelled with their own boxes: pictures and labels as pairs of files.

`python -m guiground.nano.toolkits chromium --out runs/toolkits` writes NAME.png and NAME.json; `load` reads a pair.
"""

import json
import os
import random
from pathlib import Path

import numpy as np
from PIL import Image

from guiground.nano.scenes import Element, Scene

SOURCES = ("chromium", "gtk", "qt", "tk")


def load(path: str | Path, rng: random.Random | None = None) -> Scene:
    """The labelled screen of NAME.json and NAME.png beside it.

    With `rng`, icons go by another of the phrases that mean nothing else on that screen. Raises ValueError where
    picture and labels do not belong together.
    """
    path = Path(path)
    facts = json.loads(path.read_text(encoding="utf-8"))
    with Image.open(path.with_suffix(".png")) as picture:
        image = np.array(picture.convert("RGB"))
    if image.shape[:2] != (facts["height"], facts["width"]):
        size = f"{image.shape[1]}x{image.shape[0]}"
        raise ValueError(
            f"{path} is for {facts['width']}x{facts['height']} pixels, its picture has {size}: remove both"
        )
    elements = []
    for row in facts["elements"]:
        row = dict(row, box=tuple(row["box"]), aim=tuple(row["aim"]))
        phrases = row.pop("phrases", [])
        if rng and phrases and rng.random() > 0.4:  # the primary phrase comes first more often than each other
            row["name"] = rng.choice(phrases)
        elements.append(Element(**row))
    icons = [(group, tuple(box)) for group, *box in facts["icons"]] if "icons" in facts else None
    return Scene(image, elements, np.array(facts["glyphs"], dtype=np.float32).reshape(-1, 4), icons)


def write(folder: Path, name: str, picture: bytes, facts: dict) -> Path:
    """Writes the PNG, then its labels in one step, so that a JSON file means a whole pair; gives the JSON's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.png").write_bytes(picture)
    labels = folder / f"{name}.json"
    new = folder / f"{name}.new"
    new.write_text(json.dumps(facts, separators=(",", ":")), encoding="utf-8")
    os.replace(new, labels)
    return labels
