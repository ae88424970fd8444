"""Icons rendered once, from sets that programs use, pasted by name.

`python -m guiground.nano.icon_sets` makes the file. Without one the strokes of icons.py stand in.
"""

import functools
import os
import random
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from guiground.errors import UsageError
from guiground.nano.scenes.lexicon import lexicon

SIZES = (16, 20, 24, 32, 48)  # pixels
VARIABLE = "GUIGROUND_ICONS"
USUAL = "runs/icons/atlas.npz"
HELD_OUT = ("ionicons", "tango")  # sets that training never sees
DEBIAN = ("adwaita", "papirus", "breeze", "elementary", "gnome", "tango", "numix", "oxygen", "humanity")


@dataclass(frozen=True, slots=True)
class Icon:
    """One picture. `group` is equal for icons that look alike or answer to the same words."""

    concept: str
    phrases: tuple[str, ...]
    group: str
    family: str  # set and style: what one program takes its icons from
    coloured: bool
    row: int


class Atlas:
    """Icons by family and concept."""

    def __init__(self, arrays: dict[str, np.ndarray], held_out: bool = False):
        self.masks = {size: arrays[f"masks{size}"] for size in SIZES}  # [icons, size, size] uint8
        self.colours = {size: arrays[f"colours{size}"] for size in SIZES}  # [icons, size, size, 4] uint8
        self.families: dict[str, dict[str, list[Icon]]] = {}
        facts = [arrays[key].tolist() for key in ("concepts", "families", "coloured", "rows")]
        for concept, family, coloured, row in zip(*facts, strict=True):
            known = lexicon().get(concept)
            if known and (family.split()[0] in HELD_OUT) == held_out:
                icon = Icon(concept, known.phrases, known.group, family, coloured, row)
                self.families.setdefault(family, {}).setdefault(concept, []).append(icon)
        whole = {family: icons for family, icons in self.families.items() if len(icons) >= 20}
        self.families = whole or self.families
        self.names = list(self.families)
        sets = [name.split()[0] for name in self.names]
        # Half of all programs wear a desktop theme, and each set counts once however many styles it has.
        self.weights = [(2.5 if name in DEBIAN else 1.0) / sets.count(name) for name in sets]
        self.ready = functools.lru_cache(maxsize=8192)(self.picture)

    def family(self, rng: random.Random) -> str:
        """A family for one program."""
        return rng.choices(self.names, self.weights)[0]

    def choose(
        self, rng: random.Random, family: str = "", concept: str = "", avoid: Collection[str] = ()
    ) -> Icon | None:
        """An icon of that family and concept, or of any; none of the groups in `avoid`; None where there is none."""
        icons = self.families[family or self.family(rng)]
        if concept:
            known = icons.get(concept) or [i for f in self.families.values() for i in f.get(concept, ())]
            icon = rng.choice(known) if known else None
            return None if icon is None or icon.group in avoid else icon
        names = list(icons)
        for _ in range(12):
            icon = rng.choice(icons[rng.choice(names)])
            if icon.group not in avoid:
                return icon
        return None

    def picture(self, coloured: bool, row: int, size: int) -> Image.Image:
        """A mask (L) or a coloured picture (RGBA) of `size` pixels."""
        nearest = next((drawn for drawn in SIZES if drawn >= size), SIZES[-1])
        picture = Image.fromarray((self.colours if coloured else self.masks)[nearest][row])
        if nearest != size:
            way = Image.Resampling.BICUBIC if nearest < size else Image.Resampling.HAMMING
            picture = picture.resize((size, size), way)
        return picture

    def draw(self, image: Image.Image, icon: Icon, left: float, top: float, size: int, colour) -> None:
        """Pastes an icon into a square of `size` pixels, tinted with `colour` where it is a silhouette."""
        picture = self.ready(icon.coloured, icon.row, size)
        image.paste(picture if icon.coloured else tuple(colour), (round(left), round(top)), picture)


@functools.lru_cache(maxsize=4)
def load(path: Path, held_out: bool = False) -> Atlas:
    """The atlas in a file, without (or with nothing but) the sets held out for measuring."""
    with np.load(path, allow_pickle=False) as arrays:
        return Atlas(dict(arrays), held_out)


def find(path: str | Path | None = None, held_out: bool = False) -> Atlas | None:
    """The atlas at `path`, else at $GUIGROUND_ICONS, else at runs/icons/atlas.npz; None where there is none.

    Empty means none. Raises UsageError where a named file is missing.
    """
    named = path if path is not None else os.environ.get(VARIABLE)
    if named is not None and not str(named):
        return None
    file = Path(named or USUAL)
    if file.exists():
        return load(file.resolve(), held_out)
    if named:
        raise UsageError(f"no icon atlas at '{file}': make one with `python -m guiground.nano.icon_sets`")
    return None
