"""Sheets crowded with icons and words, on which the vision tower learns what icons look like, cheaply."""

from guiground.nano.scenes import shelf, words
from guiground.nano.scenes.canvas import Canvas
from guiground.nano.scenes.themes import hue, new_theme
from guiground.nano.scenes.widgets import draw_widget

SIZES = (12, 16, 16, 16, 18, 20, 22, 24, 24, 24, 28, 32, 32, 40, 48)  # pixels a side


def draw_sheet(canvas: Canvas) -> None:
    """Bands of icons of one program each, at any place and distance; a word here and there."""
    rng, y = canvas.rng, 0
    while y < canvas.height:
        canvas.theme = theme = new_theme(rng, canvas.level)
        canvas.new_style()
        size = canvas.px(rng.choice(SIZES))
        band = size + rng.randint(4, 20)
        back = rng.choice([theme.bar, theme.base, theme.window, theme.accent, hue(rng, 0.9)])
        canvas.fill((0, y, canvas.width, y + band), back)
        dark = sum(back) < 330
        ink = (232, 232, 236) if dark else theme.text if sum(theme.text) < 330 else (40, 40, 46)
        if rng.random() < 0.15:
            ink = hue(rng, 1.0 if dark else 0.4)
        x = rng.uniform(0, size)
        gap = rng.choice([2, 6, 10, 16, 30])
        while x + size < canvas.width and y + band <= canvas.height:
            if rng.random() < 0.08:
                x = draw_widget(
                    canvas, "label", words.phrase(rng, "label"), x, y, band, min(x + 90, canvas.width), "tool bar"
                )
                x += gap
                continue
            icon = shelf.pick(canvas, rng.choice(list(canvas.atlas.families[canvas.family])) if canvas.atlas else "")
            if icon is None:
                break
            shelf.put(canvas, icon, x, y + (band - size) / 2, size, ink, rng.choice([0.07, 0.09, 0.12]))
            x += size + gap
        y += band
