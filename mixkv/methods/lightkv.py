"""LightKV (Chen et al. 2026, arXiv 2605.00789): image tokens are merged into their neighbours inside the prefill."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from mixkv.budget import Share, resolve_budget, water_fill
from mixkv.guidance import causal_guidance, column_guidance_of, row_guidance
from mixkv.images import ImageTokens
from mixkv.merging import match, merged, rank_within, windows
from mixkv.methods.hybridkv import HybridKV
from mixkv.methods.in_prefill import InPrefill, Remaining
from mixkv.methods.method import Joint, Prompt, require_choice, require_share, require_whole
from mixkv.methods.mixkv import MixKV

STAGES_OF_28 = (12, 17, 22)  # the source's representative schedule, for a model of 28 layers


@dataclass(frozen=True)
class LightKV(InPrefill):
    """After some layers, the tokens of each image window are merged into their most similar partners, `ratio` of them.

    A merged token keeps the position of its receiver, and windows lie on the true grid. `guidance` weighs the tokens:
    "causal" is what the text behind the image attends to, "paper" and "code" are the source's two rules, both without a
    causal mask. `released` lays the remaining tokens on a square as the source's code does, with its guidance; its
    renumbered positions are not reproduced.
    """

    name: ClassVar[str] = "lightkv"

    stages: tuple[int, ...] | None = None  # layers after which tokens are merged, from 0; None: 12, 17, 22 of 28
    windows: tuple[int, ...] = (6, 4, 2)  # per side of the image, one number a stage
    ratio: float = 0.5  # share of a window's tokens that is merged away, at most half
    guidance: str = "causal"  # "causal", "paper" or "code"
    split: str = "raster"  # givers and receivers: every other token of a window, or "checker" as on a chess board
    similarity: float | None = None  # merge only pairs of at least this cosine; None: whatever it is
    protect: float = 0.0  # share of an image's tokens, the best by guidance, that are never merged away
    released: bool = False

    def __post_init__(self):
        for name in ("stages", "windows"):
            if (numbers := getattr(self, name)) is not None:
                object.__setattr__(self, name, tuple(numbers))
        for number in self.windows:
            require_whole("windows", number)
        for number in self.stages or ():
            require_whole("stages", number, least=0)
        require_choice("guidance", self.guidance, ("causal", "paper", "code"))
        require_choice("split", self.split, ("raster", "checker"))
        require_share("ratio", self.ratio)
        require_share("protect", self.protect)
        stages = self.stages or STAGES_OF_28
        if len(self.windows) != len(stages) or list(stages) != sorted(set(stages)):
            raise ValueError(
                f"stages must rise and windows have one number for each, not stages {stages} and windows {self.windows}"
            )
        if self.similarity is not None and not -1 <= self.similarity <= 1:
            raise ValueError(f"similarity must be None or a cosine between -1 and 1, not {self.similarity!r}")

    def schedule(self, num_layers: int) -> dict[int, int]:
        """The layers after which tokens are merged, each with its windows per side."""
        stages = self.stages or [round(stage * num_layers / 28) for stage in STAGES_OF_28]
        return dict(zip(stages, self.windows, strict=True))

    def retained(self, num_layers: int) -> float:
        """The share of an image's entries that the cache holds, on the mean over layers, where windows divide evenly.

        With `similarity` or `protect` it is more. The layer after which tokens are merged still holds them all.
        """
        merging, left, held = self.schedule(num_layers), 1.0, 0.0
        for layer in range(num_layers):
            held += left
            left *= 1 - min(self.ratio, 0.5) if layer in merging else 1
        return held / num_layers

    def shortens_after(self, layer: int, num_layers: int) -> bool:
        return self.ratio > 0 and layer in self.schedule(num_layers)

    def guide(self, remaining: Remaining, query: Tensor, key: Tensor, scaling: float) -> Tensor:
        rule = "code" if self.released else self.guidance
        if rule == "causal":
            return causal_guidance(query, key, remaining.after_images(), scaling)
        text = remaining.text()
        chosen = torch.cat([remaining.of(image) for image in remaining.images])
        guidance = torch.zeros(len(remaining.places), device=key.device)
        if rule == "paper":
            guidance[chosen] = row_guidance(query, key, chosen, text, scaling)
        else:
            guidance[chosen] = column_guidance_of(query, key, chosen, text, scaling)
        return guidance

    def shorten(self, remaining: Remaining, hidden: Tensor, guidance: Tensor) -> tuple[Tensor, Tensor]:
        per_side = self.schedule(remaining.num_layers)[remaining.layer]
        images = [(image, remaining.of(image)) for image in remaining.images]
        target = torch.arange(len(hidden), device=hidden.device)
        for image, tokens in images:
            if len(tokens) >= 8 * per_side**2:  # else the windows would be too small
                place = remaining.places[tokens] - image.start
                target[tokens] = tokens[self.targets(hidden[tokens], guidance[tokens], place, image, per_side)]
        return merged(hidden, guidance, target), target == torch.arange(len(hidden), device=hidden.device)

    def targets(self, states: Tensor, guidance: Tensor, place: Tensor, image: ImageTokens, per_side: int) -> Tensor:
        """Into which of its remaining tokens each token of an image is merged, itself if it stays: [tokens].

        `states` [tokens, hidden]; `place` [tokens] counts along the lines of the image.
        """
        grid = (image.rows, image.columns)
        if self.released:  # the remaining tokens line by line on the smallest square
            place, grid = torch.arange(len(place), device=place.device), (math.isqrt(len(place) - 1) + 1,) * 2
        row, column = place // grid[1], place % grid[1]
        window, count = windows(row, column, grid, per_side), per_side**2
        giver = (row + column if self.split == "checker" else rank_within(window, count)) % 2 == 0
        protected = torch.zeros_like(giver)
        protected[guidance.argsort(descending=True, stable=True)[: int(self.protect * len(place))]] = True
        exact = states if states.dtype == torch.float64 else states.float()
        return match(exact, window, giver, count, self.ratio, self.similarity, protected)


@dataclass(frozen=True)
class LightMixKV(Joint, LightKV):
    """LightKV in the prefill, then MixKV in what each layer was left with.

    `budget` is the mean over the layers, of the whole prompt if it is a share: what short layers cannot use, the others
    get. The redundancy of each head is measured after the merging.
    """

    name: ClassVar[str] = "lightkv-mixkv"

    budget: int | Share = 64  # entries per kv head, window included; or a share such as "10%"
    window: int = 32  # tokens

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "budget", self.scorer.budget)

    @property
    def scorer(self) -> MixKV:
        return MixKV(budget=self.budget, window=self.window)

    @property
    def reads(self) -> int:
        return self.window

    def keep_layers(self, prompts: list[Prompt]) -> list[Tensor]:
        held = layer_budgets(self.budget, [prompt.tokens for prompt in prompts])
        return [
            replace(self.scorer, budget=entries).keep(prompt) for entries, prompt in zip(held, prompts, strict=True)
        ]


@dataclass(frozen=True)
class LightHybridKV(HybridKV, LightKV):
    """LightKV in the prefill, then HybridKV in what each layer was left with, types and chunks included.

    `budget` is the mean over the layers, of the whole prompt if it is a share: layers that merging left with less hold
    everything, and the others get the rest, each for itself or together with those that `scope` joins.
    """

    name: ClassVar[str] = "lightkv-hybridkv"
    joint: ClassVar[bool] = True
    reads_places: ClassVar[bool] = True

    def __post_init__(self):
        HybridKV.__post_init__(self)
        LightKV.__post_init__(self)

    def layer_budgets(self, tokens: list[int]) -> list[int]:
        return layer_budgets(self.budget, tokens)


def layer_budgets(budget: int | Share, tokens: list[int]) -> list[int]:
    """Entries per kv head of layers that were left with so many `tokens` each, none with more, `budget` on the mean.

    What short layers cannot use, the others get in equal parts. A share is one of the longest layer's tokens.
    """
    total = resolve_budget(budget, max(tokens)) * len(tokens)
    return water_fill(torch.ones(len(tokens)), total, 0, torch.tensor(tokens)).tolist()
