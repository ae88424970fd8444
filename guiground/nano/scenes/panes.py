"""What fills a window: lists, tables, forms, documents, code, icon views, side by side."""

import itertools

from guiground.nano.scenes import icons, shelf, words
from guiground.nano.scenes.canvas import Canvas
from guiground.nano.scenes.icon_panes import actions, badge, icon_row, tool_box
from guiground.nano.scenes.keypads import keypad, month
from guiground.nano.scenes.texts import document, source_code
from guiground.nano.scenes.widgets import draw_widget, shown


def draw_pane(canvas: Canvas, box, depth: int) -> None:
    """Splits the room into panes, or fills it."""
    rng = canvas.rng
    left, top, right, bottom = box
    if depth < 2 and right - left > 360 and rng.random() < (0.6 if depth == 0 else 0.25):
        split = left + round((right - left) * rng.choice([0.18, 0.22, 0.25, 0.3, 0.5]))
        sidebar(canvas, (left, top, split, bottom))
        canvas.line([(split, top), (split, bottom)], canvas.theme.border)
        draw_pane(canvas, (split + 1, top, right, bottom), depth + 1)
        return
    if depth < 3 and bottom - top > 260 and rng.random() < 0.3:
        split = top + round((bottom - top) * rng.uniform(0.3, 0.7))
        draw_pane(canvas, (left, top, right, split), depth + 1)
        canvas.line([(left, split), (right, split)], canvas.theme.border)
        draw_pane(canvas, (left, split + 1, right, bottom), depth + 1)
        return
    if rng.random() < 0.25:
        top = tab_row(canvas, left, top, right)
    kinds = [table, table, table, form, form, form, document, source_code, icon_view, cards, keypad, month]
    rng.choice([*kinds, tool_box] if canvas.atlas else kinds)(canvas, (left, top, right, bottom))


def tab_row(canvas: Canvas, left: float, top: float, right: float) -> float:
    """Tabs above a pane."""
    rng = canvas.rng
    height = canvas.face.size + rng.choice([10, 14, 18])
    x = left + rng.randint(0, 12)
    for _ in range(rng.randint(2, 7)):
        x = draw_widget(canvas, "tab", words.phrase(rng, "tab"), x, top + 2, height, right - 8, "tab bar") + rng.choice(
            [0, 2, 6]
        )
        if x > right - 60:
            break
    canvas.line([(left, top + height + 2), (right, top + height + 2)], canvas.theme.border)
    return top + height + 4


def sidebar(canvas: Canvas, box) -> None:
    """Places, categories or a tree, one of them selected."""
    rng, theme = canvas.rng, canvas.theme
    left, top, right, bottom = box
    canvas.fill(box, rng.choice([theme.base, theme.bar, theme.window]))
    row = canvas.face.size + rng.choice([6, 9, 12, 18])
    y, index = top + rng.randint(2, 12), 0
    count = rng.randint(4, 40)
    selected = rng.randrange(12)
    tree = rng.random() < 0.4
    while y + row < bottom and index < count:
        indent = 10 + (16 * rng.randint(0, 2) if tree else 0)
        role = "tree item" if tree else "list item"
        if index == selected and rng.random() < 0.7:
            canvas.fill((left + 2, y, right - 2, y + row), theme.accent, radius=theme.radius)
            text = words.phrase(rng, "sidebar")
            aim = canvas.write(left + indent, y + row / 2, text, theme.accent_text, room=right - left - indent - 8)
            name = shown(canvas, text, right - left - indent - 8)
            canvas.add(role, name, (left, y, right, y + row), aim, place="sidebar")
        else:
            draw_widget(canvas, role, words.phrase(rng, "sidebar"), left + indent, y, row, right - 8, "sidebar")
        y += row
        index += 1


