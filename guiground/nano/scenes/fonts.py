"""The font files of this machine, split into those for training and those held out for measuring.

Debian: fonts-dejavu fonts-liberation fonts-noto-core fonts-noto-mono fonts-roboto-unhinted fonts-open-sans
fonts-cantarell fonts-lato fonts-firacode fonts-hack fonts-jetbrains-mono fonts-freefont-ttf fonts-croscore
fonts-crosextra-carlito fonts-inter fonts-quicksand fonts-comfortaa fonts-clear-sans fonts-b612 fonts-cabin
fonts-karla fonts-go wamerican.
"""

import functools
import random
from dataclasses import dataclass, field
from pathlib import Path

from PIL import ImageFont

FOLDERS = ("/usr/share/fonts/truetype", "/usr/share/fonts/opentype")
# The share of each file in training follows what desktops show: DejaVu, Noto, Cantarell and friends first.
WEIGHTS = {
    "DejaVuSans": 10,
    "DejaVuSans-Bold": 4,
    "DejaVuSansMono": 5,
    "DejaVuSansMono-Bold": 1,
    "DejaVuSerif": 1,
    "LiberationSans-Regular": 4,
    "LiberationSans-Bold": 2,
    "LiberationMono-Regular": 2,
    "LiberationSerif-Regular": 2,
    "NotoSans-Regular": 5,
    "NotoSans-Bold": 2,
    "NotoSansMono-Regular": 2,
    "Roboto-Regular": 3,
    "Roboto-Medium": 1,
    "Lato-Regular": 1,
    "Lato-Bold": 1,
    "Hack-Regular": 2,
    "JetBrainsMono-Regular": 1,
    "FreeSans": 1,
    "FreeMono": 1,
    "Arimo-Regular": 2,
    "Cousine-Regular": 1,
    "Tinos-Regular": 1,
    "Carlito-Regular": 2,
    "Carlito-Bold": 1,
    "Inter-Regular": 3,
    "Inter-Medium": 1,
    "Quicksand-Regular": 1,
    "ClearSans-Regular": 1,
    "B612-Regular": 1,
    "Cabin-Regular": 1,
    "Karla-Regular": 1,
    "Go-Regular": 1,
    "Go-Mono": 1,
    "DroidSansFallback": 0,
}
HELD_OUT = (
    "OpenSans-Regular",
    "OpenSans-Semibold",
    "Cantarell-VF",
    "Cantarell-Regular",
    "FiraCode-Regular",
    "Comfortaa-Regular",
)
EASY = (
    "DejaVuSans",
    "LiberationSans-Regular",
    "NotoSans-Regular",
    "Roboto-Regular",
    "DejaVuSans-Bold",
    "Inter-Regular",
)


@dataclass(eq=False)
class Face:
    """One font at one size, with the widths of its characters."""

    font: ImageFont.FreeTypeFont
    size: int
    cap_height: float
    advances: dict[str, float] = field(default_factory=dict)

    def advance(self, character: str) -> float:
        """Pixels to the next character."""
        width = self.advances.get(character)
        if width is None:
            width = self.advances[character] = self.font.getlength(character)
        return width

    def width(self, text: str) -> float:
        """Pixels of a line of text."""
        return sum(map(self.advance, text))

    def fit(self, text: str, room: float) -> str:
        """As much of the text as has room, cut with an ellipsis as toolkits do."""
        if self.width(text) <= room:
            return text
        room -= self.width("...")
        cut = 0
        for cut, character in enumerate(text):  # noqa: B007
            room -= self.advance(character)
            if room < 0:
                break
        return text[:cut].rstrip() + "..." if cut > 1 else ""


class FontBook:
    """Fonts to draw from; faces are cached by file and size."""

    def __init__(self, files: dict[str, Path], weights: dict[str, float]):
        self.files = files
        self.names = list(files)
        self.weights = [weights.get(name, 1) for name in self.names]
        self.faces: dict[tuple[str, int], Face] = {}

    def face(self, name: str, size: int) -> Face:
        """The font file of that name at a size in pixels."""
        face = self.faces.get((name, size))
        if face is None:
            font = ImageFont.truetype(str(self.files[name]), size, layout_engine=ImageFont.Layout.BASIC)
            top, bottom = font.getbbox("H", anchor="ls")[1::2]
            face = self.faces[name, size] = Face(font, size, float(bottom - top))
        return face

    def choose(self, rng: random.Random, level: int) -> str:
        """The name of a font file, by weight; the first levels know only a few."""
        if level < 2:
            easy = [name for name in EASY[: 3 if level == 0 else 6] if name in self.files]
            return rng.choice(easy or self.names)
        return rng.choices(self.names, self.weights)[0]


@functools.cache
def font_book(held_out: bool = False) -> FontBook:
    """The fonts for training, or those held out. Raises FileNotFoundError where the Debian packages are missing."""
    wanted = dict.fromkeys(HELD_OUT, 1) if held_out else WEIGHTS
    found: dict[str, Path] = {}
    for folder in FOLDERS:
        for path in sorted(Path(folder).rglob("*.[to]tf")):
            if wanted.get(path.stem, 0) and path.stem not in found:
                found[path.stem] = path
    if not found:
        raise FileNotFoundError(f"no fonts to draw with under {FOLDERS[0]}: install the packages named in {__file__}")
    return FontBook(found, wanted)
