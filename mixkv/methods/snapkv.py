"""SnapKV (Li et al. 2024, arXiv 2404.14469): what the end of the prompt attends to."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from mixkv.importance import extrinsic
from mixkv.methods.method import Prompt, Windowed, require_choice, require_whole


@dataclass(frozen=True)
class SnapKV(Windowed):
    """Holds the entries that the observation window attends to most, equally many in every layer and head."""

    name: ClassVar[str] = "snapkv"

    kernel: int = 5  # pooling kernel, tokens, odd
    pool: str = "avg"  # "avg" or "max"
    gqa: str = "mean"  # how the query heads that share a kv head are joined: "mean" or "max"

    def __post_init__(self):
        super().__post_init__()
        require_whole("kernel", self.kernel)
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd so that pooling keeps the length, not {self.kernel}")
        require_choice("pool", self.pool, ("avg", "max"))
        require_choice("gqa", self.gqa, ("mean", "max"))

    @property
    def reads(self) -> int:
        return self.window

    def rank(self, prompt: Prompt, window: int, entries: int) -> tuple[Tensor, int | Tensor]:
        return self.attention(prompt, window), entries

    def attention(self, prompt: Prompt, window: int) -> Tensor:
        """What the window pays to each prefix entry, joined and pooled: [batch, kv_heads, prefix]."""
        return extrinsic(
            prompt.query, prompt.key, window, prompt.scaling, self.kernel, self.pool, self.gqa, prompt.softcap
        )
