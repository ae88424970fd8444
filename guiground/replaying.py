"""One reading of a prompt answered under many eviction methods, all of their answers decoded at once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from guiground.answering import Generated, Memory, generate_rows
from guiground.batching import Held
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
class Branch:
    """A prompt that was read and then compressed by one method. first: the answer's first token, logits: its own."""

    inputs: "Inputs"
    memory: Memory
    cache: "CompressedCache"
    first: int
    logits: "torch.Tensor"

    @property
    def prompt(self) -> int:
        """Tokens of the prompt."""
        return self.inputs.tensors["input_ids"].shape[1]

    @property
    def held(self) -> int:
        """Entries of the prompt that all heads of all layers hold."""
        return sum(int(layer.sum()) for layer in self.cache.kept.values())

    @property
    def is_even(self) -> bool:
        """Whether every head of every layer holds equally many."""
        return len({count for layer in self.cache.kept.values() for count in layer.sum(-1).flatten().tolist()}) == 1


def replay(askers: Sequence["Asker"], asked: Sequence[tuple[str, "Screenshot"]]) -> list[list["Result"]]:
    """For each asker the results to all that is asked, from one reading of each prompt.

    askers: the same model with one method each. The time "generate" of a result is that of the whole batch of answers
    it was in. Raises ValueError where a method cannot choose after the prefill.
    """
    asker, methods, read = askers[0], [one.eviction for one in askers], []
    grounder = asker.grounder
    results: list[list[Result]] = [[] for _ in askers]
    with quiet(), memory_explained(), compressed(grounder.model, widest(methods)):
        peak = PeakMemory(grounder.device)
        hashes: dict[int, bytes] = {}
        for instruction, screenshot in asked:
            clock = Clock(device=grounder.device)
            inputs, memory, shared_ms = asker.recalled(instruction, screenshot, hashes, clock, peak)
            read.append((inputs, memory, clock.spent, shared_ms))
        at_once = max(1, MOST_ROWS // len(methods))
        for start in range(0, len(asked), at_once):
            clock = Clock(device=grounder.device)
            rows = [row for one in read[start : start + at_once] for row in branches(grounder, *one[:2], methods)]
            answers = answer_branches(grounder, rows)
            clock.stop("generate")
            for place, (row, (generated, held)) in enumerate(zip(rows, answers, strict=True)):
                sample, method = start + place // len(methods), place % len(methods)
                _, memory, spent, shared_ms = read[sample]
                known = {"kept": kept_tokens(row.cache, row.inputs, asked[sample][1].size), "batch": len(rows)}
                spent = Clock({**spent, **clock.spent})
                results[method].append(
                    askers[method].tell(
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


def branches(grounder: "Grounder", inputs: "Inputs", memory: Memory, methods: Sequence["Method"]) -> list[Branch]:
    """The prompt, read once to its end, under each method. Inside a compress block with `widest` of the methods.

    Raises ValueError where a method cannot choose afterwards, because it works inside the prefill.
    """
    import torch

    import mixkv

    cache, length = memory.cache.branch(), len(memory.ids)
    ids = inputs.tensors["input_ids"][:, length:]
    positions = torch.arange(length, length + ids.shape[1], device=ids.device).expand(3, 1, -1) + memory.offset
    with torch.no_grad(), cache.open_prompt():
        read = grounder.model(
            input_ids=ids,
            attention_mask=inputs.tensors["attention_mask"],
            position_ids=positions,
            past_key_values=cache,
            logits_to_keep=1,
        )
    logits, made = read.logits[0, -1:], []
    first = int(logits.argmax())
    with mixkv.once():
        for method in methods:
            branch = cache.branch()
            branch.note_kept()
            branch.compress_now(method)
            made.append(Branch(inputs, memory, branch, first, logits))
    return made


def answer_branches(grounder: "Grounder", rows: Sequence[Branch]) -> list[tuple[Generated, Held]]:
    """The greedy answer of each branch and what its cache then holds, decoded together where that is possible.

    Branches whose heads all hold equally many entries go together: their attention is one call.
    """
    import mixkv

    alike = defaultdict(list)
    for place, row in enumerate(rows):
        alike[row.held if row.is_even else 0].append(place)
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
    import torch

    seen, device = cache.tokens_seen, rows[0].logits.device
    ids = torch.full((len(rows), seen + 1), grounder.tokenizer.pad_token_id, device=device)
    positions = torch.zeros(3, len(rows), seen + 1, dtype=torch.long, device=device)
    for number, row in enumerate(rows):
        ids[number, -1], positions[:, number, -1] = row.first, row.prompt + row.memory.offset
    later = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "position_ids": positions}
    answers = []
    for row, made in zip(rows, generate_rows(grounder, later, cache, first_given=True), strict=True):
        whole = replace(made, logits=torch.cat([row.logits, made.logits]))
        own = cache is row.cache  # then it was not put together from several, and knows best
        held = Held.of(cache) if own else Held.of_row(row.cache, 0, row.prompt, len(whole.ids) - 1)
        answers.append((whole, held))
    return answers
