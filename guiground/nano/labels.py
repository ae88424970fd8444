"""Training targets of a scene: the character at every 4-pixel column, the tokens under an element, a place's digits."""

from collections.abc import Sequence

import numpy as np

from guiground.nano.architecture import CHARACTERS, MERGE, PATCH, TOKEN
from guiground.nano.scenes import Scene
from guiground.nano.scenes.canvas import Area
from guiground.nano.scenes.lexicon import groups

COLUMN = 4  # pixels
SLOTS = MERGE * (TOKEN // COLUMN)  # character slots a token: 4 rows of patches x 8 columns
BLANK = len(CHARACTERS)
REACH = 48  # pixels from a token's middle to the middle of what it shows: beyond, the token cannot know
ELSEWHERE = 0.3  # weight of a token's own place
CODE_TO_CLASS = np.full(128, BLANK, dtype=np.int64)
CODE_TO_CLASS[[ord(c) for c in CHARACTERS]] = np.arange(len(CHARACTERS))


def character_grid(scene: Scene) -> np.ndarray:
    """The class of the character whose middle line crosses each patch row, at each 4-pixel column; BLANK elsewhere.

    Gives [rows of patches, columns of 4 pixels] int64 for the picture's size, which is a multiple of 32.
    """
    height, width = scene.image.shape[:2]
    grid = np.full((height // PATCH, width // COLUMN), BLANK, dtype=np.int64)
    if not len(scene.glyphs):
        return grid
    left, right, middle, code = scene.glyphs.T
    row = np.clip(middle // PATCH, 0, grid.shape[0] - 1).astype(int)
    first = np.clip(np.ceil((left - COLUMN / 2) / COLUMN), 0, grid.shape[1]).astype(int)
    last = np.clip(np.ceil((right - COLUMN / 2) / COLUMN), 0, grid.shape[1]).astype(int)
    kind = CODE_TO_CLASS[np.clip(code, 0, 127).astype(int)]
    for y, start, end, character in zip(row, first, last, kind, strict=True):
        grid[y, start:end] = character
    return grid


def slots(grid: np.ndarray) -> np.ndarray:
    """The character grid seen from the tokens  # [token rows, token columns, 32]: patch row first, then column."""
    rows, columns = grid.shape[0] // MERGE, grid.shape[1] * COLUMN // TOKEN
    return grid.reshape(rows, MERGE, columns, TOKEN // COLUMN).transpose(0, 2, 1, 3).reshape(rows, columns, SLOTS)


def under(box, rows: int, columns: int) -> np.ndarray:
    """The share of a box that lies on each token  # [rows * columns], summing to 1."""
    left, top, right, bottom = box
    x = np.arange(columns) * TOKEN
    y = np.arange(rows) * TOKEN
    wide = np.clip(np.minimum(right, x + TOKEN) - np.maximum(left, x), 0, None)
    tall = np.clip(np.minimum(bottom, y + TOKEN) - np.maximum(top, y), 0, None)
    share = np.outer(tall, wide).reshape(-1).astype(np.float32)
    return share / max(share.sum(), 1e-6)


def icon_tokens(icons, rows: int, columns: int) -> np.ndarray:
    """Which icon lies on which token: rows of token, number of its group, its share there  # [pairs, 3] float32.

    `icons` as Scene.icons. A share below a fifth is not worth learning.
    """
    known, pairs = groups(), []
    for group, box in icons or ():
        if group in known:
            shares = under(box, rows, columns)
            pairs += [(token, known[group], shares[token]) for token in np.flatnonzero(shares > 0.2)]
    return np.array(pairs, dtype=np.float32).reshape(-1, 3)


def places(boxes: Sequence[Area], rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Where what a token shows has its middle, and how much that matters.

    Digits of x, then of y, as the answer writes them  # [rows * columns, 8]: of the smallest of `boxes` that a good
    part of the token lies on, no further than REACH from the token; elsewhere of the token's own middle. Weights
    # [rows * columns]: 1 where there is such a box. A token that knows only its own place leaves the last 30 pixels to
    be guessed: icons and rows of a list were pointed at and then missed.
    """
    y, x = np.mgrid[0:rows, 0:columns]
    own = np.stack([x.reshape(-1), y.reshape(-1)], axis=1) * TOKEN + TOKEN / 2
    middle, best = own.copy(), np.zeros(rows * columns)
    for box in sorted(boxes, key=area, reverse=True):
        cover = under(box, rows, columns) * max(1.0, area(box) / TOKEN**2)
        taken = (cover > 0.2) & (cover >= 0.5 * best)
        best[taken] = cover[taken]
        aim = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        middle[taken] = np.clip(aim, own[taken] - REACH, own[taken] + REACH)
    digits = middle.round().astype(np.int64)[:, :, None] // np.array([1000, 100, 10, 1]) % 10
    return digits.reshape(-1, 8), np.where(best > 0, 1.0, ELSEWHERE).astype(np.float32)


def area(box: Area) -> float:
    """Square pixels."""
    return (box[2] - box[0]) * (box[3] - box[1])


def answer(x: float, y: float) -> str:
    """The model's answer for a point in pixels."""
    return f"{round(x):04d},{round(y):04d}"


def padded(image: np.ndarray) -> np.ndarray:
    """The picture with black at the right and bottom up to multiples of 32 pixels."""
    height, width = image.shape[:2]
    return np.pad(image, ((0, -height % TOKEN), (0, -width % TOKEN), (0, 0)))
