"""HybridKV (Zeng et al. 2026, arXiv 2604.05887): static heads are pruned, dynamic heads recall chunks from the host.

A re-implementation: the paper's equations and code are not public, so what is known of it (head types by the sparsity
of the text's attention, threshold 0.9, two budgets, text first, chunks in host memory) is filled in by choices of ours.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mixkv.budget import Share, effective_window, parse_budget, resolve_budget
from mixkv.diversity import diversity, redundancy
from mixkv.head_types import entries_needed, sparsity, split, typed_budgets
from mixkv.images import Images
from mixkv.importance import extrinsic, intrinsic, pooled, window_attention
from mixkv.methods.method import Choice, Method, Prompt, Recall, require_choice, require_share, require_whole
from mixkv.methods.mixkv import mixed


@dataclass(frozen=True)
class HybridKV(Method):
    """Types each head by the prompt: static ones are pruned once, dynamic ones choose chunks anew for each query.

    The text behind the last image, at most `text_queries` tokens, is looked at; where nobody said where images stand,
    or there are none, the window is, and no token has priority. Nothing tells the head's type but this prompt. Whole
    chunks of dynamic heads lie in host memory; `budget` counts what is on the device, chunks' representatives not.
    """

    name: ClassVar[str] = "hybridkv"
    per_head: ClassVar[bool] = True
    offloads: ClassVar[bool] = True
    note: ClassVar[str] = "re-implementation"

    budget: int | Share = 64  # entries per kv head on the device, on the mean over `scope`; or a share such as "10%"
    scope: str = "layer"  # what shares a budget: the heads of a "layer" or of the "model", held whole until all is read
    window: int = 32  # tokens that every static head holds
    threshold: float = 0.9  # a head whose attention is at least this sparse is static; above 1 none is
    sparsity: str = "mass"  # "mass" that the budget holds, "count" of entries not needed, or "entropy"
    mass: float = 0.95  # of the attention, when entries are counted
    group: str = "mean"  # how the query heads of a kv head are typed: by their "mean", or dynamic if "any" is
    drop_first: int = 0  # first tokens that the typing ignores
    text_queries: int = 64  # tokens
    dynamic_share: float = 0.25  # budget of a dynamic head over that of a static one
    static_weight: str = "need"  # static heads' budgets follow the entries they need, their "sparsity", or "uniform"
    kernel: int = 5  # pooling kernel of the static heads' scores, tokens, odd
    chunk: int = 16  # entries of a chunk
    tiles: bool = False  # chunks of image tokens are squares of the grid instead of runs
    representative: str = "mean"  # of a chunk: "mean" of its keys, or "minmax"
    sinks: int = 4  # first tokens that dynamic heads always hold
    refresh: int = 1  # after how many tokens dynamic heads choose again; 0: never
    mode: str = "physical"  # or "simulate": all entries stay on the device, and what is not held is hidden

    def __post_init__(self):
        object.__setattr__(self, "budget", parse_budget(self.budget))
        for name in ("window", "text_queries", "kernel", "chunk"):
            require_whole(name, getattr(self, name))
        for name in ("drop_first", "sinks", "refresh"):
            require_whole(name, getattr(self, name), least=0)
        require_share("mass", self.mass)
        require_choice("scope", self.scope, ("layer", "model"))
        require_choice("sparsity", self.sparsity, ("mass", "count", "entropy"))
        require_choice("group", self.group, ("mean", "any"))
        require_choice("static_weight", self.static_weight, ("need", "sparsity", "uniform"))
        require_choice("representative", self.representative, ("mean", "minmax"))
        require_choice("mode", self.mode, ("physical", "simulate"))
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd so that pooling keeps the length, not {self.kernel}")
        if self.tiles and math.isqrt(self.chunk) ** 2 != self.chunk:
            raise ValueError(f"chunk must be a square number for tiles, such as 16, not {self.chunk}")
        if not self.dynamic_share > 0 or not self.threshold >= 0:
            raise ValueError(
                "dynamic_share must be above 0 and threshold at least 0, not "
                f"{self.dynamic_share!r} and {self.threshold!r}"
            )

    @property
    def reads(self) -> int:
        return max(self.window, self.text_queries)

    @property
    def joint(self) -> bool:
        return self.scope == "model"

    def keep(self, prompt: Prompt) -> Tensor:
        return self.choose(prompt).keep

    def choose(self, prompt: Prompt) -> Choice:
        return self.choose_layers([prompt])[0]

    def choose_layers(self, prompts: list[Prompt]) -> list[Choice]:
        choices = [Choice(prompt.all_entries()) for prompt in prompts]
        budgets = self.layer_budgets([prompt.tokens for prompt in prompts])
        pressed = [number for number, prompt in enumerate(prompts) if budgets[number] < prompt.tokens]
        for together in [pressed] if self.scope == "model" else [[number] for number in pressed]:
            spread = self._spread([prompts[number] for number in together], [budgets[number] for number in together])
            for number, choice in zip(together, spread, strict=True):
                choices[number] = choice
        return choices

    def layer_budgets(self, tokens: list[int]) -> list[int]:
        """Entries per kv head that layers with so many `tokens` each bring into what `scope` shares."""
        return [resolve_budget(self.budget, of_layer) for of_layer in tokens]

    def _spread(self, prompts: list[Prompt], budgets: list[int]) -> list[Choice]:
        """What the heads of layers hold that share these budgets, each of them below the layer's tokens."""
        if not prompts:
            return []
        heads, window = [prompt.key.shape[1] for prompt in prompts], effective_window(self.window, min(budgets))
        attention, static, weights = [], [], []
        for prompt, budget in zip(prompts, budgets, strict=True):
            paid = self.text_attention(prompt)  # [batch, kv_heads, group, tokens]
            of_layer, sparse = self.types(paid, budget)  # [batch, kv_heads] each
            attention.append(paid.mean(2))
            static.append(of_layer.cpu())
            weights.append(self._weights(attention[-1], sparse).cpu())
        total = sum(budget * of_layer for budget, of_layer in zip(budgets, heads, strict=True))
        tokens = torch.tensor([prompt.tokens for prompt in prompts]).repeat_interleave(torch.tensor(heads))
        prior = max(int(self._prior(prompt, window)[1].sum(-1).max()) for prompt in prompts)
        limits = (total, tokens, self.dynamic_share, prior, window, self.chunk)
        rows = zip(torch.cat(static, 1), torch.cat(weights, 1), strict=True)
        held = torch.stack([typed_budgets(*of_row, *limits) for of_row in rows]).split(heads, 1)
        layers = zip(prompts, attention, static, held, strict=True)
        return [self._choice(*layer, window) for layer in layers]

    def _choice(self, prompt: Prompt, attention: Tensor, static: Tensor, held: Tensor, window: int) -> Choice:
        """What the heads of one layer hold: `held` entries each, [batch, kv_heads], pruned where they are `static`."""
        scores = self.static_scores(prompt, attention, window)  # [batch, kv_heads, prefix]
        (texts, priors), places = self._prior(prompt, window), places_of(prompt)
        images = prompt.images or () if self.tiles else ()
        keep = torch.zeros_like(attention, dtype=torch.bool)
        chunks = torch.full_like(keep, -1, dtype=torch.long)
        for row, of_row in enumerate(held.tolist()):
            for head, entries in enumerate(of_row):
                if static[row, head] or entries == prompt.tokens:
                    ranked = rank(scores[row, head], attention[row, head], texts[row])
                    keep[row, head, ranked[:entries]] = True
                else:
                    one = (keep[row, head], chunks[row, head], attention[row, head])
                    self._open(*one, entries, priors[row], window, (images, places[row]))
        if not (chunks >= 0).any():
            return Choice(keep)
        return Choice(keep, chunks, Recall(self.chunk, self.representative, self.refresh, self.mode == "simulate"))

    def types(self, attention: Tensor, budget: int) -> tuple[Tensor, Tensor]:
        """Which heads are static, and how sparse they are: [batch, kv_heads] each; `attention` as below."""
        looked_at = attention[..., min(self.drop_first, attention.shape[-1] - 1) :]
        looked_at = looked_at / looked_at.sum(-1, keepdim=True).clamp_min(1e-12)
        if self.group == "mean":
            looked_at = looked_at.mean(2, keepdim=True)
        sparse = sparsity(looked_at, budget, self.sparsity, self.mass).amin(2)
        return sparse >= self.threshold, sparse

    def text_attention(self, prompt: Prompt) -> Tensor:
        """What the text behind the last image pays to each entry: [batch, kv_heads, group, tokens], sums to 1."""
        rows = min(self.window, prompt.tokens)
        if prompt.images:
            stop = prompt.known_images(self.name)[-1].stop
            after = prompt.tokens - stop if prompt.places is None else int((prompt.places[0, 0] >= stop).sum())
            rows = min(self.text_queries, after) or rows
        return window_attention(prompt.query, prompt.key, rows, prompt.scaling, prompt.softcap).mean(-2)

    def static_scores(self, prompt: Prompt, attention: Tensor, window: int) -> Tensor:
        """What ranks the prefix of a static head behind its text: [batch, kv_heads, prefix]."""
        return pooled(attention[..., : prompt.tokens - window], self.kernel, "avg")

    def _prior(self, prompt: Prompt, window: int) -> tuple[Tensor, Tensor]:
        """Which tokens are text that has priority, and which a dynamic head holds first: [batch, tokens] each."""
        places, recent = places_of(prompt), torch.arange(prompt.tokens, device=prompt.key.device)
        recent = recent >= prompt.tokens - window
        text = torch.full_like(places, bool(prompt.images), dtype=torch.bool)
        for image in prompt.images or ():
            text &= (places < image.start) | (places >= image.stop)
        return text, text | recent | (places < self.sinks)

    def _weights(self, attention: Tensor, sparse: Tensor) -> Tensor:
        """What spreads the static heads' part over them: [batch, kv_heads]."""
        if self.static_weight == "need":
            return entries_needed(attention, self.mass).double()
        return sparse.double() if self.static_weight == "sparsity" else torch.ones_like(sparse).double()

    def _open(
        self,
        keep: Tensor,
        chunks: Tensor,
        attention: Tensor,
        entries: int,
        prior: Tensor,
        window: int,
        tiled: tuple[Images, Tensor],
    ) -> None:
        """Fills in what a dynamic head with room for `entries` holds, [tokens] each: always, and in first chunks.

        `tiled` are the images whose chunks are squares, and the places of the tokens.
        """
        held, room = split(entries, known := int(prior.sum()), window, self.chunk)
        recent = torch.arange(len(keep), device=keep.device) >= len(keep) - held
        keep |= prior if held == known and room else recent
        if room:
            chunks.copy_(numbered(~keep, self.chunk, *tiled))
            inside = chunks >= 0
            mass = attention.new_zeros(int(chunks.max()) + 1).index_add(0, chunks[inside], attention[inside])
            keep |= torch.isin(chunks, mass.argsort(descending=True, stable=True)[:room])


