"""One process's share of a stage: it draws, asks, and gives losses."""

import random
from collections import deque

import numpy as np
import torch

from guiground.nano import labels, questions, windows
from guiground.nano.architecture import TOKEN
from guiground.nano.bank import BLOCK, Bank
from guiground.nano.losses import grounding, reading, seeing
from guiground.nano.packed import Packed
from guiground.nano.rendered import Rendered, cut
from guiground.nano.scenes import Scene, draw
from guiground.nano.stages import Stage, level_at, pick

SHEETS = 8  # of 256x128 pixels in a step of icons
KEPT = 24  # screens that are asked about again: the tower, four tenths of the work, is saved then


class Trainer:
    """One process's share of a stage: draws, asks, and gives losses."""

    def __init__(self, model, heads, stage: Stage, seed: int, device):
        self.model, self.heads, self.stage, self.device = model, heads, stage, device
        self.rng = random.Random(seed)
        self.bank = Bank(model, stage, self.rng, device)
        self.rendered = Rendered()
        self.recent: deque[tuple[torch.Tensor, Scene]] = deque(maxlen=KEPT)

    def loss(self, done: float) -> tuple[torch.Tensor, dict[str, float], int]:
        """The loss of one batch, facts about it, and how many questions, characters or icons it held.

        `done` is the share of the stage that is over.
        """
        level = level_at(self.stage.levels, done)
        width, height, pictures, most, _ = pick(self.stage.sizes, self.rng.random())
        if self.stage.reading:
            return self.read(width, height, pictures, level)
        if self.stage.vision == 0:
            return self.find_in_bank(width, height, pictures, most, level)
        if self.rng.random() < level_at(self.stage.seeing, done):
            return self.see(level)
        if len(self.recent) >= KEPT // 2 and self.rng.random() < self.stage.again:
            return self.ask_again(most)
        return self.find(width, height, pictures, most, level)

    def read(self, width: int, height: int, pictures: int, level: int):
        """Characters on small crops: many scenes at the first levels, parts of whole screens later."""
        scenes = [self.crop(width, height, level) for _ in range(pictures)]
        _, loss, facts, count = self.look(scenes)
        return loss, facts, count

    def see(self, level: int):
        """Icons on sheets, and characters on crops so that reading is kept up."""
        sheets = [draw(self.rng.randrange(2**40), 256, 128, "sheet", level=level) for _ in range(SHEETS)]
        tokens, loss, facts, _ = self.look(sheets + [self.crop(256, 128, level) for _ in range(4)])
        pairs = [labels.icon_tokens(sheet.icons, 4, 8) for sheet in sheets]
        for number, own in enumerate(pairs):
            own[:, 0] += number * 32
        pairs = torch.from_numpy(np.concatenate(pairs)).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            icon_loss, icon_facts = seeing(self.heads, tokens, pairs)
        return 0.7 * loss + icon_loss, facts | icon_facts, len(pairs)

    def look(self, scenes: list[Scene]):
        """Small scenes of one size: their tokens in raster order, the characters' loss, facts, their number.

        Tokens  # [scenes * tokens, 256].
        """
        patches, slots, places, tokens, shape = [], [], [], 0, None
        for scene in scenes:
            ((shape, (windowed, index)),) = windows.cut(scene.image).items()
            patches.append(windowed)
            slots.append(torch.from_numpy(labels.slots(labels.character_grid(scene))).flatten(0, 1)[index])
            places.append(index.flatten() + tokens)
            tokens += index.numel()
        batch, slots = torch.cat(patches).to(self.device), torch.cat(slots).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            merged, states = windows.see(self.model.model.visual, batch, shape)
            loss, facts = reading(self.heads, merged, states, slots)
        raster = torch.empty_like(merged.flatten(0, 1)).index_copy(0, torch.cat(places), merged.flatten(0, 1))
        return raster, loss, facts, int((slots != labels.BLANK).sum())

    def crop(self, width: int, height: int, level: int) -> Scene:
        """A small scene, or a part of a bigger one cut on the window grid."""
        seed = self.rng.randrange(2**40)
        if level < 2 or self.rng.random() < 0.5:
            return draw(seed, width, height, "rows", level=level)
        left, top = self.rng.randrange(0, 640 - width + 1, BLOCK), self.rng.randrange(0, 384 - height + 1, BLOCK)
        return cut(draw(seed, 640, 384, level=level), left, top, left + width, top + height)

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
        """Questions on fresh screens; everything learns, reading and seeing are kept up."""
        scenes = [self.rendered.take(self.rng)] if self.rng.random() < self.stage.toolkits else [None]
        if scenes == [None]:
            scenes = [draw(self.rng.randrange(2**40), width, height, level=level) for _ in range(pictures)]
        asked = [
            questions.ask_scene(self.rng, s, self.stage.icons, self.stage.relations, self.stage.absent) for s in scenes
        ]
        for scene in scenes:
            scene.image = labels.padded(scene.image)
        rows, columns = (side // TOKEN for side in scenes[0].image.shape[:2])
        batch = questions.fill(self.rng, asked, rows, columns, most, [scene.elements for scene in scenes])
        if batch is None:
            return self.find(width, height, pictures, most, level)
        tokens, losses, facts = [], [], {}
        with torch.autocast(self.device.type, torch.bfloat16):
            for scene in scenes:
                picture, loss, own = self.picture(scene, rows, columns)
                tokens.append(picture.view(rows, columns, -1))
                losses.append(loss)
                facts |= own
        if len(scenes) == 1:
            shape = scenes[0].image.shape  # nobody looks at the pixels again
            scenes[0].image = np.broadcast_to(np.uint8(0), shape)
            self.recent.append((tokens[0].detach().to(torch.bfloat16), scenes[0]))
        loss, own, count = self.ask(torch.stack(tokens), batch.to(self.device))
        return loss + 0.5 * sum(losses) / len(losses), facts | own, count

    def ask_again(self, most: int):
        """Other questions on a screen of late, as the tower saw it then; only the language side learns."""
        tokens, scene = self.rng.choice(self.recent)
        asked = questions.ask_scene(self.rng, scene, self.stage.icons, self.stage.relations, self.stage.absent)
        batch = questions.fill(self.rng, [asked], *tokens.shape[:2], most, [scene.elements])
        if batch is None:
            return self.ask_again(most)
        return self.ask(tokens[None].float(), batch.to(self.device))

    def picture(self, scene: Scene, rows: int, columns: int):
        """A screen's tokens  # [tokens, 256], the loss of some of its characters and of its icons, and facts."""
        slots = torch.from_numpy(labels.slots(labels.character_grid(scene))).flatten(0, 1)
        picture, losses, facts = torch.zeros(rows * columns, 256, device=self.device), 0.0, {}
        for shape, (patches, index) in windows.cut(scene.image).items():
            merged, states = windows.see(self.model.model.visual, patches.to(self.device), shape)
            picture = picture.index_copy(0, index.flatten().to(self.device), merged.flatten(0, 1).float())
            if shape == (windows.SIDE, windows.SIDE):
                some = self.rng.sample(range(len(patches)), min(16, len(patches)))
                loss, own = reading(self.heads, merged[some], states[some], slots[index[some]].to(self.device))
                losses, facts = losses + loss, facts | own
        icons = scene.icons if scene.icons is not None else [(e.group, e.aim) for e in scene.elements if e.icon]
        pairs = torch.from_numpy(labels.icon_tokens(icons, rows, columns)).to(self.device)
        if len(pairs):
            loss, own = seeing(self.heads, picture, pairs)
            losses, facts = losses + loss, facts | own
        return picture, losses, facts

    def ask(self, pictures: torch.Tensor, batch: questions.Batch):
        """The loss of packed questions."""
        text = self.model.model.language_model
        with torch.autocast(self.device.type, torch.bfloat16):
            packed = Packed(text, pictures, batch.questions)
            loss, facts, _ = grounding(self.heads, packed, text.embed_tokens.weight, batch, self.stage.answer)
        return loss, facts, int(batch.known.sum())
