"""Colours of a program: light or dark, flat or outlined, any accent."""

import colorsys
import random
from dataclasses import dataclass

Colour = tuple[int, int, int]


@dataclass(slots=True)
class Theme:
    """Colours and shapes; `text` on `window` and `text` on `base` are readable, `accent_text` on `accent` too."""

    dark: bool
    window: Colour
    base: Colour
    bar: Colour
    border: Colour
    text: Colour
    dim: Colour
    accent: Colour
    accent_text: Colour
    link: Colour
    radius: int
    outlined: bool
    row: int  # extra pixels around a line of text


def shade(colour: Colour, by: int) -> Colour:
    """A lighter or darker neighbour."""
    return tuple(max(0, min(255, c + by)) for c in colour)


def new_theme(rng: random.Random, level: int = 2) -> Theme:
    """A random theme; level 0 is black on near white."""
    dark = level > 0 and rng.random() < 0.3
    if dark:
        grey = rng.randint(18, 62)
        text = (rng.randint(205, 255),) * 3
    else:
        grey = rng.randint(222, 255)
        text = (rng.randint(0, 60),) * 3
    tint = [rng.randint(-6, 6) if level else 0 for _ in range(3)]
    window = tuple(max(0, min(255, grey + t)) for t in tint)
    base = shade(window, rng.choice([-12, -6, 8])) if dark else rng.choice([(255, 255, 255), shade(window, 8)])
    accent = hue(rng, 0.45 if dark else 0.5)
    dim = shade(text, -75) if dark else shade(text, rng.choice([70, 100]))
    return Theme(
        dark=dark,
        window=window,
        base=base,
        bar=shade(window, rng.choice([-14, -8, 0, 6])),
        border=shade(window, 35 if dark else -rng.randint(25, 70)),
        text=text,
        dim=dim,
        accent=accent,
        accent_text=(255, 255, 255) if sum(accent) < 420 else (0, 0, 0),
        link=hue(rng, 0.7 if dark else 0.4),
        radius=rng.choice([0, 0, 2, 3, 4, 6, 9]),
        outlined=rng.random() < 0.6,
        row=rng.choice([6, 8, 10, 12, 14, 18]),
    )


def hue(rng: random.Random, lightness: float) -> Colour:
    """A saturated colour, blue more often than others, as programs have it."""
    angle = rng.gauss(0.58, 0.05) % 1 if rng.random() < 0.6 else rng.random()
    lightness += rng.uniform(-0.12, 0.12)
    return tuple(round(255 * c) for c in colorsys.hls_to_rgb(angle, lightness, rng.uniform(0.4, 1)))
