"""GistKV, this project's own: what the instruction points at, and a gist of all the rest.

Three changes to SnapKV, each of them a setting: the window does not reach back into a picture, and a query counts for
as much as it is sure of where to look; less is held only because it came last; what is evicted leaves a few entries
that read like all of it together, so that heads which look everywhere are not misled.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from mixkv.budget import Share, adaptive, keep_best, parse_budget, resolve_budget, water_fill
from mixkv.diversity import redundancy
from mixkv.grouping import farthest, grouped_mean, nearest_held
from mixkv.importance import capped
from mixkv.methods.method import Choice, Merged, Method, Prompt, require_choice, require_share, require_whole
from mixkv.reserved import landmarks, surroundings


@dataclass(frozen=True)
class GistKV(Method):
    """Holds what the last queries attend to most, and in each head some gists: entries that stand for all evicted ones.

    The gists share the evicted entries by the nearness of their keys. Each has the mean by attention of its keys and
    values, and its logit is raised so that it gets the attention which they got together. The observed queries are
    those of the last `window` tokens, but none of an image's, if somebody said where the images stand. What `protect`,
    `template` and `around` reserve is paid from the budget, as far as it reaches, and is never part of a gist; the last
    two do nothing where nobody said where the images stand.
    """

    name: ClassVar[str] = "gistkv"

    budget: int | Share = 64  # entries per kv head, the gist included; or a share such as "10%"
    window: int = 32  # tokens whose queries are observed
    weighing: str = "sure"  # a query counts by its highest attention weight; "mean": all alike; "last": only the last
    fade: float = 0.8  # what a query counts beside the one after it
    recent: float = 0.25  # share of the budget for the last tokens, which are held in any case
    kernel: int = 1  # side of a square on the token grid over which an image's scores are pooled, odd; 1: no pooling
    pool: str = "max"  # "max" or "avg"
    floor_ratio: float | None = None  # None: all heads hold equally many; else as in `adakv`
    gists: float = 0.25  # share of the budget for entries that stand for all evicted ones, at least one; 0 for none
    protect: int = 0  # first tokens of the prompt that are held in any case, attention sinks
    template: bool = False  # whether the tokens right before and right after each image are held in any case
    around: float = 0.0  # share of the budget for the image cells around the one that is attended to most, per kv head
    by_redundancy: float = 0.0  # 1 (or True): a head's share grows with 1 - its keys' redundancy; below 1: by less

    def __post_init__(self):
        object.__setattr__(self, "budget", parse_budget(self.budget))
        require_whole("window", self.window)
        require_choice("weighing", self.weighing, ("sure", "mean", "last"))
        require_share("fade", self.fade)
        require_share("recent", self.recent)
        require_whole("kernel", self.kernel)
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd so that pooling keeps the grid, not {self.kernel}")
        require_choice("pool", self.pool, ("max", "avg"))
        require_share("gists", self.gists)
        require_whole("protect", self.protect, least=0)
        if not isinstance(self.template, bool):
            raise ValueError(f"template must be True or False, not {self.template!r}")
        require_share("around", self.around)
        if self.recent + self.gists + self.around > 1:
            raise ValueError(
                f"recent, gists and around share one budget, which {self.recent}, {self.gists} and {self.around} would "
                "exceed"
            )
        if isinstance(self.by_redundancy, bool):
            object.__setattr__(self, "by_redundancy", float(self.by_redundancy))
        require_share("by_redundancy", self.by_redundancy)
        if self.floor_ratio is not None:
            require_share("floor_ratio", self.floor_ratio)
            if self.by_redundancy:
                raise ValueError(
                    "floor_ratio and by_redundancy both spread a layer's budget over its heads: set one of them, not "
                    f"{self.floor_ratio} and {self.by_redundancy}"
                )

    @property
    def reads(self) -> int:
        return self.window

    def keep(self, prompt: Prompt) -> Tensor:
        return self.choose(prompt).keep

    def choose(self, prompt: Prompt) -> Choice:
        budget = resolve_budget(self.budget, prompt.tokens)
        if budget >= prompt.tokens:
            return Choice(prompt.all_entries())
        recent, gists = int(self.recent * budget), int(self.gists * budget)
        if self.gists and not gists:
            recent, gists = 0, 1
        logits = self._observed(prompt)
        paid = logits.softmax(-1)
        weights = self._weights(paid)
        scores = (paid * weights.unsqueeze(-1)).sum(-2).mean(2)  # [batch, kv_heads, tokens]
        ranked = self._pooled(scores, prompt)[..., : prompt.tokens - recent]
        entries = budget - recent - gists
        reserved = self._reserved(prompt, scores, entries, recent, int(self.around * budget))
        held = self._held(prompt, ranked, entries, reserved, gists)
        best = keep_best(ranked.masked_fill(reserved, float("inf")), held, recent)
        return self._with_gists(prompt, best, gists, scores, logits, weights) if gists else Choice(best)

    def _observed(self, prompt: Prompt) -> Tensor:
        """Logits of the queries that are looked at: [batch, kv_heads, group, queries, tokens]."""
        count = min(self.window, prompt.query.shape[-2])
        if prompt.images and prompt.images[-1].stop < prompt.tokens:
            count = min(count, prompt.tokens - prompt.images[-1].stop)
        query = prompt.query[:, :, -count:].float().unflatten(1, (prompt.key.shape[1], -1))
        logits = capped(torch.einsum("bhgwd,bhtd->bhgwt", query, prompt.key.float()) * prompt.scaling, prompt.softcap)
        future = torch.ones(count, prompt.tokens, dtype=torch.bool, device=query.device)
        return logits.masked_fill(future.triu(prompt.tokens - count + 1), float("-inf"))

    def _weights(self, paid: Tensor) -> Tensor:
        """What each query counts: [batch, kv_heads, group, queries], summing to 1 over them."""
        weights = paid.amax(-1) if self.weighing == "sure" else torch.ones_like(paid[..., 0])
        age = torch.arange(paid.shape[-2] - 1, -1, -1, device=paid.device)
        weights = weights * (age == 0 if self.weighing == "last" else self.fade**age)
        return weights / weights.sum(-1, keepdim=True)

    def _pooled(self, scores: Tensor, prompt: Prompt) -> Tensor:
        """`scores` [batch, kv_heads, tokens], those of each image pooled on its grid."""
        if self.kernel == 1:
            return scores
        pooling = functional.max_pool2d if self.pool == "max" else functional.avg_pool2d
        scores = scores.clone()
        for image in prompt.images or ():
            grid = scores[..., image.start : image.stop].unflatten(-1, (image.rows, image.columns))
            pooled = pooling(grid, self.kernel, stride=1, padding=self.kernel // 2)
            scores[..., image.start : image.stop] = pooled.flatten(-2)
        return scores

    def _reserved(self, prompt: Prompt, scores: Tensor, entries: int, recent: int, around: int) -> Tensor:
        """True where an entry is held whatever its rank: [batch, kv_heads, tokens less `recent`].

        At most `entries` of a head: landmarks first, then up to `around` cells.
        """
        prefix = prompt.tokens - recent
        held = torch.zeros_like(scores, dtype=torch.bool)
        held[..., prefix:] = True
        images = prompt.known_images(self.name) if prompt.images and (self.template or self.around) else ()
        places = landmarks(self.protect, images if self.template else (), prefix)[:entries]
        held[..., places] = True
        around = min(around, entries - len(places))
        if images and around:
            held |= surroundings(scores, images, around, held)
        return held[..., :prefix]

    def _held(self, prompt: Prompt, ranked: Tensor, entries: int, reserved: Tensor, gists: int) -> int | Tensor:
        """How many of the `ranked` [batch, kv_heads, prefix] each head holds, one number or [batch, kv_heads].

        `entries` on the mean over the heads; no head less than what is `reserved`, nor none of the budget at all, and
        each leaves as many as its gists need.
        """
        if self.floor_ratio is not None:
            shares = adaptive(ranked, entries, self.floor_ratio)
        elif self.by_redundancy:
            shares = 1 - self.by_redundancy * redundancy(prompt.key).squeeze(-1).clamp_min(0)
        else:
            return entries
        alone = not gists and ranked.shape[-1] == prompt.tokens  # nothing beside these is held
        least = reserved.sum(-1).clamp_min(int(alone))
        return water_fill(shares, ranked.shape[1] * entries, least, ranked.shape[-1] - gists)

    def _with_gists(
        self, prompt: Prompt, best: Tensor, gists: int, scores: Tensor, logits: Tensor, weights: Tensor
    ) -> Choice:
        """What is held: the entries where `best` is true, and as many gists.

        `scores` [batch, kv_heads, tokens] are not pooled; `logits` [batch, kv_heads, group, queries, tokens] and
        `weights` [batch, kv_heads, group, queries] are those of the observed queries.
        """
        centre = farthest(prompt.key.float(), gists, ~best, scores)
        keep = best.scatter(-1, centre, True)
        nearest = nearest_held(prompt.key.float(), keep, centre, best)
        key, value = (grouped_mean(states, nearest, scores) for states in (prompt.key, prompt.value))
        highest = logits.amax(-1, keepdim=True)
        index = nearest[:, :, None, None].expand_as(logits)
        mass = torch.zeros_like(logits).scatter_add(-1, index, (logits - highest).exp())  # of all that one stands for
        whole = mass.sum(-1, keepdim=True)
        mass = mass.gather(-1, centre[:, :, None, None].expand(*mass.shape[:-1], -1))  # [..., queries, gists]
        together = mass.log() + highest
        places = centre.unsqueeze(-1).expand(-1, -1, -1, key.shape[-1])
        query = prompt.query[:, :, -logits.shape[-2] :].float().unflatten(1, (key.shape[1], -1))
        own = torch.einsum("bhgwd,bhtd->bhgwt", query, key.gather(2, places).float()) * prompt.scaling
        weights = weights.unsqueeze(-1) * mass / whole  # a query says the more of a gist the more it looks there
        raised = (weights * (together - capped(own, prompt.softcap)).masked_fill(mass == 0, 0)).sum((2, 3))
        raised = raised / weights.sum((2, 3)).clamp_min(torch.finfo(weights.dtype).tiny)
        bias = torch.zeros_like(scores).scatter(-1, centre, raised)
        gist = torch.zeros_like(keep).scatter(-1, centre, True).unsqueeze(-1)
        merged = Merged(torch.where(gist, key, prompt.key), torch.where(gist, value, prompt.value), bias)
        return Choice(keep, merged=merged)
