"""Labels that the picture does not bear out are dropped: words and icons that nobody can tell from their ground."""

import numpy as np

LEAST = 40  # grey levels between the lightest and the darkest pixel of what can be seen


def legible(grey: np.ndarray, box, least: float = LEAST) -> bool:
    """Whether there is something to be seen in a box  # grey: [height, width] uint8."""
    left, top, right, bottom = (round(v) for v in box)
    part = grey[max(top, 0) : max(bottom, top + 1), max(left, 0) : max(right, left + 1)]
    return part.size > 0 and int(part.max()) - int(part.min()) >= least


def checked(facts: dict, image: np.ndarray) -> dict:
    """The facts of NAME.json without elements and characters that the picture hides.

    image: [height, width, 3] uint8. The box of a field that is named beside it may be empty.
    """
    grey = image.max(axis=2)
    darker = image.min(axis=2)

    def seen(box, least=LEAST):
        return legible(grey, box, least) or legible(darker, box, least)

    elements = [e for e in facts["elements"] if e["beside"] or seen(e["aim"])]
    glyphs = []
    for left, right, middle, code in facts["glyphs"]:
        around = 12 + (right - left)  # with its neighbours: a dot or a dash alone is too little to go by
        if seen((left - around, middle - around, right + around, middle + around), LEAST // 2):
            glyphs.append([left, right, middle, code])
    icons = [[group, *(box if seen(box) else (0, 0, 0, 0))] for group, *box in facts.get("icons", ())]
    return facts | {"elements": elements, "glyphs": glyphs} | ({"icons": icons} if "icons" in facts else {})
