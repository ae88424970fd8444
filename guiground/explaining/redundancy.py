"""How much alike the keys of each head are when a model has read a screenshot."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guiground.locator import Locator
    from guiground.screen import Screenshot

PARTS = ("all", "image", "text")


@dataclass(frozen=True, slots=True)
class Redundancy:
    """Mean cosine similarity of two keys of a head, [layers][kv_heads], and of how many tokens."""

    heads: list[list[float]]
    tokens: int
    part: str

    @property
    def mean(self) -> float:
        return sum(map(sum, self.heads)) / sum(map(len, self.heads))


def redundancy(locator: "Locator", instruction: str, screenshot: "Screenshot", part: str = "all") -> Redundancy:
    """The redundancy of every head on the prompt for this instruction, as MixKV weighs diversity with it.

    part: over "all" tokens of the prompt (MixKV's), those of the "image", or the "text" beside it. The locator must
    hold the full cache.
    """
    import torch

    from mixkv.diversity import redundancy as of_keys

    found: list[Redundancy] = []

    def watch(inputs: object, generated: object, cache: object) -> None:
        prompt, start = inputs.tensors["input_ids"].shape[1], inputs.image_start[0]
        chosen = torch.arange(prompt, device=cache.layers[0].keys.device)
        of_image = (chosen >= start) & (chosen < start + inputs.image_tokens)
        chosen = chosen[{"all": chosen >= 0, "image": of_image, "text": ~of_image}[part]]
        heads = [of_keys(layer.keys[:, :, chosen])[0, :, 0].tolist() for layer in cache.layers]
        found.append(Redundancy(heads, len(chosen), part))

    locator.watch = watch
    try:
        locator.locate(instruction, screenshot)
    finally:
        locator.watch = None
    return found[0]
