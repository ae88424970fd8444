"""Dense rows of widgets: much text on few pixels, to learn reading and searching."""

from guiground.nano.scenes import shelf, words
from guiground.nano.scenes.canvas import Canvas
from guiground.nano.scenes.themes import new_theme
from guiground.nano.scenes.widgets import draw_icon_button, draw_widget

ROLES = [
    "button",
    "button",
    "tab",
    "label",
    "field",
    "link",
    "check box",
    "radio button",
    "menu item",
    "list item",
    "text",
]


def draw_rows(canvas: Canvas) -> None:
    """Fills the canvas with patches of different themes and fonts, each with rows of widgets."""
    rng, top = canvas.rng, 0
    while top < canvas.height:
        bottom = min(canvas.height, top + rng.choice([96, 128, 192, 256, 400, 800]))
        left = 0
        while left < canvas.width:
            right = min(canvas.width, left + rng.choice([192, 256, 320, 512, 1280]))
            if canvas.width - right < 96:
                right = canvas.width
            if canvas.level:
                canvas.theme = new_theme(rng, canvas.level)
                canvas.new_style()
                canvas.face = (
                    canvas.other_face()
                    if canvas.level == 1 or rng.random() < 0.7
                    else canvas.other_face(rng.uniform(0.8, 1.4))
                )
            canvas.fill((left, top, right, bottom), canvas.theme.window)
            fill_patch(canvas, left, top, right, bottom)
            left = right
        top = bottom


def fill_patch(canvas: Canvas, left: int, top: int, right: int, bottom: int) -> None:
    """Rows of widgets inside one rectangle."""
    rng, face = canvas.rng, canvas.face
    y = top + rng.randint(2, 8)
    gap = rng.choice([2, 4, 6, 10, 16])
    while True:
        height = face.size + canvas.theme.row
        if y + height > bottom:
            return
        x = left + rng.randint(2, 24)
        role = rng.choice(ROLES)
        if canvas.atlas and canvas.level > 1 and rng.random() < 0.18:
            x = icon_run(canvas, x, y, height, right)
        while x < right - 30:
            if rng.random() < 0.3:
                role = rng.choice(ROLES)
            text = words.sentence(rng, rng.randint(2, 8)) if role == "text" else words.phrase(rng, role)
            x = draw_widget(canvas, role, text, x, y, height, right - 4) + rng.choice([6, 10, 16, 30, 60])
        y += height + gap


def icon_run(canvas: Canvas, x: float, y: float, height: float, right: float) -> float:
    """Icon buttons beside each other; gives the x where the row goes on."""
    rng = canvas.rng
    size = max(12, min(round(height) - 4, canvas.px(rng.choice([14, 16, 18, 20, 24]))))
    pad = rng.choice([2, 3, 5, 8])
    for _ in range(rng.randint(1, 9)):
        icon = shelf.pick(canvas)
        if icon is None or x + size + 2 * pad > right - 4:
            break
        x = draw_icon_button(canvas, icon, x, y + (height - size) / 2 - pad, size, pad, bare=True) + rng.choice([0, 4])
    return x + 8
