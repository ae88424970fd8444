"""H2O (Zhang et al. 2023, arXiv 2306.14048): heavy hitters, what the whole prompt has attended to."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from mixkv.importance import accumulated_attention
from mixkv.methods.method import ALL_QUERIES, Prompt, Windowed, require_whole


@dataclass(frozen=True)
class H2O(Windowed):
    """Holds the entries that all queries of the prompt together attend to most, and the window.

    The source gives heavy hitters and recent tokens half of the budget each, as the defaults do here. It goes on
    evicting while it generates; here, as in all methods, nothing is evicted after the prompt.
    """

    name: ClassVar[str] = "h2o"
    reads: ClassVar[int] = ALL_QUERIES

    chunk: int = 256  # queries scored at once, tokens

    def __post_init__(self):
        super().__post_init__()
        require_whole("chunk", self.chunk)

    def rank(self, prompt: Prompt, window: int, entries: int) -> tuple[Tensor, int]:
        paid = accumulated_attention(prompt.query, prompt.key, prompt.scaling, self.chunk, prompt.softcap)
        return paid[..., : prompt.tokens - window], entries
