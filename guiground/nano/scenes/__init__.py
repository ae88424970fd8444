"""Screens that no program drew: endlessly varied, exactly labelled, deterministic by seed.

`draw(seed, width, height)` gives one Scene. Fonts come from the system (see fonts.py for the Debian packages).
"""

import random
from pathlib import Path

from guiground.nano.scenes import atlas
from guiground.nano.scenes.canvas import Canvas, Element, Scene
from guiground.nano.scenes.desktop import draw_desktop
from guiground.nano.scenes.fonts import FontBook, font_book
from guiground.nano.scenes.rows import draw_rows
from guiground.nano.scenes.sheets import draw_sheet

__all__ = ["Canvas", "Element", "FontBook", "Scene", "draw", "font_book"]


def draw(
    seed: int,
    width: int,
    height: int,
    kind: str = "any",
    held_out: bool = False,
    level: int = 2,
    icons: str | Path | None = None,
) -> Scene:
    """A labelled screen of `width` x `height` pixels.

    `kind`: "rows" (dense rows of widgets), "desktop" (programs in windows), "sheet" (icons) or "any" of the first two.
    `held_out` takes the fonts and icon sets that training never sees. `level` 0 is dark text in three fonts, 1 six
    fonts and any colour, 2 everything.
    `icons`: the file of an icon atlas, "" for none (see atlas.find).
    """
    rng = random.Random(f"{seed}/{width}x{height}/{kind}/{held_out}/{level}")
    canvas = Canvas(width, height, rng, font_book(held_out), level, atlas.find(icons, held_out))
    if kind == "any":
        kind = "rows" if level < 2 or rng.random() < 0.35 else "desktop"
    {"rows": draw_rows, "desktop": draw_desktop, "sheet": draw_sheet}[kind](canvas)
    return canvas.scene()
