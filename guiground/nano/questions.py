"""Questions about a part of a screen, packed into tensors with their answers."""

import random
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from guiground.nano import architecture as arch
from guiground.nano import labels
from guiground.nano.absent import REFUSAL, strangers
from guiground.nano.architecture import TOKEN
from guiground.nano.relations import related, twins
from guiground.nano.scenes import Element, Scene
from guiground.nano.scenes.canvas import within
from guiground.nano.scenes.lexicon import groups
from guiground.nano.wording import instruction

SHORT = ("key", "day")  # roles whose names may be a single character
OF_FIELD = 3  # questions for a field that is named by a label
BOUNDS = (16, 22, 22, 28, 36, 56)  # characters of the longest instruction of a batch


@dataclass(slots=True)
class Batch:
    """Packed questions on pictures of one size."""

    questions: Tensor  # [pictures, questions, length] instruction, <answer>, answer, <end>, padding
    answers: Tensor  # [pictures, questions] where <answer> stands
    shares: Tensor  # [pictures, questions, tokens] the target's share of each token
    known: Tensor  # [pictures, questions] 1, or 0 for padding
    boxes: Tensor  # [pictures, questions, 4] the element's box in pixels
    places: Tensor  # [pictures, tokens, 8] digits of the middle of what each token shows (labels.places)
    marked: Tensor  # [pictures, tokens] how much that matters
    traces: Tensor  # [pictures, questions, length] the token of the picture that shows this character, or -1
    groups: Tensor  # [pictures, questions] what the icon that is meant looks like (lexicon.groups), or -1

    def to(self, device) -> "Batch":
        """The same on another device."""
        return Batch(*(getattr(self, name).to(device) for name in self.__slots__))


def visible(elements: list[Element], left: int, top: int, right: int, bottom: int) -> list[Element]:
    """The elements wholly inside a part of the screen whose names nothing else there bears, moved to its corner."""
    moved, names = [], {}
    for e in elements:
        x0, y0, x1, y1 = e.aim
        if x1 <= left or y1 <= top or x0 >= right or y0 >= bottom:
            continue
        names[known_as(e)] = names.get(known_as(e), 0) + 1
        if within(e.aim, (left, top, right, bottom)):
            moved.append(e.shifted(left, top))
    return [e for e in moved if names[known_as(e)] == 1 and (len(e.name) > 1 or e.role in SHORT)]


