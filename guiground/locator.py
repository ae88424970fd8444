"""Locator: loads a model once and answers instructions about screenshots."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from guiground.errors import ModelError, UsageError
from guiground.geometry import Box, Chain, Point, Size, model_to_screenshot
from guiground.meter import Clock, PeakMemory
from guiground.result import CacheUse, MemoryUse, ModelUse, Result
from guiground.screen import Screenshot, grab, open_image

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

    from guiground.models.answer import Answer
    from guiground.models.load import Grounder
    from mixkv import CompressedCache, Method

MAX_INSTRUCTION = 1000  # characters
_OVERSHOOT = 0.01  # share of a side by which an answer may lie outside the picture and still means its edge
_OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


class Locator:
    """Finds what words describe in a screenshot.

    model: a name from `guiground models` or a folder. method: a name in mixkv.METHODS; by default "mixkv" if there is a
    budget, else "full", which evicts nothing. budget: entries per kv head (64), or a share of the prompt ("10%").
    device, dtype: "auto" or as torch names them. max_pixels: the largest area at which the model looks at a screenshot.

    The model is loaded by the first `load` or `locate`. Raises UsageError for arguments that do not fit, ModelError
    when the model cannot be loaded or memory runs out, CaptureError when the screen cannot be grabbed.
    """

    def __init__(
        self,
        model: str | Path = "nano",
        *,
        method: str | None = None,
        budget: int | str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        max_pixels: int | None = None,
    ) -> None:
        if max_pixels is not None and max_pixels < 1:
            raise UsageError(
                f"max_pixels must be at least 1, got {max_pixels} (leave it out for the model's own limit)"
            )
        self.model = str(model)
        self.device, self.dtype, self.max_pixels = device, dtype, max_pixels
        self._grounder: Grounder | None = None
        clock = Clock()
        self.eviction = _build_method(method, budget)
        clock.stop("load")
        self._load_ms = clock.spent["load"]  # until the first answer tells it

    @property
    def method(self) -> str:
        """The name of the eviction method."""
        return self.eviction.name

    @property
    def budget(self) -> int | str | None:
        """Entries per kv head, a percentage as text, or None where nothing is evicted."""
        budget = getattr(self.eviction, "budget", None)
        return budget if budget is None or isinstance(budget, int) else str(budget)

    def __enter__(self) -> "Locator":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the model; a later call loads it again."""
        self._grounder = None

    def load(self) -> "Grounder":
        """The model, loaded now if it was not yet."""
        if self._grounder is None:
            from guiground.models.load import load, resolve

            resolve(self.model)  # outside of the quiet, so that a download shows how far it is
            clock = Clock()
            with _quiet(), _memory_explained():
                self._grounder = load(self.model, device=self.device, dtype=self.dtype, max_pixels=self.max_pixels)
            clock.stop("load")
            self._load_ms += clock.spent["load"]
        return self._grounder

    def locate(self, instruction: str, image: "str | Path | Image | Screenshot | None" = None) -> Result:
        """Where the instruction's target is.

        image: a path, "-" for standard input, an open picture or a Screenshot; None grabs the primary monitor.
        That the target was not found is a status of the result, not an exception.
        """
        return self.locate_many([instruction], image)[0]

    def locate_many(
        self, instructions: Sequence[str], image: "str | Path | Image | Screenshot | None" = None
    ) -> list[Result]:
        """One result for each instruction, all about the same screenshot; the first one tells the time of loading."""
        for instruction in instructions:
            check_instruction(instruction)
        screenshot = take_screenshot(image)
        grounder = self.load()
        results = []
        for instruction in instructions:
            before = {"capture": 0.0 if results else screenshot.taken_ms, "load": self._load_ms}
            self._load_ms = 0.0
            results.append(self._answer(grounder, instruction, screenshot, before))
        return results

    def _answer(
        self, grounder: "Grounder", instruction: str, screenshot: Screenshot, before: dict[str, float]
    ) -> Result:
        import mixkv

        clock, peak = Clock(before, grounder.device), PeakMemory(grounder.device)
        with _quiet(), _memory_explained():
            inputs = grounder.prepare(screenshot.image, [instruction])
            clock.stop("prepare")
            with mixkv.compress(grounder.model, self.eviction) as cache:
                ids, truncated = _generate(grounder, inputs.tensors, cache)
            clock.stop("generate")
        raw = grounder.decode(ids)
        to_screenshot = model_to_screenshot(grounder.spec.space, inputs.resized, screenshot.size)
        status, point, box, remarks = _place(grounder.parse(raw, truncated), to_screenshot, screenshot.size)
        to_desktop = screenshot.monitor.to_desktop() if screenshot.monitor else Chain()
        clock.stop("parse")
        held = (cache.tokens_seen, cache.tokens_held, cache.bytes_full, cache.bytes_held)
        return Result(
            instruction=instruction,
            status=status,
            point=point and to_desktop.apply(point),
            box=box and to_desktop.apply(box),
            image_size=screenshot.size,
            monitor=screenshot.monitor,
            transform=to_screenshot.then(to_desktop),
            model=ModelUse(grounder.entry.name, grounder.revision, str(grounder.device), _name(grounder.dtype)),
            kv=CacheUse(self.method, self.budget, *held),
            timing_ms={**clock.spent, "total": sum(clock.spent.values())},
            memory=MemoryUse(grounder.weights_bytes, cache.bytes_held, *peak.read()),
            raw=raw,
            warnings=(*screenshot.warnings, *remarks, *self._cache_remarks(cache)),
        )

    def _cache_remarks(self, cache: "CompressedCache") -> list[str]:
        if self.budget is None:
            return []
        if cache.tokens_held >= cache.tokens_seen:
            return [f"budget {self.budget} holds the whole prompt: nothing was evicted"]
        window = getattr(self.eviction, "window", 0)
        if isinstance(self.budget, int) and self.budget <= window:
            return [f"budget {self.budget} is not above the window of {window} tokens: the window was made shorter"]
        return []


