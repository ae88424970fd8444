"""One picture of example answers, hits and misses, from a run that is kept: `python -m guiground.nano.examples RUN`."""

import io
import json
import math
import random
from collections.abc import Sequence
from pathlib import Path

import click
from PIL import Image, ImageDraw

from guiground.nano.scenes.fonts import font_book

TILE, CAPTION, ACROSS = (396, 240), 38, 3  # pixels of an example, of the words below it, and examples in a row
HIT, MISS, TARGET = (0, 140, 60), (205, 30, 30), (30, 90, 230)


def read(folder: Path) -> list[dict]:
    """The rows of one run in a folder that `guiground eval --out` filled: the first without compression, or the first.

    Raises click.ClickException where there is none.
    """
    path = folder / "rows.jsonl"
    if not path.exists():
        raise click.ClickException(f"no rows in '{folder}': fill it with `guiground eval desk --out {folder}`")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["target"] and row["image"]]
    if not rows:
        raise click.ClickException(f"no row of '{path}' has a target: take the run of another task")
    whole = [row for row in rows if row["kv"] and row["kv"]["method"] == "full"] or rows
    return [row for row in whole if row["run"] == whole[0]["run"]]


def chosen(rows: Sequence[dict], count: int, rng: random.Random) -> list[dict]:
    """As many hits as misses of every group, as far as there are, hits first and each screen once if that is enough."""
    piles: dict[tuple, list[dict]] = {}
    for row in rng.sample(list(rows), len(rows)):
        piles.setdefault((not row["hit"], row["group"]), []).append(row)
    picked: list[dict] = []
    while len(picked) < count and any(piles.values()):
        for key in sorted(piles):
            seen = {row["image"] for row in picked}
            pile = piles[key]
            fresh = next((row for row in pile if row["image"] not in seen), pile[0] if pile else None)
            if fresh is not None and len(picked) < count:
                pile.remove(fresh)
                picked.append(fresh)
    return sorted(picked, key=lambda row: (not row["hit"], row["group"]))


def tile(row: dict, image: Image.Image, face) -> Image.Image:
    """The part of a screen around the target, with the target, the answer and the words."""
    left, top, right, bottom = row["target"]
    point = row["point"] or None
    width, height = TILE
    shrink = max(1.0, (right - left + 40) / width, (bottom - top + 40) / height)
    middle = [(left + right) / 2, (top + bottom) / 2]
    if point and abs(point[0] - middle[0]) < width * 0.85 and abs(point[1] - middle[1]) < height * 0.85:
        middle = [(m + p) / 2 for m, p in zip(middle, point, strict=True)]  # both fit
    room = [min(side * shrink, full) for side, full in zip(TILE, image.size, strict=True)]
    start = [min(max(0, m - r / 2), full - r) for m, r, full in zip(middle, room, image.size, strict=True)]
    part = image.crop([round(v) for v in (*start, start[0] + room[0], start[1] + room[1])])
    part = part.resize([round(r / shrink) for r in room], Image.Resampling.LANCZOS)
    result = Image.new("RGB", (width, height + CAPTION), (255, 255, 255))
    result.paste(part, (0, 0))
    pen = ImageDraw.Draw(result)

    def place(x: float, y: float) -> tuple[float, float]:
        return (x - start[0]) / shrink, (y - start[1]) / shrink

    pen.rectangle([*place(left, top), *place(right, bottom)], outline=TARGET, width=2)
    colour = HIT if row["hit"] else MISS
    verdict = "hit" if row["hit"] else "miss"
    if point:
        mark(pen, place(*point), part.size, colour)
    elif row["status"] != "found":
        verdict = f"miss: {row['status'].replace('_', ' ')}"
    pen.rectangle((0, height, width, height + CAPTION), fill=(255, 255, 255))
    for line, (text, ink) in enumerate(((row["instruction"], (20, 20, 20)), (f"{verdict}  ({row['image']})", colour))):
        pen.text((4, height + 2 + 17 * line), face.fit(text, width - 8), fill=ink, font=face.font)
    return result


def mark(pen: ImageDraw.ImageDraw, at: tuple[float, float], size: tuple[int, int], colour) -> None:
    """A cross at the answer, or an arrow towards it at the edge of the part that is shown."""
    x, y = at
    if 0 <= x < size[0] and 0 <= y < size[1]:
        for ink, width in (((255, 255, 255), 5), (colour, 2)):
            pen.line((x - 8, y, x + 8, y), fill=ink, width=width)
            pen.line((x, y - 8, x, y + 8), fill=ink, width=width)
        return
    centre = (size[0] / 2, size[1] / 2)
    angle = math.atan2(y - centre[1], x - centre[0])
    far = min(
        (centre[0] - 10) / max(abs(math.cos(angle)), 1e-6),
        (centre[1] - 10) / max(abs(math.sin(angle)), 1e-6),
    )
    tip = (centre[0] + far * math.cos(angle), centre[1] + far * math.sin(angle))
    sides = [(tip[0] - 18 * math.cos(angle + by), tip[1] - 18 * math.sin(angle + by)) for by in (-0.45, 0.45)]
    pen.polygon([tip, *sides], fill=colour, outline=(255, 255, 255))


def sheet(rows: Sequence[dict], images: Path) -> Image.Image:
    """All examples in rows of three."""
    from guiground.nano.scenes.fonts import Face

    book = font_book()
    name = "DejaVuSans" if "DejaVuSans" in book.files else book.names[0]
    face: Face = book.face(name, 13)
    wide, tall = TILE[0] + 6, TILE[1] + CAPTION + 6
    whole = Image.new("RGB", (wide * ACROSS, tall * -(-len(rows) // ACROSS)), (120, 120, 120))
    for at, row in enumerate(rows):
        with Image.open(images / row["image"]) as image:
            made = tile(row, image.convert("RGB"), face)
        whole.paste(made, (at % ACROSS * wide + 3, at // ACROSS * tall + 3))
    return whole


def packed(image: Image.Image, most: int) -> bytes:
    """A PNG of at most so many bytes, in as many colours as that allows."""
    data = b""
    for colours in (256, 192, 128, 96, 64, 48, 32, 16, 8):
        file = io.BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
        data = file.getvalue()
        if len(data) <= most:
            break
    return data


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--images", default="screenshots", type=click.Path(path_type=Path), show_default=True, help="The screenshots."
)
@click.option("--count", default=12, show_default=True, help="Examples.")
@click.option("--out", default="examples.png", show_default=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--kilobytes", default=400, show_default=True, help="The file is no larger.")
@click.option("--seed", default=0, show_default=True, help="Which examples.")
def main(run: Path, images: Path, count: int, out: Path, kilobytes: int, seed: int) -> None:
    """Draw examples of the answers in RUN, a folder that `guiground eval TASK --out RUN` filled.

    The target is framed in blue; the answer is a cross, or an arrow towards it: green for a hit, red for a miss.

    Examples:

      guiground eval desk --out runs/desk

      python -m guiground.nano.examples runs/desk --out guiground/nano/examples.png
    """
    rows = [row for row in read(run) if (images / row["image"]).exists()]
    if not rows:
        raise click.ClickException(
            f"'{images}' has none of the screenshots of '{run}': name their folder with --images"
        )
    picked = chosen(rows, count, random.Random(seed))
    data = packed(sheet(picked, images), 1000 * kilobytes)
    out.write_bytes(data)
    hits = sum(row["hit"] for row in picked)
    click.echo(f"{hits} hits and {len(picked) - hits} misses, {len(data) // 1000} kB: {out}")


if __name__ == "__main__":
    main()
