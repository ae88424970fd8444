"""Layers whose heads may recall evicted entries: each new query chooses the chunks of the prompt that it attends to.

The whole prompt of such a head lies in the memory of the host, and only the chunks last chosen are on the device. Which
chunks a query gets depends on it alone, never on those that an earlier one got. Source: HybridKV, arXiv 2604.05887,
whose chunks are not published in detail; choosing by a chunk's mean key or key range is Quest's, arXiv 2406.10774.
"""

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from mixkv.layers import CompressedLayer, RaggedLayer
from mixkv.merging import rank_within
from mixkv.methods import Choice, Recall


@dataclass(frozen=True, slots=True)
class Chunks:
    """The chunks of all heads that may recall any, of one layer; `heads` is their number."""

    pairs: tuple[tuple[int, int], ...]  # row and kv head of each
    representatives: Tensor  # [heads, chunks, one or two, dim], what a query is compared with
    sizes: Tensor  # [heads, chunks], entries of each chunk, 0 where there is none
    room: tuple[int, ...]  # chunks held at once by each
    recall: Recall

    def chosen(self, query: Tensor, kv_heads: int) -> list[list[int]]:
        """The chunks that each head holds for a query [batch, query_heads, dim], the best first.

        A chunk is as good as the mean logit of the group's queries with its representative; of equal ones the earlier
        is chosen.
        """
        grouped = query.unflatten(1, (kv_heads, -1)).float()
        rows, heads = zip(*self.pairs, strict=True)
        of_heads, keys = grouped[list(rows), list(heads)], self.representatives.float()  # of_heads [heads, group, dim]
        if self.recall.representative == "mean":
            scores = keys[:, :, 0] @ of_heads.mean(1).unsqueeze(-1)
        else:  # the highest logit that a key within the range can have
            least, most = keys.unbind(2)
            scores = most @ of_heads.relu().mean(1).unsqueeze(-1) - least @ (-of_heads).relu().mean(1).unsqueeze(-1)
        scores = scores.squeeze(-1).masked_fill(self.sizes == 0, float("-inf"))
        order = scores.argsort(dim=-1, descending=True, stable=True)[:, : max(self.room)].tolist()
        return [best[:room] for best, room in zip(order, self.room, strict=True)]

    def is_due(self, appended: int) -> bool:
        """Whether a token that `appended` others came before, since the prompt, chooses for itself."""
        return self.recall.refresh > 0 and appended % self.recall.refresh == 0

    def of_rows(self, indices: list[int]) -> tuple["Chunks", list[int]]:
        """Those of these rows of the batch, in this order, and which of the present heads each is."""
        picked = [
            (new, number) for new, old in enumerate(indices) for number, (row, _) in enumerate(self.pairs) if row == old
        ]
        source = [number for _, number in picked]
        return replace(
            self,
            pairs=tuple((new, self.pairs[number][1]) for new, number in picked),
            representatives=self.representatives[source],
            sizes=self.sizes[source],
            room=tuple(self.room[number] for number in source),
        ), source


def compressed(layer: CompressedLayer, choice: Choice | None) -> CompressedLayer:
    """`layer` at the end of the prompt, with what the choice leaves; None keeps everything."""
    if choice is None or choice.chunks is None or not (choice.chunks >= 0).any():
        return layer.compressed(choice and choice.keep, choice and choice.merged)
    return (SimulatedLayer if choice.recall.simulate else RecallLayer)(layer.keys, layer.values, choice, layer)


def chunk_table(numbers: Tensor) -> Tensor:
    """The positions of each chunk [chunks, longest], -1 beyond its end, from the chunk of each position [tokens]."""
    positions = (numbers >= 0).nonzero().flatten()
    of_chunk = numbers[positions]
    count = int(of_chunk.max()) + 1
    rank = rank_within(of_chunk, count)
    table = positions.new_full((count, int(rank.max()) + 1), -1)
    table[of_chunk, rank] = positions
    return table