def check_instruction(instruction: str) -> str:
    """The instruction, if it is text of 1 to MAX_INSTRUCTION characters; otherwise UsageError."""
    if not instruction.strip():
        raise UsageError('the instruction is empty (say what to find, such as "the Save button")')
    if len(instruction) > MAX_INSTRUCTION:
        found = f"{len(instruction):,} characters, where {MAX_INSTRUCTION:,} are allowed"
        raise UsageError(f"the instruction has {found} (name one target in a few words)")
    if any("\ud800" <= character <= "\udfff" for character in instruction):  # bytes of the command line in no encoding
        raise UsageError(f"the instruction {instruction!r} is no valid text (write it in UTF-8)")
    return instruction


def take_screenshot(image: "str | Path | Image | Screenshot | None") -> Screenshot:
    """The screenshot that `image` stands for: a path, "-", an open picture, a Screenshot, or None for the screen."""
    if image is None:
        return grab()
    return image if isinstance(image, Screenshot) else open_image(image)


def _build_method(name: str | None, budget: int | str | None) -> "Method":
    """The eviction method with its budget; what mixkv says against either becomes a UsageError."""
    import difflib

    import mixkv

    if name is None:
        name = "full" if budget is None else "mixkv"
    if name not in mixkv.METHODS:
        near = difflib.get_close_matches(name.casefold(), mixkv.METHODS, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UsageError(f"unknown method '{name}' ({hint}choose from: {', '.join(mixkv.METHODS)})")
    if name == "full" and budget is not None:
        raise UsageError(f"method 'full' evicts nothing, so it takes no budget, got {budget} (leave one of them out)")
    try:
        return mixkv.make_method(name, **({} if budget is None else {"budget": mixkv.parse_budget(budget)}))
    except ValueError as error:
        raise UsageError(str(error)) from error


def _generate(grounder: "Grounder", tensors: dict, cache: "CompressedCache") -> tuple[list[int], bool]:
    """The new tokens of one greedy answer, and whether it was cut off by the limit."""
    generation = grounder.spec.generation
    stop = {"stop_strings": list(generation.stop), "tokenizer": grounder.tokenizer} if generation.stop else {}
    written = grounder.model.generate(
        **tensors, past_key_values=cache, do_sample=False, num_beams=1, max_new_tokens=generation.max_new_tokens, **stop
    )
    ids = written[0, tensors["input_ids"].shape[-1] :].tolist()
    ends = grounder.model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    text = grounder.decode(ids)
    complete = not ids or ids[-1] in ends or any(text.rstrip().endswith(word) for word in generation.stop)
    return ids, len(ids) >= generation.max_new_tokens and not complete


def _name(dtype: "torch.dtype") -> str:
    return str(dtype).removeprefix("torch.")


def _place(answer: "Answer", chain: Chain, size: Size) -> tuple[str, Point | None, Box | None, list[str]]:
    """Status, point and box of an answer in pixels of the screenshot, and remarks on what was mended."""
    if answer.kind not in ("point", "box"):
        return answer.kind, None, None, []
    remarks = ["the answer was not in the model's own form: its numbers were recovered"] * (
        answer.format == "recovered"
    )
    box = chain.apply(Box(*answer.values)) if answer.kind == "box" else None
    point = box.center if box else chain.apply(Point(*answer.values))
    if size.contains(point):
        return "found", point, box, remarks
    outside = f"the answer ({point.x:.0f}, {point.y:.0f}) lies outside the picture of {size.width}x{size.height}"
    edge = size.clamp(point)
    if abs(edge.x - point.x) > 1 + _OVERSHOOT * size.width or abs(edge.y - point.y) > 1 + _OVERSHOOT * size.height:
        return "unparsable", None, None, [*remarks, f"{outside}: no point was taken from it"]
    return "found", edge, box, [*remarks, f"{outside}: moved to its edge"]


@contextmanager
def _memory_explained() -> Iterator[None]:
    """Turns every way in which memory runs out into one ModelError."""
    try:
        yield
    except MemoryError as error:
        raise _memory_error() from error
    except RuntimeError as error:  # torch.OutOfMemoryError is one; on a CPU the allocator raises a plain RuntimeError
        if any(words in str(error).lower() for words in _OUT_OF_MEMORY):
            raise _memory_error() from error
        raise


def _memory_error() -> ModelError:
    return ModelError(
        "there is not enough memory for this model and picture"
        " (let it look at fewer pixels: --max-pixels 500000, choose a smaller model or --dtype bfloat16)"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps transformers' remarks and progress bars off stderr, and puts its settings back."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
