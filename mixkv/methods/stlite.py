"""ST-Lite (2026, arXiv 2603.00188): attention, local contrast on the grid, no repetition between screenshots.

A re-implementation from a description: the two terms are the source's, their weight is not known.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from mixkv.importance import on_scale_of
from mixkv.methods.method import Prompt
from mixkv.methods.snapkv import SnapKV


@dataclass(frozen=True)
class STLite(SnapKV):
    """SnapKV's importance plus how little an image token resembles its neighbours on the grid.

    The contrast is put on the scale of the attention and weighted with `alpha`. Of all earlier images together, only
    as many tokens as fit beside the window may be held: those that resemble the last image least.
    """

    name: ClassVar[str] = "stlite"
    note: ClassVar[str] = "re-implementation"
    reads_images: ClassVar[bool] = True
    reads_residual: ClassVar[bool] = True

    alpha: float = 1.0  # weight of the contrast; 1 gives it the mass of the attention

    def __post_init__(self):
        super().__post_init__()
        if not self.alpha >= 0:
            raise ValueError(f"alpha must be at least 0, not {self.alpha!r}")

    def rank(self, prompt: Prompt, window: int, entries: int) -> tuple[Tensor, int]:
        attention, _ = super().rank(prompt, window, entries)
        images, prefix = prompt.known_images(self.name), attention.shape[-1]
        if not images:
            return attention, entries
        residual = prompt.known_residual(self.name)
        contrast = attention.new_zeros(len(attention), 1, prompt.tokens)
        for image in images:
            grid = residual[:, image.start : image.stop].unflatten(1, (image.rows, image.columns))
            contrast[:, 0, image.start : image.stop] = local_contrast(grid).flatten(1)
        scores = attention + self.alpha * on_scale_of(contrast[..., :prefix].expand_as(attention), attention)
        *earlier, last = images
        if earlier:
            places = torch.cat([torch.arange(image.start, image.stop, device=scores.device) for image in earlier])
            places = places[places < prefix]
            alike = resemblance(residual[:, places], residual[:, last.start : last.stop])
            dropped = alike.argsort(dim=-1, stable=True)[:, entries:]  # [batch, dropped]
            index = places[dropped].unsqueeze(1).expand(-1, scores.shape[1], -1)
            scores = scores.scatter(-1, index, float("-inf"))
        return scores, entries


def local_contrast(grid: Tensor) -> Tensor:
    """One minus the mean cosine with the up to eight neighbours: [batch, rows, columns] of `grid` [..., hidden].

    0 for a token without neighbours.
    """
    unit = functional.normalize(grid.float(), dim=-1)
    rows, columns = unit.shape[1:3]
    padded = functional.pad(unit, (0, 0, 1, 1, 1, 1))
    inside = functional.pad(unit.new_ones(1, rows, columns), (1, 1, 1, 1))
    around, neighbours = -unit, -unit.new_ones(1, rows, columns)  # the token itself is no neighbour
    for down in range(3):
        for right in range(3):
            around = around + padded[:, down : down + rows, right : right + columns]
            neighbours = neighbours + inside[:, down : down + rows, right : right + columns]
    mean = (unit * around).sum(-1) / neighbours.clamp_min(1)
    return torch.where(neighbours > 0, 1 - mean, 0.0)


def resemblance(tokens: Tensor, others: Tensor, chunk: int = 1024) -> Tensor:
    """The highest cosine of each of `tokens` [batch, tokens, hidden] with any of `others`: [batch, tokens]."""
    others = functional.normalize(others.float(), dim=-1).transpose(-1, -2)
    parts = functional.normalize(tokens.float(), dim=-1).split(chunk, dim=1)
    return torch.cat([(part @ others).amax(-1) for part in parts], -1)
