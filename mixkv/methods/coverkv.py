"""CoverKV, this project's own: a prompt as it is remembered for questions that nobody knows yet."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mixkv.budget import Share, parse_budget, resolve_budget
from mixkv.grouping import farthest, grouped_mean, nearest_held
from mixkv.methods.method import Choice, Merged, Method, Prompt


@dataclass(frozen=True)
class CoverKV(Method):
    """Holds entries that lie far apart, so that every key has one near it, and lets them stand for those near them.

    No query is looked at. In each head the entries are chosen one after the other, from the prompt's first token on
    always the key farthest from all before it. Then each stands for all those nearest to it, with the mean of their
    keys and values, and counts as many times. A flat background so becomes a few entries, while texts stay apart.
    """

    name: ClassVar[str] = "coverkv"

    budget: int | Share = 64  # entries per kv head; or a share such as "25%"
    merge: bool = True  # whether what is held stands for what is not

    def __post_init__(self):
        object.__setattr__(self, "budget", parse_budget(self.budget))

    def keep(self, prompt: Prompt) -> Tensor:
        return self.choose(prompt).keep

    def choose(self, prompt: Prompt) -> Choice:
        budget = resolve_budget(self.budget, prompt.tokens)
        if budget >= prompt.tokens:
            return Choice(prompt.all_entries())
        key = prompt.key.float()
        centre = farthest(key, budget)
        keep = torch.zeros_like(key[..., 0], dtype=torch.bool).scatter(-1, centre, True)
        if not self.merge:
            return Choice(keep)
        nearest = nearest_held(key, keep, centre)
        alike = torch.ones_like(key[..., 0])
        count = torch.zeros_like(alike).scatter_add(-1, nearest, alike).clamp_min(1)
        means = (grouped_mean(states, nearest, alike) for states in (prompt.key, prompt.value))
        return Choice(keep, merged=Merged(*means, count.log()))
