"""Questions for what a screen does not show, to be answered with the refusal."""

import random

from guiground.nano.scenes import Element, Scene, words
from guiground.nano.scenes.lexicon import lexicon
from guiground.nano.wording import ROLES, instruction

REFUSAL = "none"  # the answer; the prompt record of the model names it as well


def strangers(rng: random.Random, scene: Scene, count: int) -> list[str]:
    """Up to `count` instructions for text and icons that are nowhere on the screen.

    Some differ from a name on the screen by a word: similar is not enough.
    """
    shown = written(scene)
    names = [e.name for e in scene.elements if not e.icon and " " in e.name]
    asked = []
    for _ in range(3 * count):
        if len(asked) == count:
            break
        if scene.icons is not None and rng.random() < 0.25:
            stranger = unseen_icon(rng, scene, shown)
        else:
            role = rng.choice(list(ROLES))
            name = words.phrase(rng, role)
            if names and rng.random() < 0.25:
                parts = rng.choice(names).split()
                parts[rng.randrange(len(parts))] = words.word(rng)
                name = " ".join(parts)
            absent = len(name) > 2 and squeezed(name) not in shown
            stranger = Element(role, name, (0, 0, 0, 0), (0, 0, 0, 0)) if absent else None
        if stranger:
            asked.append(instruction(rng, stranger))
    return asked


def written(scene: Scene) -> str:
    """All text of the screen in the order it was written, without spaces, and the elements' names."""
    stream = "".join(chr(int(code)) for code in scene.glyphs[:, 3])
    return " ".join([stream.lower(), *(squeezed(e.name) for e in scene.elements)])


def squeezed(text: str) -> str:
    """Lower case without spaces."""
    return text.lower().replace(" ", "")


def unseen_icon(rng: random.Random, scene: Scene, shown: str) -> Element | None:
    """An icon that nothing on the screen looks like or is called after."""
    concept = rng.choice(list(lexicon().values()))
    groups = {group for group, _ in scene.icons}
    phrases = {phrase for other in lexicon().values() if other.group in groups for phrase in other.phrases}
    if concept.group in groups or not phrases.isdisjoint(concept.phrases):
        return None
    if any(squeezed(phrase) in shown for phrase in concept.phrases):
        return None
    return Element("button", rng.choice(concept.phrases), (0, 0, 0, 0), (0, 0, 0, 0), icon=True)
