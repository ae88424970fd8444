"""Groups of entries that one of them can stand for: spread-out centres, and to which of them each entry belongs."""

import torch
from torch import Tensor


def farthest(points: Tensor, count: int, among: Tensor | None = None, first: Tensor | None = None) -> Tensor:
    """The indices of `count` of `points` [..., points, dim], each the farthest from those before it: [..., count].

    The first is the one with the highest `first` [..., points], or point 0. Only points with `among` [..., points] true
    are taken, as long as there are any. Of equally far ones the earlier is taken. Source: T. Gonzalez, "Clustering to
    minimize the maximum intercluster distance", 1985.
    """
    square = points.square().sum(-1)
    closed = torch.zeros_like(square, dtype=torch.bool) if among is None else ~among
    first = torch.zeros_like(square) if first is None else first
    chosen = [first.masked_fill(closed, float("-inf")).argmax(-1, keepdim=True)]
    distance = torch.full_like(square, float("inf")).masked_fill(closed, float("-inf"))
    for _ in range(count - 1):
        last = chosen[-1]
        centre = points.gather(-2, last.unsqueeze(-1).expand(*last.shape, points.shape[-1]))
        along = (points @ centre.transpose(-1, -2)).squeeze(-1)
        distance = torch.minimum(distance, square + square.gather(-1, last) - 2 * along)
        distance = distance.scatter(-1, last, float("-inf"))
        chosen.append(distance.argmax(-1, keepdim=True))
    return torch.cat(chosen, -1)


def nearest_held(points: Tensor, keep: Tensor, centre: Tensor, alone: Tensor | None = None) -> Tensor:
    """Which entry held stands for each of `points` [batch, kv_heads, tokens, dim]: indices [batch, kv_heads, tokens].

    What is held (`keep` [batch, kv_heads, tokens]) stands for itself; all else for the nearest of the centres
    [batch, kv_heads, centres], those where `alone` is true excepted.
    """
    centres = points.gather(2, centre.unsqueeze(-1).expand(*centre.shape, points.shape[-1]))
    apart = torch.cdist(points, centres)  # [batch, kv_heads, tokens, centres]
    if alone is not None:
        apart = apart.masked_fill(alone.gather(-1, centre).unsqueeze(-2), float("inf"))
    nearest = centre.gather(-1, apart.argmin(-1))
    return torch.where(keep, torch.arange(keep.shape[-1], device=keep.device).expand_as(keep), nearest)


def grouped_mean(states: Tensor, nearest: Tensor, weight: Tensor) -> Tensor:
    """At each place the mean of the `states` [..., tokens, dim] that it stands for, by `weight` [..., tokens].

    The plain mean where nothing weighs anything; in the type of `states`.
    """
    exact, weight = states.float(), weight.float().clamp_min(torch.finfo(torch.float32).tiny ** 0.5)
    index = nearest.unsqueeze(-1).expand_as(exact)
    total = torch.zeros_like(weight).scatter_add(-1, nearest, weight)
    summed = torch.zeros_like(exact).scatter_add(-2, index, exact * weight.unsqueeze(-1))
    return (summed / total.clamp_min(torch.finfo(torch.float32).tiny).unsqueeze(-1)).to(states.dtype)
