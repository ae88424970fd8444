"""One reading of a prompt answered under many eviction methods, all of their answers decoded at once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from guiground.answering import Generated, Memory, generate_rows
from guiground.batching import Held
from guiground.eviction import MEMORY, STRICT
from guiground.kept import kept_tokens
from guiground.meter import Clock, PeakMemory
from guiground.models.running import compressed, memory_explained, quiet

if TYPE_CHECKING:
    import torch

    from guiground.asking import Asker
    from guiground.models.load import Grounder, Inputs
    from guiground.result import Result
    from guiground.screen import Screenshot
    from mixkv import CompressedCache, Method

MOST_ROWS = 192  # answers that are decoded at once


@dataclass(frozen=True, slots=True)
class Read:
    """A prompt that was read as far as all methods read it alike.

    rest: what each then reads from what it left of that  # [tokens]
    logits: where that is the first token of the answer, those it was chosen by  # [1, vocabulary]
    """

    cache: "CompressedCache"
    rest: "torch.Tensor"
    logits: "torch.Tensor | None" = None


@dataclass(frozen=True, slots=True)
class Branch:
    """What one method left of a prompt at some point of it, and what is to be read from that, as `Read` has it."""

    inputs: "Inputs"
    memory: Memory
    cache: "CompressedCache"
    rest: "torch.Tensor"
    logits: "torch.Tensor | None"

    @property
    def seen(self) -> int:
        """Tokens of the prompt up to the eviction."""
        return self.cache.tokens_seen

    @property
    def held(self) -> int:
        """Entries of them that all heads of all layers hold."""
        return sum(int(layer.sum()) for layer in self.cache.kept.values())

    @property
    def is_even(self) -> bool:
        """Whether every head of every layer holds equally many."""
        return len({count for layer in self.cache.kept.values() for count in layer.sum(-1).flatten().tolist()}) == 1


def replay(askers: Sequence["Asker"], asked: Sequence[tuple[str, "Screenshot"]]) -> list[list["Result"]]:
    """For each asker the results to all that is asked, from one reading of each prompt.

    askers: the same model with one method and protocol each. The time "generate" of a result is that of the whole batch
    of answers it was in. Raises ValueError where a method cannot choose after the prefill.
    """
    asker, read = askers[0], []
    grounder = asker.grounder
    results: list[list[Result]] = [[] for _ in askers]
    with quiet(), memory_explained(), compressed(grounder.model, widest([one.eviction for one in askers])):
        peak = PeakMemory(grounder.device)
        hashes: dict[int, bytes] = {}
        for instruction, screenshot in asked:
            clock = Clock(device=grounder.device)
            inputs, memory, shared_ms = asker.recalled(instruction, screenshot, hashes, clock, peak)
            read.append((inputs, memory, hashes[id(screenshot)], clock.spent, shared_ms))
        at_once = max(1, MOST_ROWS // len(askers))
        for start in range(0, len(asked), at_once):
            clock = Clock(device=grounder.device)
            rows = [row for one in read[start : start + at_once] for row in branches(askers, *one[:3])]
            answers = answer_branches(grounder, rows)
            clock.stop("generate")
            for place, (row, (generated, held)) in enumerate(zip(rows, answers, strict=True)):
                sample, way = start + place // len(askers), place % len(askers)
                _, memory, _, spent, shared_ms = read[sample]
                known = {"kept": kept_tokens(row.cache, row.inputs, asked[sample][1].size), "batch": len(rows)}
                spent = Clock({**spent, **clock.spent})
                results[way].append(
                    askers[way].tell(
                        *(*asked[sample], row.inputs, generated, (), spent, shared_ms, held, peak, memory.read_bytes),
                        **known,
                    )
                )
    return results


def widest(methods: Sequence["Method"]) -> "Method":
    """A method that evicts nothing, but has the prompt remembered as all of these methods need it."""
    import mixkv

    reads, residual = max(one.reads for one in methods), any(one.reads_residual for one in methods)
    return type("Widest", (mixkv.METHODS["full"],), {"reads": reads, "reads_residual": residual})()


def branches(askers: Sequence["Asker"], inputs: "Inputs", memory: Memory, picture: bytes) -> list[Branch]:
    """The prompt under each method, read once as far as its protocol allows. Inside a compress block with `widest`.

    memory, picture: of the screenshot, and its hash. Raises ValueError where a method cannot choose afterwards, because
    it works inside the prefill.
    """
    import mixkv

    grounder, made = askers[0].grounder, []
    read = {name: read_on(grounder, inputs, memory, name) for name in {one.protocol: None for one in askers}}
    with mixkv.once():
        for asker in askers:
            so_far = read[asker.protocol]
            if asker.protocol == MEMORY:
                cache = asker.remembered(picture, memory).cache.branch()
            else:
                cache = so_far.cache.branch()
                cache.note_kept()
                cache.compress_now(asker.eviction)
            made.append(Branch(inputs, memory, cache, so_far.rest, so_far.logits))
    return made


def read_on(grounder: "Grounder", inputs: "Inputs", memory: Memory, protocol: str) -> Read:
    """The prompt read to where the protocol has entries evicted: its end, its last token, or the screenshot's end."""
    import torch

    length, ids = len(memory.ids), inputs.tensors["input_ids"]
    if protocol == MEMORY:
        return Read(memory.cache, ids[0, length:])
    cache, end = memory.cache.branch(), ids.shape[1] - (protocol == STRICT)
    positions = torch.arange(length, end, device=ids.device).expand(3, 1, -1) + memory.offset
    with torch.no_grad(), cache.open_prompt():
        read = grounder.model(
            input_ids=ids[:, length:end],
            attention_mask=inputs.tensors["attention_mask"][:, :end],
            position_ids=positions,
            past_key_values=cache,
            logits_to_keep=1,
        )
    if protocol == STRICT:
        return Read(cache, ids[0, end:])
    logits = read.logits[0, -1:]
    return Read(cache, logits.argmax(-1), logits)


