"""Locator: loads a model once and answers instructions about screenshots."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from guiground import eviction
from guiground.answering import Generated, Memory, RecentScreenshots, answer, picture_hash, recall
from guiground.confidence import of_samples, of_tokens
from guiground.errors import UsageError
from guiground.geometry import Box, Chain, Point, Size, model_to_screenshot
from guiground.instruction import check_instruction
from guiground.meter import Clock, PeakMemory
from guiground.models.running import compressed, memory_explained, quiet
from guiground.result import CacheUse, MemoryUse, ModelUse, Result
from guiground.screen import Screenshot, View, take
from guiground.zoom import MOST, zoomed

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

    from guiground.models.answer import Answer
    from guiground.models.load import Grounder
    from guiground.waiting import Waited
    from mixkv import CompressedCache

_OVERSHOOT = 0.01  # share of a side by which an answer may lie outside the picture and still means its edge


class Locator:
    """Finds what words describe in a screenshot.

    model: a name from `guiground models` or a folder. method: a name in mixkv.METHODS; by default "mixkv" if there is a
    budget, else "full", which evicts nothing. budget: entries per kv head (64), or a share of the prompt ("10%").
    device, dtype: "auto" or as torch names them. max_pixels: the largest area at which the model looks at a screenshot.
    min_confidence: from 0 to 1; what is found with less is "unsure" and has no point. samples: how many answers are
    drawn (seeds 0, 1, ...) to tell the confidence from their agreement; 0 tells it from the answer's probabilities.
    zoom: how many closer looks follow, each at half the sides around the answer before it.
    keep_bytes: what may be held of recent screenshots, so that none of them is read twice; 0 holds none.

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
        min_confidence: float | None = None,
        samples: int = 0,
        zoom: int = 0,
        keep_bytes: int = 1 << 30,
    ) -> None:
        if max_pixels is not None and max_pixels < 1:
            raise UsageError(
                f"max_pixels must be at least 1, got {max_pixels} (leave it out for the model's own limit)"
            )
        if min_confidence is not None and not 0 <= min_confidence <= 1:
            raise UsageError(f"min_confidence must be from 0 to 1, got {min_confidence} (0.5 is a good start)")
        if samples < 0:
            raise UsageError(f"samples must be at least 0, got {samples} (0 draws none)")
        if zoom not in range(MOST + 1):
            raise UsageError(f"zoom must be from 0 to {MOST}, got {zoom} (0 looks once)")
        self.model = str(model)
        self.min_confidence, self.samples, self.zoom = min_confidence, samples, zoom
        self.device, self.dtype, self.max_pixels = device, dtype, max_pixels
        self._grounder: Grounder | None = None
        self._recent = RecentScreenshots(keep_bytes)
        self._busy = RLock()  # one model answers one instruction at a time
        clock = Clock()
        self.eviction = eviction.build(method, budget)
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
        """Lets go of the model and the screenshots; a later call loads it again."""
        self._recent.clear()
        self._grounder = None

    @property
    def loaded(self) -> "Grounder | None":
        """The model, if it is loaded."""
        return self._grounder

    @property
    def screenshots_bytes(self) -> int:
        """What is held of recent screenshots."""
        return self._recent.bytes_held

    def share(self, other: "Locator") -> None:
        """Uses the model that another locator with the same model, device, dtype and max_pixels has loaded."""
        self._grounder = other.loaded or self._grounder

    def load(self) -> "Grounder":
        """The model, loaded now if it was not yet."""
        if self._grounder is None:
            from guiground.models.load import load, resolve

            resolve(self.model)  # outside of the quiet, so that a download shows how far it is
            clock = Clock()
            with quiet(), memory_explained():
                self._grounder = load(self.model, device=self.device, dtype=self.dtype, max_pixels=self.max_pixels)
            clock.stop("load")
            self._load_ms += clock.spent["load"]
        return self._grounder

    def locate(self, instruction: str, image: "str | Path | Image | View | Screenshot | None" = None) -> Result:
        """Where the instruction's target is.

        image: a path, "-" for standard input, an open picture, a Screenshot, or a View, which names a part of the
        screen; None grabs the primary monitor.
        That the target was not found is a status of the result, not an exception.
        """
        return self.locate_many([instruction], image)[0]

    def locate_many(
        self, instructions: Sequence[str], image: "str | Path | Image | View | Screenshot | None" = None
    ) -> list[Result]:
        """One result for each instruction, all about the same screenshot, each equal to that of `locate`.

        The screenshot is read once: the first result tells the time of that, and of capturing and loading. Where it
        must be read anew for each instruction, because of the model's prompt or the method, the warnings say so.
        """
        for instruction in instructions:
            check_instruction(instruction)
        screenshot = take(image)
        with self._busy:
            grounder, clock = self.load(), Clock({"capture": screenshot.taken_ms, "load": self._load_ms})
            self._load_ms = 0.0
            picture = picture_hash(screenshot.image)
            clock.stop("read")
            spent, memory, results = clock.spent, self._recent.find(picture), []
            for instruction in instructions:
                result, memory = self._answer(grounder, instruction, screenshot, memory, spent)
                look = partial(self._closer, grounder, instruction)
                results.append(zoomed(result, screenshot, self.zoom, look).at_least(self.min_confidence))
                spent = dict.fromkeys(spent, 0.0)
                if not (obstacle := self._obstacle(grounder)):
                    self._recent.keep(picture, memory)
        if len(results) > 1 and obstacle:
            remark = f"{obstacle}: the screenshot was read anew for each instruction"
            results = [replace(result, warnings=(*result.warnings, remark)) for result in results]
        return results

    def _obstacle(self, grounder: "Grounder") -> str | None:
        """What keeps several instructions from sharing one reading of the screenshot."""
        if not self.eviction.in_pieces:
            return f"method '{self.method}' works inside the prefill of the whole prompt"
        if grounder.spec.prompt.order != "image_first":
            return "this model reads the instruction before the screenshot"
        return None

    def click(self, instruction: str, image: "View | Screenshot | None" = None, *, kind: str = "click") -> Result:
        """Finds the target and clicks on it; where it is not found nothing is done, as the status of the result tells.

        kind: "click", "doubleclick", "rightclick" or "move". Raises CaptureError where input cannot be sent, UsageError
        for a picture of which it is not known where it lies on the desktop.
        """
        from guiground.action import Action, perform

        screenshot = take(image).check_on_desktop()
        result = self.locate(instruction, screenshot)
        if result.found:
            perform(Action(kind, result.point))
        return result

    def wait_for(
        self,
        instruction: str,
        view: View | None = None,
        *,
        gone: bool = False,
        timeout: float = 30.0,
        interval: float = 0.5,
    ) -> "Waited":
        """Looks until the target is there, or with `gone` until it is not; what comes back is true if that happened."""
        from guiground.waiting import wait_for

        check_instruction(instruction)
        look = partial(self.locate, instruction)
        return wait_for(look, view, gone=gone, timeout=timeout, interval=interval)

    def _answer(
        self,
        grounder: "Grounder",
        instruction: str,
        screenshot: Screenshot,
        memory: Memory | None,
        spent: dict[str, float],
    ) -> tuple[Result, Memory]:
        """The result, and the memory of the screenshot: the given one if it served. spent: milliseconds up to now."""

        clock, peak = Clock(spent, grounder.device), PeakMemory(grounder.device)
        with quiet(), memory_explained(), compressed(grounder.model, self.eviction):
            known = memory
            inputs, memory = recall(grounder, screenshot.image, instruction, known, clock, self.eviction.in_pieces)
            generated, cache = answer(grounder, inputs, memory)
            drawn = [answer(grounder, inputs, memory, seed)[0] for seed in range(self.samples)]
            clock.stop("generate")
        to_screenshot = model_to_screenshot(grounder.spec.space, inputs.resized, screenshot.size)
        raw, said = _said(grounder, generated)
        status, point, box, remarks = _place(said, to_screenshot, screenshot.size)
        if drawn:
            others = [_place(_said(grounder, one)[1], to_screenshot, screenshot.size)[:2] for one in drawn]
            confidence = of_samples(status, point, box, others, screenshot.size)
        else:
            confidence = of_tokens(grounder, generated, said) if status in ("found", "refused") else None
        to_desktop = screenshot.to_desktop
        clock.stop("parse")
        held = (cache.tokens_seen, cache.tokens_held, cache.bytes_full, cache.bytes_held)
        shared = memory.read_ms if memory is known else 0.0
        result = Result(
            instruction=instruction,
            status=status,
            point=point and to_desktop.apply(point),
            box=box and to_desktop.apply(box),
            image_size=screenshot.size,
            monitor=screenshot.monitor,
            transform=to_screenshot.then(to_desktop),
            model=ModelUse(grounder.entry.name, grounder.revision, str(grounder.device), _name(grounder.dtype)),
            kv=CacheUse(self.method, self.budget, *held),
            timing_ms={**clock.spent, "shared": shared, "total": sum(clock.spent.values())},
            memory=MemoryUse(grounder.weights_bytes, cache.bytes_held, *peak.read(), self._recent.bytes_held),
            raw=raw,
            warnings=(*screenshot.warnings, *remarks, *self._cache_remarks(cache)),
            confidence=confidence,
        )
        return result, memory

    def _closer(self, grounder: "Grounder", instruction: str, part: Screenshot) -> Result:
        return self._answer(grounder, instruction, part, None, {})[0]

    def _cache_remarks(self, cache: "CompressedCache") -> list[str]:
        if self.budget is None:
            return []
        if cache.tokens_held >= cache.tokens_seen:
            return [f"budget {self.budget} holds the whole prompt: nothing was evicted"]
        window = getattr(self.eviction, "window", 0)
        if isinstance(self.budget, int) and self.budget <= window:
            return [f"budget {self.budget} is not above the window of {window} tokens: the window was made shorter"]
        return []


def _said(grounder: "Grounder", generated: Generated) -> "tuple[str, Answer]":
    raw = grounder.decode(generated.ids)
    return raw, grounder.parse(raw, generated.truncated)


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
