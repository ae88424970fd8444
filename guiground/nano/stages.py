"""The curriculum: reading first, then finding on growing parts of a screen, then whole screens."""

import random
from dataclasses import dataclass

import numpy as np
import torch

from guiground.nano import labels, questions, windows
from guiground.nano.architecture import TOKEN
from guiground.nano.losses import grounding, reading
from guiground.nano.packed import Packed
from guiground.nano.scenes import draw

BLOCK = windows.WINDOW  # parts of a screen start at multiples of this


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of training."""

    name: str
    vision: float  # learning rate of the vision tower; 0 freezes it and keeps a bank of screens' features
    sizes: tuple[tuple[int, int, int, int, float], ...]  # width, height, pictures, questions a picture, weight
    screens: tuple[tuple[int, int], ...] = ((1280, 800),)
    levels: tuple[tuple[float, int], ...] = ((0.0, 2),)  # from this share of the stage on, scenes of this level
    decay: float = 0.25
    reading: bool = False  # characters only, the language side is unused
    answer: float = 1.0  # weight of the answer's digits
    rate: float = 1.0  # factor of the learning rates
    icons: float = 0.2  # share of the icons that are asked for: they are many, and learnt last


SMALL = ((256, 128, 8, 8, 3.0), (384, 256, 4, 12, 1.0))
MIDDLE = (
    (256, 256, 4, 12, 1.0),
    (384, 256, 4, 12, 1.0),
    (640, 128, 4, 12, 0.5),
    (640, 384, 2, 24, 2.0),
    (512, 512, 2, 24, 1.0),
)
LARGE = (
    (512, 384, 2, 24, 1.0),
    (640, 512, 2, 32, 1.0),
    (1280, 256, 2, 32, 0.5),
    (896, 640, 1, 48, 1.5),
    (1280, 800, 1, 64, 4.0),
)
WHOLE = (
    (640, 512, 2, 32, 0.6),
    (1280, 800, 1, 64, 6.0),
    (1366, 768, 1, 64, 1.5),
    (1280, 1024, 1, 64, 0.5),
    (1920, 1080, 1, 64, 0.7),
)
SCREENS = ((1280, 800),) * 5 + ((1366, 768),) * 2 + ((1280, 1024), (1920, 1080))
STAGES = {
    stage.name: stage
    for stage in (
        Stage("read", 1.0, ((256, 128, 6, 0, 1.0),), levels=((0.0, 0), (0.12, 1), (0.35, 2)), reading=True),
        Stage("small", 0.0, SMALL, levels=((0.0, 1), (0.5, 2)), decay=0.1),
        Stage("middle", 0.0, MIDDLE, decay=0.1),
        Stage("large", 0.0, LARGE, decay=0.1, rate=0.5),
        Stage("whole", 0.0, WHOLE, screens=SCREENS, decay=0.5, rate=0.5, icons=0.25),
        Stage("again", 0.0, WHOLE, screens=SCREENS, decay=0.7, rate=0.4, icons=0.25),
        Stage("answers", 0.0, WHOLE, screens=SCREENS, decay=0.8, rate=0.3, icons=0.25, answer=4.0),
        Stage("polish", 0.3, WHOLE, screens=SCREENS, decay=0.6, rate=0.25, icons=1.0),
    )
}


class Bank:
    """Screens with their visual tokens, renewed a few at a time, so that a frozen tower sees each screen once."""

    def __init__(self, model, stage: Stage, rng: random.Random, device, most: int = 600):
        self.model, self.stage, self.rng, self.device, self.most = model, stage, rng, device, most
        self.entries: list[tuple[torch.Tensor, list]] = []

    def renew(self, level: int) -> None:
        """Adds one screen; the oldest leaves when the bank is full."""
        width, height = self.rng.choice(self.stage.screens)
        scene = draw(self.rng.randrange(2**40), width, height, level=level)
        with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16):
            tokens = windows.features(self.model.model.visual, labels.padded(scene.image), self.device)
        self.entries.append((tokens.to(torch.bfloat16), scene.elements))
        del self.entries[: -self.most]

    def take(self, width: int, height: int) -> tuple[torch.Tensor, list]:
        """The tokens of a random part of a random screen, and the elements inside."""
        tokens, elements = self.rng.choice(self.entries)
        return part(self.rng, tokens, elements, width, height)


def part(rng: random.Random, tokens: torch.Tensor, elements: list, width: int, height: int):
    """A part of a screen that starts on a window: its tokens (or pixels' windows) and its elements."""
    rows, columns = -(-height // TOKEN), -(-width // TOKEN)
    step = BLOCK // TOKEN
    top = rng.randrange(0, max(1, tokens.shape[0] - rows + 1), step)
    left = rng.randrange(0, max(1, tokens.shape[1] - columns + 1), step)
    inside = questions.visible(elements, left * TOKEN, top * TOKEN, left * TOKEN + width, top * TOKEN + height)
    return tokens[top : top + rows, left : left + columns], inside


class Trainer:
    """One process's share of a stage: draws, asks, and gives losses."""

    def __init__(self, model, heads, stage: Stage, seed: int, device):
        self.model, self.heads, self.stage, self.device = model, heads, stage, device
        self.rng = random.Random(seed)
        self.bank = Bank(model, stage, self.rng, device)

    def loss(self, done: float, shape_draw: float) -> tuple[torch.Tensor, dict[str, float], int]:
        """The loss of one batch, facts about it, and how many questions or characters it held.

        `shape_draw` in [0, 1) picks the size, the same in all processes, so that they take equally long.
        """
        level = max(level for start, level in self.stage.levels if done >= start)
        width, height, pictures, most, _ = pick(self.stage.sizes, shape_draw)
        if self.stage.reading:
            return self.read(width, height, pictures, level)
        if self.stage.vision == 0:
            return self.find_in_bank(width, height, pictures, most, level)
        return self.find(width, height, pictures, most, level)

    def read(self, width: int, height: int, pictures: int, level: int):
        """Characters on small crops: many scenes at the first levels, parts of whole screens later."""
        patches, slots, shape = [], [], None
        for _ in range(pictures):
            scene = self.crop(width, height, level)
            ((shape, (windowed, index)),) = windows.cut(scene.image).items()
            patches.append(windowed)
            slots.append(torch.from_numpy(labels.slots(labels.character_grid(scene))).flatten(0, 1)[index])
        batch, slots = torch.cat(patches).to(self.device), torch.cat(slots).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            merged, states = windows.see(self.model.model.visual, batch, shape)
            loss, facts = reading(self.heads, merged, states, slots)
        return loss, facts, int((slots != labels.BLANK).sum())

    def crop(self, width: int, height: int, level: int):
        """A small scene, or a part of a bigger one cut on the window grid."""
        seed = self.rng.randrange(2**40)
        if level < 2 or self.rng.random() < 0.5:
            return draw(seed, width, height, "rows", level=level)
        scene = draw(seed, 640, 384, level=level)
        left, top = self.rng.randrange(0, 640 - width + 1, BLOCK), self.rng.randrange(0, 384 - height + 1, BLOCK)
        scene.image = scene.image[top : top + height, left : left + width]
        if len(scene.glyphs):
            glyphs = scene.glyphs - np.array([left, left, top, 0], dtype=np.float32)
            inside = (glyphs[:, 2] >= 0) & (glyphs[:, 2] < height) & (glyphs[:, 1] > 0) & (glyphs[:, 0] < width)
            scene.glyphs = glyphs[inside]
        return scene

    def find_in_bank(self, width: int, height: int, pictures: int, most: int, level: int):
        """Questions on remembered screens; the vision tower stays as it is."""
        while len(self.bank.entries) < 24 or self.rng.random() < 0.25:
            self.bank.renew(level)
        # The busiest of several parts: empty ones teach little, and a batch is padded to its busiest picture.
        parts = [self.bank.take(width, height) for _ in range(3 * pictures)]
        parts = sorted(parts, key=lambda part: -len(part[1]))[:pictures]
        size = min(p[0].shape[:2] for p in parts)
        pictures_ = torch.stack([tokens[: size[0], : size[1]] for tokens, _ in parts]).float()
        batch = questions.pack(self.rng, [e for _, e in parts], *size, most, self.stage.icons)
        if batch is None:
            return self.find_in_bank(width, height, pictures, most, level)
        return self.ask(pictures_, batch.to(self.device))

    def find(self, width: int, height: int, pictures: int, most: int, level: int):
        """Questions on fresh screens; everything learns, reading is kept up."""
        scenes = [draw(self.rng.randrange(2**40), width, height, level=level) for _ in range(pictures)]
        rows, columns = -(-height // TOKEN), -(-width // TOKEN)
        parts = [questions.visible(s.elements, 0, 0, width, height) for s in scenes]
        batch = questions.pack(self.rng, parts, rows, columns, most, self.stage.icons)
        if batch is None:
            return self.find(width, height, pictures, most, level)
        tokens, read_loss, read_facts = [], 0.0, {}
        with torch.autocast(self.device.type, torch.bfloat16):
            for scene in scenes:
                scene.image = labels.padded(scene.image)
                slots = torch.from_numpy(labels.slots(labels.character_grid(scene))).flatten(0, 1)
                picture = torch.zeros(rows * columns, 256, device=self.device)
                for shape, (patches, index) in windows.cut(scene.image).items():
                    merged, states = windows.see(self.model.model.visual, patches.to(self.device), shape)
                    picture = picture.index_copy(0, index.flatten().to(self.device), merged.flatten(0, 1).float())
                    if shape == (windows.SIDE, windows.SIDE):
                        some = self.rng.sample(range(len(patches)), min(16, len(patches)))
                        chosen = slots[index[some]].to(self.device)
                        loss, read_facts = reading(self.heads, merged[some], states[some], chosen)
                        read_loss = read_loss + 0.3 * loss / len(scenes)
                tokens.append(picture.view(rows, columns, -1))
        loss, facts, count = self.ask(torch.stack(tokens), batch.to(self.device))
        return loss + read_loss, facts | read_facts, count

    def ask(self, pictures: torch.Tensor, batch: questions.Batch):
        """The loss of packed questions."""
        text = self.model.model.language_model
        with torch.autocast(self.device.type, torch.bfloat16):
            packed = Packed(text, pictures, batch.questions)
            loss, facts, _ = grounding(self.heads, packed, text.embed_tokens.weight, batch, self.stage.answer)
        return loss, facts, int(batch.known.sum())


def pick(sizes, draw_: float):
    """The size whose share of the weights `draw_` falls into."""
    total = sum(size[-1] for size in sizes)
    for size in sizes:
        draw_ -= size[-1] / total
        if draw_ < 0:
            return size
    return sizes[-1]
