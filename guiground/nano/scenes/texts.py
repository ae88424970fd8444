"""Running text in a window: paragraphs on a page, lines of code."""

from guiground.nano.scenes import words
from guiground.nano.scenes.canvas import Canvas


def document(canvas: Canvas, box) -> None:
    """Paragraphs on a page."""
    rng = canvas.rng
    left, top, right, bottom = box
    page = canvas.other_face(rng.uniform(0.9, 1.3))
    margin = rng.choice([8, 30, 80])
    canvas.fill((left, top, right, bottom), canvas.theme.base)
    y, line = top + rng.randint(6, 40), page.size * rng.uniform(1.3, 1.8)
    while y + line < bottom:
        if rng.random() < 0.12:
            text = words.title(rng, 5)
            aim = canvas.write(
                left + margin, y + line / 2, text, canvas.theme.text, face=page, room=right - left - 2 * margin
            )
            canvas.add(
                "heading", text if page.width(text) <= right - left - 2 * margin else "", aim, aim, place="document"
            )
            y += line * 1.4
            continue
        if rng.random() < 0.15:
            y += line
            continue
        canvas.write(
            left + margin,
            y + line / 2,
            words.sentence(rng, rng.randint(5, 16)),
            canvas.theme.text,
            face=page,
            room=right - left - 2 * margin,
        )
        y += line


def source_code(canvas: Canvas, box) -> None:
    """Numbered lines in colours."""
    rng, theme = canvas.rng, canvas.theme
    left, top, right, bottom = box
    canvas.fill(box, theme.base)
    face = canvas.face
    y, number = top + 4, rng.randint(1, 80)
    line = face.size * rng.uniform(1.2, 1.5)
    while y + line < bottom:
        canvas.write(left + 6, y + line / 2, str(number), theme.dim)
        x = left + 44 + 24 * rng.randint(0, 3)
        for _ in range(rng.randint(0, 7)):
            text = rng.choice(
                [
                    words.word(rng),
                    words.word(rng) + "()",
                    "=",
                    "{",
                    "return",
                    f'"{words.title(rng, 2)}"',
                    words.code(rng),
                ]
            )
            aim = canvas.write(
                x, y + line / 2, text, rng.choice([theme.text, theme.link, theme.dim]), room=right - x - 6
            )
            x = aim[2] + face.size * 0.6
            if x > right - 40:
                break
        y += line
        number += 1