def chunks_of(key: Tensor, choice: Choice) -> tuple[Chunks, Tensor, list[list[int]]]:
    """The chunks of a prompt with keys [batch, kv_heads, tokens, dim].

    Also the positions of their entries, [heads, chunks, longest] with -1 beyond, and the chunks that the choice holds
    at first.
    """
    pairs = [tuple(pair) for pair in (choice.chunks >= 0).any(-1).nonzero().tolist()]
    tables = [chunk_table(choice.chunks[pair]) for pair in pairs]
    most, size = max(len(table) for table in tables), max(table.shape[1] for table in tables)
    tables = [functional.pad(table, (0, size - table.shape[1], 0, most - len(table)), value=-1) for table in tables]
    positions = torch.stack(tables)
    first = [choice.chunks[pair][choice.keep[pair]].unique().tolist() for pair in pairs]
    first = [[number for number in numbers if number >= 0] for numbers in first]
    member, representatives = (positions >= 0).unsqueeze(-1), []
    for pair, table, inside in zip(pairs, positions, member, strict=True):
        keys = key[pair][table.clamp_min(0)].float()  # [chunks, longest, dim]
        if choice.recall.representative == "mean":
            mean = (keys * inside).sum(1) / inside.sum(1).clamp_min(1)
            representatives.append(mean.unsqueeze(1))
        else:
            range_of = [keys.masked_fill(~inside, sign * torch.inf) for sign in (1, -1)]
            range_of = torch.stack([range_of[0].amin(1), range_of[1].amax(1)], 1)
            representatives.append(range_of.masked_fill(range_of.isinf(), 0.0))
    chunks = Chunks(
        tuple(pairs),
        torch.stack(representatives).to(key.dtype),
        member.squeeze(-1).sum(-1),
        tuple(len(numbers) for numbers in first),
        choice.recall,
    )
    return chunks, positions, first


class RecallLayer(RaggedLayer):
    """A ragged layer in whose segments some heads have room for chunks, filled from the host before each query.

    The chunks stand between the entries that are always held and the appended tokens. `copied` counts those fetched.
    """

    def __init__(self, key: Tensor, value: Tensor, choice: Choice, layer: CompressedLayer):
        self.chunks, positions, first = chunks_of(key, choice)
        size, place = positions.shape[-1], positions.clamp_min(0)
        rows, heads = (list(numbers) for numbers in zip(*self.chunks.pairs, strict=True))
        index = (torch.tensor(rows)[:, None, None], torch.tensor(heads)[:, None, None], place.cpu())
        host = [states.cpu()[index] for states in (key, value)]  # [heads, chunks, size, dim]
        self.host_keys, self.host_values = (states.pin_memory() if key.is_cuda else states for states in host)
        held = choice.keep & (choice.chunks < 0)
        self.resident = held.sum(-1)  # [batch, kv_heads]
        room = torch.zeros_like(self.resident)
        room[rows, heads] = torch.tensor(self.chunks.room, device=room.device) * size
        lengths = self.resident + room
        stores = [states.new_zeros(int(lengths.sum()), states.shape[-1]) for states in (key, value)]
        super().__init__(*stores, lengths, layer.cumulative_length)
        resident = [[None] * held.shape[1] for _ in range(held.shape[0])]
        for row, head, start, _ in self.layout.segments():
            count = int(self.resident[row, head])
            resident[row][head] = count
            self.keys[start : start + count] = key[row, head, held[row, head]]
            self.values[start : start + count] = value[row, head, held[row, head]]
        slots = torch.arange(self.layout.longest, device=key.device)
        self.valid = (slots < self.resident.unsqueeze(-1)).contiguous()
        self.counts = tuple(resident[row][head] for row, head in self.chunks.pairs)  # entries before the chunks
        self.source = list(range(len(self.chunks.pairs)))  # where in the host's stores each head's chunks are
        self.slots = [[-1] * chunks for chunks in self.chunks.room]  # the chunk in each place
        self.copied = 0
        self._fetch(first)

    @property
    def stores(self) -> list[Tensor]:
        return [*super().stores, self.chunks.representatives]

    @property
    def host_stores(self) -> list[Tensor]:
        return [self.host_keys, self.host_values]

    def prepare(self, query: Tensor, appended: int) -> None:
        """Holds what a query [batch, query_heads, dim] recalls; `appended` tokens came between the prompt and it."""
        if self.chunks.is_due(appended):
            self._fetch(self.chunks.chosen(query, self.layout.prompt.shape[1]))

    def _fetch(self, wanted: list[list[int]]) -> None:
        """Copies the chunks that are not there into the places of those that are not wanted."""
        size = self.host_keys.shape[2]
        for number, (pair, numbers) in enumerate(zip(self.chunks.pairs, wanted, strict=True)):
            there, source = self.slots[number], self.source[number]
            missing = [chunk for chunk in numbers if chunk not in there]
            free = [place for place, chunk in enumerate(there) if chunk not in numbers]
            segment = self.layout.plan[pair[0] * self.layout.prompt.shape[1] + pair[1]][0]
            for place, chunk in zip(free, missing, strict=False):
                start = self.counts[number] + place * size
                end = start + size
                self.keys[segment + start : segment + end].copy_(self.host_keys[source, chunk], non_blocking=True)
                self.values[segment + start : segment + end].copy_(self.host_values[source, chunk], non_blocking=True)
                self.valid[pair][start:end] = (
                    torch.arange(size, device=self.valid.device) < self.chunks.sizes[number, chunk]
                )
                there[place] = chunk
                self.copied += 1

    def branch(self) -> "RecallLayer":
        other = super().branch()
        other.valid, other.slots = self.valid.clone(), copy.deepcopy(self.slots)
        return other

    def _move(self, rows: Tensor, room: int) -> None:
        indices = rows.tolist()
        if indices != list(range(len(self.layout.prompt))):
            self.chunks, source = self.chunks.of_rows(indices)
            self.slots = [list(self.slots[number]) for number in source]
            self.source = [self.source[number] for number in source]
            self.counts = tuple(self.counts[number] for number in source)
        self.valid, self.resident = (states[rows.to(states.device)] for states in (self.valid, self.resident))
        super()._move(rows, room)


