"""Locator: loads a model once and answers instructions about screenshots."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from guiground import eviction
from guiground.answering import RecentScreenshots
from guiground.asking import Asker, Watch
from guiground.errors import UsageError
from guiground.instruction import check_instruction
from guiground.meter import Clock
from guiground.models.running import memory_explained, quiet
from guiground.result import Result
from guiground.screen import Screenshot, View, take
from guiground.zoom import MOST, zoomed

if TYPE_CHECKING:
    from PIL.Image import Image

    from guiground.models.load import Grounder
    from guiground.waiting import Waited
    from mixkv import Method


class Locator:
    """Finds what words describe in a screenshot.

    model: a name from `guiground models` or a folder. method: a name in mixkv.METHODS; by default "gistkv" if there is
    a budget, else "full", which evicts nothing; by protocol "memory" it is "coverkv" with 25 %. budget: entries per kv
    head (64), or a share of the prompt ("10%").
    method_settings: what else the method has, such as {"window": 16}. device, dtype: "auto" or as torch names them.
    max_pixels: the largest area at which the model looks at a screenshot.
    min_confidence: from 0 to 1; what is found with less is "unsure" and has no point. samples: how many answers are
    drawn (seeds 0, 1, ...) to tell the confidence from their agreement; 0 tells it from the answer's probabilities.
    zoom: how many closer looks follow, each at half the sides around the answer before it.
    protocol: when entries are evicted: "after-prefill", "strict" (before the prompt's last token), or "memory" (before
    the instruction: recent screenshots are then held compressed, and every instruction is answered from that).
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
        method_settings: Mapping[str, Any] | None = None,
        device: str = "auto",
        dtype: str = "auto",
        max_pixels: int | None = None,
        min_confidence: float | None = None,
        samples: int = 0,
        zoom: int = 0,
        protocol: str = eviction.AFTER_PREFILL,
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
        self.protocol = eviction.check_protocol(protocol)
        self.watch: Watch | None = None  # sees what each answer left
        self._grounder: Grounder | None = None
        self.recent = RecentScreenshots(keep_bytes)
        self.busy = RLock()  # one model answers one instruction at a time
        clock = Clock()
        self.eviction = eviction.build(method, budget, method_settings, self.protocol)
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
        self.recent.clear()
        self._grounder = None

    @property
    def loaded(self) -> "Grounder | None":
        """The model, if it is loaded."""
        return self._grounder

    @property
    def screenshots_bytes(self) -> int:
        """What is held of recent screenshots."""
        return self.recent.bytes_held

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

        The screenshot is read once: the first result tells the time of that, and of capturing and loading. The answers
        are decoded together, and what that takes is shared equally among them. Where the screenshot must be read anew
        for each instruction, because of the model's prompt or the method, the warnings say so.
        """
        for instruction in instructions:
            check_instruction(instruction)
        screenshot = take(image)
        with self.busy:
            results, asker = [], self._asker()
            spent = {"capture": screenshot.taken_ms, "load": self._load_ms}
            self._load_ms = 0.0
            for result in asker.look(instructions, screenshot, spent):
                look = partial(self._closer, asker, result.instruction)
                results.append(zoomed(result, screenshot, self.zoom, look).at_least(self.min_confidence))
        return results

    def locate_all(
        self, instruction: str, image: "str | Path | Image | View | Screenshot | None" = None
    ) -> list[Result]:
        """One result for each place that fits the instruction; if there is none, the one that says why not.

        What was found is covered up and the model is asked again, so each place takes a reading of its own. What is
        found with less than min_confidence (0.2 if there is none) is no place.
        """
        from guiground.matches import every

        check_instruction(instruction)
        return every(partial(self.locate, instruction), take(image), self.min_confidence)

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

    def locate_batch(self, asked: Sequence[tuple[str, Screenshot]]) -> list[Result]:
        """One result for each instruction and its screenshot, as `locate` gives it, all of them decoded at once.

        Every screenshot is read by itself, and once. One after the other are answered: what a method must see from the
        beginning or keeps in the memory of the host, closer looks, and sampled answers.
        """
        method = self.eviction
        usual = method.in_pieces and not method.offloads and self.protocol == eviction.AFTER_PREFILL
        if len(asked) < 2 or self.zoom or self.samples or not usual:
            return [self.locate(instruction, screenshot) for instruction, screenshot in asked]
        for instruction, _ in asked:
            check_instruction(instruction)
        with self.busy:
            asker, load_ms = self._asker(), self._load_ms
            self._load_ms = 0.0
            return [result.at_least(self.min_confidence) for result in asker.batch(asked, load_ms)]

    def replay(
        self, asked: Sequence[tuple[str, Screenshot]], ways: "Sequence[tuple[Method, str]]"
    ) -> list[list[Result]]:
        """For each method with its protocol the results to each instruction and its screenshot; all read once.

        Raises ValueError for a method that works inside the prefill, UsageError for a memory of it.
        """
        from guiground.replaying import replay

        with self.busy:
            askers = []
            for self.eviction, self.protocol in ways:
                askers.append(self._asker())
            return replay(askers, asked)

    def forget(self) -> None:
        """Lets go of recent screenshots, so that each is read anew."""
        self.recent.clear()

    def _asker(self) -> Asker:
        return Asker(self.load(), self.eviction, self.budget, self.samples, self.recent, self.watch, self.protocol)

    def _closer(self, asker: Asker, instruction: str, part: Screenshot) -> Result:
        return asker.answers([instruction], part, None, {})[0][0]
