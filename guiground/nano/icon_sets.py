"""Collects named icons and renders them into one atlas: `python -m guiground.nano.icon_sets --out runs/icons`.

Needs cairosvg (PyPI), and of these whatever is there: the Debian packages adwaita-icon-theme papirus-icon-theme
breeze-icon-theme elementary-xfce-icon-theme gnome-icon-theme tango-icon-theme numix-icon-theme oxygen-icon-theme
humanity-icon-theme, and the npm packages named below (fetched with `npm pack`).
"""

import io
import re
import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from PIL import Image
from rich.progress import track

from guiground.nano.scenes.atlas import SIZES
from guiground.nano.scenes.lexicon import lexicon, meaning

# set: npm package, and (files, {ending of a file name: style}), the first ending that fits.
NPM: dict[str, tuple[str, list[tuple[str, dict[str, str]]]]] = {
    "lucide": ("lucide-static", [("icons/*.svg", {"": ""})]),
    "feather": ("feather-icons", [("dist/icons/*.svg", {"": ""})]),
    "tabler": ("@tabler/icons", [("icons/outline/*.svg", {"": ""}), ("icons/filled/*.svg", {"": "filled"})]),
    "mdi": ("@mdi/svg", [("svg/*.svg", {"-outline": "outline", "": ""})]),
    "remix": ("remixicon", [("icons/*/*.svg", {"-line": "", "-fill": "filled", "": ""})]),
    "bootstrap": ("bootstrap-icons", [("icons/*.svg", {"-fill": "filled", "": ""})]),
    "ionicons": ("ionicons", [("dist/svg/*.svg", {"-outline": "outline", "-sharp": "sharp", "": ""})]),
    "phosphor": (
        "@phosphor-icons/core",
        [(f"assets/{style}/*.svg", {f"-{style}": style, "": style}) for style in ("thin", "regular", "bold", "fill")],
    ),
    "material": ("@material-symbols/svg-400", [("outlined/*.svg", {"-fill": "filled", "": ""})]),
}
DEBIAN = {
    "adwaita": "Adwaita",
    "papirus": "Papirus",
    "breeze": "breeze",
    "elementary": "elementary-xfce",
    "gnome": "gnome",
    "tango": "Tango",
    "numix": "Numix",
    "oxygen": "oxygen",
    "humanity": "Humanity",
}
THEMES = Path("/usr/share/icons")
CONTEXTS = {"actions", "places", "status", "devices", "mimetypes", "mimes", "categories", "emblems", "ui", "legacy"}
PROGRAMS = ("accessories-", "utilities-", "preferences-", "system-", "help-", "applets-", "web-", "internet-")
VARIANTS = 2  # most pictures of one concept in one family


@dataclass(slots=True)
class Drawing:
    """One icon in one style. `files` holds {size the file was drawn for: file}; 0 for any size."""

    concept: str
    family: str
    files: dict[int, Path]


def web_icons(packages: Path) -> Iterator[Drawing]:
    """Every named icon of the npm packages whose archives lie in `packages`."""
    for name, (_, sources) in NPM.items():
        folder = packages / name / "package"
        for pattern, endings in sources:
            for path in sorted(folder.glob(pattern)):
                ending = next(e for e in endings if path.stem.endswith(e))
                concept = meaning((name,), path.stem.removesuffix(ending).replace("_", "-"))
                if concept:
                    yield Drawing(concept, f"{name} {endings[ending]}".strip(), {0: path})


def theme_icons(name: str, folder: Path) -> Iterator[Drawing]:
    """Every named icon of a Debian theme: symbolic ones, drawn small (up to 24 pixels) and large ones apart."""
    found: dict[tuple[str, str], dict[int, Path]] = {}
    for path in sorted(folder.rglob("*.*g")):
        parts = set(path.parts)
        if path.suffix not in (".svg", ".png") or ".symbolic" in path.stem or "-rtl" in path.name or "@" in str(path):
            continue
        stem = path.stem.removesuffix("-symbolic")
        if not parts & CONTEXTS and not ("apps" in parts and stem.startswith(PROGRAMS)):
            continue
        if not meaning((name, "debian"), stem):
            continue
        symbolic = path.stem.endswith("-symbolic")
        size = next((int(m[1]) for part in path.parts if (m := re.fullmatch(r"(\d+)(x\d+)?", part))), 0)
        if size > 64 or 0 < size < 16 or (symbolic and path.suffix == ".png"):
            continue
        style = "symbolic" if symbolic else "small" if 0 < size <= 24 else "large"
        found.setdefault((stem, style), {})[0 if symbolic else size or 48] = path
    for (stem, style), files in sorted(found.items()):
        large = found.get((stem, "large"), {})
        if style == "small" and large and all(file.suffix == ".png" for file in [*files.values(), *large.values()]):
            large |= files  # the same picture painted at every size: one family
            continue
        yield Drawing(meaning((name, "debian"), stem), f"{name} {style}", files)


