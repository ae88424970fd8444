"""A picture that remembers what was written on it: elements with boxes, and every character's place."""

import random
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image, ImageDraw

from guiground.nano.scenes import shelf
from guiground.nano.scenes.atlas import Atlas, Icon
from guiground.nano.scenes.fonts import Face, FontBook
from guiground.nano.scenes.themes import Theme, new_theme

Area = tuple[float, float, float, float]  # left, top, right, bottom in pixels


def within(area: Area, part: Area) -> bool:
    """Whether an area lies wholly in a part of the picture, its edges included."""
    return area[0] >= part[0] and area[1] >= part[1] and area[2] <= part[2] and area[3] <= part[3]


def shifted(area: Area, left: float, top: float) -> Area:
    """The area as seen from a part of the picture that begins at `left`, `top`."""
    return area[0] - left, area[1] - top, area[2] - left, area[3] - top


@dataclass(slots=True)
class Element:
    """Something a user may name. `role` is a word such as "button"; `name` is the text it shows or is known by."""

    role: str
    name: str
    box: Area
    aim: Area  # the text or the icon itself: its centre is the answer
    icon: bool = False
    place: str = ""  # "dialog", "menu", "sidebar", ...: for relations
    beside: bool = False  # the name stands on a label beside it, so that only name and role together mean it
    group: str = ""  # of an icon: what looks like it (lexicon.py)
    value: str = ""  # what a field that is named by a label shows

    def shifted(self, left: float, top: float) -> "Element":
        """The same as seen from a part of the picture that begins at `left`, `top`."""
        return replace(self, box=shifted(self.box, left, top), aim=shifted(self.aim, left, top))


@dataclass(slots=True)
class Scene:
    """A labelled screen. glyphs: one row a character: left, right, middle line (pixels), code point."""

    image: np.ndarray  # [height, width, 3] uint8
    elements: list[Element]
    glyphs: np.ndarray  # [characters, 4] float32
    icons: list[tuple[str, Area]] | None = None  # group and box of every icon, decoration too; None where unknown


@dataclass(eq=False)
class Canvas:
    """The state of one drawing."""

    width: int
    height: int
    rng: random.Random
    fonts: FontBook
    level: int
    atlas: Atlas | None = None
    theme: Theme = field(init=False)

    def __post_init__(self):
        self.theme = new_theme(self.rng, self.level)
        self.image = Image.new("RGB", (self.width, self.height), self.theme.window)
        self.pen = ImageDraw.Draw(self.image)
        self.elements: list[Element] = []
        self.glyphs: list[tuple[float, float, float, int]] = []
        self.drawn: list[tuple[Icon, Area]] = []
        name = self.fonts.choose(self.rng, self.level)
        scale = 1.0 if self.level < 2 or self.rng.random() < 0.85 else self.rng.choice([1.25, 1.5, 2.0])
        size = 14 if self.level == 0 else self.rng.randint(13, 15) if self.level == 1 else self.rng.choice(SIZES)
        self.scale = scale
        self.face = self.fonts.face(name, round(size * scale))
        self.new_style()

    def new_style(self) -> None:
        """Another family of icons, and how many of its list items bear one."""
        self.family = self.atlas.family(self.rng) if self.atlas else ""
        self.iconic = self.rng.choice([0, 0, 0.3, 0.4, 1])

    def px(self, pixels: float) -> int:
        """A length of the theme at this screen's scale."""
        return round(pixels * self.scale)

    def other_face(self, factor: float = 1.0) -> Face:
        """Another font near the size of the screen's own, as titles, code and web pages use."""
        name = self.fonts.choose(self.rng, self.level)
        return self.fonts.face(name, max(10, round(self.face.size * factor)))

    def write(self, x: float, middle: float, text: str, colour, face: Face | None = None, room: float = 1e9) -> Area:
        """Writes one line with its capitals centred on `middle`; gives the box of what was written (may be empty)."""
        face = face or self.face
        text = face.fit(text, min(room, self.width - x - 1))
        x, middle = round(x), round(middle)
        baseline = middle + round(face.cap_height / 2)
        if text:
            self.pen.text((x, baseline), text, fill=colour, font=face.font, anchor="ls")
        left = float(x)
        for character in text:
            right = left + face.advance(character)
            if character != " ":
                self.glyphs.append((left, right, middle, ord(character)))
            left = right
        half = face.cap_height / 2 + face.size * 0.2
        return (x, middle - half, left, middle + half)

    def add(self, role: str, name: str, box: Area, aim: Area | None = None, **more) -> None:
        """Remembers an element; what lies outside the picture or is cut short is dropped."""
        aim = aim or box
        inside = aim[0] >= 0 and aim[1] >= 0 and aim[2] <= self.width and aim[3] <= self.height
        if name and inside and aim[2] - aim[0] >= 3 and not name.endswith("..."):
            self.elements.append(Element(role, name, box, aim, **more))

    def cover(self, box: Area) -> None:
        """Forgets what a window drawn over `box` hides."""
        left, top, right, bottom = box
        self.elements = [
            e for e in self.elements if e.aim[2] <= left or e.aim[0] >= right or e.aim[3] <= top or e.aim[1] >= bottom
        ]
        self.drawn = [
            (icon, a) for icon, a in self.drawn if a[2] <= left or a[0] >= right or a[3] <= top or a[1] >= bottom
        ]
        self.glyphs = [g for g in self.glyphs if g[1] <= left or g[0] >= right or g[2] <= top or g[2] >= bottom]

    def fill(self, box: Area, colour, outline=None, radius: int = 0) -> None:
        """A filled rectangle, rounded where the theme is."""
        if box[2] - box[0] < 1 or box[3] - box[1] < 1:
            return
        box = tuple(round(v) for v in box)
        if radius:
            self.pen.rounded_rectangle(box, radius, fill=colour, outline=outline)
        else:
            self.pen.rectangle(box, fill=colour, outline=outline)

    def line(self, points, colour, width: int = 1) -> None:
        """A thin separator."""
        self.pen.line([(round(x), round(y)) for x, y in points], fill=colour, width=width)

    def scene(self) -> Scene:
        """The finished picture with its labels."""
        glyphs = np.array(self.glyphs, dtype=np.float32).reshape(-1, 4)
        image = np.array(self.image)
        if self.level > 1 and self.rng.random() < 0.15:
            image = fringed(image)
        icons = [(icon.group, area) for icon, area in self.drawn]
        return Scene(image, shelf.distinct(self.elements, self.drawn), glyphs, icons)


def fringed(image: np.ndarray) -> np.ndarray:
    """Red and blue a third of a pixel aside, as text drawn for the stripes of a flat panel looks."""
    wide = np.pad(image.astype(np.uint16), ((0, 0), (1, 1), (0, 0)), mode="edge")
    result = image.copy()
    result[..., 0] = (2 * wide[:, 1:-1, 0] + wide[:, :-2, 0]) // 3
    result[..., 2] = (2 * wide[:, 1:-1, 2] + wide[:, 2:, 2]) // 3
    return result


SIZES = [11, 12, 12, 13, 13, 13, 13, 14, 14, 14, 15, 15, 16, 17, 18]
