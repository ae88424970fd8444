"""Questions that name an element by its place: beside or below another one, or by its number in a row."""

import random
from collections import Counter

from guiground.nano.scenes import Element
from guiground.nano.wording import PLACES, ROLES, instruction

SIDES = {
    "right": ["right of", "to the right of", "next to", "after"],
    "left": ["left of", "to the left of", "before"],
    "below": ["below", "under", "beneath"],
    "above": ["above", "over"],
}
NUMBERS = ("first", "second", "third", "fourth", "fifth")
NEAR = 160  # pixels between two elements that people would name together


def related(rng: random.Random, elements: list[Element], count: int) -> list[tuple[str, Element, Element | None]]:
    """Up to `count` of (instruction, the element meant, the element named or None)."""
    bearers = Counter(e.name.lower() for e in elements)
    named = [e for e in elements if bearers[e.name.lower()] == 1 and len(e.name) > 2 and not e.beside]
    asked = []
    for anchor in rng.sample(named, min(len(named), 3 * count)):
        side = rng.choice(list(SIDES))
        meant = nearest(anchor, elements, side)
        if meant:
            role = "icon" if meant.icon else rng.choice(ROLES.get(meant.role, ["text"]))
            name = f"the {anchor.name} icon" if anchor.icon else anchor.name
            asked.append((f"the {role} {rng.choice(SIDES[side])} {name}", meant, anchor))
    asked += numbered(rng, elements)
    return rng.sample(asked, min(count, len(asked)))


def nearest(anchor: Element, elements: list[Element], side: str) -> Element | None:
    """The element on that side of another, where there is one without doubt."""
    along, before = (0, side == "left") if side in ("right", "left") else (1, side == "above")
    across = 1 - along
    a, gaps = anchor.aim, []
    for e in elements:
        b = e.aim
        middle = (b[across] + b[across + 2]) / 2
        if e is anchor or e.beside or not a[across] <= middle <= a[across + 2]:
            continue
        gap = a[along] - b[along + 2] if before else b[along] - a[along + 2]
        if gap >= 0:
            gaps.append((gap, len(gaps), e))
    gaps.sort(key=lambda entry: entry[:2])
    clear = gaps and gaps[0][0] < NEAR and (len(gaps) == 1 or gaps[1][0] - gaps[0][0] > 8)
    return gaps[0][2] if clear else None


def twins(
    rng: random.Random, elements: list[Element], width: int, height: int, count: int
) -> list[tuple[str, Element]]:
    """Up to `count` of (instruction, element) for names that two elements bear, told apart by where they are."""
    bearers: dict[str, list[Element]] = {}
    for e in elements:
        bearers.setdefault(e.name.lower(), []).append(e)
    pairs = [pair for pair in bearers.values() if len(pair) == 2 and not (pair[0].icon or pair[0].beside)]
    asked = []
    for pair in rng.sample(pairs, len(pairs)):
        meant, other = rng.sample(pair, 2)
        ways = apart(meant, other, width, height)
        if ways and len(meant.name) > 1 and not (other.icon or other.beside):
            asked.append((f"{instruction(rng, meant, placed=False)} {rng.choice(ways)}", meant))
    return asked[:count]


def apart(meant: Element, other: Element, width: int, height: int) -> list[str]:
    """Phrases that are true of one element and not of the other."""
    ways = list(PLACES.get(meant.place, ())) if meant.place != other.place else []
    right, down = (meant.aim[i] + meant.aim[i + 2] - other.aim[i] - other.aim[i + 2] for i in (0, 1))
    if abs(right) > 0.6 * width:  # twice the distance of the middles
        ways.append("on the right" if right > 0 else "on the left")
    if abs(down) > 0.6 * height:
        ways.append("at the bottom" if down > 0 else "at the top")
    return ways


def numbered(rng: random.Random, elements: list[Element]) -> list[tuple[str, Element, None]]:
    """The second tab, the last menu: where the screen has one row of them."""
    asked = []
    for role in ("tab", "menu"):
        row = sorted((e for e in elements if e.role == role), key=lambda e: e.aim[0])
        level = {round((e.aim[1] + e.aim[3]) / 16) for e in row}
        if len(row) >= 3 and len(level) == 1:
            number = rng.randrange(min(len(row), len(NUMBERS)))
            asked.append((f"the {NUMBERS[number]} {role}", row[number], None))
            asked.append((f"the last {role}", row[-1], None))
    return asked
