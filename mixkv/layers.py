"""One decoder layer of a cache: tokens seen and tokens held are different numbers, and both are kept.

A layer first stores everything. `compressed` then keeps the chosen entries of the prompt, which every later token sees,
and new tokens are appended after them, never evicted. So the model's own mask only has to cover the appended tokens.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.cache_utils import DynamicLayer

from mixkv.methods import Merged
from mixkv.tail import Tail

SLACK = 0.05  # free room that a ragged store gets when it must grow, as a share of what it holds


class CompressedLayer(DynamicLayer):
    """One decoder layer whose rows and heads hold equally many entries: keys  # [batch, kv_heads, held, dim]"""

    def __init__(self):
        super().__init__()
        self.cumulative_length = 0  # tokens seen
        self.appended = 0  # tokens held as they came: all of them until compression, later those after the prompt
        self.prompt_ended = False
        self.tail: Tail | None = None  # until the prompt has ended
        self.columns: Tensor | None = None  # [batch, tokens], where the tokens stood, if others were taken away
        self.bias: Tensor | None = None  # [batch, kv_heads, most held of the prompt] of the logits, if entries merged

    @property
    def prompt_held(self) -> int:
        """Entries left of a compressed prompt, 0 before the compression."""
        return self.keys.shape[-2] - self.appended

    @property
    def tokens_held(self) -> float:
        return float(self.keys.shape[-2])

    @property
    def segments(self) -> int:
        """Rows times kv heads."""
        return self.keys.shape[0] * self.keys.shape[1]

    @property
    def places(self) -> Tensor | None:
        """Where the entries stood, [batch, kv_heads, held]; None where they stand one after the other, or unknown."""
        return None

    @property
    def stores(self) -> list[Tensor]:
        """Everything that takes memory of the model's device."""
        stores = [self.keys, self.values, *([] if self.bias is None else [self.bias])]
        if self.tail is not None:
            stores += [states for states in (self.tail.query, self.tail.residual) if states is not None]
        return stores

    @property
    def host_stores(self) -> list[Tensor]:
        """What lies in the memory of the host instead."""
        return []

    def update(self, key_states: Tensor, value_states: Tensor, *args, **kwargs) -> tuple[Tensor, Tensor]:
        self.cumulative_length += key_states.shape[-2]
        self.appended += key_states.shape[-2]
        return super().update(key_states, value_states)

    def get_seq_length(self) -> int:
        return self.cumulative_length

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.appended + query_length, self.cumulative_length - self.appended

    def crop(self, tokens_to_remove: int) -> None:
        self.forget(-tokens_to_remove)
        super().crop(tokens_to_remove)

    def batch_select_indices(self, indices: Tensor) -> None:
        super().batch_select_indices(indices)
        self.tail = self.tail and self.tail.rows(indices)
        self.bias = self.bias if self.bias is None else self.bias[indices.to(self.bias.device)]

    def batch_repeat_interleave(self, repeats: int) -> None:
        self.batch_select_indices(torch.arange(len(self.keys), device=self.keys.device).repeat_interleave(repeats))

    def reorder_cache(self, beam_idx: Tensor) -> None:
        super().reorder_cache(beam_idx)
        self.bias = self.bias if self.bias is None else self.bias[beam_idx.to(self.bias.device)]

    def forget(self, tokens: int) -> None:
        """Takes the newest `tokens` off the counts. Raises ValueError for a crop that would reach the prompt."""
        if not 0 <= tokens <= self.appended:
            raise ValueError(f"cannot crop {tokens} tokens: {self.appended} came after the prompt was compressed")
        self.cumulative_length -= tokens
        self.appended -= tokens
        self.tail = self.tail and self.tail.without(tokens)

    def branch(self) -> "CompressedLayer":
        """A copy that goes on by itself. The tensors are shared: they are never written into, only replaced."""
        return copy.copy(self)

    def compressed(self, keep: Tensor | None, merged: Merged | None = None) -> "CompressedLayer":
        """This layer at the end of the prompt, with only the entries where `keep` [batch, kv_heads, held] is true.

        They lie in storage of their size, as they came or as `merged` has them. None keeps everything.
        """
        self.prompt_ended, self.tail = True, None
        if keep is None:
            return self
        lengths = keep.sum(-1)  # [batch, kv_heads]
        stored = (self.keys, self.values) if merged is None else (merged.key, merged.value)
        keys, values = (states[keep] for states in stored)  # [all entries, dim], by row, then head, then position
        if merged is not None:
            places = torch.arange(int(lengths.max()), device=keys.device) < lengths.unsqueeze(-1)
            self.bias = keys.new_zeros(places.shape).masked_scatter(places, merged.bias[keep].to(keys.dtype))
        if lengths.amin() != lengths.amax():
            ragged = RaggedLayer(keys, values, lengths, self.cumulative_length)
            ragged.bias = self.bias
            return ragged
        self.keys, self.values = (flat.unflatten(0, (*lengths.shape, -1)) for flat in (keys, values))
        self.appended = 0
        return self


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the segments of a flat store lie: one a row and kv head, its prompt entries, then room for new tokens."""

    prompt: Tensor  # [batch, kv_heads] entries left of the prompt
    room: int  # tokens each segment has room for after them
    start: Tensor  # [batch, kv_heads]
    plan: tuple[tuple[int, int], ...]  # start and prompt of each segment as numbers, known without asking the device

    @classmethod
    def of(cls, prompt: Tensor, room: int) -> "Layout":
        sizes = (prompt + room).flatten()
        start = (sizes.cumsum(0) - sizes).view_as(prompt)
        return cls(prompt, room, start, tuple(zip(start.flatten().tolist(), prompt.flatten().tolist(), strict=True)))

    @property
    def size(self) -> int:
        """Entries of the whole store, free room included."""
        start, prompt = self.plan[-1]
        return start + prompt + self.room

    @property
    def longest(self) -> int:
        """Prompt entries of the fullest segment."""
        return max(prompt for _, prompt in self.plan)

    def segments(self) -> Iterator[tuple[int, int, int, int]]:
        """Row, kv head, start and prompt entries of each segment."""
        heads = self.prompt.shape[1]
        return ((*divmod(number, heads), *segment) for number, segment in enumerate(self.plan))

    def entries(self, rows: Tensor, appended: int) -> Tensor:
        """Indices of all entries of these rows, segment after segment: [entries]."""
        start, length = self.start[rows].flatten(), (self.prompt[rows] + appended).flatten()
        before = length.cumsum(0) - length
        return torch.repeat_interleave(start - before, length) + torch.arange(int(length.sum()), device=start.device)


class RaggedLayer(CompressedLayer):
    """One decoder layer in which each row and kv head holds its own number of entries: keys  # [entries, dim]

    The store is flat, so that a small head takes little memory. New tokens are written in place at the end of each
    segment; when the room is used up, the segments move apart once.
    """

    valid: Tensor | None = None  # [batch, kv_heads, longest prompt], false where a prompt slot holds no entry

    def __init__(self, keys: Tensor, values: Tensor, lengths: Tensor, seen: int):
        super().__init__()
        self.lazy_initialization(keys, values)
        self.keys, self.values, self.cumulative_length = keys, values, seen
        self.layout = Layout.of(lengths, room=0)
        self.prompt_ended = True

    @property
    def tokens_held(self) -> float:
        return sum(prompt for _, prompt in self.layout.plan) / len(self.layout.plan) + self.appended

    @property
    def segments(self) -> int:
        return len(self.layout.plan)

    def update(self, key_states: Tensor, value_states: Tensor, *args, **kwargs) -> tuple[Tensor, Tensor]:
        new = key_states.shape[-2]
        if (needed := self.appended + new) > self.layout.room:
            held = self.layout.size / self.segments - self.layout.room + needed  # entries per segment, on the mean
            self._move(torch.arange(len(self.layout.prompt)), room=needed + int(SLACK * held))
        end = self.layout.start + self.layout.prompt + self.appended
        place = end.unsqueeze(-1) + torch.arange(new, device=end.device)  # [batch, kv_heads, new]
        self.keys[place], self.values[place] = key_states, value_states
        self.cumulative_length += new
        self.appended += new
        return key_states, value_states

    def padded(self) -> tuple[Tensor, Tensor, Tensor]:
        """Keys and values [batch, kv_heads, longest, dim], and the index of each slot among the appended tokens.

        That index [batch, kv_heads, longest] is negative for prompt entries; from `appended` on the slot is no entry.
        """
        slots = torch.arange(self.layout.longest + self.appended, device=self.keys.device)
        index = slots - self.layout.prompt.unsqueeze(-1)
        last = (self.layout.prompt + self.appended - 1).unsqueeze(-1)
        place = self.layout.start.unsqueeze(-1) + torch.minimum(slots, last)
        return self.keys[place], self.values[place], index

    def crop(self, tokens_to_remove: int) -> None:
        self.forget(-tokens_to_remove)

    def branch(self) -> "RaggedLayer":
        """A copy that goes on by itself, in a store of its own, because new tokens are written in place."""
        other = copy.copy(self)
        other.keys, other.values = self.keys.clone(), self.values.clone()
        return other

    def batch_select_indices(self, indices: Tensor) -> None:
        self._move(indices, self.layout.room)

    def batch_repeat_interleave(self, repeats: int) -> None:
        self._move(torch.arange(len(self.layout.prompt)).repeat_interleave(repeats), self.layout.room)

    def reorder_cache(self, beam_idx: Tensor) -> None:
        self._move(beam_idx, self.layout.room)

    def _move(self, rows: Tensor, room: int) -> None:
        """Copies these rows, in this order, into a new store with room for `room` appended tokens in each segment."""
        rows = rows.to(self.layout.prompt.device)
        self.bias = self.bias if self.bias is None else self.bias[rows]
        layout = Layout.of(self.layout.prompt[rows], room)
        source = self.layout.entries(rows, self.appended)
        target = layout.entries(torch.arange(len(rows), device=rows.device), self.appended)
        keys, values = (store.new_empty(layout.size, store.shape[-1]) for store in (self.keys, self.values))
        keys[target], values[target] = self.keys[source], self.values[source]
        self.keys, self.values, self.layout = keys, values, layout
