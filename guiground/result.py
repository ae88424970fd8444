"""The answer to one instruction, with everything needed to check it."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from guiground.confidence import Confidence
from guiground.geometry import Box, Chain, Point, Size
from guiground.kept import KeptTokens
from guiground.screen.screenshot import Monitor

SCHEMA_VERSION = 1
STATUSES = ("found", "refused", "unsure", "unparsable", "truncated")
NOT_THERE = ("refused", "unsure")  # the model says so, or is not sure enough of what it found


@dataclass(frozen=True, slots=True)
class ModelUse:
    """Which weights answered, and where they ran. revision: commit on the Hub, or None for a local folder."""

    name: str
    revision: str | None
    device: str
    dtype: str


@dataclass(frozen=True, slots=True)
class CacheUse:
    """What the key/value cache held when the answer was complete.

    budget: as asked for, in entries per kv head or as a percentage; None without eviction. tokens_seen: prompt and
    answer. tokens_held: mean entries per kv head. bytes_full: what an uncompressed cache would hold. bytes_untouched:
    the part of bytes_held in layers that no method makes smaller. bytes_offloaded: what lies in the host's memory
    beside it, to be recalled.
    """

    method: str
    budget: int | str | None
    tokens_seen: int
    tokens_held: float
    bytes_full: int
    bytes_held: int
    bytes_untouched: int = 0
    bytes_offloaded: int = 0


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Bytes of the weights, of the cache as held, and the peak; peak_of: "cuda:0" (allocated), "process" (resident).

    screenshots_bytes: what is held of recent screenshots, so that they are not read again. prefill_bytes: by how much
    memory rose while the screenshot was read, for this result or an earlier one; None where the system does not tell.
    """

    weights_bytes: int
    kv_bytes: int
    peak_bytes: int | None
    peak_of: str
    screenshots_bytes: int = 0
    prefill_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """Where the target is, if it was found; unpacks as x, y for `pyautogui.click(*result)`.

    status: one of STATUSES. point, box: in pixels of the input picture; for a screen grab in desktop coordinates. Both
    are None unless the status is "found"; box is None where the model gives points. transform: from the numbers the
    model wrote to point. timing_ms: milliseconds by stage; "shared" is what an earlier result spent on reading the same
    screenshot, which is in no other stage and not in "total". raw: the model's answer as it wrote it, in answer_tokens
    tokens. confidence: None where the answer says nothing. batch: how many instructions were answered at once, whose
    times are of all of them. kept: which parts of the screenshot are still held; None where nothing was evicted.
    """

    instruction: str
    status: str
    point: Point | None
    box: Box | None
    image_size: Size
    monitor: Monitor | None
    transform: Chain
    model: ModelUse
    kv: CacheUse
    timing_ms: dict[str, float]
    memory: MemoryUse
    raw: str
    warnings: tuple[str, ...] = ()
    confidence: Confidence | None = None
    answer_tokens: int = 0
    batch: int = 1
    kept: KeptTokens | None = None

    @property
    def found(self) -> bool:
        return self.status == "found"

    @property
    def pixel(self) -> tuple[int, int] | None:
        """The point as whole pixels: the pixel that holds it."""
        return None if self.point is None else (math.floor(self.point.x), math.floor(self.point.y))

    def __iter__(self) -> Iterator[int]:
        """x and y as whole pixels. Raises ValueError if nothing was found."""
        if self.pixel is None:
            raise ValueError(f"there is no point to unpack: {self.explain()} (look at result.status first)")
        yield from self.pixel

    def explain(self) -> str:
        """One sentence on what came of the instruction."""
        answer = f"it answered {self.raw[:120]!r}"
        if self.found:
            return f"{self.instruction!r} is at {self.pixel}"
        if self.status == "refused":
            sure = f" (confidence {self.confidence})" if self.confidence else ""
            return f"{self.instruction!r} was not found in the picture: {answer}{sure}"
        if self.status == "unsure":
            sure = f"{self.confidence}, {-self.confidence.margin:.2f} below the {self.confidence.least:.2f} asked for"
            return f"{self.instruction!r} was not found with enough confidence ({sure}): {answer}"
        if self.status == "truncated":
            return f"the model's answer was cut off before it named a point: {answer}"
        return f"the model's answer names no point in the picture: {answer}"

    def at_least(self, confidence: float | None) -> "Result":
        """The same, but "unsure" and without a point where what was found has less confidence than this."""
        if confidence is None or self.confidence is None or not self.found:
            return self
        told = replace(self.confidence, least=confidence, margin=self.confidence.value - confidence)
        if told.margin >= 0:
            return replace(self, confidence=told)
        return replace(self, confidence=told, status="unsure", point=None, box=None)

    def on_screenshot(self) -> tuple[Point | None, Box | None]:
        """Point and box in pixels of the screenshot, also where that is a part of a picture or of the desktop."""
        ends = [number for number, hop in enumerate(self.transform.hops, 1) if hop.name.endswith(" -> screenshot")]
        onward = ends[-1] if ends else 0
        back = Chain(self.transform.hops[onward:]).inverse()
        return self.point and back.apply(self.point), self.box and back.apply(self.box)

    def to_json(self) -> dict:
        """The same as a dict of plain JSON values."""
        return {
            "schema_version": SCHEMA_VERSION,
            "instruction": self.instruction,
            "status": self.status,
            "point": self.point and _rounded(self.point.to_json()),
            "box": self.box and _rounded(self.box.to_json()),
            "confidence": self.confidence and self.confidence.to_json(),
            "image_size": self.image_size.to_json(),
            "monitor": self.monitor and self.monitor.to_json(),
            "transform": self.transform.to_json(),
            "model": asdict(self.model),
            "kv": asdict(self.kv),
            "timing_ms": {stage: round(spent, 1) for stage, spent in self.timing_ms.items()},
            "memory": asdict(self.memory),
            "raw": self.raw,
            "answer_tokens": self.answer_tokens,
            "warnings": list(self.warnings),
        }


def _rounded(numbers: list[float]) -> list[float]:
    return [round(number, 2) for number in numbers]
