"""Title bars: a window's name and its buttons, in the manner of many desktops."""

from guiground.nano.scenes import icons, shelf, words
from guiground.nano.scenes.atlas import Icon
from guiground.nano.scenes.canvas import Canvas
from guiground.nano.scenes.themes import shade
from guiground.nano.scenes.widgets import draw_icon_button

STROKES = {"window-close": "Close", "maximize": "Maximize", "minimize": "Minimize"}
LIGHTS = {"window-close": (255, 95, 87), "minimize": (254, 188, 46), "maximize": (40, 200, 64)}
STYLES = ["strokes", "strokes", "wide", "wide", "lights", "discs", "discs", "squares", "themed", "themed", "themed"]


def title_bar(canvas: Canvas, left: float, top: float, right: float, place: str = "title bar") -> float:
    """Draws the bar; gives the y where it ends."""
    rng, theme = canvas.rng, canvas.theme
    height = canvas.px(rng.randint(20, 40))
    colour = rng.choice([theme.bar, shade(theme.window, -20), theme.accent, shade(theme.window, 12)])
    ink = theme.accent_text if colour == theme.accent else theme.text
    canvas.fill((left, top, right, top + height), colour)
    style = rng.choice(STYLES)
    names = ["window-close", "maximize", "minimize"][: rng.choice([1, 3, 3, 3])]
    if len(names) == 3 and rng.random() < 0.1:
        names.pop(1)
    on_left = style == "lights" or rng.random() < 0.08
    start, end = buttons(canvas, names, style, on_left, (left, top, right, top + height), ink, place)
    if canvas.atlas and place == "title bar" and height > canvas.px(26) and rng.random() < 0.3:
        start, end = header_buttons(canvas, start, end, top, height, ink)
    elif rng.random() < 0.4 and not on_left:
        icons.draw_blob(canvas.image, rng, start, top + (height - canvas.px(16)) / 2, canvas.px(16))
        start += canvas.px(22)
    text = rng.choice([words.title(rng), words.file_name(rng), f"{words.file_name(rng)} - {words.title(rng, 2)}"])
    width, room = canvas.face.width(text), end - start - 12
    if rng.random() < 0.5:
        start = max(start, (left + right - width) / 2)
    aim = canvas.write(start, top + height / 2, text, ink, room=room)
    canvas.add("title", text if width < room else "", aim, aim, place=place)
    return top + height


def buttons(canvas: Canvas, names, style: str, on_left: bool, box, ink, place: str) -> tuple[float, float]:
    """Draws close, maximize and minimize from the edge inwards; gives the x from which and to which there is room."""
    rng = canvas.rng
    left, top, right, bottom = box
    height = bottom - top
    size = canvas.px({"wide": 10, "lights": 12}.get(style, rng.choice([9, 10, 12, 14, 16])))
    size = min(size, round(height) - 6)
    pitch = canvas.px({"wide": rng.choice([30, 40, 46]), "lights": 20}.get(style, 0)) or size + canvas.px(
        rng.choice([8, 12, 16])
    )
    pitch = max(pitch, size + 4)
    red = rng.random() < 0.35
    glyphs = rng.random() < 0.3
    x = left + 3 if on_left else right - 3 - pitch
    for name in ["window-close", "minimize", "maximize"] if on_left and len(names) == 3 else names:
        centre, middle = x + pitch / 2, top + height / 2
        hot = red and name == "window-close"
        icon = draw_button(canvas, name, style, centre, middle, size, (200, 45, 40) if hot else None, ink, glyphs)
        aim = (round(centre - size / 2), round(middle - size / 2))
        aim = (*aim, aim[0] + size, aim[1] + size)
        name = shelf.called(rng, icon)
        cell = (x, top, x + pitch, bottom)
        canvas.add("button", name, cell, aim, icon=True, place=place, group=icon.group)
        x += pitch if on_left else -pitch
    return (x + 8, right - 6) if on_left else (left + 10, x + pitch)


def draw_button(canvas: Canvas, name: str, style: str, centre: float, middle: float, size: int, hot, ink, glyphs: bool):
    """One button around its centre; gives the icon that was drawn."""
    theme, half = canvas.theme, size / 2
    icon = shelf.stroke(STROKES[name])
    left, top = round(centre - half), round(middle - half)
    if style == "themed":
        themed = shelf.pick(canvas, name)
        if themed:
            shelf.put(canvas, themed, left, top, size, ink)
            return themed
    if style == "lights":
        canvas.pen.ellipse((left, top, left + size - 1, top + size - 1), fill=LIGHTS[name])
        if glyphs:
            icons.draw_icon(canvas.image, STROKES[name], left + 2, top + 2, size - 4, (70, 40, 20), 0.12)
        canvas.drawn.append((icon, (left, top, left + size, top + size)))
        return icon
    around = round(half + canvas.px(3))
    disc = (round(centre) - around, round(middle) - around, round(centre) + around, round(middle) + around)
    if style == "discs":
        canvas.pen.ellipse(disc, fill=hot or shade(theme.bar, 40 if theme.dark else -28))
    elif style == "squares":
        canvas.fill(disc, hot or shade(theme.bar, 22), theme.border, min(theme.radius, 3))
    elif hot:
        canvas.fill((centre - size * 1.4, middle - size, centre + size * 1.4, middle + size), hot)
    ink = (255, 255, 255) if hot else theme.text if style in ("discs", "squares") else ink
    shelf.put(canvas, icon, left, top, size, ink, canvas.rng.choice([0.08, 0.1, 0.14]))
    return icon


def header_buttons(canvas: Canvas, start: float, end: float, top: float, height: float, ink) -> tuple[float, float]:
    """Icon buttons in the title bar itself, as programs without a menu bar have them; gives the room left between."""
    size, pad = canvas.px(16), canvas.px(4)
    y = top + (height - size) / 2 - pad
    for at_start in [True] * canvas.rng.randint(0, 3) + [False] * canvas.rng.randint(0, 3):
        icon: Icon | None = shelf.pick(canvas)
        if icon is None or end - start < 200:
            break
        x = start if at_start else end - size - 2 * pad - 6
        draw_icon_button(canvas, icon, x, y, size, pad, place="header bar", ink=ink)
        start, end = (x + size + 2 * pad + 4, end) if at_start else (start, x)
    return start, end
