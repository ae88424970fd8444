"""What each method with each budget holds of one screenshot when it answers one instruction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guiground.errors import UsageError
from guiground.geometry import Box, Size, TokenGrid

if TYPE_CHECKING:
    from numpy import ndarray

    from guiground.locator import Locator
    from guiground.models.load import Inputs
    from guiground.result import Result
    from guiground.screen import Screenshot
    from mixkv import CompressedCache


@dataclass(frozen=True, slots=True)
class Held:
    """One method with one budget.

    shares: of the heads looked at, those that hold each image token  # [rows, columns], 0 to 1. text: mean number of
    tokens beside the picture that a head holds, of text_tokens. grid: where the image tokens lie on the screenshot.
    """

    result: "Result"
    grid: TokenGrid
    shares: "ndarray"
    text: float
    text_tokens: int

    @property
    def name(self) -> str:
        budget = self.result.kv.budget
        return self.result.kv.method if budget is None else f"{self.result.kv.method} {budget}"

    def on(self, box: Box) -> float:
        """The share of the held image tokens, head by head, that lie on the box."""
        tokens = self.grid.tokens_on(box)
        return float(self.shares.flat[tokens].sum() / max(self.shares.sum(), 1e-9))

    def to_json(self, target: Box | None = None) -> dict[str, Any]:
        """Plain values; target: the box the answer should lie in, in the screenshot's pixels."""
        result, (point, _) = self.result, self.result.on_screenshot()
        facts = {
            "method": result.kv.method,
            "budget": result.kv.budget,
            "status": result.status,
            "point": point and [round(side, 2) for side in point],
            "hit": None if target is None else bool(point and target.contains(point)),
            "tokens_seen": result.kv.tokens_seen,
            "tokens_held": round(result.kv.tokens_held, 2),
            "bytes_full": result.kv.bytes_full,
            "bytes_held": result.kv.bytes_held,
            "image_tokens": self.shares.size,
            "image_tokens_held": round(float(self.shares.sum()), 2),
            "image_tokens_held_anywhere": int((self.shares > 0).sum()),
            "text_tokens": self.text_tokens,
            "text_tokens_held": round(self.text, 2),
        }
        return facts if target is None else {**facts, "on_target": round(self.on(target), 4)}


def explain(
    instruction: str,
    screenshot: "Screenshot",
    locators: Sequence["Locator"],
    layer: int | None = None,
    head: int | None = None,
    on_locator: Callable[["Locator"], None] = lambda locator: None,
) -> list[Held]:
    """What the method of each locator holds; the model is loaded once, by the first.

    layer, head: look at one layer, or at one kv head of each layer looked at, counted from 0. Raises UsageError for one
    that the model has not.
    """
    found: list[Held] = []
    for locator in locators:
        on_locator(locator)
        locator.share(locators[0])
        notes: list[tuple[Inputs, CompressedCache]] = []
        locator.watch = lambda inputs, _, cache, notes=notes: notes.append((inputs, cache))
        try:
            result = locator.locate(instruction, screenshot)
        finally:
            locator.watch = None
        inputs, cache = notes[0]
        found.append(_held(result, inputs, cache, Size(*screenshot.image.size), layer, head))
    return found


def _held(
    result: "Result", inputs: "Inputs", cache: "CompressedCache", size: Size, layer: int | None, head: int | None
) -> Held:
    import torch

    layers = [cache.kept[number][0] for number in sorted(cache.kept)]  # each [kv_heads, tokens]
    if layer is not None:
        layers = [_pick("layer", layers, layer)]
    if head is not None:
        layers = [_pick("head", of_layer, head)[None] for of_layer in layers]
    shares = torch.cat(layers).float().mean(0).cpu().numpy()  # [tokens]
    start, grid = inputs.image_start[0], inputs.token_grid
    of_image = shares[start : start + inputs.image_tokens]
    text = float(shares.sum() - of_image.sum())
    return Held(
        result, inputs.grid_on(size), of_image.reshape(grid.height, grid.width), text, len(shares) - inputs.image_tokens
    )


def _pick(what: str, parts: Sequence[Any], number: int) -> Any:
    if not 0 <= number < len(parts):
        raise UsageError(f"there is no {what} {number} in this model (choose from: 0 to {len(parts) - 1})")
    return parts[number]
