"""Asking a loaded model about screenshots: what must be read is read, and all that is known of an answer is told."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from guiground.answering import Memory, RecentScreenshots, answer, answer_all, picture_hash, recall
from guiground.batching import Held, answer_batch
from guiground.errors import UsageError
from guiground.eviction import AFTER_PREFILL, MEMORY, STRICT
from guiground.kept import kept_tokens
from guiground.meter import Clock, PeakMemory
from guiground.models.running import compressed, memory_explained, quiet
from guiground.reply import reply
from guiground.result import CacheUse, MemoryUse, Result
from guiground.screen import Screenshot

if TYPE_CHECKING:
    from guiground.answering import Generated
    from guiground.models.load import Grounder, Inputs
    from mixkv import CompressedCache, Method

Watch = Callable[["Inputs", "Generated", "CompressedCache"], None]
TOGETHER = 32  # instructions that are answered at once


@dataclass(frozen=True, slots=True)
class Asker:
    """A loaded model with one way to hold its cache.

    budget: as it is told. samples: answers that are drawn to tell how sure one is. watch: sees what each answer left.
    protocol: when entries are evicted, one of `eviction.PROTOCOLS`. Raises UsageError for a memory where there is an
    obstacle to one.
    """

    grounder: "Grounder"
    eviction: "Method"
    budget: int | str | None
    samples: int
    recent: RecentScreenshots
    watch: Watch | None = None
    protocol: str = AFTER_PREFILL

    def __post_init__(self) -> None:
        if self.protocol == MEMORY and self.obstacle:
            raise UsageError(f"{self.obstacle}, so nothing is evicted before it (use --protocol {AFTER_PREFILL})")

    @property
    def obstacle(self) -> str | None:
        """What keeps several instructions from sharing one reading of the screenshot."""
        if not self.eviction.in_pieces:
            return f"method '{self.eviction.name}' works inside the prefill of the whole prompt"
        if self.grounder.spec.prompt.order != "image_first":
            return "this model reads the instruction before the screenshot"
        return None

    def look(self, instructions: Sequence[str], screenshot: Screenshot, spent: dict[str, float]) -> list[Result]:
        """One result for each instruction. spent: milliseconds up to now, which the first result tells.

        The screenshot is read once, unless there is an obstacle; several answers are decoded together, and what that
        takes is shared equally among them.
        """
        clock = Clock(spent)
        picture = picture_hash(screenshot.image)
        if self.protocol == MEMORY:
            picture = self._own(picture)
        clock.stop("read")
        memory, spent, results = self.recent.find(picture), clock.spent, []
        at_once = 1 if self.obstacle or self.watch or self.protocol != AFTER_PREFILL else TOGETHER
        for start in range(0, len(instructions), at_once):
            some, memory = self.answers(instructions[start : start + at_once], screenshot, memory, spent)
            results += some
            spent = dict.fromkeys(spent, 0.0)
            if not self.obstacle:
                self.recent.keep(picture, memory)
        if len(results) > 1 and self.obstacle:
            remark = f"{self.obstacle}: the screenshot was read anew for each instruction"
            results = [replace(result, warnings=(*result.warnings, remark)) for result in results]
        return results

    def answers(
        self, instructions: Sequence[str], screenshot: Screenshot, memory: Memory | None, spent: dict[str, float]
    ) -> tuple[list[Result], Memory]:
        """One result for each instruction, and the memory of the screenshot: the given one if it served.

        Several only where no obstacle keeps them from sharing it.
        """
        grounder = self.grounder
        strict = self.protocol == STRICT and self.eviction.in_pieces
        clock, peak = Clock(spent, grounder.device), PeakMemory(grounder.device)
        with quiet(), memory_explained(), compressed(grounder.model, self.eviction):
            known, image = memory, screenshot.image
            first, memory = recall(grounder, image, instructions[0], known, clock, self.eviction.in_pieces)
            if memory is not known:
                memory = replace(memory, read_bytes=peak.rise())
                if self.protocol == MEMORY:
                    memory.cache.note_kept()
                    memory.cache.compress_now()
            asked = [first, *(grounder.prepare(memory.picture, [words]) for words in instructions[1:])]
            clock.stop("prepare")
            answered = [answer(grounder, first, memory, strict=True)] if strict else answer_all(grounder, asked, memory)
            drawn = [[answer(grounder, one, memory, seed, strict)[0] for seed in range(self.samples)] for one in asked]
            clock.stop("generate")
        whole = None if memory.ids else peak.rise()  # where the answering read the screenshot too
        shares = {stage: clock.spent[stage] / len(asked) for stage in ("prepare", "generate")}
        spent, results = {**clock.spent, **shares}, []
        for words, inputs, (generated, cache), others in zip(instructions, asked, answered, drawn, strict=True):
            if self.watch is not None:
                self.watch(inputs, generated, cache)
            results.append(
                self.tell(
                    *(words, screenshot, inputs, generated, others, Clock(spent)),
                    memory.read_ms if memory is known or results else 0.0,
                    *(Held.of(cache), peak, memory.read_bytes if memory.ids else whole),
                    kept=kept_tokens(cache, inputs, screenshot.size),
                )
            )
            spent = {**dict.fromkeys(spent, 0.0), **shares}
        return results, memory

    def batch(self, asked: Sequence[tuple[str, Screenshot]], load_ms: float) -> list[Result]:
        """One result for each instruction and its screenshot, all of them decoded at once; no samples are drawn."""
        grounder, ready, hashes = self.grounder, [], {}
        peak = PeakMemory(grounder.device)
        with quiet(), memory_explained(), compressed(grounder.model, self.eviction):
            for instruction, screenshot in asked:
                clock = Clock({"capture": screenshot.taken_ms, "load": load_ms}, grounder.device)
                load_ms = 0.0
                inputs, memory, shared_ms = self.recalled(instruction, screenshot, hashes, clock, peak)
                ready.append((inputs, memory, clock, shared_ms))
            together = Clock(device=grounder.device)
            answers, cache = answer_batch(grounder, [(inputs, memory) for inputs, memory, _, _ in ready])
            together.stop("generate")
        results = []
        for row, (one, before, (generated, held, first)) in enumerate(zip(asked, ready, answers, strict=True)):
            inputs, memory, clock, shared_ms = before
            clock = Clock({**clock.spent, **together.spent})
            kept = kept_tokens(cache, inputs, one[1].size, row, first)
            more = {"kept": kept, "batch": len(asked)}
            results.append(
                self.tell(*one, inputs, generated, (), clock, shared_ms, held, peak, memory.read_bytes, **more)
            )
        return results

    def recalled(
        self, instruction: str, screenshot: Screenshot, hashes: dict[int, bytes], clock: Clock, peak: PeakMemory
    ) -> tuple["Inputs", Memory, float]:
        """The prompt, the memory of its screenshot, kept for later, and the milliseconds of an earlier reading.

        hashes: of screenshots asked about before, by their identity: a picture is hashed once. Inside a
        `mixkv.compress` block.
        """
        if id(screenshot) not in hashes:
            hashes[id(screenshot)] = picture_hash(screenshot.image)
        picture = hashes[id(screenshot)]
        known = self.recent.find(picture)
        inputs, memory = recall(self.grounder, screenshot.image, instruction, known, clock)
        if memory is not known:
            memory = replace(memory, read_bytes=peak.rise())
        if not self.obstacle:
            self.recent.keep(picture, memory)
        return inputs, memory, memory.read_ms if memory is known else 0.0

    def remembered(self, picture: bytes, memory: Memory) -> Memory:
        """What the method leaves of a screenshot before any instruction, made once and kept for later.

        picture: its hash. memory: of all of it, still open, read so that the method can choose; it is unchanged.
        """
        known = self.recent.find(self._own(picture))
        if known is None:
            cache = memory.cache.branch()
            cache.note_kept()
            cache.compress_now(self.eviction)
            known = replace(memory, cache=cache)
            self.recent.keep(self._own(picture), known)
        return known

    def _own(self, picture: bytes) -> bytes:
        """What a screenshot is kept under where another method would hold something else of it."""
        return picture + repr(self.eviction).encode()

    def tell(
        self,
        instruction: str,
        screenshot: Screenshot,
        inputs: "Inputs",
        generated: "Generated",
        drawn: Sequence["Generated"],
        clock: Clock,
        shared_ms: float,
        held: Held,
        peak: PeakMemory,
        prefill_bytes: int | None,
        **known: object,
    ) -> Result:
        """The result of one answer with what it held and what it took; known: further fields of it."""
        from mixkv.methods import Windowed

        memory = (self.grounder.weights_bytes, held.bytes_held, *peak.read(), self.recent.bytes_held, prefill_bytes)
        return reply(
            *(self.grounder, instruction, screenshot, inputs, generated, drawn, clock, shared_ms),
            CacheUse(self.eviction.title, self.budget, **asdict(held)),
            memory=MemoryUse(*memory),
            window=self.eviction.window if isinstance(self.eviction, Windowed) else 0,  # else it is not held
            **known,
        )
