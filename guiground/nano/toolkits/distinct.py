"""From what a toolkit shows to what may be asked for: whole, readable, and meant by nothing else on the screen."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from guiground.nano.scenes.lexicon import lexicon

Box = tuple[float, float, float, float]
FURNITURE = {"title bar": "window", "dialog title": "dialog"}


@dataclass(slots=True)
class Shown:
    """One thing on the screen, in pixels. Not `whole`: cut, covered or wrapped; it only makes its name ambiguous."""

    role: str
    name: str
    box: Box
    aim: Box
    whole: bool = True
    place: str = ""
    beside: bool = False
    concept: str = ""  # of an icon that is all that the element shows


@dataclass(slots=True)
class Screen:
    """Everything a toolkit told about one picture.

    `drawn`: the concept of every icon to be seen, named or not, and its box where the whole of it can be seen.
    """

    width: int
    height: int
    source: str
    shown: list[Shown] = field(default_factory=list)
    drawn: list[tuple[str, Box | None]] = field(default_factory=list)
    glyphs: list[tuple[float, float, float, int]] = field(default_factory=list)


def facts(screen: Screen, rng: random.Random) -> dict:
    """What NAME.json holds."""
    glyphs = [[round(v, 2) for v in glyph[:3]] + [glyph[3]] for glyph in screen.glyphs if within(glyph, screen)]
    elements = distinct(screen, rng)
    icons = []
    for name, box in screen.drawn:
        if name in lexicon():
            seen = box is not None and inside(box, screen)
            icons.append([lexicon()[name].group, *(rounded(box) if seen else (0, 0, 0, 0))])
    return {
        "width": screen.width,
        "height": screen.height,
        "source": screen.source,
        "elements": elements,
        "glyphs": glyphs,
        "icons": icons,
    }


def within(glyph, screen: Screen) -> bool:
    """Whether a character stands on the picture."""
    left, right, middle, _ = glyph
    return 0 <= left < right <= screen.width + 1 and 0 <= middle < screen.height


def known_as(name: str, role: str, beside: bool) -> str:
    """What must be unique, as questions.known_as has it."""
    return name.lower() + (f" {role}" if beside else "")


def distinct(screen: Screen, rng: random.Random) -> list[dict]:
    """The rows of the elements whose words mean them alone; icons take one of the phrases left to them."""
    concepts = [lexicon()[name] for name, _ in screen.drawn if name in lexicon()]
    groups = Counter(concept.group for concept in concepts)
    phrases = Counter(phrase for concept in concepts for phrase in concept.phrases)
    written = Counter(s.name.lower() for s in screen.shown if not s.concept and not s.beside)
    places = Counter((lexicon()[s.concept].group, s.place) for s in screen.shown if s.concept)
    names = Counter(known_as(s.name, s.role, s.beside) for s in screen.shown if not s.concept)
    labels = {s.name.rstrip(":* ") for s in screen.shown if s.whole and not s.concept and not s.beside}
    rows = []
    for one in screen.shown:
        if one.beside and one.name not in labels:
            continue
        if not one.whole or not inside(one.aim, screen) or one.aim[2] - one.aim[0] < 3:
            continue
        name, free, group = one.name, [], ""
        if one.concept:
            concept = lexicon()[one.concept]
            group = concept.group
            free = [p for p in concept.phrases if phrases[p] == 1 and not written[p.lower()]]
            if groups[group] > 1 or not free:
                if one.place not in FURNITURE or places[group, one.place] > 1:
                    continue
                word = {"window-close": "close"}.get(one.concept, one.concept)
                free = [f"{word} the {FURNITURE[one.place]}"]
            name = free[0] if rng.random() < 0.4 else rng.choice(free)
        elif names[known_as(name, one.role, one.beside)] > 1 or unsayable(one) or name.endswith(("...", "…")):
            continue
        rows.append(row(one, name, group, free))
    return rows


def unsayable(one: Shown) -> bool:
    """Whether a name is too short to be asked for: a single character is enough on keys and in months."""
    return len(one.name) < (1 if one.role in ("key", "day") else 2)


def row(one: Shown, name: str, group: str, free: list[str]) -> dict:
    """One element of NAME.json; `phrases` are the names that an icon may go by."""
    made = {"role": one.role, "name": name, "box": rounded(one.box), "aim": rounded(one.aim), "icon": bool(one.concept)}
    made |= {"place": one.place, "beside": one.beside, "group": group}
    return made | ({"phrases": free} if len(free) > 1 else {})


def inside(box: Iterable[float], screen: Screen) -> bool:
    """Whether a box lies on the picture."""
    left, top, right, bottom = box
    return left >= 0 and top >= 0 and right <= screen.width and bottom <= screen.height


def rounded(box: Box) -> list[float]:
    """Short numbers."""
    return [round(v, 1) for v in box]