def render(files: dict[int, Path]) -> dict[int, np.ndarray]:
    """The icon at every size of the atlas  # {size: [size, size, 4] uint8}, from the file drawn nearest to it."""
    result = {}
    for size in SIZES:
        path = files[min(files, key=lambda drawn: (abs(drawn - size), drawn))]
        if path.suffix == ".svg":
            import cairosvg

            data = cairosvg.svg2png(bytestring=path.read_bytes(), output_width=size, output_height=size)
            picture = Image.open(io.BytesIO(data)).convert("RGBA")
        else:
            picture = Image.open(path).convert("RGBA")
        if picture.size != (size, size):
            picture = picture.resize((size, size), Image.Resampling.LANCZOS)
        result[size] = np.asarray(picture)
    return result


def one_colour(picture: np.ndarray) -> bool:
    """True where a picture is a silhouette that a program may tint."""
    solid = picture[picture[..., 3] > 100][:, :3].astype(int)
    return len(solid) > 0 and bool((np.percentile(solid, 97, axis=0) - np.percentile(solid, 3, axis=0) < 30).all())


def collect(drawings: list[Drawing]) -> dict[str, np.ndarray]:
    """The atlas of these drawings: arrays by name, as `atlas.load` reads them."""
    facts: list[tuple[str, str, bool, int]] = []
    masks, colours = {size: [] for size in SIZES}, {size: [] for size in SIZES}
    seen: set[tuple[str, bytes]] = set()
    counts: Counter = Counter()
    for drawing in track(drawings, description="rendering"):
        if counts[drawing.concept, drawing.family] >= VARIANTS:
            continue
        try:
            pictures = render(drawing.files)
        except ImportError:
            raise click.ClickException("SVG icons need cairosvg: `pip install cairosvg`") from None
        except Exception as error:  # a file that the renderer cannot read is one icon less
            click.echo(f"skipped {next(iter(drawing.files.values()))}: {error}", err=True)
            continue
        key = (drawing.family, pictures[24].tobytes())
        if pictures[24][..., 3].sum() < 255 * 12 or key in seen:
            continue
        seen.add(key)
        counts[drawing.concept, drawing.family] += 1
        tinted = one_colour(pictures[32]) and one_colour(pictures[16])
        kept = masks if tinted else colours
        facts.append((drawing.concept, drawing.family, not tinted, len(kept[16])))
        for size, picture in pictures.items():
            kept[size].append(picture[..., 3] if tinted else picture)
    concepts, families, coloured, rows = zip(*facts, strict=True)
    arrays = {"concepts": np.array(concepts), "families": np.array(families)}
    arrays |= {"coloured": np.array(coloured), "rows": np.array(rows, dtype=np.int32)}
    for size in SIZES:
        arrays[f"masks{size}"] = np.array(masks[size], dtype=np.uint8).reshape(-1, size, size)
        arrays[f"colours{size}"] = np.array(colours[size], dtype=np.uint8).reshape(-1, size, size, 4)
    return arrays


def fetch(packages: Path) -> list[str]:
    """Unpacks the npm packages below `packages`; gives the names of those that could not be had."""
    missing = []
    packages.mkdir(parents=True, exist_ok=True)
    for name, (package, _) in NPM.items():
        if (packages / name).is_dir():
            continue
        pattern = f"{package.removeprefix('@').replace('/', '-')}-[0-9]*.tgz"
        if not list(packages.glob(pattern)):
            subprocess.run(["npm", "pack", package, "--silent"], cwd=packages, capture_output=True, check=False)
        archives = sorted(packages.glob(pattern))
        if not archives:
            missing.append(package)
            continue
        with tarfile.open(archives[-1]) as archive:
            archive.extractall(packages / name, filter="data")
    return missing


@click.command()
@click.option("--out", "folder", default="runs/icons", type=click.Path(path_type=Path), show_default=True)
@click.option("--packages", type=click.Path(path_type=Path), help="Where the npm packages lie or are put.")
def main(folder: Path, packages: Path | None) -> None:
    """Collect icons from Debian themes and npm packages into OUT/atlas.npz.

    Example:

      python -m guiground.nano.icon_sets --out runs/icons
    """
    packages = packages or Path(tempfile.gettempdir()) / "guiground-icons"
    missing = fetch(packages)
    drawings = list(web_icons(packages))
    for name, theme in DEBIAN.items():
        found = list(theme_icons(name, THEMES / theme)) if (THEMES / theme).is_dir() else []
        drawings += found
        if not found:
            missing.append(theme)
    if not drawings:
        raise click.ClickException(f"found no icon theme under {THEMES} and no npm package: install one of them first")
    arrays = collect(drawings)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "atlas.new").open("wb") as file:
        np.savez_compressed(file, **arrays)
    (folder / "atlas.new").replace(folder / "atlas.npz")
    names, size = set(arrays["concepts"]), sum(a.nbytes for a in arrays.values()) / 2**20
    click.echo(
        f"{len(arrays['rows'])} icons of {len(names)} concepts in {len(set(arrays['families']))} families, ", nl=False
    )
    click.echo(f"{size:.0f} MiB in memory: {folder / 'atlas.npz'}")
    for what, items in (("not found", missing), ("concepts without an icon", sorted(set(lexicon()) - names))):
        if items:
            click.echo(f"{what}: {', '.join(items)}", err=True)


if __name__ == "__main__":
    main()
