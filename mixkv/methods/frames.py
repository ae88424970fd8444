"""Several screenshots in one prompt or one history: of what they repeat, only the newest is held.

That a screen hardly changes between two steps is what GUI-KV (arXiv 2510.00536) and ST-Lite (arXiv 2603.00188) use;
they compare all tokens with all, here a token is compared with what stands at the same place later.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from mixkv.images import Images
from mixkv.methods.method import Prompt, require_share
from mixkv.methods.mixkv import MixKV
from mixkv.methods.snapkv import SnapKV


@dataclass(frozen=True)
class FrameSnapKV(SnapKV):
    """SnapKV that holds tokens which a later screenshot repeats at the same place only where nothing else is left.

    A token is repeated if its value has at least this cosine with that of the later one, head by head: values, unlike
    keys, do not tell positions.
    """

    name: ClassVar[str] = "snapkv-frames"
    reads_images: ClassVar[bool] = True
    reads_places: ClassVar[bool] = True

    similarity: float = 0.9

    def __post_init__(self):
        super().__post_init__()
        require_share("similarity", self.similarity)

    def rank(self, prompt: Prompt, window: int, entries: int) -> tuple[Tensor, int | Tensor]:
        scores, entries = super().rank(prompt, window, entries)
        again = repeated(prompt.value, prompt.known_images(self.name), self.similarity, prompt.places)
        low, high = scores.aminmax(dim=-1, keepdim=True)
        return torch.where(again[..., : scores.shape[-1]], scores - (high - low) - 1, scores), entries


@dataclass(frozen=True)
class FrameMixKV(FrameSnapKV, MixKV):
    """MixKV that holds tokens which a later screenshot repeats at the same place only where nothing else is left."""

    name: ClassVar[str] = "mixkv-frames"


def repeated(value: Tensor, images: Images, similarity: float, places: Tensor | None = None) -> Tensor:
    """Which entries a later image of the same grid repeats at their place: booleans [batch, kv_heads, tokens].

    `value` [batch, kv_heads, tokens, dim]; `places` [batch, kv_heads, tokens] of the entries, counted as those of the
    images (None: one after the other). An entry is compared with the next later one that is there and is itself not
    repeated; it is repeated where the cosine of their values reaches `similarity`.
    """
    unit = functional.normalize(value.float(), dim=-1)
    again = torch.zeros(value.shape[:-1], dtype=torch.bool, device=value.device)
    if places is None:
        places = torch.arange(value.shape[-2], device=value.device).expand(again.shape)
    latest: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}  # by grid: values [batch, kv_heads, count, dim], any yet
    for image in reversed(images):
        inside = ((places >= image.start) & (places < image.stop)).nonzero(as_tuple=True)
        cell = (*inside[:2], places[inside] - image.start)
        grid = (image.rows, image.columns)
        if grid not in latest:
            shape = (*value.shape[:2], image.count)
            latest[grid] = (unit.new_zeros(*shape, unit.shape[-1]), again.new_zeros(shape))
        values, known = latest[grid]
        same = known[cell] & ((values[cell] * unit[inside]).sum(-1) >= similarity)
        again[inside] = same
        values[cell] = torch.where(same.unsqueeze(-1), values[cell], unit[inside])
        known[cell] = True
    return again
