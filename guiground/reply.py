"""What a model generated about a screenshot, as a result: read, brought to pixels, and with how sure it is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from guiground.confidence import of_samples, of_tokens
from guiground.geometry import Box, Chain, Point, Size, model_to_screenshot
from guiground.result import CacheUse, ModelUse, Result

if TYPE_CHECKING:
    from guiground.answering import Generated
    from guiground.meter import Clock
    from guiground.models.answer import Answer
    from guiground.models.load import Grounder, Inputs
    from guiground.screen import Screenshot

_OVERSHOOT = 0.01  # share of a side by which an answer may lie outside the picture and still means its edge


def reply(
    grounder: "Grounder",
    instruction: str,
    screenshot: "Screenshot",
    inputs: "Inputs",
    generated: "Generated",
    drawn: Sequence["Generated"],
    clock: "Clock",
    shared_ms: float,
    kv: CacheUse,
    **known: Any,
) -> Result:
    """The result of one answer. drawn: sampled answers that tell how sure it is; without any, its probabilities do.

    clock: with all that was spent on it. shared_ms: what an earlier answer spent on the same screenshot. known: further
    fields of the result.
    """
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
    dtype = str(grounder.dtype).removeprefix("torch.")
    return Result(
        instruction=instruction,
        status=status,
        point=point and to_desktop.apply(point),
        box=box and to_desktop.apply(box),
        image_size=screenshot.size,
        monitor=screenshot.monitor,
        transform=to_screenshot.then(to_desktop),
        model=ModelUse(grounder.entry.name, grounder.revision, str(grounder.device), dtype),
        kv=kv,
        timing_ms={**clock.spent, "shared": shared_ms, "total": sum(clock.spent.values())},
        raw=raw,
        warnings=(*screenshot.warnings, *remarks, *_cache_remarks(kv, known.pop("window", 0))),
        confidence=confidence,
        answer_tokens=len(generated.ids),
        **known,
    )


def _cache_remarks(kv: CacheUse, window: int) -> list[str]:
    if kv.budget is None:
        return []
    if kv.tokens_held >= kv.tokens_seen:
        return [f"budget {kv.budget} holds the whole prompt: nothing was evicted"]
    remarks = []
    if isinstance(kv.budget, int) and kv.budget <= window:
        remarks.append(f"budget {kv.budget} is not above the window of {window} tokens: the window was made shorter")
    if kv.bytes_untouched:
        remarks.append(
            f"{kv.bytes_untouched:,} of the {kv.bytes_held:,} bytes held are of layers with a sliding window or linear "
            "attention, which no method makes smaller"
        )
    if kv.bytes_offloaded:
        remarks.append(f"{kv.bytes_offloaded:,} bytes lie in the memory of the host, beside the {kv.bytes_held:,} held")
    return remarks


def _said(grounder: "Grounder", generated: "Generated") -> tuple[str, "Answer"]:
    raw = grounder.decode(generated.ids)
    return raw, grounder.parse(raw, generated.truncated)


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
