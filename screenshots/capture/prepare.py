"""Fills the made-up home folder: documents of this folder, and pictures, archives and tables made from code."""

from __future__ import annotations

import base64
import io
import math
import os
import random
import shutil
import sqlite3
import subprocess
import tarfile
from pathlib import Path

from PIL import Image, ImageDraw

HERE = Path(__file__).parent
DOCUMENTS = HERE / "documents"
BUILT = Path("/tmp/guiground-capture/built")
DAY = 1_717_400_000  # the date of every file: June 2024
LANDSCAPES = {
    "lake_morning": 3,
    "dunes": 7,
    "north_coast": 11,
    "winter_hills": 19,
    "red_rocks": 23,
    "old_harbour": 31,
    "meadow": 37,
    "night_sky": 41,
}


def fill_home(home: Path, files: list[str]) -> None:
    """Copy and build what the scenes open. `files` are extra pairs "document => place below the home folder"."""
    if not (BUILT / "done").exists():
        build()
    for folder in ("Documents", "Pictures"):
        shutil.copytree(BUILT / folder, home / folder, dirs_exist_ok=True)
    for pair in files:
        source, _, place = pair.partition(" => ")
        target = home / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((DOCUMENTS / source).read_text().replace("~HOME~", str(home)))
    (home / ".bashrc").write_text("PS1='anna@desk:\\w$ '\nalias ls='ls --color=auto'\nunset HISTFILE\n")
    for path in home.rglob("*"):
        os.utime(path, (DAY, DAY))


def build() -> None:
    """Everything that does not change from scene to scene."""
    shutil.rmtree(BUILT, ignore_errors=True)
    for folder in ("Documents", "Pictures"):
        (BUILT / folder).mkdir(parents=True)
    for path in sorted(DOCUMENTS.glob("*")):
        if path.suffix in {".txt", ".md", ".abw", ".html", ".csv", ".py", ".dia", ".xopp", ".xhb"}:
            shutil.copy(path, BUILT / "Documents" / path.name)
    for name, seed in LANDSCAPES.items():
        landscape(seed).save(BUILT / "Pictures" / f"{name}.jpg", quality=88)
    database(BUILT / "Documents" / "library.sqlite")
    archive(BUILT / "Documents" / "summer_trip.tar.gz")
    keys(BUILT / "Documents" / "household.kdbx")
    for name in ("harbour_report", "bread_course"):
        printed(DOCUMENTS / f"{name}.html", BUILT / "Documents" / f"{name}.pdf")
    (BUILT / "done").touch()


def landscape(seed: int) -> Image.Image:
    """A drawn landscape, 960x640: sky, sun, ridges, one behind the other."""
    chance = random.Random(seed)
    warm = chance.random()
    image = Image.new("RGB", (960, 640))
    draw = ImageDraw.Draw(image)
    for y in range(640):
        share = y / 640
        draw.line(
            [(0, y), (960, y)],
            fill=(int(90 + 140 * warm * share + 25), int(140 + 60 * share), int(215 - 90 * warm * share)),
        )
    x, y, r = chance.randint(120, 840), chance.randint(80, 240), chance.randint(28, 52)
    draw.ellipse([x - r, y - r, x + r, y + r], fill=(255, 240, 200))
    for layer in range(5):
        height, waves = (
            300 + 62 * layer,
            [(chance.uniform(0.003, 0.014), chance.uniform(8, 46), chance.uniform(0, 6)) for _ in range(3)],
        )
        ridge = [(px, height + sum(a * math.sin(f * px + p) for f, a, p in waves)) for px in range(0, 961, 4)]
        dim = 1 - 0.15 * layer
        fill = (int((120 + 60 * warm) * dim), int((130 - 30 * warm) * dim), int((150 - 80 * warm) * dim))
        draw.polygon([*ridge, (960, 640), (0, 640)], fill=fill)
    return image


def database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript((DOCUMENTS / "library.sql").read_text())
    connection.close()


def archive(path: Path) -> None:
    chance = random.Random(5)
    with tarfile.open(path, "w:gz") as file:
        for name in (
            "itinerary.txt",
            "packing list.txt",
            "tickets/ferry.pdf",
            "tickets/train.pdf",
            "maps/island.svg",
            "maps/old town.svg",
            "photos/beach.jpg",
            "photos/lighthouse.jpg",
            "photos/market.jpg",
        ):
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uname, info.gname = chance.randrange(2_000, 60_000), DAY, "anna", "anna"
            file.addfile(info, io.BytesIO(bytes(chance.randrange(64) for _ in range(info.size))))


def keys(path: Path) -> None:
    """A KeePassXC database of made-up accounts; its password is "garden"."""

    def command(*words: str, entered: str) -> None:
        subprocess.run(
            ["keepassxc-cli", *words],
            input=entered,
            text=True,
            check=True,
            capture_output=True,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(BUILT.parent),
                "LC_ALL": "C.UTF-8",
                "QT_QPA_PLATFORM": "offscreen",
            },
        )

    command("db-create", "-p", "-t", "100", str(path), entered="garden\ngarden\n")
    for group in ("Banking", "Email", "Travel", "Work"):
        command("mkdir", str(path), group, entered="garden\n")
    for title, user, url in (
        ("Library card", "anna.berg", "https://library.example"),
        ("Water company", "A-20418", "https://water.example"),
        ("Bicycle forum", "pedalina", "https://bikes.example"),
        ("Weather station", "anna", "https://weather.example"),
        ("Seed catalogue", "anna.berg", "https://seeds.example"),
    ):
        command("add", "-u", user, "--url", url, "-p", str(path), title, entered="garden\nplum-42-tree\n")


def printed(page: Path, pdf: Path) -> None:
    """Print one of the HTML documents to PDF with Chromium."""
    import web_pages

    with web_pages.Chromium() as chromium:
        chromium.call("Page.navigate", url=page.as_uri())
        chromium.evaluate("new Promise(done => setTimeout(done, 500))")
        made = chromium.call(
            "Page.printToPDF",
            printBackground=True,
            preferCSSPageSize=True,
            generateDocumentOutline=True,
            generateTaggedPDF=True,
        )
        pdf.write_bytes(base64.b64decode(made["data"]))
