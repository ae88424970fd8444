"""Small pictures in line style: the furniture of windows and tool bars, known by the words people use for them."""

import math
import random

from PIL import Image, ImageDraw

# Strokes in a unit square; "o" is a circle (x, y, radius), "f" a filled polygon, a plain list a line.
STROKES: dict[str, list] = {
    "Close": [[(0.2, 0.2), (0.8, 0.8)], [(0.8, 0.2), (0.2, 0.8)]],
    "Minimize": [[(0.2, 0.75), (0.8, 0.75)]],
    "Maximize": [[(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8), (0.2, 0.2)]],
    "Menu": [[(0.15, 0.25), (0.85, 0.25)], [(0.15, 0.5), (0.85, 0.5)], [(0.15, 0.75), (0.85, 0.75)]],
    "Search": [("o", 0.42, 0.42, 0.27), [(0.62, 0.62), (0.88, 0.88)]],
    "Add": [[(0.5, 0.15), (0.5, 0.85)], [(0.15, 0.5), (0.85, 0.5)]],
    "Back": [[(0.6, 0.2), (0.3, 0.5), (0.6, 0.8)], [(0.3, 0.5), (0.85, 0.5)]],
    "Forward": [[(0.4, 0.2), (0.7, 0.5), (0.4, 0.8)], [(0.7, 0.5), (0.15, 0.5)]],
    "Up": [[(0.2, 0.6), (0.5, 0.25), (0.8, 0.6)], [(0.5, 0.25), (0.5, 0.85)]],
    "Down": [[(0.2, 0.4), (0.5, 0.75), (0.8, 0.4)], [(0.5, 0.75), (0.5, 0.15)]],
    "Home": [[(0.1, 0.5), (0.5, 0.15), (0.9, 0.5)], [(0.22, 0.45), (0.22, 0.85), (0.78, 0.85), (0.78, 0.45)]],
    "Zoom in": [
        ("o", 0.42, 0.42, 0.28),
        [(0.63, 0.63), (0.9, 0.9)],
        [(0.3, 0.42), (0.54, 0.42)],
        [(0.42, 0.3), (0.42, 0.54)],
    ],
    "Zoom out": [("o", 0.42, 0.42, 0.28), [(0.63, 0.63), (0.9, 0.9)], [(0.3, 0.42), (0.54, 0.42)]],
    "Play": [("f", (0.25, 0.15), (0.85, 0.5), (0.25, 0.85))],
    "Pause": [
        ("f", (0.25, 0.2), (0.42, 0.2), (0.42, 0.8), (0.25, 0.8)),
        ("f", (0.58, 0.2), (0.75, 0.2), (0.75, 0.8), (0.58, 0.8)),
    ],
    "Stop": [("f", (0.22, 0.22), (0.78, 0.22), (0.78, 0.78), (0.22, 0.78))],
    "Next": [("f", (0.2, 0.2), (0.65, 0.5), (0.2, 0.8)), [(0.75, 0.2), (0.75, 0.8)]],
    "Previous": [("f", (0.8, 0.2), (0.35, 0.5), (0.8, 0.8)), [(0.25, 0.2), (0.25, 0.8)]],
    "Save": [
        [(0.15, 0.15), (0.75, 0.15), (0.85, 0.25), (0.85, 0.85), (0.15, 0.85), (0.15, 0.15)],
        [(0.3, 0.85), (0.3, 0.55), (0.7, 0.55), (0.7, 0.85)],
        [(0.35, 0.15), (0.35, 0.35), (0.65, 0.35), (0.65, 0.15)],
    ],
    "Open": [
        [(0.1, 0.8), (0.1, 0.2), (0.4, 0.2), (0.5, 0.32), (0.85, 0.32), (0.85, 0.45)],
        [(0.1, 0.8), (0.28, 0.45), (0.95, 0.45), (0.8, 0.8), (0.1, 0.8)],
    ],
    "New": [
        [(0.2, 0.1), (0.6, 0.1), (0.8, 0.3), (0.8, 0.9), (0.2, 0.9), (0.2, 0.1)],
        [(0.6, 0.1), (0.6, 0.3), (0.8, 0.3)],
    ],
    "Delete": [
        [(0.15, 0.25), (0.85, 0.25)],
        [(0.25, 0.25), (0.3, 0.88), (0.7, 0.88), (0.75, 0.25)],
        [(0.4, 0.25), (0.4, 0.12), (0.6, 0.12), (0.6, 0.25)],
    ],
    "Undo": [
        [(0.35, 0.15), (0.15, 0.35), (0.35, 0.55)],
        [(0.15, 0.35), (0.65, 0.35), (0.85, 0.55), (0.65, 0.8), (0.35, 0.8)],
    ],
    "Redo": [
        [(0.65, 0.15), (0.85, 0.35), (0.65, 0.55)],
        [(0.85, 0.35), (0.35, 0.35), (0.15, 0.55), (0.35, 0.8), (0.65, 0.8)],
    ],
    "Check": [[(0.15, 0.55), (0.4, 0.8), (0.85, 0.2)]],
    "Download": [[(0.5, 0.1), (0.5, 0.62)], [(0.28, 0.42), (0.5, 0.64), (0.72, 0.42)], [(0.15, 0.88), (0.85, 0.88)]],
    "More": [("o", 0.5, 0.2, 0.06), ("o", 0.5, 0.5, 0.06), ("o", 0.5, 0.8, 0.06)],
    "Copy": [
        [(0.15, 0.3), (0.6, 0.3), (0.6, 0.9), (0.15, 0.9), (0.15, 0.3)],
        [(0.35, 0.3), (0.35, 0.1), (0.85, 0.1), (0.85, 0.7), (0.6, 0.7)],
    ],
    "Mail": [[(0.1, 0.22), (0.9, 0.22), (0.9, 0.8), (0.1, 0.8), (0.1, 0.22), (0.5, 0.55), (0.9, 0.22)]],
    "User": [("o", 0.5, 0.32, 0.18), [(0.15, 0.88), (0.22, 0.62), (0.78, 0.62), (0.85, 0.88)]],
}
NAMES = list(STROKES)