@dataclass(frozen=True)
class HybridMixKV(HybridKV):
    """HybridKV whose static heads rank what is no text by MixKV's score; types, budgets and chunks are the same."""

    name: ClassVar[str] = "hybridkv-mixkv"

    def static_scores(self, prompt: Prompt, attention: Tensor, window: int) -> Tensor:
        paid = extrinsic(prompt.query, prompt.key, window, prompt.scaling, self.kernel, softcap=prompt.softcap)
        return mixed(paid, intrinsic(prompt.value, window), diversity(prompt.key, window), redundancy(prompt.key))


def rank(scores: Tensor, attention: Tensor, text: Tensor) -> Tensor:
    """The order in which a static head takes entries: the window from its end, text by attention, the rest by score.

    `scores` [prefix], `attention` and `text` [tokens]; positions [tokens].
    """
    tokens, prefix = len(attention), len(scores)
    place = torch.arange(tokens, device=attention.device)
    of_window = place >= prefix
    worth = torch.cat([scores.to(attention), attention.new_zeros(tokens - prefix)])
    worth = torch.where(of_window, place.to(attention), torch.where(text, attention, worth))
    by_worth = worth.argsort(descending=True, stable=True)
    tier = (text | of_window).long() + of_window.long()
    return by_worth[tier[by_worth].argsort(descending=True, stable=True)]


