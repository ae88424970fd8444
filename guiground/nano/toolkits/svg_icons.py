"""The icon sets as files, for toolkits that draw them: family by family, concept by concept."""

import base64
import functools
import random
import re
from collections.abc import Collection
from pathlib import Path

from guiground.nano import icon_sets
from guiground.nano.scenes.atlas import DEBIAN, HELD_OUT
from guiground.nano.scenes.lexicon import lexicon

INK = "currentColor"


class IconFiles:
    """Icons by family and concept, as atlas.Atlas has them, but as files."""

    def __init__(self, packages: Path, held_out: bool = False):
        self.families: dict[str, dict[str, list[dict[int, Path]]]] = {}
        drawings = list(icon_sets.web_icons(packages))
        for name, theme in icon_sets.DEBIAN.items():
            if (icon_sets.THEMES / theme).is_dir():
                drawings += icon_sets.theme_icons(name, icon_sets.THEMES / theme)
        for drawing in drawings:
            if (drawing.family.split()[0] in HELD_OUT) == held_out:
                known = self.families.setdefault(drawing.family, {}).setdefault(drawing.concept, [])
                known.append(drawing.files)
        self.families = {family: icons for family, icons in self.families.items() if len(icons) >= 20}
        self.names = list(self.families)
        sets = [name.split()[0] for name in self.names]
        self.weights = [(1.5 if name in DEBIAN else 2.0) / sets.count(name) for name in sets]

    def family(self, rng: random.Random) -> str:
        """A family for one page: web sets more often than desktop themes. "" where no icons were found."""
        return rng.choices(self.names, self.weights)[0] if self.names else ""

    def choose(self, rng: random.Random, family: str, concept: str = "", avoid: Collection[str] = ()):
        """(concept, files by drawn size) of an icon whose group is not in `avoid`; None where there is none."""
        icons = self.families.get(family, {})
        if concept:
            return (concept, rng.choice(icons[concept])) if concept in icons else None
        names = list(icons)
        for _ in range(12 if names else 0):
            name = rng.choice(names)
            if lexicon()[name].group not in avoid:
                return name, rng.choice(icons[name])
        return None


@functools.lru_cache(maxsize=4096)
def markup(path: Path) -> tuple[str, str]:
    """("inline", an <svg> in the ink of the text around it), or ("mask" or "picture", a data address)."""
    if path.suffix == ".png":
        return "picture", "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
    text = path.read_text(encoding="utf-8", errors="replace")
    if str(path).startswith(str(icon_sets.THEMES)):
        silhouette = path.stem.endswith("-symbolic") or "ColorScheme-Text" in text
        kind = "mask" if silhouette else "picture"
        return kind, "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode()
    text = re.sub(r"<\?xml.*?\?>|<!--.*?-->|<!DOCTYPE.*?>|<title>.*?</title>", "", text, flags=re.S).strip()
    text = re.sub(r'(<svg[^>]*?)\s(?:width|height|class)="[^"]*"', r"\1", text)
    text = re.sub(r'(<svg[^>]*?)\s(?:width|height|class)="[^"]*"', r"\1", text)
    text = re.sub(r'(<svg[^>]*?)\s(?:width|height|class)="[^"]*"', r"\1", text)
    if INK not in text:
        text = text.replace("<svg", f'<svg fill="{INK}"', 1)
    return "inline", text


def nearest(files: dict[int, Path], size: int) -> Path:
    """The file drawn for the size nearest to this one."""
    return files[min(files, key=lambda drawn: (abs(drawn - size), drawn))]
