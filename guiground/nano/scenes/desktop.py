"""A desktop: wallpaper or nothing behind, one to three program windows, menus and dialogs over them."""

import numpy as np
from PIL import Image

from guiground.nano.scenes import shelf, words
from guiground.nano.scenes.canvas import Canvas
from guiground.nano.scenes.icon_panes import player, rail, web_head
from guiground.nano.scenes.panes import draw_pane
from guiground.nano.scenes.themes import hue, new_theme
from guiground.nano.scenes.title_bars import title_bar
from guiground.nano.scenes.widgets import draw_icon_button, draw_widget


def draw_desktop(canvas: Canvas) -> None:
    """Draws windows from back to front; the last one is in use."""
    rng, width, height = canvas.rng, canvas.width, canvas.height
    bottom = height
    if rng.random() < 0.45:
        draw_window(canvas, (0, 0, width, height), whole=True)
    else:
        wallpaper(canvas)
        if rng.random() < 0.4:
            bottom = height - panel(canvas)
        for _ in range(rng.choice([1, 1, 2, 3])):
            w, h = width * rng.uniform(0.45, 0.98), (bottom) * rng.uniform(0.45, 0.98)
            left, top = rng.uniform(0, width - w), rng.uniform(0, bottom - h)
            draw_window(canvas, (round(left), round(top), round(left + w), round(top + h)))
    if rng.random() < 0.35:
        popup_menu(canvas)
    if rng.random() < 0.3:
        dialog(canvas)


