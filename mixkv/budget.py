"""How many entries each layer and each kv head may hold.

An entry is one key with its value. A budget counts the entries of one kv head in one layer, window included.
"""

from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Share:
    """A budget relative to the prompt: this percentage of its tokens, rounded down, at least one entry."""

    percent: float  # in (0, 100]

    def __post_init__(self):
        if not 0 < self.percent <= 100:
            raise ValueError(f"a budget share must be above 0% and at most 100%, not {self.percent:g}%")

    def __str__(self) -> str:
        return f"{self.percent:g}%"


def parse_budget(text: str | int | float | Share) -> int | Share:
    """The budget a user means: `64` or "64" is 64 entries per kv head, "10%" or 0.1 a tenth of the prompt's tokens.

    Raises ValueError in one sentence for anything else, zero and negative numbers included.
    """
    if isinstance(text, Share):
        return text
    remedy = "give entries per kv head such as 64, or a share of the prompt such as '10%'"
    number = str(text).strip()
    try:
        amount = Fraction(number.removesuffix("%").strip())
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"budget {text!r} is not a number: {remedy}") from None
    if number.endswith("%"):
        return Share(float(amount))
    if isinstance(text, float):
        return Share(float(amount * 100))
    if amount.denominator != 1 or amount < 1:
        raise ValueError(f"budget {text!r} is not a whole number of at least 1: {remedy}")
    return int(amount)


def resolve_budget(budget: int | Share, tokens: int) -> int:
    """Entries per kv head that `budget` allows for a prompt of `tokens` tokens; may exceed `tokens`."""
    if isinstance(budget, Share):
        return max(1, int(Fraction(str(budget.percent)) * tokens / 100))
    return budget