def table(canvas: Canvas, box) -> None:
    """Columns under headers."""
    rng, theme, face = canvas.rng, canvas.theme, canvas.face
    left, top, right, bottom = box
    canvas.fill(box, theme.base)
    row = face.size + rng.choice([5, 8, 11, 16])
    kinds, edges, x = [], [], left
    while x < right - 60 and len(kinds) < 8:
        kinds.append(
            rng.choice(["file", "number", "number", "person", "title"])
            if kinds
            else rng.choice(["file", "title", "person"])
        )
        edges.append(x)
        x += rng.randint(80, 160) if kinds[-1] == "number" else rng.randint(130, 340)
    edges.append(right)
    y = top
    if rng.random() < 0.85:
        canvas.fill((left, y, right, y + row), theme.bar, theme.border)
        for start, end in itertools.pairwise(edges):
            name = words.phrase(rng, "header")
            aim = canvas.write(start + 8, y + row / 2, name, theme.text, room=end - start - 16)
            canvas.add("header", shown(canvas, name, end - start - 16), (start, y, end, y + row), aim, place="table")
        y += row
    count, index = rng.randint(3, 60), 0
    striped, selected = rng.random() < 0.4, rng.randrange(20)
    while y + row < bottom and index < count:
        ink = theme.text
        if index == selected:
            canvas.fill((left, y, right, y + row), theme.accent)
            ink = theme.accent_text
        elif striped and index % 2:
            canvas.fill((left, y, right, y + row), theme.window)
        for kind, start, end in zip(kinds, edges, edges[1:], strict=False):
            text = words.cell(rng, kind)
            indent = 8
            if kind == "file" and start == left:
                icons.draw_blob(canvas.image, rng, start + 6, y + row / 2 - face.size / 2, face.size)
                indent = 12 + face.size
            aim = canvas.write(start + indent, y + row / 2, text, ink, room=end - start - indent - 8)
            canvas.add("cell", shown(canvas, text, end - start - indent - 8), aim, aim, place="table")
        y += row
        index += 1


def form(canvas: Canvas, box) -> None:
    """Labels beside fields, boxes to tick, buttons."""
    rng, theme, face = canvas.rng, canvas.theme, canvas.face
    left, top, right, bottom = box
    row = face.size + theme.row
    indent = rng.choice([10, 20, 40, 80])
    wide = rng.choice([110, 140, 180])
    stacked = rng.random() < 0.35  # labels above their fields instead of left of them
    y = top + rng.randint(6, 24)
    while y + row < bottom:
        kind = rng.choice(
            [*["field"] * 4, "check box", "radio button", "switch", "buttons", "heading", "text", "slider"]
        )
        x = left + indent
        if kind == "field":
            text = (words.phrase if rng.random() < 0.5 else words.titled)(rng, "label") + rng.choice(["", ":", ":"])
            above = stacked and y + 2 * row < bottom
            room = right - x - 12 if above else wide - 8
            aim = canvas.write(x, y + row / 2, text, theme.text, room=room)
            name = shown(canvas, text, room)
            start = x if above else x + wide
            y += row if above else 0
            field_box = (start, y, min(right - 12, start + rng.randint(100, 360)), y + row)
            canvas.fill(field_box, theme.base, theme.border, theme.radius)
            canvas.add("label", name, aim, aim, place="form")
            list_box = rng.random() < 0.3
            if list_box:
                arrow = face.size * 0.8
                icon = shelf.pick(canvas, "chevron-down") or shelf.stroke("Down")
                shelf.put(canvas, icon, field_box[2] - arrow - 6, y + (row - arrow) / 2, round(arrow), theme.text)
            role, value = "drop-down" if list_box else "field", ""
            if rng.random() < 0.4 or list_box:
                value = rng.choice([words.title, words.number, words.person])(rng)
                room = field_box[2] - field_box[0] - 28
                inner = canvas.write(field_box[0] + 6, y + row / 2, value, theme.text, room=room)
                value = shown(canvas, value, room)
                canvas.add(role, value, field_box, inner, place="form")
            canvas.add(role, name.rstrip(":"), field_box, field_box, place="form", beside=True, value=value)
        elif kind == "heading":
            big = canvas.other_face(rng.uniform(1.1, 1.6))
            text = words.phrase(rng, "sidebar")
            aim = canvas.write(x, y + row / 2, text, theme.text, face=big, room=right - x - 8)
            canvas.add("heading", text if big.width(text) <= right - x - 8 else "", aim, aim, place="form")
        elif kind == "buttons":
            for _ in range(rng.randint(1, 4)):
                if x > right - 80:
                    break
                x = draw_widget(
                    canvas, "button", words.phrase(rng, "button"), x, y, row, right - 8, "form"
                ) + rng.choice([6, 10])
        elif kind == "slider":
            canvas.line([(x, y + row / 2), (x + 160, y + row / 2)], theme.border, 3)
            knob = x + rng.randint(0, 160)
            canvas.pen.ellipse((knob - 6, y + row / 2 - 6, knob + 6, y + row / 2 + 6), fill=theme.accent)
        elif kind == "text":
            draw_widget(canvas, "text", words.sentence(rng, rng.randint(4, 14)), x, y, row, right - 12, "form")
        else:
            draw_widget(canvas, kind, words.phrase(rng, kind), x, y, row, right - 12, "form")
        y += row + rng.choice([2, 6, 12, 20])


