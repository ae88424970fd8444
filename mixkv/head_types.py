"""Static and dynamic heads: how concentrated a head's attention is, and the budgets that follow from it.

Source: HybridKV, arXiv 2604.05887, reconstructed from what is public of it.
"""

import torch
from torch import Tensor

from mixkv.budget import effective_window, water_fill


def entries_needed(attention: Tensor, mass: float) -> Tensor:
    """The fewest entries that hold this mass of `attention` [..., tokens], whose sum is 1: [...]."""
    reached = attention.sort(dim=-1, descending=True).values.cumsum(-1)
    return ((reached < mass).sum(-1) + 1).clamp_max(attention.shape[-1])


def sparsity(attention: Tensor, entries: int, rule: str, mass: float) -> Tensor:
    """How concentrated `attention` [..., tokens] is, from 0 to 1: [...].

    "mass": what the best `entries` hold of it; "count": the share of tokens not needed for `mass`; "entropy": one minus
    the entropy over that of even attention.
    """
    tokens = attention.shape[-1]
    if rule == "mass":
        return attention.topk(min(entries, tokens), dim=-1).values.sum(-1).clamp(0, 1)
    if rule == "count":
        return 1 - entries_needed(attention, mass) / tokens
    entropy = torch.special.entr(attention).sum(-1)
    return (1 - entropy / torch.tensor(float(max(tokens, 2))).log()).clamp(0, 1)


def split(budget: int, prior: int, window: int, size: int) -> tuple[int, int]:
    """How many of its `budget` entries a dynamic head always holds, and how many chunks of `size` beside them.

    It holds the `prior` (text, window, first tokens) if a chunk fits beside it, else the window, at most half the
    budget. Where no chunk fits beside that either, all entries are the most recent ones.
    """
    held = prior if prior + size <= budget else effective_window(window, budget)
    chunks = (budget - held) // size
    return (held, chunks) if chunks > 0 else (budget, 0)


def typed_budgets(
    static: Tensor, weights: Tensor, total: int, tokens: int | Tensor, share: float, prior: int, window: int, size: int
) -> Tensor:
    """Entries of each head of a layer or a model, [heads]: at most `total` together, exactly that if all are static.

    `static` [heads] are those pruned for good, over which `weights` [heads] spread their part, each of them getting the
    first `prior` entries if possible. The others get equally many, `share` times the mean of a static head, rounded
    down to whole chunks of `size`; what that leaves goes to the static heads. No head gets more than the `tokens` of
    its prompt, one number or [heads]; `total` is at least one for each head.
    """
    tokens, pruned = torch.as_tensor(tokens).expand(len(static)), int(static.sum())
    entries = tokens.clone()
    if dynamic := len(static) - pruned:
        part = total - int(total * pruned / (pruned + share * dynamic)) if pruned else total
        each = max(1, part // dynamic)
        held, chunks = split(each, prior, window, size)
        entries[tokens > each] = held + chunks * size
    if pruned:
        most = tokens[static]
        rest = min(total - int(entries[~static].sum()), int(most.sum()))
        entries[static] = water_fill(weights[static], rest, most.clamp_max(min(prior, rest // pruned)), most)
    return entries