def known_as(element: Element) -> str:
    """What must be unique on a screen for the element to be meant without doubt."""
    return element.name.lower() + (f" {element.role}" if element.beside else "")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question. `meant` is None for what the screen does not show; `named` is the element whose name is in it."""

    text: str
    meant: Element | None
    named: Element | None


def ask(rng: random.Random, elements: list[Element], icons: float = 1.0) -> list[Asked]:
    """A question for each element by its name, in random order; `icons` is the share of the icons asked for.

    Fields that a label names are few and hard, so each is asked for in several ways; the label bears the name.
    """
    chosen = [e for e in elements if not e.icon or rng.random() < icons]
    chosen += [e for e in elements if e.beside for _ in range(OF_FIELD - 1)]
    written = {e.name.rstrip(":* ").lower(): e for e in elements if not (e.icon or e.beside)}
    bearers = [written.get(e.name.lower()) if e.beside else None if e.icon else e for e in chosen]
    asked = [Asked(instruction(rng, e), e, bearer) for e, bearer in zip(chosen, bearers, strict=True)]
    return rng.sample(asked, len(asked))


def ask_scene(rng: random.Random, scene: Scene, icons: float, relations: int, absent: int) -> list[Asked]:
    """Questions about a whole screen: by name, up to `relations` by place, up to `absent` for what is not there."""
    height, width = scene.image.shape[:2]
    asked = ask(rng, visible(scene.elements, 0, 0, width, height), icons)
    asked += [Asked(text, meant, named) for text, meant, named in related(rng, scene.elements, relations)]
    asked += [Asked(text, meant, meant) for text, meant in twins(rng, scene.elements, width, height, relations)]
    asked += [Asked(text, None, None) for text in strangers(rng, scene, absent)]
    return rng.sample(asked, len(asked))


def pack(rng: random.Random, parts: list[list[Element]], rows: int, columns: int, most: int, icons=1.0) -> Batch | None:
    """Up to `most` questions on each of several pictures of `rows` x `columns` tokens; None where there are none.

    `icons` is the share of the elements without text that may be asked for.
    """
    return fill(rng, [ask(rng, elements, icons) for elements in parts], rows, columns, most, parts)


def fill(
    rng: random.Random,
    parts: list[list[Asked]],
    rows: int,
    columns: int,
    most: int,
    shown: list[list[Element]] | None = None,
) -> Batch | None:
    """The same for questions that are already chosen; `shown`: all that each picture shows, for its tokens' places."""
    # One bound for a batch: questions are padded to the longest of them, and half of long batches would be padding.
    longest = rng.choice(BOUNDS)
    chosen = [[asked for asked in part if len(asked.text) <= longest][:most] for part in parts]
    count = sorted(map(len, chosen))[len(chosen) // 2]  # the median: few slots stay empty
    chosen = [part[:count] for part in chosen]
    if count == 0:
        return None
    length = max(len(asked.text) for part in chosen for asked in part) + 11  # <answer>, nine characters, <end>
    shape = (len(parts), count)
    questions = np.full((*shape, length), arch.PAD, dtype=np.int64)
    answers = np.zeros(shape, dtype=np.int64)
    shares = np.zeros((*shape, rows * columns), dtype=np.float32)
    known = np.zeros(shape, dtype=np.float32)
    boxes = np.zeros((*shape, 4), dtype=np.float32)
    traces = np.full((*shape, length), -1, dtype=np.int64)
    looks = np.full(shape, -1, dtype=np.int64)
    for p, part in enumerate(chosen):
        for q, asked in enumerate(part):
            reply, element = REFUSAL, asked.meant
            if element:
                left, top, right, bottom = element.aim
                reply = labels.answer((left + right) / 2, (top + bottom) / 2)
                shares[p, q] = labels.under(element.aim, rows, columns)
                boxes[p, q] = hull(element)
                if element.icon and not asked.named:
                    looks[p, q] = groups().get(element.group, -1)
            ids = [*arch.encode(asked.text), arch.ANSWER, *arch.encode(reply), arch.END]
            questions[p, q, : len(ids)] = ids
            answers[p, q] = len(asked.text)
            known[p, q] = 1
            if asked.named:
                for place, token in trace(asked.text, asked.named, columns):
                    traces[p, q, place] = token
    told = [labels.places([e.aim for e in elements], rows, columns) for elements in shown or [[]] * len(parts)]
    digits, marked = (np.stack(part) for part in zip(*told, strict=True))
    arrays = (questions, answers, shares, known, boxes, digits, marked, traces, looks)
    return Batch(*map(torch.from_numpy, arrays))


def hull(element: Element) -> tuple[float, float, float, float]:
    """The smallest box around the element and its text."""
    box, aim = element.box, element.aim
    return min(box[0], aim[0]), min(box[1], aim[1]), max(box[2], aim[2]), max(box[3], aim[3])


NARROW, WIDE = set("iljtfrI.,:;'|!()[] "), set("mwMW@%")


def trace(text: str, element: Element, columns: int) -> list[tuple[int, int]]:
    """Where an instruction's characters stand on the screen: (place in the instruction, token of the picture).

    Only for the text that the element shows, from its third character on: before, too many places look right.
    """
    name = element.name.rstrip(":* ")  # as a field is asked for that a label names
    start = text.lower().find(name.lower())
    if element.icon or element.beside or start < 0:
        return []
    widths = np.array([0.55 if c in NARROW else 1.45 if c in WIDE else 1.0 for c in name])
    middles = (widths.cumsum() - widths / 2) / widths.sum()
    left, top, right, bottom = element.aim
    row = int((top + bottom) / 2) // TOKEN
    x = ((left + middles * (right - left)) // TOKEN).astype(int)
    return [(start + i, row * columns + int(x[i])) for i in range(2, len(name)) if name[i] != " "]
