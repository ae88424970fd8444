"""Places where icons stand without words: a rail of places, a media player, the head of a web page, cards' actions."""

from guiground.nano.scenes import icons, shelf, words
from guiground.nano.scenes.canvas import Canvas
from guiground.nano.scenes.themes import shade
from guiground.nano.scenes.widgets import draw_icon_button, draw_widget

PLAYER = ["shuffle", "previous-track", "rewind", "play", "pause", "stop", "fast-forward", "next-track", "repeat"]
AROUND = ["volume", "mute", "fullscreen", "playlist", "heart", "cast", "subtitles", "settings", "more-horizontal"]
ACTIONS = [
    "heart",
    "share",
    "bookmark",
    "more-horizontal",
    "more-vertical",
    "edit",
    "delete",
    "chat",
    "like",
    "dislike",
]
ACTIONS += ["download", "copy", "star", "link", "reply", "cart", "eye"]
HEAD = [
    "search",
    "cart",
    "user",
    "bell",
    "globe",
    "dark-mode",
    "brightness",
    "settings",
    "help",
    "heart",
    "mail",
    "bag",
]


def icon_row(canvas: Canvas, concepts, x: float, y: float, size: int, pad: int, place: str, ink=None) -> float:
    """Icon buttons beside each other; gives the x where they end."""
    for concept in concepts:
        icon = shelf.pick(canvas, concept)
        if icon:
            x = draw_icon_button(canvas, icon, x, y, size, pad, place=place, ink=ink) + pad
    return x


def rail(canvas: Canvas, box) -> float:
    """A column of large icons at the left edge; gives the x where it ends."""
    rng, theme = canvas.rng, canvas.theme
    left, top, _, bottom = box
    size, pad = canvas.px(rng.choice([16, 20, 24])), canvas.px(rng.choice([6, 10, 14]))
    wide = size + 2 * pad
    dark = rng.random() < 0.4
    canvas.fill((left, top, left + wide, bottom), (40, 44, 52) if dark else theme.bar)
    ink = (225, 225, 230) if dark else theme.text
    y = top + 2
    for _ in range(rng.randint(3, 9)):
        icon = shelf.pick(canvas)
        if icon is None or y + wide > bottom:
            break
        draw_icon_button(canvas, icon, left, y, size, pad, place="sidebar", ink=ink)
        y += wide
    icon = shelf.pick(canvas)
    if icon and bottom - y > 2 * wide:
        draw_icon_button(canvas, icon, left, bottom - wide - 2, size, pad, place="sidebar", ink=ink)
    return left + wide + 1


def player(canvas: Canvas, left: float, bottom: float, right: float) -> float:
    """Playback controls at the bottom of a window; gives the y where they start."""
    rng, theme = canvas.rng, canvas.theme
    size, pad = canvas.px(rng.choice([16, 20, 24, 32])), canvas.px(rng.choice([4, 6, 8]))
    height = size + 2 * pad + canvas.px(rng.choice([6, 20]))
    top = bottom - height
    canvas.fill((left, top, right, bottom), rng.choice([theme.bar, theme.base]))
    y = top + (height - size) / 2 - pad
    chosen = [c for c in PLAYER if rng.random() < 0.6 and (c != "pause" or rng.random() < 0.5)]
    side = rng.sample(AROUND, rng.randint(0, 4))
    step = size + 3 * pad
    start = left + 8 if rng.random() < 0.5 else max(left + 8, (left + right - step * len(chosen)) / 2)
    start = min(start, right - step * (len(chosen) + len(side)) - 20)
    if right - left < step * (len(chosen) + len(side)) + 40:
        return top
    end = icon_row(canvas, chosen, start, y, size, pad, "player") + 10
    edge = icon_row(canvas, side, right - step * len(side) - 8, y, size, pad, "player") if side else right
    edge = right - step * len(side) - 16 if side else edge
    if edge - end > 120:
        line = top + height / 2
        text = f"{rng.randint(0, 9)}:{rng.randint(0, 59):02}"
        end = canvas.write(end, line, text, theme.text)[2] + 10
        if edge - end > 40:
            knob = rng.uniform(end, edge - 12)
            canvas.line([(end, line), (edge - 8, line)], theme.border, 3)
            canvas.line([(end, line), (knob, line)], theme.accent, 3)
            canvas.pen.ellipse((knob - 5, line - 5, knob + 5, line + 5), fill=theme.accent)
    return top


def web_head(canvas: Canvas, left: float, top: float, right: float) -> float:
    """The head of a web page: a menu button, a logo, a search field, icons at the right; gives the y where it ends."""
    rng, theme = canvas.rng, canvas.theme
    size, pad = canvas.px(rng.choice([16, 20, 24])), canvas.px(rng.choice([4, 8]))
    height = size + 2 * pad + canvas.px(rng.choice([8, 16, 24]))
    colour = rng.choice([theme.base, theme.bar, theme.accent, (32, 36, 44)])
    ink = {theme.accent: theme.accent_text, (32, 36, 44): (235, 235, 240)}.get(colour, theme.text)
    canvas.fill((left, top, right, top + height), colour)
    canvas.line([(left, top + height), (right, top + height)], theme.border)
    y = top + (height - size) / 2 - pad
    x = icon_row(canvas, ["menu"] if rng.random() < 0.5 else [], left + 8, y, size, pad, "page head", ink) + 6
    icons.draw_blob(canvas.image, rng, x, top + (height - size) / 2, size)
    x += size + 16
    some = rng.sample(HEAD, rng.randint(1, 5))
    edge = right - (size + 3 * pad) * len(some) - 10
    if edge - x < 20:
        return top + height
    icon_row(canvas, some, edge, y, size, pad, "page head", ink)
    if rng.random() < 0.5 and edge - x > 200:
        row = canvas.face.size + 10
        draw_widget(
            canvas, "field", words.phrase(rng, "label"), x, top + (height - row) / 2, row, edge - 20, "page head"
        )
    return top + height + 1


def tool_box(canvas: Canvas, box) -> None:
    """Rows of icon buttons as drawing programs and control centres have them, some with a line of words between."""
    rng = canvas.rng
    left, top, right, bottom = box
    size, pad = canvas.px(rng.choice([16, 16, 20, 22, 24, 32])), canvas.px(rng.choice([3, 6, 10, 16]))
    step = size + 2 * pad + 2
    y = top + rng.randint(4, 16)
    wide = min(right - left - 16, step * rng.choice([2, 3, 4, 6, 10]))
    for _ in range(rng.randint(2, 9)):
        if y + step > bottom:
            return
        if rng.random() < 0.2:
            draw_widget(canvas, "heading", words.phrase(rng, "sidebar"), left + 10, y, step, right - 8, "tool box")
            y += step
            continue
        x = left + 8
        while x + step <= left + 8 + wide:
            icon = shelf.pick(canvas)
            if icon is None:
                return
            draw_icon_button(canvas, icon, x, y, size, pad, place="tool box")
            x += step
        y += step


def actions(canvas: Canvas) -> list[str]:
    """What every card of a page offers at its foot; often nothing."""
    return canvas.rng.sample(ACTIONS, canvas.rng.choice([0, 0, 2, 3, 4]))


def badge(canvas: Canvas, concept: str, left: float, top: float, size: int) -> None:
    """An icon button in a disc over a picture, as a card's corner has."""
    icon = shelf.pick(canvas, concept)
    if icon:
        canvas.pen.ellipse((left - 4, top - 4, left + size + 3, top + size + 3), fill=shade(canvas.theme.base, 0))
        draw_icon_button(canvas, icon, left - 4, top - 4, size, 4, place="card", bare=True)
