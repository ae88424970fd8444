"""StreamingLLM (Xiao et al. 2023, arXiv 2309.17453): attention sinks and the most recent tokens."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from mixkv.budget import Share, parse_budget, resolve_budget
from mixkv.methods.method import Method, Prompt, require_whole


@dataclass(frozen=True)
class StreamingLLM(Method):
    """Holds the first `sinks` tokens (at most half the budget) and, for the rest of the budget, the last ones."""

    name: ClassVar[str] = "streamingllm"

    budget: int | Share = 64  # entries per kv head, sinks included; or a share such as "10%"
    sinks: int = 4  # tokens

    def __post_init__(self):
        object.__setattr__(self, "budget", parse_budget(self.budget))
        require_whole("sinks", self.sinks, least=0)

    def keep(self, prompt: Prompt) -> Tensor:
        kept = prompt.all_entries()
        budget = resolve_budget(self.budget, prompt.tokens)
        if budget < prompt.tokens:
            sinks = min(self.sinks, budget // 2)
            kept[..., sinks : prompt.tokens - (budget - sinks)] = False
        return kept