def draw_icon(image: Image.Image, name: str, left: float, top: float, size: int, colour, width: float = 0.09) -> None:
    """Draws a named icon, smoothed, into a square of `size` pixels."""
    fine = 4
    mask = Image.new("L", (size * fine, size * fine))
    pen = ImageDraw.Draw(mask)
    thick = max(fine, round(width * size * fine))
    for stroke in STROKES[name]:
        if stroke[0] == "o":
            x, y, r = (value * size * fine for value in stroke[1:])
            pen.ellipse((x - r, y - r, x + r, y + r), outline=255, width=thick)
            continue
        points = [(x * size * fine, y * size * fine) for x, y in (stroke[1:] if stroke[0] == "f" else stroke)]
        if stroke[0] == "f":
            pen.polygon(points, fill=255)
        else:
            pen.line(points, fill=255, width=thick, joint="curve")
    image.paste(tuple(colour), (round(left), round(top)), mask.resize((size, size), Image.Resampling.BOX))


def draw_blob(image: Image.Image, rng: random.Random, left: float, top: float, size: int) -> None:
    """A small colourful picture without a name: thumbnails, file icons, avatars."""
    pen = ImageDraw.Draw(image)
    box = (round(left), round(top), round(left) + size - 1, round(top) + size - 1)
    colour = tuple(rng.randint(0, 255) for _ in range(3))
    kind = rng.randrange(4)
    if kind == 0:
        pen.ellipse(box, fill=colour)
    elif kind == 1:
        pen.rectangle(box, fill=colour)
        pen.rectangle(
            (box[0] + size // 4, box[1] + size // 4, box[2] - size // 4, box[3] - size // 4),
            fill=tuple(255 - c for c in colour),
        )
    elif kind == 2:
        centre, radius = (left + size / 2, top + size / 2), size / 2
        turn = rng.random() * 6
        corners = rng.randint(3, 6)
        pen.polygon(
            [
                (
                    centre[0] + radius * math.cos(turn + i * math.tau / corners),
                    centre[1] + radius * math.sin(turn + i * math.tau / corners),
                )
                for i in range(corners)
            ],
            fill=colour,
        )
    else:
        pen.rounded_rectangle(box, size // 4, fill=colour)
