"""Merging image tokens into their most similar neighbours inside windows of the grid.

Source: LightKV, arXiv 2605.00789; bipartite matching as in ToMe, arXiv 2210.09461.
"""

import torch
from torch import Tensor
from torch.nn import functional

EPSILON = 1e-8


def band(coordinate: Tensor, side: int, count: int) -> Tensor:
    """Which of `count` bands of a `side` long axis each coordinate falls in; the first bands are longer by one."""
    wide, short = side % count, side // count
    return torch.where(
        coordinate < wide * (short + 1),
        coordinate // (short + 1),
        wide + (coordinate - wide * (short + 1)) // max(short, 1),
    )


def windows(row: Tensor, column: Tensor, grid: tuple[int, int], per_side: int) -> Tensor:
    """The window of each token [tokens] at these places of a `grid` (rows, columns), `per_side` squared of them."""
    return band(row, grid[0], per_side) * per_side + band(column, grid[1], per_side)


def rank_within(group: Tensor, groups: int) -> Tensor:
    """How many earlier tokens are of the same group: [tokens]."""
    order = group.argsort(stable=True)
    counts = torch.bincount(group, minlength=groups)
    start = counts.cumsum(0) - counts
    rank = torch.empty_like(group)
    rank[order] = torch.arange(len(group), device=group.device) - start[group[order]]
    return rank


def match(
    states: Tensor,
    window: Tensor,
    giver: Tensor,
    count: int,
    ratio: float,
    similarity: float | None = None,
    protected: Tensor | None = None,
) -> Tensor:
    """The token that each token of `states` [tokens, hidden] is merged into, itself if it stays: [tokens].

    Inside each of the `count` windows, every token with `giver` true finds the token without it of the highest cosine,
    and the best pairs are merged: as many as `ratio` of the window's tokens, at most half of them, and, if `similarity`
    is given, only pairs of at least that cosine. A `protected` token stays. Of equal cosines the earlier token wins.
    """
    tokens = len(states)
    itself = torch.arange(tokens, device=states.device)
    unit = functional.normalize(states, dim=-1, eps=EPSILON)
    group = 2 * window + (~giver).long()  # of each window first the givers, then the receivers
    rank = rank_within(group, 2 * count)
    table = torch.full((2 * count, int(rank.max()) + 1), -1, device=states.device)
    table[group, rank] = itself
    givers, receivers = table[0::2], table[1::2]  # [count, longest], -1 where there is none
    cosine = torch.einsum("wgd,wrd->wgr", unit[givers], unit[receivers])
    cosine = cosine.masked_fill((receivers < 0).unsqueeze(1), float("-inf"))
    best, partner = cosine.max(-1)  # [count, longest]
    best = best.masked_fill(givers < 0, float("-inf"))
    if protected is not None:
        best = best.masked_fill(protected[givers], float("-inf"))
    if similarity is not None:
        best = best.masked_fill(best < similarity, float("-inf"))
    inside = torch.bincount(window, minlength=count)
    allowed = torch.minimum((ratio * inside.double() + 1e-9).floor().long(), inside // 2)
    place = rank_of(best)
    merged = (place < allowed.unsqueeze(1)) & best.isfinite()
    target = itself.clone()
    target[givers[merged]] = receivers.gather(1, partner)[merged]
    return target


def rank_of(scores: Tensor) -> Tensor:
    """The place of each score in the descending order of its row, equal scores in their order: [rows, scores]."""
    return scores.argsort(dim=-1, descending=True, stable=True).argsort(dim=-1)


def merged(states: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    """`states` [tokens, hidden], each token that others are merged into replaced by the weighted mean of its group.

    `weight` [tokens], at least 0; a group without weight becomes its plain mean. The arithmetic is at least float32 and
    all other tokens stay as they are. The tokens merged away are still there: those with another `target`.
    """
    exact = states.double() if states.dtype == torch.float64 else states.float()
    weight = weight.to(exact)
    mass = torch.zeros_like(weight).index_add(0, target, weight)
    share = torch.where(mass[target] > EPSILON, weight, 1.0)
    mass = torch.zeros_like(share).index_add(0, target, share)
    mean = torch.zeros_like(exact).index_add(0, target, exact * share.unsqueeze(-1)) / mass.clamp_min(EPSILON)[:, None]
    receives = torch.bincount(target, minlength=len(states)) > 1
    return torch.where(receives.unsqueeze(-1), mean.to(states.dtype), states)