def answer_branches(grounder: "Grounder", rows: Sequence[Branch]) -> list[tuple[Generated, Held]]:
    """The greedy answer of each branch and what its cache then holds, decoded together where that is possible.

    Branches whose heads all hold equally many entries go together: their attention is one call.
    """
    import mixkv

    alike = defaultdict(list)
    for place, row in enumerate(rows):
        alike[row.held if row.is_even else 0, row.logits is None].append(place)
    answers: dict[int, tuple[Generated, Held]] = {}
    for places in alike.values():
        some = [rows[place] for place in places]
        together = mixkv.gathered([row.cache for row in some])
        if together is None:  # what may be recalled is not moved
            made = [answer for row in some for answer in _decoded(grounder, [row], row.cache)]
        else:
            made = _decoded(grounder, some, together)
        answers |= dict(zip(places, made, strict=True))
    return [answers[place] for place in range(len(rows))]


def _decoded(grounder: "Grounder", rows: Sequence[Branch], cache: "CompressedCache") -> list[tuple[Generated, Held]]:
    """The answers of branches in one cache; what the shorter have yet to read is filled up at its left."""
    import torch

    seen, device, first_given = cache.tokens_seen, rows[0].rest.device, rows[0].logits is not None
    tokens = seen + max(len(row.rest) for row in rows)
    ids = torch.full((len(rows), tokens), grounder.tokenizer.pad_token_id, device=device)
    mask = torch.ones_like(ids)
    positions = torch.zeros(3, len(rows), tokens, dtype=torch.long, device=device)
    for number, row in enumerate(rows):
        later = len(row.rest)
        ids[number, -later:], mask[number, seen:-later] = row.rest, 0
        positions[:, number, -later:] = torch.arange(row.seen, row.seen + later, device=device) + row.memory.offset
    tensors = {"input_ids": ids, "attention_mask": mask, "position_ids": positions}
    answers = []
    for row, made in zip(rows, generate_rows(grounder, tensors, cache, first_given=first_given), strict=True):
        if cache is row.cache:  # it was not put together from several, and knows best
            held = Held.of(cache)
        else:
            read = len(row.rest) - first_given + len(made.ids) - 1  # since the eviction: not the last of the answer
            held = Held.of_row(row.cache, 0, row.seen, read)
        whole = replace(made, logits=torch.cat([row.logits, made.logits])) if first_given else made
        answers.append((whole, held))
    return answers
