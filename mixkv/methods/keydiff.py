"""KeyDiff (Park et al. 2025, arXiv 2504.15364): diversity alone, without any query."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from mixkv.diversity import diversity
from mixkv.methods.method import Prompt, Windowed


@dataclass(frozen=True)
class KeyDiff(Windowed):
    """Holds the entries whose keys are least like the head's mean key, and the window."""

    name: ClassVar[str] = "keydiff"

    def rank(self, prompt: Prompt, window: int, entries: int) -> tuple[Tensor, int]:
        return diversity(prompt.key, window), entries
