"""Instructions about several screenshots answered in one batch, each as if it had been alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guiground.answering import Generated, Memory, generate_rows

if TYPE_CHECKING:
    from guiground.models.load import Grounder, Inputs
    from mixkv import CompressedCache


@dataclass(frozen=True, slots=True)
class Held:
    """What one answer left in a cache, in the units of `CacheUse`."""

    tokens_seen: int
    tokens_held: float
    bytes_full: int
    bytes_held: int
    bytes_untouched: int = 0
    bytes_offloaded: int = 0

    @classmethod
    def of(cls, cache: "CompressedCache") -> "Held":
        """All of a cache."""
        beside = (cache.bytes_untouched, cache.bytes_offloaded)
        return cls(cache.tokens_seen, cache.tokens_held, cache.bytes_full, cache.bytes_held, *beside)

    @classmethod
    def of_row(cls, cache: "CompressedCache", row: int, prompt: int, answer: int) -> "Held":
        """One row of a cache that noted what it keeps; prompt: its tokens up to the eviction, answer: those read since.

        Bytes are those of the entries, without padding and free room.
        """
        kept = [cache.kept[number][row] for number in range(len(cache.layers))]  # [kv_heads, tokens] of each layer
        of_prompt = [int(layer.sum()) for layer in kept]
        counts = [count + answer * len(layer) for count, layer in zip(of_prompt, kept, strict=True)]
        entry = [
            sum(store.shape[-1] * store.element_size() for store in (layer.keys, layer.values))
            for layer in cache.layers
        ]
        full = sum((prompt + answer) * len(layer) * size for layer, size in zip(kept, entry, strict=True))
        held = sum(count * size for count, size in zip(counts, entry, strict=True))
        held += sum(  # what raises the logits of merged entries; a row that lost none has it for the others only
            count * layer.bias.element_size()
            for count, layer, one in zip(of_prompt, cache.layers, kept, strict=True)
            if layer.bias is not None and count < prompt * len(one)
        )
        mean = sum(count / len(layer) for count, layer in zip(counts, kept, strict=True)) / len(kept)
        return cls(prompt + answer, mean, full, held)


def answer_batch(
    grounder: "Grounder", asked: Sequence[tuple["Inputs", Memory]]
) -> tuple[list[tuple[Generated, Held, int]], "CompressedCache"]:
    """For each prompt its answer, what that left in the cache, and the column at which the prompt begins; the cache.

    Each memory holds the beginning of its prompt, which is not read again. What the prompts have beyond their memories
    is read together, and all answers are decoded together; what differs in length is padded at the left. Inside a
    `mixkv.compress` block.
    """
    import torch

    import mixkv

    read = [len(memory.ids) for _, memory in asked]
    rest = [inputs.tensors["input_ids"][0, length:] for (inputs, _), length in zip(asked, read, strict=True)]
    before, after = max(read), max(map(len, rest))
    shape, device = (len(asked), before + after), rest[0].device
    ids = torch.full(shape, grounder.tokenizer.pad_token_id, device=device)
    mask = torch.zeros(shape, dtype=torch.long, device=device)
    positions = torch.zeros(3, *shape, dtype=torch.long, device=device)
    for row, ((_, memory), tail, length) in enumerate(zip(asked, rest, read, strict=True)):
        ids[row, -len(tail) :] = tail
        mask[row, before - length : before] = 1
        mask[row, -len(tail) :] = 1
        positions[:, row, -len(tail) :] = torch.arange(length, length + len(tail), device=device) + memory.offset
    cache = mixkv.joined([memory.cache for _, memory in asked])
    cache.note_kept()
    tensors = {"input_ids": ids, "attention_mask": mask, "position_ids": positions}
    made = generate_rows(grounder, tensors, cache)
    answers = []
    for row, (generated, tail, length) in enumerate(zip(made, rest, read, strict=True)):
        held = Held.of_row(cache, row, length + len(tail), max(len(generated.ids) - 1, 0))
        answers.append((generated, held, before - length))
    return answers, cache
