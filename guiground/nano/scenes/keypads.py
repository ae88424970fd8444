"""Grids of short names: calculators, number pads, the days of a month."""

import calendar

from guiground.nano.scenes.canvas import Canvas
from guiground.nano.scenes.themes import shade

DIGITS = ["789", "456", "123", "0"]
SIGNS = [*"+-*/=%.,()^!#", "C", "AC", "CE", "sin", "cos", "tan", "log", "ln", "mod", "exp", "Ans", "del", "DEL"]


def keypad(canvas: Canvas, box) -> None:
    """A display and keys in rows, the digits from the top or from the bottom."""
    rng, theme = canvas.rng, canvas.theme
    left, top, right, bottom = box
    digits = DIGITS[:3] if rng.random() < 0.7 else ["123", "456", "789"]
    extra = rng.choice([1, 1, 2, 4])
    signs = rng.sample(SIGNS, min(len(SIGNS), 4 * extra + 3))
    rows = [[*row, *(signs.pop() for _ in range(extra))] for row in digits]
    rows.append(["0", signs.pop(), signs.pop(), *(signs.pop() for _ in range(extra) if signs)])
    wide, tall = canvas.px(rng.randint(30, 84)), canvas.px(rng.randint(24, 56))
    gap = rng.choice([0, 2, 4, 8])
    x0, y0 = left + rng.randint(4, 30), top + canvas.px(rng.randint(36, 90))
    face = canvas.other_face(rng.uniform(1.0, 1.5))
    canvas.write(x0 + 8, (top + y0) / 2, str(rng.randint(0, 99999)), theme.text, face=canvas.other_face(1.6))
    for r, row in enumerate(rows):
        for c, name in enumerate(row):
            x, y = x0 + c * (wide + gap), y0 + r * (tall + gap)
            if x + wide > right or y + tall > bottom:
                continue
            strong = name == "=" and rng.random() < 0.6
            fill = theme.accent if strong else theme.bar if name.isdigit() else shade(theme.bar, -8)
            canvas.fill((x, y, x + wide, y + tall), fill, theme.border if gap < 4 else None, theme.radius)
            ink = theme.accent_text if strong else theme.text
            start = x + (wide - face.width(name)) / 2
            aim = canvas.write(start, y + tall / 2, name, ink, face=face)
            canvas.add("key", name if face.width(name) < wide else "", (x, y, x + wide, y + tall), aim, place="keypad")


def month(canvas: Canvas, box) -> None:
    """A calendar's month with its days."""
    rng, theme, face = canvas.rng, canvas.theme, canvas.face
    left, top, right, bottom = box
    wide = min(canvas.px(rng.choice([26, 34, 48, 110])), (right - left - 16) / 7)
    tall = wide if wide < 60 else canvas.px(rng.choice([60, 80]))
    if wide < face.size * 1.6:
        return
    year, number = rng.randint(1999, 2027), rng.randint(1, 12)
    x, y = left + 8, top + face.size * 1.4
    text = f"{calendar.month_name[number]} {year}"
    aim = canvas.write(x + 4, y, text, theme.text, face=canvas.other_face(rng.uniform(1.0, 1.4)))
    canvas.add("heading", text, aim, aim, place="calendar")
    y += face.size * 1.4
    days = [calendar.day_abbr[d][: rng.choice([2, 3])] for d in range(7)]
    for d, day in enumerate(days):
        canvas.write(x + d * wide + 4, y, day, theme.text)
    y += face.size
    today = rng.randint(1, 28)
    for week in calendar.monthcalendar(year, number):
        for d, day in enumerate(week):
            cell = (x + d * wide, y, x + (d + 1) * wide, y + tall)
            if not day or cell[3] > bottom:
                continue
            if wide > 60:
                canvas.fill(cell, theme.base, theme.border)
            if day == today:
                canvas.fill(cell, theme.accent, None, theme.radius)
            name = str(day)
            centred = wide < 60
            start = cell[0] + ((wide - face.width(name)) / 2 if centred else 5)
            middle = (cell[1] + cell[3]) / 2 if centred else cell[1] + face.size
            aim = canvas.write(start, middle, name, theme.accent_text if day == today else theme.text)
            canvas.add("day", name, cell if centred else aim, aim, place="calendar")
        y += tall
