"""Many ways to go on after one open prompt, read and answered together, while what they share is held once."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mixkv.cache import CompressedCache
from mixkv.layers import CompressedLayer
from mixkv.methods import Full, InPrefill
from mixkv.tail import Tail

MOST_LOGITS = 1 << 26  # of the attention that is computed at once


class BranchedLayer(CompressedLayer):
    """A decoder layer of several branches: what they share stays in `stem`, keys [rows, kv_heads, own tokens, dim].

    Once the prompts have ended and something was evicted, `rows` are the layers of the branches, one each; what they
    shared was not shared alike by them and is no longer used.
    """

    def __init__(self, stem: CompressedLayer, rows: int):
        super().__init__()
        self.lazy_initialization(stem.keys, stem.values)
        none = (rows, stem.keys.shape[1], 0)
        self.keys, self.values = (store.new_empty(*none, store.shape[-1]) for store in (stem.keys, stem.values))
        self.stem, self.cumulative_length = stem, stem.cumulative_length
        self.rows: list[CompressedLayer] | None = None
        self.newest: list[tuple[Tensor, Tensor]] = []  # of each row, what its layer returned of the newest tokens

    @property
    def stores(self) -> list[Tensor]:
        """Everything that takes memory of the model's device."""
        if self.rows is not None:
            return [store for row in self.rows for store in row.stores]
        return [*self.stem.stores, self.keys, self.values]

    @property
    def host_stores(self) -> list[Tensor]:
        """What lies in the memory of the host instead."""
        return [store for row in self.rows or () for store in row.host_stores]

    def update(self, key_states: Tensor, value_states: Tensor, *args, **kwargs) -> tuple[Tensor, Tensor]:
        self.cumulative_length += key_states.shape[-2]
        if self.rows is None:
            self.keys = torch.cat([self.keys, key_states], -2)
            self.values = torch.cat([self.values, value_states], -2)
        else:
            pairs = zip(self.rows, key_states.split(1), value_states.split(1), strict=True)
            self.newest = [row.update(key, value) for row, key, value in pairs]
        return key_states, value_states

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.cumulative_length + query_length, 0

    def of_row(self, number: int, real: Tensor | None) -> CompressedLayer:
        """One branch as a layer of its own, its prompt still open, without padding. real  # [own tokens]"""
        layer = self.stem.branch()
        own = [store[number : number + 1] for store in (self.keys, self.values)]
        own = own if real is None else [store[:, :, real] for store in own]
        layer.keys, layer.values = torch.cat([layer.keys, own[0]], -2), torch.cat([layer.values, own[1]], -2)
        layer.cumulative_length = layer.appended = layer.keys.shape[-2]
        return layer

    def attend(self, query: Tensor, attention_mask: Tensor | None, scaling: float | None) -> Tensor:
        """What the branches' newest tokens read: [rows, tokens, query_heads, dim].

        `query` [rows, query_heads, tokens, dim]; every query sees all of the stem, and of its own branch what
        `attention_mask` (booleans [rows, 1, tokens, all tokens]) says, None for plain causal. One softmax over both.
        """
        rows, heads, tokens = query.shape[:3]
        stem_keys, stem_values = self.stem.keys[0].float(), self.stem.values[0].float()
        own = self.keys.shape[-2]
        if attention_mask is None:
            attention_mask = torch.ones(1, 1, tokens, own, dtype=torch.bool, device=query.device).tril(own - tokens)
        visible = attention_mask[..., -own:].expand(rows, -1, -1, -1)
        together = max(1, MOST_LOGITS // (heads * tokens * (stem_keys.shape[-2] + own)))
        parts = zip(*(states.split(together) for states in (query, self.keys, self.values, visible)), strict=True)
        return torch.cat([attend_branches(stem_keys, stem_values, *part, scaling) for part in parts])


def attend_branches(
    stem_keys: Tensor,
    stem_values: Tensor,
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    visible: Tensor,
    scaling: float | None,
) -> Tensor:
    """Exact attention of `query` [rows, query_heads, tokens, dim] to a stem and to each row's own entries.

    `stem_keys`, `stem_values` [kv_heads, entries, dim], float32, which all see; `keys`, `values`
    [rows, kv_heads, own, dim]; `visible` [rows, 1, tokens, own]. Returns [rows, tokens, query_heads, dim].
    """
    rows, heads, tokens, dim = query.shape
    kv_heads = keys.shape[1]
    group = heads // kv_heads
    grouped = (query.float() * (scaling or dim**-0.5)).reshape(rows, kv_heads, group * tokens, dim)
    flat = grouped.transpose(0, 1).reshape(kv_heads, -1, dim)  # of all rows, for what they share
    shared = (flat @ stem_keys.transpose(-1, -2)).view(kv_heads, rows, group * tokens, -1).transpose(0, 1)
    logits = (grouped @ keys.float().transpose(-1, -2)).masked_fill(~visible.repeat(1, 1, group, 1), float("-inf"))
    weights = functional.softmax(torch.cat([shared, logits], -1), dim=-1)  # [rows, kv_heads, group * tokens, all]
    of_stem, of_own = weights.split([shared.shape[-1], logits.shape[-1]], -1)
    of_stem = of_stem.transpose(0, 1).reshape(kv_heads, rows * group * tokens, -1)
    of_stem = (of_stem @ stem_values).view(kv_heads, rows, group * tokens, dim).transpose(0, 1)
    read = of_stem + of_own @ values.float()
    return read.reshape(rows, heads, tokens, dim).transpose(1, 2).to(query.dtype)


@dataclass(frozen=True, slots=True)
class Row:
    """What attention needs of a cache, for one branch: its layer by number."""

    layers: dict[int, CompressedLayer]


class Branches(CompressedCache):
    """A batch whose rows go on after one open prompt: first the rest of each prompt, then answers, token by token.

    `stem` holds the open prompt of one row; it is not changed, and not copied where nothing is evicted. Each row is
    compressed as if it were alone. The rests come in one forward, filled up at their left: the attention mask is 1 for
    the stem, then 0 for the filling. Raises ValueError for a stem that is no open prompt of one row.
    """

    def __init__(self, stem: CompressedCache, rows: int):
        super().__init__()
        stem.require_full_attention("branched into a batch")
        if stem.prompt_ended or not stem.layers or len(stem.layers[0].keys) != 1:
            raise ValueError("branches go on after an open prompt of one row: read one inside `cache.open_prompt()`")
        self.stem, self.count = stem, rows
        self.block, self.remembered = stem.block, stem.remembered
        self.layers = [BranchedLayer(layer, rows) for layer in stem.layers]
        self.kept_of_rows: list[dict[int, Tensor]] = []  # `kept` of each row, if `note_kept` was called
        self.own_tokens = 0  # of each row's prompt, filling included
        self.real: Tensor | None = None  # [rows, own tokens], false for filling; None where there is none

    def branch(self) -> "Branches":
        raise RuntimeError("branches do not branch again: branch the cache that they go on from")

    def read_prompt(
        self,
        number: int,
        query: Tensor,
        attention_mask: Tensor | None,
        scaling: float,
        residual: Tensor | None = None,
        columns: Tensor | None = None,
    ) -> None:
        """Ends the prompts of a layer's rows with what the method leaves of each, as for a cache of one row."""
        layer, method = self.layers[number], self.block.method
        layer.tail = Tail(query, None, scaling, residual if method.reads_residual else None)
        if number == 0:
            self.own_tokens = query.shape[-2]
            self.real = None if attention_mask is None else attention_mask[:, 0, -1, -self.own_tokens :]
        last = number == self.block.num_layers - 1
        if method.joint and last:
            self._compress_rows(range(len(self.layers)))
        elif not method.joint:
            self._compress_rows([number])

    def _compress_rows(self, numbers: Sequence[int]) -> None:
        method = self.block.method
        if isinstance(method, InPrefill):
            raise ValueError(f"method {method.name!r} works inside the prefill: read each prompt in one forward")
        if self.kept is not None and not self.kept_of_rows and not isinstance(method, Full):
            self.kept_of_rows = [{} for _ in range(self.count)]
        rows = [] if isinstance(method, Full) else [self._compressed_row(row, numbers) for row in range(self.count)]
        for place, number in enumerate(numbers):
            layer = self.layers[number]
            layer.prompt_ended, layer.tail = True, None
            of_rows = [layers[place] for layers in rows]
            if any(one.appended < one.cumulative_length for one in of_rows):
                layer.rows = of_rows

    def _compressed_row(self, row: int, numbers: Sequence[int]) -> list[CompressedLayer]:
        cache = self.stem.branch()
        if self.kept is not None:
            cache.note_kept()
        real = None if self.real is None else self.real[row]
        for number in numbers:
            layer = self.layers[number]
            cache.layers[number] = alone = layer.of_row(row, real)
            tail = layer.tail.rows(torch.tensor([row], device=layer.keys.device))
            if real is not None:
                residual = tail.residual if tail.residual is None else tail.residual[:, real]
                tail = Tail(tail.query[:, :, real], None, tail.scaling, residual)
            stem = self.stem.layers[number].tail
            alone.tail = tail if stem is None else stem.followed_by(tail)
            alone.tail = alone.tail.last(max(self.block.method.reads, self.remembered))
        cache._compress(numbers, self.block.method)
        if self.kept is not None:
            self.kept_of_rows[row] |= cache.kept
        return [cache.layers[number] for number in numbers]

    def row(self, number: int, answered: int) -> "Branch":
        """What one branch holds after `answered` tokens of its answer were read, as if it were alone.

        More may have been read meanwhile, for rows with longer answers. What the branches share counts in each.
        """
        own = self.own_tokens if self.real is None else int(self.real[number].sum())
        seen = self.stem.get_seq_length() + own + answered
        tokens, bytes_full, bytes_held, bytes_offloaded = [], 0, 0, 0
        for layer in self.layers:
            keys, values = layer.keys, layer.values
            whole = keys.shape[1] * seen * (keys.shape[-1] + values.shape[-1]) * keys.element_size()
            bytes_full += whole
            if layer.rows is None:
                tokens.append(float(seen))
                bytes_held += whole
                continue
            alone = layer.rows[number].branch()
            alone.crop(min(0, seen - alone.cumulative_length))
            alone.batch_select_indices(torch.zeros(1, dtype=torch.long, device=keys.device))  # in storage of its size
            tokens.append(alone.tokens_held)
            bytes_held += sum(store.untyped_storage().nbytes() for store in alone.stores)
            bytes_offloaded += sum(store.untyped_storage().nbytes() for store in alone.host_stores)
        kept = self.kept_of_rows[number] if self.kept_of_rows else None
        return Branch(seen, sum(tokens) / len(tokens), bytes_full, bytes_held, bytes_offloaded, kept)


@dataclass(frozen=True, slots=True)
class Branch:
    """What a cache says of itself under the same names, of one branch."""

    tokens_seen: int
    tokens_held: float
    bytes_full: int
    bytes_held: int
    bytes_offloaded: int
    kept: dict[int, Tensor] | None
    bytes_untouched: int = 0  # all layers are of full attention
