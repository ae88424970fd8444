"""Which attention heads of a model look at the target when it answers: measured on labelled screens.

The packaged screens (`screens/`, drawn by `python -m guiground.nano.head_screens`) belong to no benchmark.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from guiground.errors import ModelError
from guiground.geometry import Box

if TYPE_CHECKING:
    from guiground.locator import Locator
    from guiground.models.load import Grounder
    from guiground.screen import Screenshot
    from mixkv.head_scores import HeadScores
    from mixkv.heads import Sample

SCREENS = Path(__file__).parent / "screens" / "screens.json"
MODES = ("hit", "mass")


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked for on a screenshot, and the box it lies in, in the screenshot's pixels."""

    screenshot: "Screenshot"
    instruction: str
    box: Box


@dataclass(frozen=True, slots=True)
class Measured:
    """Scores of the query heads [layers][query_heads], and from how many of the targets: those the model hit.

    kv_heads: how many heads of a layer have keys and values of their own.
    """

    scores: "HeadScores"
    used: int
    targets: int
    mode: str
    kv_heads: int

    @property
    def of_kv_heads(self) -> list[list[float]]:
        """Each kv head's share of all scores, [layers][kv_heads]: the sum over its query heads."""
        total, group = sum(map(sum, self.scores)), len(self.scores[0]) // self.kv_heads
        return [
            [sum(layer[start : start + group]) / total for start in range(0, len(layer), group)]
            for layer in self.scores
        ]


def measure(
    locator: "Locator",
    targets: Iterable[Target],
    mode: str = "hit",
    misses: bool = False,
    on_target: Callable[[int], None] = lambda number: None,
) -> Measured:
    """The visual head scores of the locator's model, by its own greedy answers about the targets.

    A target that the model misses says nothing on which head found it: it counts only with `misses`. mode: as in
    mixkv.heads.measure. Raises ModelError where no target is hit.
    """
    from mixkv import heads

    grounder, seen, used = locator.load(), 0, 0

    def samples() -> Iterator["Sample"]:
        nonlocal seen, used
        for seen, target in enumerate(targets, 1):
            on_target(seen)
            if (sample := _sample(locator, grounder, target, misses)) is not None:
                used += 1
                yield sample
        if not used:
            raise ModelError(
                f"the model hits none of the {seen} targets, so no head can be told to look at one (give targets it "
                "can find as an annotation file, or --misses to count them all)"
            )

    try:
        scores = heads.measure(grounder.model, samples(), mode)
    except ValueError as error:
        raise ModelError(f"no head attends to a target most of all: {error}") from error
    return Measured(scores, used, seen, mode, grounder.model.get_decoder().config.num_key_value_heads)


def store(grounder: "Grounder", measured: Measured) -> Path:
    """Writes the scores where the methods look for those of this model; returns the file."""
    from mixkv.head_scores import save_head_scores

    facts = {"name": grounder.entry.name, "revision": grounder.revision, "mode": measured.mode}
    try:
        return save_head_scores(grounder.model, measured.scores, **facts, targets=measured.targets, used=measured.used)
    except OSError as error:
        raise ModelError(
            f"the scores cannot be stored in '{error.filename}': {error.strerror} (set XDG_DATA_HOME to a folder of "
            "your own)"
        ) from error


def _sample(locator: "Locator", grounder: "Grounder", target: Target, misses: bool) -> "Sample | None":
    """The prompt with the model's answer to it; None for a target that it misses, unless `misses` count."""
    import torch

    from mixkv.heads import Sample

    answers: list[list[int]] = []
    locator.watch = lambda inputs, generated, cache: answers.append(generated.ids)
    try:
        result = locator.locate(target.instruction, target.screenshot)
    finally:
        locator.watch = None
    point, _ = result.on_screenshot()
    if not misses and (point is None or not target.box.contains(point)):
        return None
    inputs = grounder.prepare(target.screenshot.image, [target.instruction])
    tensors, said = dict(inputs.tensors), torch.tensor([answers[0][:-1]], dtype=torch.long, device=grounder.device)
    for name, filling in (("input_ids", said), ("attention_mask", said * 0 + 1), ("mm_token_type_ids", said * 0)):
        tensors[name] = torch.cat([tensors[name], filling.to(tensors[name].dtype)], -1)
    grid = inputs.grid_on(target.screenshot.size)
    positions = [inputs.image_start[0] + token for token in grid.tokens_on(target.box)]
    return Sample(tensors, positions, answer=said.shape[-1] + 1)  # each position that wrote a token of the answer
