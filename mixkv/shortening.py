"""A prompt that becomes shorter from layer to layer, in one forward: what is left, and where it stood."""

import torch
from torch import Tensor

from mixkv.images import Images
from mixkv.methods.in_prefill import InPrefill, Remaining


class Shortening:
    """The state of one forward over a whole prompt: which tokens of each row are left.

    Rows of a batch may lose different numbers of tokens; the shorter ones are then padded on the left.
    """

    def __init__(self, method: InPrefill, images: list[Images], real: Tensor, num_layers: int):
        """`images` of each row, their positions without padding; `real` [batch, tokens] is false for padding."""
        self.method, self.images, self.num_layers = method, images, num_layers
        self.position = real.long().cumsum(-1) - 1  # [batch, tokens] without padding
        self.columns = torch.arange(real.shape[-1], device=real.device).expand_as(real)  # [batch, left] of the input
        self.real = real  # [batch, left]
        self.guidance: list[Tensor] = []  # of each row, from the layer before

    @property
    def is_shorter(self) -> bool:
        return self.columns.shape[-1] < self.position.shape[-1]

    @property
    def places(self) -> Tensor:
        """Where the tokens left stood in the prompt without padding: [batch, left]."""
        return self.position.gather(-1, self.columns)

    def remaining(self, row: int, layer: int) -> Remaining:
        places = self.position[row, self.columns[row, self.real[row]]]
        return Remaining(places, self.images[row], layer, self.num_layers)

    def look(self, layer: int, query: Tensor, key: Tensor, scaling: float) -> None:
        """Notes what the attention of a layer says, if tokens go after it. Shapes as in the attention function."""
        if self.method.shortens_after(layer, self.num_layers):
            self.guidance = [
                self.method.guide(self.remaining(row, layer), query[row][:, real], key[row][:, real], scaling)
                for row, real in enumerate(self.real)
                if self.images[row]
            ]

    def shorten(self, layer: int, hidden: Tensor) -> Tensor:
        """The states that go on to the layer after `layer`: [batch, left, hidden] from [batch, left so far, hidden]."""
        if not self.method.shortens_after(layer, self.num_layers):
            return hidden
        rows, guidance = [], iter(self.guidance)
        for row, real in enumerate(self.real):
            states, columns = hidden[row, real], self.columns[row, real]
            if self.images[row]:
                states, stays = self.method.shorten(self.remaining(row, layer), states, next(guidance))
                states, columns = states[stays], columns[stays]
            rows.append((states, columns))
        self.guidance = []
        left = max(len(columns) for _, columns in rows)
        if all(len(columns) == len(real) for (_, columns), real in zip(rows, self.real, strict=True)):
            return hidden  # nothing went
        hidden = hidden.new_zeros(len(rows), left, hidden.shape[-1])
        self.columns = self.columns.new_zeros(len(rows), left)
        self.real = self.real.new_zeros(len(rows), left)
        for row, (states, columns) in enumerate(rows):
            start = left - len(columns)
            hidden[row, start:], self.columns[row, start:], self.real[row, start:] = states, columns, True
        return hidden

    def at(self, states: Tensor) -> Tensor:
        """Of `states` [..., batch or 1, tokens, features] those of the tokens left: [..., batch, left, features]."""
        states = states.expand(*states.shape[:-3], len(self.columns), -1, -1)
        index = self.columns.unsqueeze(-1).expand(*states.shape[:-2], -1, states.shape[-1])
        return states.gather(-2, index)

    def mask(self, attention_mask: Tensor | None) -> Tensor | None:
        """The mask of the tokens left, booleans [batch, 1, left, left], from that of the prompt; None: plain causal."""
        if attention_mask is None and self.real.all():
            return None
        columns = self.columns.unsqueeze(1)
        if attention_mask is None:
            visible = columns.unsqueeze(2) <= columns.unsqueeze(3)
        else:
            size = self.columns.shape[-1]
            visible = attention_mask.expand(len(columns), -1, -1, -1)
            visible = visible.gather(2, columns.unsqueeze(3).expand(-1, -1, -1, visible.shape[-1]))
            visible = visible.gather(3, columns.unsqueeze(2).expand(-1, -1, size, -1))
        return visible & self.real[:, None, None]

    def arguments(self, kwargs: dict) -> dict:
        """What a decoder layer is called with, for the tokens left."""
        changed = dict(kwargs)
        if kwargs.get("attention_mask") is not None or not self.real.all():
            changed["attention_mask"] = self.mask(kwargs.get("attention_mask"))
        if (rotation := kwargs.get("position_embeddings")) is not None:
            changed["position_embeddings"] = tuple(self.at(part) for part in rotation)
        if (positions := kwargs.get("position_ids")) is not None:
            changed["position_ids"] = self.at(positions.unsqueeze(-1)).squeeze(-1)
        return changed