def icon_view(canvas: Canvas, box) -> None:
    """Pictures with a name under each."""
    rng, theme, face = canvas.rng, canvas.theme, canvas.face
    left, top, right, bottom = box
    canvas.fill(box, theme.base)
    size = canvas.px(rng.choice([32, 48, 64, 96]))
    wide, tall = size + canvas.px(rng.choice([40, 60])), size + face.size + canvas.px(24)
    y = top + 8
    while y + tall < bottom:
        x = left + 8
        while x + wide < right:
            icons.draw_blob(canvas.image, rng, x + (wide - size) / 2, y, size)
            text = rng.choice([words.file_name, words.title])(rng)
            name = face.fit(text, wide - 4)
            start = x + (wide - face.width(name)) / 2
            aim = canvas.write(start, y + size + face.size, name, theme.text)
            canvas.add("icon label", shown(canvas, text, wide - 4), (x, y, x + wide, y + tall), aim, place="icon view")
            x += wide
            if rng.random() < 0.02:
                return
        y += tall


def cards(canvas: Canvas, box) -> None:
    """A web page: headings, links, cards with a picture, a price and a button."""
    rng, theme = canvas.rng, canvas.theme
    left, top, right, bottom = box
    canvas.fill(box, theme.base)
    row = canvas.face.size + 14
    x = left + 16
    for _ in range(rng.randint(2, 7)):
        if x < right - 90:
            x = draw_widget(canvas, "link", words.phrase(rng, "link"), x, top + 6, row, right - 8, "navigation") + 20
    wide, tall = rng.randint(170, 300), rng.randint(150, 260)
    y, offers = top + row + 20, actions(canvas)
    corner = rng.choice(["heart", "bookmark", "close", "", ""])
    while y + tall < bottom:
        x = left + 14
        while x + wide < right:
            canvas.fill((x, y, x + wide, y + tall), theme.window, theme.border, theme.radius)
            icons.draw_blob(canvas.image, rng, x + 8, y + 8, min(wide, tall) // 3)
            if corner:
                badge(canvas, corner, x + wide - 28, y + 10, 16)
            line = y + tall // 3 + 14
            for role in ["heading", "label", "text", "button"]:
                if line + row < y + tall - 4:
                    text = (
                        words.number(rng)
                        if role == "label"
                        else words.phrase(rng, "button")
                        if role == "button"
                        else words.title(rng, 4)
                    )
                    draw_widget(canvas, role, text, x + 10, line, row, x + wide - 8, "card")
                line += row + 2
            if line + 26 < y + tall:
                icon_row(canvas, offers, x + 8, line, 16, 4, "card")
            x += wide + 14
        y += tall + 14
