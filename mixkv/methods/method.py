"""What a method is: frozen settings, and one function that says which entries of a prompt to hold."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from transformers import PreTrainedModel

from mixkv.budget import Share, effective_window, keep_best, parse_budget, resolve_budget
from mixkv.images import Images

ALL_QUERIES = 1 << 30  # more than any prompt has
UNKNOWN_IMAGES = (
    "method {!r} must know where the image tokens stand: call cache.describe(images) before the prompt is read, with "
    "an empty tuple for a prompt without images"
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """One decoder layer at the end of the prefill, as its attention saw it: real tokens only, never padding."""

    query: Tensor  # [batch, query_heads, last tokens, dim], rotated: of the last tokens that the method reads
    key: Tensor  # [batch, kv_heads, tokens, dim], rotated
    value: Tensor  # [batch, kv_heads, tokens, dim]
    scaling: float  # factor of the attention logits
    layer: int  # among the layers with full attention, of which the model has
    num_layers: int
    images: Images | None = None  # where its image tokens stand; None if nobody said
    residual: Tensor | None = None  # [batch, tokens, hidden], what the layer was given, for methods that read it
    softcap: float | None = None  # bound of the attention logits, if the model has one
    places: Tensor | None = None  # [batch, kv_heads, tokens] in prompt or conversation, if some between them are gone

    @property
    def tokens(self) -> int:
        return self.key.shape[-2]

    def known_images(self, method: str) -> Images:
        """Its images. Raises ValueError if nobody said where they stand, or if they lie beyond the prompt."""
        if self.images is None:
            raise ValueError(UNKNOWN_IMAGES.format(method))
        if self.images and self.images[-1].stop > self.tokens and self.places is None:
            raise ValueError(f"{self.images[-1]} lies beyond the prompt of {self.tokens} tokens")
        return self.images

    def known_residual(self, method: str) -> Tensor:
        """What the layer was given. Raises ValueError if that is not there."""
        if self.residual is None:
            raise ValueError(f"method {method!r} looks at what a layer is given: give residual=...")
        return self.residual

    def all_entries(self) -> Tensor:
        """Keep everything: booleans [batch, kv_heads, tokens]."""
        return torch.ones(self.key.shape[:-1], dtype=torch.bool, device=self.key.device)


@dataclass(frozen=True, slots=True)
class Recall:
    """How entries that are not held on the model's device come back to it, chunk by chunk, for single queries."""

    size: int  # entries of a whole chunk
    representative: str  # what stands for a chunk: "mean" of its keys, or their "minmax"
    refresh: int  # after how many tokens the chunks are chosen anew; 0: never
    simulate: bool  # all entries stay where they are and are hidden instead


@dataclass(frozen=True, slots=True)
class Merged:
    """What is stored at the places of one layer that are held, where some entries stand for others as well.

    The logit of an entry is raised by `bias`: by the logarithm of 3 for one that counts as three like it.
    """

    key: Tensor  # [batch, kv_heads, tokens, dim]
    value: Tensor  # [batch, kv_heads, tokens, dim]
    bias: Tensor  # [batch, kv_heads, tokens]


@dataclass(frozen=True, slots=True)
class Choice:
    """What becomes of the entries of one layer when the prompt has ended."""

    keep: Tensor  # [batch, kv_heads, tokens], true where the entry is held at once
    chunks: Tensor | None = None  # [batch, kv_heads, tokens], the chunk an entry is recalled with, -1 for none
    recall: Recall | None = None  # as many chunks of a head as `keep` names are held at any time
    merged: Merged | None = None  # what the entries held become; None leaves them as they came


class Method(ABC):
    """A way to choose what stays in the cache. Subclasses are frozen dataclasses: their fields are the settings."""

    name: ClassVar[str]
    note: ClassVar[str] = ""  # what every report must say beside the name
    in_pieces: ClassVar[bool] = True  # whether the prompt may come in several forwards
    offloads: ClassVar[bool] = False  # whether a part of the cache lies in the memory of the host
    reads: ClassVar[int] = 0  # how many of the prompt's last queries `keep` looks at
    reads_images: ClassVar[bool] = False  # whether it must know where the image tokens stand
    reads_residual: ClassVar[bool] = False  # whether it looks at what the layer was given
    reads_places: ClassVar[bool] = False  # whether it finds image tokens also where others before them are gone
    per_head: ClassVar[bool] = False  # whether the heads of a layer hold different numbers of entries
    joint: ClassVar[bool] = False  # whether it looks at all layers first: nothing goes until the last one is read

    @property
    def title(self) -> str:
        """The name as reports print it."""
        return f"{self.name} ({self.note})" if self.note else self.name

    def for_model(self, model: PreTrainedModel) -> "Method":
        """This method with what it must know of the model it will compress. Raises ValueError where that is missing."""
        return self

    @abstractmethod
    def keep(self, prompt: Prompt) -> Tensor:
        """True where the entry is held: [batch, kv_heads, tokens]. Heads may hold different numbers, at least one."""

    def choose(self, prompt: Prompt) -> Choice:
        """The same, and what may come back later."""
        return Choice(self.keep(prompt))

    def choose_layers(self, prompts: list[Prompt]) -> list[Choice]:
        """For each of these layers what `choose` says; for all layers of one prompt, if the method is `joint`."""
        return [self.choose(prompt) for prompt in prompts]


class Joint(Method):
    """A method that looks at all layers before it chooses."""

    joint = True

    @abstractmethod
    def keep_layers(self, prompts: list[Prompt]) -> list[Tensor]:
        """For each layer of one prompt what `keep` would say: [batch, kv_heads, tokens]."""

    def keep(self, prompt: Prompt) -> Tensor:
        """The choice for a model of this one layer."""
        return self.keep_layers([prompt])[0]

    def choose_layers(self, prompts: list[Prompt]) -> list[Choice]:
        return [Choice(keep) for keep in self.keep_layers(prompts)]


@dataclass(frozen=True)
class Windowed(Method):
    """Holds the observation window (the last tokens) and the best of the prefix before it.

    A budget that is not larger than the window shrinks the window to half the budget.
    """

    budget: int | Share = 64  # entries per kv head, window included; or a share such as "10%"
    window: int = 32  # tokens

    def __post_init__(self):
        object.__setattr__(self, "budget", parse_budget(self.budget))
        require_whole("window", self.window)

    def keep(self, prompt: Prompt) -> Tensor:
        budget = resolve_budget(self.budget, prompt.tokens)
        if budget >= prompt.tokens:
            return prompt.all_entries()
        window = effective_window(self.window, budget)
        scores, entries = self.rank(prompt, window, budget - window)
        return keep_best(scores, entries, window)

    @abstractmethod
    def rank(self, prompt: Prompt, window: int, entries: int) -> tuple[Tensor, int | Tensor]:
        """Scores of the prefix [batch, kv_heads, prefix], and how many to hold: one number or [batch, kv_heads].

        `entries` is what the budget leaves beside the window, on the mean over layers and heads.
        """


def require_whole(name: str, number: int, least: int = 1) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {number!r}")


def require_share(name: str, number: float) -> None:
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 1:
        raise ValueError(f"{name} must be between 0 and 1, not {number!r}")


def require_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"unknown {name} {value!r} (choose from: {', '.join(choices)})")
