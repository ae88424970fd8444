"""The command `python -m guiground.nano.toolkits`."""

import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import click

from guiground.nano import toolkits

USUAL = Path(tempfile.gettempdir()) / "guiground-icons"
NAMES = {"gtk": "GTK 3 (Debian: python3-gi gir1.2-gtk-3.0)", "qt": "Qt 5 (Debian: python3-pyqt5)"}
NAMES |= {"tk": "Tk (Debian: python3-tk; icons come from the atlas)"}
OPTIONS = [
    click.option("--out", "folder", default="runs/toolkits", show_default=True, type=click.Path(path_type=Path)),
    click.option("--count", default=100, show_default=True, help="Pictures to make."),
    click.option("--seed", default=0, show_default=True, help="Of the first; each picture takes the next."),
    click.option(
        "--packages", default=USUAL, type=click.Path(path_type=Path), help="Where icon_sets put the npm packages."
    ),
    click.option("--held-out", is_flag=True, help="Fonts and icons that training never sees."),
]


@click.group()
def main() -> None:
    """Pictures of windows that real toolkits draw, labelled with their own boxes: NAME.png and NAME.json.

    A second run goes on where the first one stopped: what exists is left as it is.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended too


def options(command):
    """The options that all toolkits share."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@main.command()
@options
def chromium(folder: Path, count: int, seed: int, packages: Path, held_out: bool) -> None:
    """Random web pages in Debian's Chromium.

    Example:

      python -m guiground.nano.toolkits chromium --out runs/toolkits --count 100 --seed 0
    """
    from guiground.nano.toolkits import browser, svg_icons
    from guiground.nano.toolkits import chromium as pages

    program = browser.program()
    if program is None:
        raise click.ClickException("found no chromium: `apt-get install chromium`")
    icons = svg_icons.IconFiles(packages, held_out)
    made, start = 0, time.monotonic()
    for first in range(seed, seed + count, 50):
        with browser.Browser(str(program), pages.arguments(random.Random(f"process {first}"))) as window:
            for number in range(first, min(first + 50, seed + count)):
                name = f"chromium-{number:06}"
                if (folder / f"{name}.json").exists():
                    continue
                rng = random.Random(f"chromium {number} {held_out}")
                toolkits.write(folder, name, *pages.shoot(window, rng, icons, held_out))
                made += 1
    click.echo(f"{made} pictures in {time.monotonic() - start:.0f} s: {folder}")


def windows_of(source: str) -> click.Command:
    """The command for one toolkit of windows."""

    def make(folder: Path, count: int, seed: int, packages: Path, held_out: bool) -> None:
        from guiground.nano.toolkits import windows

        windows.make(source, folder, count, seed, packages, held_out)

    example = f"python -m guiground.nano.toolkits {source} --out runs/toolkits --count 100 --seed 0"
    make.__doc__ = f"Random windows of {NAMES[source]} on an X display of their own (xvfb).\n\nExample:\n\n  {example}"
    return click.command(name=source)(options(make))


for source in NAMES:
    main.add_command(windows_of(source))


@main.command()
@click.argument("labels", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--out", default="look.png", show_default=True, type=click.Path(path_type=Path, dir_okay=False))
def look(labels: Path, out: Path) -> None:
    """Draw what NAME.json says over NAME.png.

    Example:

      python -m guiground.nano.toolkits look runs/toolkits/chromium-000001.json --out look.png
    """
    from guiground.nano.toolkits.look import annotated

    annotated(toolkits.load(labels)).save(out)
    click.echo(out)


if __name__ == "__main__":
    main()
