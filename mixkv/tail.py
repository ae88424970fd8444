"""The end of a prompt: what a layer remembers of it while more may follow, and what a method keeps in the end."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mixkv.images import Images
from mixkv.methods import Joint, Method, Prompt


@dataclass(frozen=True, slots=True)
class Tail:
    """What the choice of a method needs beside the keys and values, of one layer."""

    query: Tensor  # [batch, query_heads, last tokens, dim], rotated
    real: Tensor | None  # [batch, tokens], false for padding; None where there is no padding
    scaling: float  # factor of the attention logits
    residual: Tensor | None = None  # [batch, tokens, hidden], what the layer was given, if the method reads it

    def followed_by(self, other: "Tail") -> "Tail":
        """The tail of the prompt after this further part; `other.real` is about all its tokens."""
        residual = None if other.residual is None else torch.cat([self.residual, other.residual], 1)
        return replace(other, query=torch.cat([self.query, other.query], -2), residual=residual)

    def last(self, tokens: int) -> "Tail":
        """Only the queries of the last tokens, in storage of their own."""
        return replace(self, query=self.query[:, :, max(0, self.query.shape[-2] - tokens) :].clone())

    def without(self, tokens: int) -> "Tail":
        """The tail of the prompt without its last tokens; fewer queries are left."""
        query = self.query[:, :, : max(0, self.query.shape[-2] - tokens)]
        others = {name: states[:, : -tokens or None] for name, states in self._of_tokens()}
        return replace(self, query=query, **others)

    def rows(self, indices: Tensor) -> "Tail":
        """The tail of these rows of the batch, in this order."""
        return replace(self, query=self.query[indices], **{name: states[indices] for name, states in self._of_tokens()})

    def _of_tokens(self) -> list[tuple[str, Tensor]]:
        """What it knows of all tokens of the prompt, [batch, tokens, ...] each."""
        known = (("real", self.real), ("residual", self.residual))
        return [(name, states) for name, states in known if states is not None]


@dataclass(frozen=True, slots=True)
class Read:
    """One layer whose prompt has ended."""

    number: int
    tail: Tail
    key: Tensor  # [batch, kv_heads, tokens, dim]
    value: Tensor  # [batch, kv_heads, tokens, dim]

    def prompt(self, method: Method, num_layers: int, images: Images | None, row: int | None = None) -> Prompt:
        """What the method sees of it: the whole batch, or one row without its padding."""
        query, residual, key, value = self.tail.query, self.tail.residual, self.key, self.value
        if row is not None:
            tokens = self.real[row]
            query = query[row : row + 1, :, tokens[len(tokens) - query.shape[-2] :]]
            key, value = (states[row : row + 1, :, tokens] for states in (key, value))
            residual = residual if residual is None else residual[row : row + 1, tokens]
        remembered = query.shape[-2]
        if remembered < min(method.reads, key.shape[-2]):
            raise ValueError(
                f"method {method.name!r} looks at the last {method.reads} queries of the prompt, but only {remembered} "
                f"are remembered: read it inside `with cache.open_prompt(remember={method.reads})` or more"
            )
        query = query[:, :, max(0, remembered - method.reads) :]
        return Prompt(query, key, value, self.tail.scaling, self.number, num_layers, images, residual)

    @property
    def is_padded(self) -> bool:
        return self.tail.real is not None and not self.tail.real.all()

    @property
    def real(self) -> Tensor:
        """Which tokens are no padding: [batch, tokens]."""
        return torch.ones_like(self.key[:, 0, :, 0], dtype=torch.bool) if self.tail.real is None else self.tail.real


def kept_entries(
    method: Method, layers: list[Read], images: list[Images] | None, num_layers: int
) -> list[Tensor | None]:
    """The method's choice in each of these layers, [batch, kv_heads, tokens], or None if no real token is evicted.

    `images` of each row, if known. In a padded batch the method sees each row alone, without its padding, so a row is
    compressed as if it were single. Raises ValueError where it would need more queries than the tails have.
    """
    choose = method.keep_layers if isinstance(method, Joint) else lambda prompts: [method.keep(one) for one in prompts]
    alike = images is None or all(row == images[0] for row in images)
    if alike and not any(layer.is_padded for layer in layers):
        same = images and images[0]
        choices = choose([layer.prompt(method, num_layers, same) for layer in layers])
    else:
        choices = [torch.zeros(layer.key.shape[:-1], dtype=torch.bool, device=layer.key.device) for layer in layers]
        for row in range(len(layers[0].key)):
            of_row = images and images[row]
            kept = choose([layer.prompt(method, num_layers, of_row, row) for layer in layers])
            for layer, choice, keep in zip(layers, choices, kept, strict=True):
                choice[row, :, layer.real[row]] = keep[0]
    whole = [(keep == layer.real.unsqueeze(1)).all() for layer, keep in zip(layers, choices, strict=True)]
    return [None if all_kept else keep for all_kept, keep in zip(whole, choices, strict=True)]