def effective_window(window: int, budget: int) -> int:
    """The observation window that fits a budget: `window` if the budget is larger, else half the budget (at least 1).

    The released implementations only run with budget > window; there nothing changes.
    """
    return window if budget > window else max(1, budget // 2)


def round_to_total(shares: Tensor, total: int | Tensor) -> Tensor:
    """Whole numbers near `shares` [..., parts] that sum to exactly `total` over the last axis (largest remainder)."""
    whole = shares.floor()
    missing = total - whole.sum(-1, keepdim=True)  # [..., 1]
    by_remainder = (shares - whole).argsort(dim=-1, descending=True, stable=True)
    receives = torch.arange(shares.shape[-1], device=shares.device) < missing  # [..., parts], in order of the remainder
    return (whole + torch.zeros_like(whole).scatter(-1, by_remainder, receives.to(whole.dtype))).long()


def water_fill(weights: Tensor, total: int, least: int | Tensor, most: int | Tensor) -> Tensor:
    """Whole numbers in proportion to `weights` [..., parts] that sum to `total`, each between `least` and `most`.

    Parts that would exceed `most` stop there and the others share the rest; equal shares where all weights are zero. A
    total that the limits do not allow is replaced by the nearest one they do.
    """
    least, most = (torch.as_tensor(limit).to(weights.device).double().expand_as(weights) for limit in (least, most))
    weights = weights.double().clamp_min(0)
    mean = weights.mean(-1, keepdim=True)
    weights = torch.where(mean > 0, weights / mean, 1.0) + 1e-9  # a part of weight zero takes what no other can
    goal = torch.full_like(mean, total).clamp(least.sum(-1, keepdim=True), most.sum(-1, keepdim=True))
    low, high = torch.zeros_like(mean), (most.amax(-1, keepdim=True) + 1) / weights.amin(-1, keepdim=True)
    for _ in range(200):  # bisection of the one factor; float64 is exhausted earlier
        level = (low + high) / 2
        reached = (level * weights).clamp(least, most).sum(-1, keepdim=True) >= goal
        low, high = torch.where(reached, low, level), torch.where(reached, level, high)
    shares = (high * weights).clamp(least, most).mul(1e6).round().div(1e6)
    return round_to_total(shares, goal)


def visual_heads(scores: Tensor, entries: int, floor_ratio: float, prefix: int, legacy: bool = False) -> Tensor:
    """Entries beside the window for each layer and kv head, more for heads that look at the right part of the picture.

    `scores` [layers, kv_heads] are the heads' visual scores. Every head is guaranteed int(entries * floor_ratio); the
    rest is shared in proportion to the scores, no head getting more than the `prefix`. Returns [layers, kv_heads],
    summing to layers * kv_heads * entries. `legacy` takes the released rule, which rounds every head by itself and does
    not give back what a short prompt cannot use. Source: SparseMM, arXiv 2506.05344.
    """
    floor = int(entries * floor_ratio)
    extra = scores.numel() * (entries - floor)
    if legacy:
        return (scores / scores.sum() * extra + floor).round().long()
    return floor + water_fill(scores.flatten(), extra, 0, prefix - floor).view_as(scores)


def pyramid(entries: int, prefix: int, layer: int, num_layers: int, beta: float, legacy: bool = False) -> int:
    """Entries that each kv head of `layer` may hold beside the window: many in the first layers, few in the last.

    `entries` is the mean over the layers, `prefix` the prompt tokens before the window (> entries). The line falls from
    2 * entries - entries // beta to entries // beta. `legacy` takes the released floor division of the slope, whose
    mean exceeds `entries`; otherwise the mean over all layers is exactly that. Source: PyramidKV, arXiv 2406.02069.
    """
    if num_layers == 1:
        return entries
    last = int(entries // beta)
    first = 2 * entries - last
    if first >= prefix:
        first, last = prefix, 2 * entries - prefix
    if legacy:
        return first - layer * ((first - last) // (num_layers - 1))
    line = torch.linspace(first, last, num_layers, dtype=torch.float64)
    return int(round_to_total(line, entries * num_layers)[layer])


def adaptive(importance: Tensor, entries: int, floor_ratio: float, legacy: bool = False) -> Tensor:
    """Entries that each kv head of one layer may hold beside the window, more for heads whose importance is spread out.

    `importance` [batch, kv_heads, prefix] is weighted with the share that a head's best `entries` positions have of its
    mass; the layer's best kv_heads * entries positions over all heads are counted per head, and every head is
    guaranteed `floor_ratio` of the mean. Returns [batch, kv_heads]; sums to kv_heads * entries for each row, except
    with `legacy`, the released rounding. Source: AdaKV, arXiv 2407.11550, with the weighting of its release.
    """
    batch, heads, prefix = importance.shape
    best = importance.topk(entries, dim=-1).values.sum(-1, keepdim=True)
    weighted = importance * (best / importance.sum(-1, keepdim=True).clamp_min(torch.finfo(importance.dtype).tiny))
    winners = weighted.flatten(1).topk(heads * entries, dim=-1).indices  # [batch, heads * entries]
    won = torch.zeros(batch, heads, device=importance.device, dtype=torch.float64)
    won.scatter_add_(1, winners // prefix, torch.ones_like(winners, dtype=won.dtype))
    if legacy:
        return (won * (1 - floor_ratio) + int(entries * floor_ratio)).round().long()
    return round_to_total(won * (1 - floor_ratio) + entries * floor_ratio, heads * entries)


def keep_best(scores: Tensor, entries: int | Tensor, window: int) -> Tensor:
    """The entries to hold: per kv head the `entries` best of the prefix, and the whole window.

    `scores` [batch, kv_heads, prefix]; `entries` one number or [batch, kv_heads]. Of equal scores the earlier position
    wins. Returns booleans [batch, kv_heads, prefix + window].
    """
    batch, heads, prefix = scores.shape
    limit = torch.as_tensor(entries, device=scores.device).expand(batch, heads).unsqueeze(-1)
    chosen = (torch.arange(prefix, device=scores.device) < limit).expand_as(scores)  # in order of the score
    order = scores.argsort(dim=-1, descending=True, stable=True)
    kept = torch.zeros_like(chosen).scatter(-1, order, chosen)
    return torch.cat([kept, kept.new_ones(batch, heads, window)], dim=-1)