def places_of(prompt: Prompt) -> Tensor:
    """Where the entries stood in the prompt, which is the same for all heads: [batch, tokens]."""
    if prompt.places is not None:
        return prompt.places[:, 0]
    return torch.arange(prompt.tokens, device=prompt.key.device).expand(len(prompt.key), -1)


def numbered(rest: Tensor, size: int, images: Images = (), places: Tensor | None = None) -> Tensor:
    """The chunk of each of these tokens, -1 for the others: [tokens] from booleans [tokens].

    Chunks are runs of `size` tokens of the rest, the last one shorter; of the given `images`, squares of the grid.
    `places` [tokens] say where the tokens stood in the prompt (None: one after the other).
    """
    label, side = torch.full_like(rest, -1, dtype=torch.long), math.isqrt(size)
    places = torch.arange(len(rest), device=rest.device) if places is None else places
    for image in images:
        inside = (places >= image.start) & (places < image.stop)
        row, column = (places[inside] - image.start) // image.columns, (places[inside] - image.start) % image.columns
        tile = row // side * -(-image.columns // side) + column // side
        label[inside] = image.start + tile  # no two images share a label: tiles are fewer than tokens
    runs = rest & (label < 0)
    label[runs] = places[-1] + 1 + torch.arange(int(runs.sum()), device=rest.device) // size
    numbers = torch.full_like(label, -1)
    numbers[rest] = label[rest].unique(return_inverse=True)[1]
    return numbers
