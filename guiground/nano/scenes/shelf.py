"""Where a scene takes its icons from: the atlas when there is one, else strokes; and what it remembers of them."""

import random
from collections import Counter
from typing import TYPE_CHECKING

from guiground.nano.scenes import icons
from guiground.nano.scenes.atlas import Icon
from guiground.nano.scenes.lexicon import lexicon

if TYPE_CHECKING:
    from guiground.nano.scenes.canvas import Canvas, Element

STROKES = {"Add": "add", "More": "more-vertical", "Zoom in": "zoom-in", "Zoom out": "zoom-out", "Close": "window-close"}
STROKES |= {"Next": "next-track", "Previous": "previous-track"}
FURNITURE = {"title bar": "window", "dialog title": "dialog"}


def stroke(name: str) -> Icon:
    """An icon of icons.py, known by the words of its concept."""
    known = lexicon()[STROKES.get(name, name.lower())]
    return Icon(known.name, known.phrases, known.group, "strokes", False, icons.NAMES.index(name))


def pick(canvas: "Canvas", concept: str = "") -> Icon | None:
    """An icon in the style of the program being drawn that nothing else on the screen looks like; None if none is left.

    With a concept: an icon of that, whatever else is on the screen; None where the atlas has none.
    """
    if concept:
        if canvas.atlas:
            return canvas.atlas.choose(canvas.rng, canvas.family, concept)
        known = [name for name in icons.NAMES if stroke(name).concept == concept]
        return stroke(known[0]) if known else None
    used = {icon.group for icon, _ in canvas.drawn}
    if canvas.atlas:
        return canvas.atlas.choose(canvas.rng, canvas.family, avoid=used)
    left = [icon for icon in map(stroke, icons.NAMES) if icon.group not in used]
    return canvas.rng.choice(left) if left else None


def ornament(canvas: "Canvas") -> Icon | None:
    """An icon that only decorates: no named one on the screen looks like it."""
    named = {e.group for e in canvas.elements if e.icon}
    if canvas.atlas:
        return canvas.atlas.choose(canvas.rng, canvas.family, avoid=named)
    left = [icon for icon in map(stroke, icons.NAMES) if icon.group not in named]
    return canvas.rng.choice(left) if left else None


def put(canvas: "Canvas", icon: Icon, left: float, top: float, size: int, colour, width: float = 0.09) -> None:
    """Draws an icon into a square of `size` pixels and remembers where; `width` is that of strokes."""
    if icon.family == "strokes":
        icons.draw_icon(canvas.image, icons.NAMES[icon.row], left, top, size, colour, width)
    else:
        canvas.atlas.draw(canvas.image, icon, left, top, size, colour)
    canvas.drawn.append((icon, (left, top, left + size, top + size)))


def called(rng: random.Random, icon: Icon) -> str:
    """One of its phrases, the primary one more often than each other."""
    return icon.phrases[0] if rng.random() < 0.4 else rng.choice(icon.phrases)


def distinct(elements: "list[Element]", drawn: "list[tuple[Icon, tuple]]") -> "list[Element]":
    """The elements without the icons that words cannot tell from another icon of the screen.

    Buttons of title bars stay where the kind of window tells them apart: "close the dialog".
    """
    groups = Counter(icon.group for icon, _ in drawn)
    words = Counter(phrase for icon, _ in drawn for phrase in icon.phrases)
    places = Counter((e.group, e.place) for e in elements if e.icon)
    kept = []
    for e in elements:
        if e.icon and (groups[e.group] > 1 or words[e.name.lower()] > 1):
            if e.place not in FURNITURE or places[e.group, e.place] > 1:
                continue
            e.name = f"{e.name.split()[0]} the {FURNITURE[e.place]}"
        kept.append(e)
    return kept
