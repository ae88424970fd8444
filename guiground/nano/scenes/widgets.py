"""One widget each: what it looks like, and what of it is named and aimed at."""

from guiground.nano.scenes import icons, shelf
from guiground.nano.scenes.atlas import Icon
from guiground.nano.scenes.canvas import Canvas


def draw_widget(
    canvas: Canvas, role: str, text: str, x: float, y: float, height: float, right: float, place: str = ""
) -> float:
    """Draws a widget whose row starts at (x, y); gives the x where it ends. Text that has no room is cut."""
    theme, rng, face = canvas.theme, canvas.rng, canvas.face
    middle = y + height / 2
    if role in ("button", "tab", "menu", "field"):
        pad = rng.choice([6, 10, 14, 20]) if role != "menu" else 8
        width = min(face.width(text) + 2 * pad, right - x)
        if width < 20:
            return right
        if role == "field":
            width = min(max(width, rng.randint(60, 260)), right - x)
        box = (x, y, x + width, y + height)
        colour = theme.text
        if role == "button":
            if rng.random() < 0.25:
                canvas.fill(box, theme.accent, radius=theme.radius)
                colour = theme.accent_text
            else:
                canvas.fill(box, theme.bar, theme.border if theme.outlined else None, theme.radius)
        elif role == "tab":
            canvas.fill(box, theme.base if rng.random() < 0.5 else theme.bar, theme.border if theme.outlined else None)
        elif role == "field":
            canvas.fill(box, theme.base, theme.border, theme.radius)
            colour = theme.dim if rng.random() < 0.5 else theme.text
        start = x + pad if role == "field" else x + (width - min(face.width(text), width - 2 * pad)) / 2
        room = width - 2 * pad
        if role == "field" and canvas.atlas and width > 120 and rng.random() < 0.25:
            room -= field_icon(canvas, box)
        aim = canvas.write(start, middle, text, colour, room=room)
        canvas.add(role, shown(canvas, text, room), box, aim, place=place)
        return box[2]
    if role in ("check box", "radio button", "switch"):
        size = round(min(height - 2, face.size * rng.uniform(0.95, 1.2)))
        toggle = (x, middle - size / 2, x + size * (1.8 if role == "switch" else 1), middle + size / 2)
        on = rng.random() < 0.5
        draw_toggle(canvas, role, toggle, on)
        room = right - toggle[2] - 8
        aim = canvas.write(toggle[2] + 6, middle, text, theme.text, room=room)
        if aim[2] > aim[0]:
            canvas.add(role, shown(canvas, text, room), (x, y, aim[2], y + height), aim, place=place)
        return aim[2]
    colour = theme.link if role == "link" else theme.dim if role == "text" and rng.random() < 0.3 else theme.text
    if role in ("list item", "menu item", "tree item") and rng.random() < canvas.iconic and right - x > 60:
        size = round(face.size * 1.1)
        icon = shelf.ornament(canvas) if rng.random() < 0.7 else None
        if icon is None:
            icons.draw_blob(canvas.image, rng, x, middle - size / 2, size)
        else:
            shelf.put(canvas, icon, x, middle - size / 2, size, theme.text)
        x += size + 6
    aim = canvas.write(x, middle, text, colour, room=right - x)
    if role == "link" and rng.random() < 0.4 and aim[2] > aim[0]:
        canvas.line([(aim[0], aim[3]), (aim[2], aim[3])], colour)
    if role != "text" or len(text) < 30:
        canvas.add(role, shown(canvas, text, right - x), aim, aim, place=place)
    return aim[2]


def field_icon(canvas: Canvas, box) -> float:
    """An icon at the right end of a field; gives the room it takes."""
    size = round(min(canvas.face.size * 1.2, box[3] - box[1] - 4))
    icon = shelf.pick(canvas, canvas.rng.choice(["search", "clear", "eye", "eye-off", "calendar", "chevron-down"]))
    if icon is None or size < 10:
        return 0
    x = box[2] - size - 6
    draw_icon_button(canvas, icon, x - 2, (box[1] + box[3] - size) / 2 - 2, size, 2, place="field", bare=True)
    return size + 6


def shown(canvas: Canvas, text: str, room: float) -> str:
    """The text as far as it is to be read; nothing where it was cut."""
    return text if canvas.face.width(text) <= room else ""


def draw_toggle(canvas: Canvas, role: str, box, on: bool) -> None:
    """A check box, radio button or switch."""
    theme = canvas.theme
    left, top, right, bottom = (round(v) for v in box)
    fill = theme.accent if on else theme.base
    if role == "switch":
        canvas.fill(box, fill, theme.border, (bottom - top) // 2)
        knob = (
            (right - (bottom - top) + 2, top + 2, right - 2, bottom - 2)
            if on
            else (left + 2, top + 2, left + (bottom - top) - 2, bottom - 2)
        )
        canvas.pen.ellipse(knob, fill=(250, 250, 250))
    elif role == "radio button":
        canvas.pen.ellipse((left, top, right, bottom), fill=theme.base, outline=theme.border)
        if on:
            inset = (right - left) // 4
            canvas.pen.ellipse((left + inset, top + inset, right - inset, bottom - inset), fill=theme.accent)
    else:
        canvas.fill(box, fill, theme.border, min(theme.radius, 3))
        if on:
            icons.draw_icon(canvas.image, "Check", left, top, right - left, theme.accent_text, 0.14)


def draw_icon_button(
    canvas: Canvas,
    icon: Icon,
    x: float,
    y: float,
    size: int,
    pad: int,
    place: str = "",
    ink=None,
    bare: bool = False,
) -> float:
    """A tool button that shows only an icon, on the bar itself where `bare`; gives the x where it ends."""
    theme, rng = canvas.theme, canvas.rng
    box = (x, y, x + size + 2 * pad, y + size + 2 * pad)
    if not bare and ink is None and rng.random() < 0.15:
        canvas.fill(box, theme.bar, theme.border, theme.radius)
    shelf.put(canvas, icon, x + pad, y + pad, size, ink or theme.text, rng.choice([0.07, 0.09, 0.12]))
    aim = (x + pad, y + pad, x + pad + size, y + pad + size)
    canvas.add("button", shelf.called(rng, icon), box, aim, icon=True, place=place, group=icon.group)
    return box[2]
