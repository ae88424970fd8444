"""No compression: the reference every method is compared with."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from mixkv.methods.method import Method, Prompt


@dataclass(frozen=True)
class Full(Method):
    """Holds every entry."""

    name: ClassVar[str] = "full"

    def keep(self, prompt: Prompt) -> Tensor:
        return prompt.all_entries()