def wallpaper(canvas: Canvas) -> None:
    """A plain colour, a gradient or soft noise."""
    rng, width, height = canvas.rng, canvas.width, canvas.height
    first, last = np.array(hue(rng, 0.4), float), np.array(hue(rng, 0.5), float)
    if rng.random() < 0.4:
        last = first
    x, y = np.linspace(0, 1, width)[None, :, None], np.linspace(0, 1, height)[:, None, None]
    tilt = rng.random()
    picture = first + (last - first) * (tilt * x + (1 - tilt) * y)
    if rng.random() < 0.3:
        coarse = np.random.default_rng(rng.randrange(2**31)).normal(0, 40, (8, 12, 3))
        noise = Image.fromarray((coarse + 128).clip(0, 255).astype(np.uint8)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
        picture = picture + np.asarray(noise, float) - 128
    canvas.image.paste(Image.fromarray(picture.clip(0, 255).astype(np.uint8)))


def panel(canvas: Canvas) -> int:
    """A task bar at the bottom; gives its height."""
    height = canvas.px(canvas.rng.randint(24, 40))
    top = canvas.height - height
    canvas.theme = new_theme(canvas.rng, canvas.level)
    canvas.fill((0, top, canvas.width, canvas.height), canvas.theme.bar)
    x = 6
    for _ in range(canvas.rng.randint(1, 6)):
        x = (
            draw_widget(
                canvas,
                "button",
                words.phrase(canvas.rng, "sidebar"),
                x,
                top + 2,
                height - 4,
                canvas.width * 0.8,
                "panel",
            )
            + 6
        )
    text = words.number(canvas.rng)
    start = canvas.width - canvas.face.width(text) - 10
    aim = canvas.write(start, top + height / 2, text, canvas.theme.text)
    canvas.add("label", text, aim, aim, place="panel")
    return height


def draw_window(canvas: Canvas, box, whole: bool = False) -> None:
    """One program: title bar, menu bar, tool bar, panes, status bar; each of them sometimes missing."""
    rng = canvas.rng
    left, top, right, bottom = box
    canvas.cover(box)
    canvas.theme = theme = new_theme(rng, canvas.level)
    canvas.new_style()
    if rng.random() < 0.35:
        canvas.face = canvas.other_face(rng.uniform(0.9, 1.15))
    canvas.fill(box, theme.window, theme.border)
    if not whole or rng.random() < 0.4:
        top = title_bar(canvas, left, top, right)
    if rng.random() < 0.7:
        top = menu_bar(canvas, left, top, right)
    for _ in range(rng.choice([0, 1, 1, 2, 2] if canvas.atlas else [0, 1, 1, 2])):
        top = tool_bar(canvas, left, top, right)
    if rng.random() < 0.5:
        bottom = status_bar(canvas, left, bottom, right)
    if canvas.atlas and bottom - top > 200 and right - left > 300:
        chance = rng.random()
        if chance < 0.15:
            top = web_head(canvas, left + 1, top, right - 1)
        elif chance < 0.35:
            bottom = player(canvas, left + 1, bottom - 1, right - 1)
        elif chance < 0.55:
            left = rail(canvas, (left + 1, top, right, bottom - 1))
    if bottom - top > 60:
        draw_pane(canvas, (left + 1, top, right - 1, bottom), depth=0)


def menu_bar(canvas: Canvas, left: float, top: float, right: float) -> float:
    """File, Edit, View ... in a row."""
    rng = canvas.rng
    height = canvas.face.size + rng.choice([8, 10, 12])
    canvas.fill((left + 1, top, right - 1, top + height), canvas.theme.bar)
    names = (
        ["File", "Edit", "View"][: rng.randint(1, 3)]
        + rng.sample(words.USUAL["menu"][3:], rng.randint(1, 6))
        + ["Help"]
    )
    x = left + 2
    for name in dict.fromkeys(names):
        x = draw_widget(canvas, "menu", name, x, top, height, right - 4, "menu bar") + rng.choice([0, 2])
    return top + height


def tool_bar(canvas: Canvas, left: float, top: float, right: float) -> float:
    """Icons, some with words beside them, and a field now and then."""
    rng = canvas.rng
    size, pad = canvas.px(rng.choice([16, 16, 20, 24])), canvas.px(rng.choice([3, 5, 7]))
    height = max(size + 2 * pad, canvas.face.size + 8) + 6
    canvas.fill((left + 1, top, right - 1, top + height), canvas.theme.bar)
    canvas.line([(left + 1, top + height - 1), (right - 1, top + height - 1)], canvas.theme.border)
    x = left + 5
    worded = rng.choice([0, 0, 0, 0.2, 0.9])
    for _ in range(rng.randint(2, 22)):
        icon = shelf.pick(canvas)
        if icon is None or x + size + 2 * pad + 80 > right:
            break
        if rng.random() < worded:
            x = worded_button(canvas, icon, x, top, height, size, pad, right) + 8
        else:
            y = top + (height - size - 2 * pad) / 2
            x = draw_icon_button(canvas, icon, x, y, size, pad, place="tool bar") + rng.choice([0, 2, 4])
        if rng.random() < 0.2:
            canvas.line([(x + 3, top + 4), (x + 3, top + height - 6)], canvas.theme.border)
            x += 8
    if rng.random() < 0.4 and right - x > 120:
        draw_widget(canvas, "field", words.phrase(rng, "label"), x + 6, top + 3, height - 7, right - 6, "tool bar")
    return top + height


def worded_button(
    canvas: Canvas, icon, x: float, top: float, height: float, size: int, pad: int, right: float
) -> float:
    """An icon with words beside it; gives the x where it ends."""
    rng, ink = canvas.rng, canvas.theme.text
    text = shelf.called(rng, icon) if rng.random() < 0.7 else words.phrase(rng, "button")
    text = rng.choice([text.capitalize(), text.title(), text])
    shelf.put(canvas, icon, x + pad, top + (height - size) / 2, size, ink)
    start = x + size + 2 * pad
    aim = canvas.write(start + 4, top + height / 2, text, ink, room=right - start - 8)
    name = text if aim[2] - aim[0] > canvas.face.width(text) - 2 else ""
    canvas.add("button", name, (x, top, aim[2], top + height), aim, place="tool bar")
    return aim[2]


def status_bar(canvas: Canvas, left: float, bottom: float, right: float) -> float:
    """Short facts at the bottom; gives the y where it starts."""
    rng = canvas.rng
    height = canvas.face.size + 8
    top = bottom - height
    canvas.fill((left + 1, top, right - 1, bottom - 1), canvas.theme.bar)
    x = left + 8
    for _ in range(rng.randint(1, 4)):
        text = rng.choice([words.number, words.title])(rng)
        aim = canvas.write(x, top + height / 2, text, canvas.theme.text, room=right - x - 8)
        canvas.add("label", text if aim[2] - x > canvas.face.width(text) - 2 else "", aim, aim, place="status bar")
        x = aim[2] + rng.randint(20, 200)
        if x > right - 60:
            break
    return top


def popup_menu(canvas: Canvas) -> None:
    """A menu open over whatever is there; under a menu of the menu bar when there is one."""
    rng, face = canvas.rng, canvas.face
    bar = [e for e in canvas.elements if e.role == "menu"]
    row = face.size + rng.choice([6, 9, 12])
    items = [
        rng.choice(words.USUAL["menu item"]) if rng.random() < 0.7 else words.title(rng)
        for _ in range(rng.randint(4, 16))
    ]
    keys = [
        rng.choice(["Ctrl+", "Alt+", "Shift+Ctrl+", "F"]) + rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890")
        for _ in items
    ]
    width = max(map(face.width, items)) + rng.choice([60, 110, 160])
    if bar and rng.random() < 0.8:
        owner = rng.choice(bar)
        left, top = owner.box[0], owner.box[3]
    else:
        left, top = rng.uniform(0, canvas.width * 0.7), rng.uniform(0, canvas.height * 0.6)
    left = max(0, min(left, canvas.width - width - 2))
    items = items[: max(1, int((canvas.height - top - 8) // row))]
    box = (left, top, left + width, top + 8 + row * len(items))
    canvas.cover(box)
    canvas.fill(box, canvas.theme.base, canvas.theme.border, canvas.theme.radius)
    hovered = rng.randrange(len(items)) if rng.random() < 0.5 else -1
    indent = rng.choice([10, 28])
    for index, (item, key) in enumerate(zip(items, keys, strict=False)):
        y = top + 4 + index * row
        ink = canvas.theme.text
        if index == hovered:
            canvas.fill((left + 1, y, left + width - 1, y + row), canvas.theme.accent)
            ink = canvas.theme.accent_text
        dots = rng.choice(["...", chr(0x2026)])
        aim = canvas.write(left + indent, y + row / 2, item.replace("...", dots), ink)
        canvas.add("menu item", item.removesuffix("..."), (left, y, left + width, y + row), aim, place="menu")
        if rng.random() < 0.4:
            start = left + width - face.width(key) - 8
            if start > aim[2] + 6:
                canvas.write(start, y + row / 2, key, ink)


def dialog(canvas: Canvas) -> None:
    """A small window in front: a question or a form, with its buttons at the bottom right."""
    rng = canvas.rng
    width = canvas.width * rng.uniform(0.25, 0.5)
    height = canvas.height * rng.uniform(0.2, 0.6)
    left, top = (canvas.width - width) * rng.uniform(0.3, 0.7), (canvas.height - height) * rng.uniform(0.2, 0.7)
    box = tuple(round(v) for v in (left, top, left + width, top + height))
    canvas.cover(box)
    canvas.fill(box, canvas.theme.window, canvas.theme.border, canvas.theme.radius)
    left, top, right, bottom = box
    if rng.random() < 0.8:
        top = title_bar(canvas, left, top, right, "dialog title")
    row = canvas.face.size + canvas.theme.row
    x = right - 12.0
    for text in rng.sample(words.USUAL["button"], rng.randint(1, 3)):
        w = canvas.face.width(text) + 36
        if x - w < left + 8:
            break
        draw_widget(canvas, "button", text, x - w, bottom - row - 10, row, x, "dialog")
        x -= w + 8
    y = top + 10
    while y + row < bottom - row - 16:
        role = rng.choice(["text", "text", "check box", "field", "radio button", "label"])
        text = words.sentence(rng, 6) if role == "text" else words.phrase(rng, role)
        draw_widget(canvas, role, text, left + 14, y, row, right - 14, "dialog")
        y += row + rng.choice([2, 6, 10])
