"""The key/value pairs a model holds: tokens seen and tokens held are different numbers, and both are kept.

A layer first stores everything. `compressed` then keeps the chosen entries of the prompt, which every later token sees,
and new tokens are appended after them, never evicted. So the model's own mask only has to cover the appended tokens.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import DynamicLayer

SLACK = 32  # tokens of free room that a ragged segment gets when it must grow


class CompressedLayer(DynamicLayer):
    """One decoder layer whose rows and heads hold equally many entries: keys  # [batch, kv_heads, held, dim]"""

    def __init__(self):
        super().__init__()
        self.cumulative_length = 0  # tokens seen
        self.appended = 0  # tokens held as they came: all of them until compression, later those after the prompt

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

    def forget(self, tokens: int) -> None:
        """Takes the newest `tokens` off the counts. Raises ValueError for a crop that would reach the prompt."""
        if not 0 <= tokens <= self.appended:
            raise ValueError(f"cannot crop {tokens} tokens: {self.appended} came after the prompt was compressed")
        self.cumulative_length -= tokens
        self.appended -= tokens

    def compressed(self, keep: Tensor) -> "CompressedLayer":
        """This layer with only the entries where `keep` [batch, kv_heads, held] is true, in storage of that size."""
        lengths = keep.sum(-1)  # [batch, kv_heads]
        keys, values = self.keys[keep], self.values[keep]  # [all entries, dim], by row, then head, then position
        if lengths.amin() != lengths.amax():
            return RaggedLayer(keys, values, lengths, self.cumulative_length)
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

    def __init__(self, keys: Tensor, values: Tensor, lengths: Tensor, seen: int):
        super().__init__()
        self.lazy_initialization(keys, values)
        self.keys, self.values, self.cumulative_length = keys, values, seen
        self.layout = Layout.of(lengths, room=0)

    @property
    def tokens_held(self) -> float:
        return sum(prompt for _, prompt in self.layout.plan) / len(self.layout.plan) + self.appended

    @property
    def segments(self) -> int:
        return len(self.layout.plan)

    def update(self, key_states: Tensor, value_states: Tensor, *args, **kwargs) -> tuple[Tensor, Tensor]:
        new = key_states.shape[-2]
        if self.appended + new > self.layout.room:
            self._move(torch.arange(len(self.layout.prompt)), room=max(SLACK, 2 * (self.appended + new)))
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

    def batch_select_indices(self, indices: Tensor) -> None:
        self._move(indices, self.layout.room)

    def batch_repeat_interleave(self, repeats: int) -> None:
        self._move(torch.arange(len(self.layout.prompt)).repeat_interleave(repeats), self.layout.room)

    def reorder_cache(self, beam_idx: Tensor) -> None:
        self._move(beam_idx, self.layout.room)

    def _move(self, rows: Tensor, room: int) -> None:
        """Copies these rows, in this order, into a new store with room for `room` appended tokens in each segment."""
        rows = rows.to(self.layout.prompt.device)
        layout = Layout.of(self.layout.prompt[rows], room)
        source = self.layout.entries(rows, self.appended)
        target = layout.entries(torch.arange(len(rows), device=rows.device), self.appended)
        keys, values = (store.new_empty(layout.size, store.shape[-1]) for store in (self.keys, self.values))
        keys[target], values[target] = self.keys[source], self.values[source]
        self.keys, self.values, self.layout = keys, values, layout


class CompressedCache(Cache):
    """What a model holds of one conversation, or one batch of them: filled and compressed by the first forward."""

    is_croppable = False  # not back into the prompt

    def __init__(self):
        super().__init__(layer_class_to_replicate=CompressedLayer)
        self.prompt_positions: Tensor | None = None  # positions of the first forward, until the second
        self.block_is_open: Callable[[], bool] | None = None  # whether the compress block that filled it still lasts

    @property
    def tokens_seen(self) -> int:
        """Tokens the model has read, padding included."""
        return self.get_seq_length()

    @property
    def tokens_held(self) -> float:
        """Entries per kv head, on the mean over layers, rows and heads."""
        return sum(layer.tokens_held for layer in self.layers) / max(len(self.layers), 1)

    @property
    def bytes_held(self) -> int:
        """Memory of the stored keys and values, free room included."""
        return sum(store.untyped_storage().nbytes() for layer in self.layers for store in (layer.keys, layer.values))

    @property
    def bytes_full(self) -> int:
        """Memory that the same tokens would take uncompressed."""
        return sum(
            layer.segments * layer.cumulative_length * store.shape[-1] * store.element_size()
            for layer in self.layers
            for store in (layer.keys, layer.values)
        )

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args, **kwargs
    ) -> tuple[Tensor, Tensor]:
        """Stores new pairs and returns those to attend to. Raises RuntimeError once the compress block is over."""
        if self.block_is_open is not None and not self.block_is_open():
            raise RuntimeError("this cache was filled in a compress block that is over: continue it inside a new one")
        return super().update(key_states, value_states, layer_idx, *args, **kwargs)

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        """Sizes for the layer that needs the widest mask; the attention function cuts it for the others."""
        return max((layer.get_mask_sizes(query_length) for layer in self.layers), default=(query_length, 0))

    def compress_layer(self, layer: int, keep: Tensor) -> None:
        """Evicts from one layer all entries where `keep` [batch, kv_heads, held] is false."""
        self.layers[layer] = self.layers[layer].compressed(keep)

    def activate_past_recording(self) -> None:
        """Called by `generate` to start assisted decoding, whose first forward reads guesses as part of the prompt."""
        raise ValueError(
            "assisted decoding (assistant_model, prompt_lookup_num_tokens) would compress guesses along with the "
            "prompt: generate without it"
        )

    def reset(self) -> None:
        """Back to empty: the next forward is a prefill again."""
        self.layers.clear()
        self.prompt_positions = self.block_is_open = None
