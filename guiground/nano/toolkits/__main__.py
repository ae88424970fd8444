"""The command `python -m guiground.nano.toolkits`."""

import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import click

from guiground.nano import toolkits

OUT = click.option("--out", "folder", default="runs/toolkits", show_default=True, type=click.Path(path_type=Path))
COUNT = click.option("--count", default=100, show_default=True, help="Pictures to make.")
SEED = click.option("--seed", default=0, show_default=True, help="First seed; each picture takes the next.")
PACKAGES = click.option("--packages", type=click.Path(path_type=Path), help="Where icon_sets put the npm packages.")
HELD_OUT = click.option("--held-out", is_flag=True, help="Fonts and icons that training never sees.")
USUAL = Path(tempfile.gettempdir()) / "guiground-icons"


@click.group()
def main() -> None:
    """Pictures of windows that real toolkits draw, labelled with their own boxes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended too


@main.command()
@OUT
@COUNT
@SEED
@PACKAGES
@HELD_OUT
def chromium(folder: Path, count: int, seed: int, packages: Path | None, held_out: bool) -> None:
    """Random web pages in Debian's Chromium.

    Example:

      python -m guiground.nano.toolkits chromium --out runs/toolkits --count 100 --seed 0
    """
    from guiground.nano.toolkits import browser, svg_icons
    from guiground.nano.toolkits import chromium as pages

    program = browser.program()
    if program is None:
        raise click.ClickException("found no chromium: `apt-get install chromium`")
    icons = svg_icons.IconFiles(packages or USUAL, held_out)
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


@main.command()
@OUT
@COUNT
@SEED
@PACKAGES
@HELD_OUT
def gtk(folder: Path, count: int, seed: int, packages: Path | None, held_out: bool) -> None:
    """Random windows of GTK 3 on an X display of their own.

    Example:

      python -m guiground.nano.toolkits gtk --out runs/toolkits --count 100 --seed 0
    """
    from guiground.nano.toolkits import windows

    windows.make("gtk", folder, count, seed, packages or USUAL, held_out)


@main.command()
@OUT
@COUNT
@SEED
@PACKAGES
@HELD_OUT
def qt(folder: Path, count: int, seed: int, packages: Path | None, held_out: bool) -> None:
    """Random windows of Qt 5 on an X display of their own.

    Example:

      python -m guiground.nano.toolkits qt --out runs/toolkits --count 100 --seed 0
    """
    from guiground.nano.toolkits import windows

    windows.make("qt", folder, count, seed, packages or USUAL, held_out)


@main.command()
@OUT
@COUNT
@SEED
@PACKAGES
@HELD_OUT
def tk(folder: Path, count: int, seed: int, packages: Path | None, held_out: bool) -> None:
    """Random windows of Tk on an X display of their own.

    Example:

      python -m guiground.nano.toolkits tk --out runs/toolkits --count 100 --seed 0
    """
    from guiground.nano.toolkits import windows

    windows.make("tk", folder, count, seed, packages or USUAL, held_out)


if __name__ == "__main__":
    main()
