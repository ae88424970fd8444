"""Makes pictures of planned windows: a toolkit's player builds them on a display of its own, the picture is grabbed.

Debian: xvfb python3-gi gir1.2-gtk-3.0 python3-pyqt5 python3-tk; themes and icons, as many as are there: arc-theme
breeze breeze-gtk-theme breeze-icon-theme adwaita-qt greybird-gtk-theme gnome-themes-extra mate-themes materia-gtk-theme
numix-gtk-theme adwaita-icon-theme papirus-icon-theme elementary-xfce-icon-theme. Fonts: see scenes/fonts.py.
"""

import base64
import functools
import io
import random
import sys
import time
from pathlib import Path

import click
import numpy as np
from PIL import Image

from guiground.errors import UsageError
from guiground.nano import toolkits
from guiground.nano.scenes import atlas
from guiground.nano.toolkits import display, distinct, legible, plans, svg_icons

PYTHON = "/usr/bin/python3"  # Debian's, which has gi, PyQt5 and tkinter
COMMANDS = {
    "gtk": [PYTHON, str(display.PLAYERS / "gtk_player.py")],
    "qt": [PYTHON, str(display.PLAYERS / "qt_player.py")],
    "tk": [PYTHON, str(display.PLAYERS / "tk_player.py")],
}
BATCH = 20  # pictures a process of the toolkit draws


def environment(source: str, rng: random.Random) -> tuple[dict[str, str], int]:
    """Settings of one process of a toolkit, and how many times as large it draws."""
    scale = 2 if source != "tk" and rng.random() < 0.12 else 1
    if source == "gtk":
        return {"GDK_SCALE": str(scale), "GDK_BACKEND": "x11"}, scale
    if source == "qt":
        dpi = rng.choice(["96", "96", "96", "120", "144"]) if scale == 1 else "96"
        return {"QT_SCALE_FACTOR": str(scale), "QT_FONT_DPI": dpi, "QT_QPA_PLATFORM": "xcb"}, scale
    return {}, scale


def make(source: str, folder: Path, count: int, seed: int, packages: Path, held_out: bool) -> None:
    """Writes `count` pictures of one toolkit; those that exist are left as they are."""
    icons = svg_icons.IconFiles(packages, held_out)
    made, failed, start = 0, 0, time.monotonic()
    with display.display() as name:
        for first in range(seed, seed + count, BATCH):
            numbers = list(range(first, min(first + BATCH, seed + count)))
            numbers = [n for n in numbers if not (folder / f"{source}-{n:06}.json").exists()]
            settings, scale = environment(source, random.Random(f"process {first}"))
            while numbers:
                try:
                    with display.Player(COMMANDS[source], name, settings) as player:
                        while numbers:
                            write(player, source, name, folder, numbers.pop(0), icons, held_out, scale)
                            made += 1
                except UsageError as error:
                    click.echo(error, err=True)
                    failed += 1
                    if failed > 5 + made // 4:
                        sys.exit(2)
    click.echo(f"{made} pictures in {time.monotonic() - start:.0f} s: {folder}")


def write(player, source: str, name: str, folder: Path, number: int, icons, held_out: bool, scale: int) -> None:
    """One picture."""
    rng = random.Random(f"{source} {number} {held_out}")
    plan = plans.screen(rng, icons, held_out, scale)
    if source == "gtk":
        plan["themes"] = display.gtk_themes()
    if source == "tk":
        paint(plan["windows"], plan["family"], plan["icon_size"], plan["dark"])
    answer = player.show(plan)
    width, height = plan["width"] * scale, plan["height"] * scale
    picture = display.grab(name, width, height)
    player.say("next")
    screen = display.assemble(answer, width, height, source)
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=3)
    toolkits.write(
        folder,
        f"{source}-{number:06}",
        file.getvalue(),
        legible.checked(distinct.facts(screen, rng), np.asarray(picture)),
    )


def paint(part, family: str, size: int, dark: bool) -> None:
    """Adds to every icon of a plan its picture as PNG ("png", base64), for toolkits that read no SVG."""
    if isinstance(part, list):
        for one in part:
            paint(one, family, size, dark)
        return
    if not isinstance(part, dict):
        return
    inner = part.get("size") if part.get("kind") == "icons" else size
    for key, value in part.items():
        if key in ("icon", "end", "icons", "header"):
            small = (
                inner if key in ("end", "header") or (key == "icon" and (not part.get("text") or inner != size)) else 16
            )
            for one in filter(None, value if isinstance(value, list) else [value]):
                one["png"] = painted(one["concept"], family, small, dark)
        else:
            paint(value, family, inner, dark)


@functools.lru_cache(maxsize=4000)
def painted(concept: str, family: str, size: int, dark: bool) -> str:
    """An icon of the atlas as PNG, silhouettes in the colour of the text; "" where there is none."""
    known = atlas.find()
    icons = known.families.get(family, {}).get(concept, []) if known else []
    if not icons:
        return ""
    picture = known.picture(icons[0].coloured, icons[0].row, size)
    if not icons[0].coloured:
        mask, picture = picture, Image.new("RGBA", picture.size, (235, 235, 235) if dark else (25, 25, 25))
        picture.putalpha(mask)
    data = io.BytesIO()
    picture.save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()
