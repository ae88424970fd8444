"""The end of a prompt: what a layer remembers of it while more may follow, and what a method keeps in the end."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from mixkv.images import Images
from mixkv.methods import Choice, Merged, Method, Prompt


@dataclass(frozen=True, slots=True)
class Tail:
    """What the choice of a method needs beside the keys and values, of one layer."""

    query: Tensor  # [batch, query_heads, last tokens, dim], rotated
    real: Tensor | None  # [batch, tokens], false for padding; None where there is no padding
    scaling: float  # factor of the attention logits
    residual: Tensor | None = None  # [batch, tokens, hidden], what the layer was given, if the method reads it
    softcap: float | None = None  # bound of the attention logits, if the model has one
    places: Tensor | None = None  # [batch, tokens] in the prompt without padding, if it became shorter on the way

    def followed_by(self, other: "Tail") -> "Tail":
        """The tail of the prompt after this further part; `other.real` is about all its tokens."""
        residual = None if other.residual is None else torch.cat([self.residual, other.residual], 1)
        return replace(other, query=torch.cat([self.query, other.query], -2), residual=residual)

    def last(self, tokens: int) -> "Tail":
        """Only the queries of the last tokens of each row, padding between them included, in storage of their own."""
        if self.real is not None and tokens:
            counted = self.real.flip(-1).cumsum(-1)  # [batch, tokens] from the end
            tokens = int((counted < counted[:, -1:].clamp(max=tokens)).sum(-1).max()) + 1
        return replace(self, query=self.query[:, :, max(0, self.query.shape[-2] - tokens) :].clone())

    @classmethod
    def joined(cls, tails: "list[Tail]") -> "Tail":
        """The tail of a batch of all their rows; what is shorter than the longest is padded at the left."""
        reals = [
            torch.ones_like(layer.query[:, 0, :, 0], dtype=torch.bool) if layer.real is None else layer.real
            for layer in tails
        ]
        residual = None if tails[0].residual is None else left_padded([tail.residual for tail in tails])
        real = left_padded([real.unsqueeze(-1) for real in reals]).squeeze(-1)
        return cls(left_padded([tail.query for tail in tails]), real, tails[0].scaling, residual, tails[0].softcap)

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
        known = (("real", self.real), ("residual", self.residual), ("places", self.places))
        return [(name, states) for name, states in known if states is not None]


def left_padded(states: list[Tensor]) -> Tensor:
    """One batch of states [rows, ..., tokens, features], those with fewer tokens filled up with zeros at the left."""
    longest = max(one.shape[-2] for one in states)
    return torch.cat([functional.pad(one, (0, 0, longest - one.shape[-2], 0)) for one in states])


@dataclass(frozen=True, slots=True)
class Read:
    """One layer whose prompt has ended."""

    number: int  # among the layers with full attention
    tail: Tail
    key: Tensor  # [batch, kv_heads, tokens, dim]
    value: Tensor  # [batch, kv_heads, tokens, dim]
    places: Tensor | None = None  # [batch, kv_heads, tokens] in the conversation, if entries between them are gone

    def prompt(self, method: Method, num_layers: int, images: Images | None, row: int | None = None) -> Prompt:
        """What the method sees of it: the whole batch, or one row without its padding."""
        query, residual, key, value = self.tail.query, self.tail.residual, self.key, self.value
        places = self.places
        if self.tail.places is not None:
            places = self.tail.places.unsqueeze(1).expand(key.shape[:-1])
        images = images if places is None or method.reads_places else None
        if row is not None:
            tokens = self.real[row]
            query = query[row : row + 1, :, tokens[len(tokens) - query.shape[-2] :]]
            key, value = (states[row : row + 1, :, tokens] for states in (key, value))
            residual = residual if residual is None else residual[row : row + 1, tokens]
            places = places if places is None else places[row : row + 1, :, tokens]
        remembered = query.shape[-2]
        if remembered < min(method.reads, key.shape[-2]):
            raise ValueError(
                f"method {method.name!r} looks at the last {method.reads} queries of the prompt, but only {remembered} "
                f"are remembered: read it inside `with cache.open_prompt(remember={method.reads})` or more"
            )
        if method.reads_residual and residual is None:
            raise ValueError(
                f"method {method.name!r} looks at what the layers were given, which was not remembered: read the "
                "prompt inside `with cache.open_prompt(residuals=True)`"
            )
        query = query[:, :, max(0, remembered - method.reads) :]
        about = (self.tail.scaling, self.number, num_layers, images, residual, self.tail.softcap, places)
        return Prompt(query, key, value, *about)

    @property
    def is_padded(self) -> bool:
        return self.tail.real is not None and not self.tail.real.all()

    @property
    def real(self) -> Tensor:
        """Which tokens are no padding: [batch, tokens]."""
        return torch.ones_like(self.key[:, 0, :, 0], dtype=torch.bool) if self.tail.real is None else self.tail.real


def choices(method: Method, layers: list[Read], images: list[Images] | None, num_layers: int) -> list[Choice | None]:
    """The method's choice in each of these layers, or None if no real token is evicted.

    `images` of each row, if known. In a padded batch the method sees each row alone, without its padding, so a row is
    compressed as if it were single. Raises ValueError where it would need more queries than the tails have.
    """
    alike = images is None or all(row == images[0] for row in images)
    if alike and not any(layer.is_padded for layer in layers):
        same = images and images[0]
        made = method.choose_layers([layer.prompt(method, num_layers, same) for layer in layers])
    else:
        of_rows = [
            method.choose_layers([layer.prompt(method, num_layers, images and images[row], row) for layer in layers])
            for row in range(len(layers[0].key))
        ]
        made = [_joined(layer, of_layer) for layer, of_layer in zip(layers, zip(*of_rows, strict=True), strict=True)]
    whole = [(choice.keep == layer.real.unsqueeze(1)).all() for layer, choice in zip(layers, made, strict=True)]
    return [None if all_kept else choice for all_kept, choice in zip(whole, made, strict=True)]


def _joined(layer: Read, rows: Sequence[Choice]) -> Choice:
    """The choice for a whole batch from those of its rows, which know nothing of the padding."""
    keep = torch.zeros(layer.key.shape[:-1], dtype=torch.bool, device=layer.key.device)
    chunks, recalls = torch.full_like(keep, -1, dtype=torch.long), [row.recall for row in rows if row.recall]
    for number, row in enumerate(rows):
        real = layer.real[number]
        keep[number, :, real] = row.keep[0]
        if row.chunks is not None:
            chunks[number, :, real] = row.chunks[0]
    return Choice(keep, chunks, recalls[0]) if recalls else Choice(keep, merged=_merged(layer, rows))


def _merged(layer: Read, rows: Sequence[Choice]) -> Merged | None:
    """What is stored of a whole batch, if rows of it merged entries."""
    if all(row.merged is None for row in rows):
        return None
    key, value = layer.key.clone(), layer.value.clone()
    bias = key.new_zeros(key.shape[:-1])
    for number, row in enumerate(rows):
        if row.merged is not None:
            for states, of_row in ((key, row.merged.key), (value, row.merged.value), (bias, row.merged.bias)):
                states[number, :, layer.real[number]] = of_row[0].to(states.dtype)
    return Merged(key, value, bias)