class SimulatedLayer(CompressedLayer):
    """The same with all entries on the device: what a `RecallLayer` would not hold is hidden from each query."""

    def __init__(self, key: Tensor, value: Tensor, choice: Choice, layer: CompressedLayer):
        super().__init__()
        self.lazy_initialization(key, value)
        self.keys, self.values, self.cumulative_length = key, value, layer.cumulative_length
        self.prompt_ended = True
        self.chunks, _, self.selected = chunks_of(key, choice)
        self.held, self.number = choice.keep & (choice.chunks < 0), choice.chunks  # [batch, kv_heads, prompt]

    @property
    def tokens_held(self) -> float:
        """What a query may see, on the mean."""
        size = int(self.chunks.sizes.max())
        recalled = sum(room * size for room in self.chunks.room)
        return (int(self.held.sum()) + recalled) / self.segments + self.appended

    @property
    def stores(self) -> list[Tensor]:
        return [*super().stores, self.chunks.representatives]

    def visible(self, query: Tensor, appended: int) -> Tensor:
        """Which prompt entries a query [batch, query_heads, dim] sees: [batch, kv_heads, prompt]."""
        if self.chunks.is_due(appended):
            self.selected = self.chunks.chosen(query, self.held.shape[1])
        seen = self.held.clone()
        for pair, numbers in zip(self.chunks.pairs, self.selected, strict=True):
            seen[pair] |= torch.isin(self.number[pair], torch.tensor(numbers, device=seen.device))
        return seen

    def reorder_cache(self, beam_idx: Tensor) -> None:
        self.batch_select_indices(beam_idx)

    def batch_select_indices(self, indices: Tensor) -> None:
        super().batch_select_indices(indices)
        self.chunks, source = self.chunks.of_rows(indices.tolist())
        self.selected = [self.selected[number] for number in source]
        self.held, self.number = self.held[indices], self.number[indices]
