"""How sure a model is of its answer: from the probabilities of its tokens, or from sampled answers that agree."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guiground.geometry import Box, Point, Size

if TYPE_CHECKING:
    from guiground.answering import Generated
    from guiground.models.answer import Answer
    from guiground.models.load import Grounder

TOKENS, SAMPLES = "token_probability", "agreement"  # the kinds
NEAR = 0.02  # share of the picture's longer side within which a sampled point counts as the same
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?|-?\.[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure the model is of its answer, from 0 to 1.

    kind: "token_probability" is the probability of the answer's numbers but for their last digit, which is a matter of
    a few pixels; of a refusal, that of all its tokens. "agreement" is the share of sampled answers that say the same:
    a point nearby (in the box, where there is one), or a refusal.
    least: what was asked for. margin: by how much it was decided: value minus least; of a refusal, the smallest lead of
    one of its tokens over the runner-up.
    """

    value: float
    kind: str
    least: float | None = None
    margin: float | None = None

    def __str__(self) -> str:
        return f"{self.value:.2f}"

    def to_json(self) -> dict:
        numbers = {name: getattr(self, name) for name in ("value", "least", "margin")}
        rounded = {name: None if number is None else round(number, 4) for name, number in numbers.items()}
        return {"value": rounded["value"], "kind": self.kind, "least": rounded["least"], "margin": rounded["margin"]}


def of_tokens(grounder: "Grounder", generated: "Generated", answer: "Answer") -> Confidence | None:
    """The confidence from the probabilities of the answer's tokens; None where the answer says nothing.

    The probabilities are the model's own: no temperature and no limit on what may be said.
    """
    import torch

    if answer.kind not in ("point", "box", "refused") or not generated.ids:
        return None
    logs = torch.log_softmax(generated.logits.float(), dim=-1)  # [tokens, vocabulary]
    chosen = torch.tensor(generated.ids, device=logs.device)[:, None]
    pieces = [grounder.decode([token]) for token in generated.ids]
    refused = answer.kind == "refused"
    counted = range(len(pieces)) if refused else counted_tokens(pieces, len(answer.values))
    own = logs.gather(-1, chosen)[:, 0]
    value = float(own[list(counted)].sum().exp())
    if not refused:
        return Confidence(value, TOKENS)
    others = logs.scatter(-1, chosen, float("-inf")).amax(dim=-1)
    return Confidence(value, TOKENS, margin=float((own.exp() - others.exp()).min()))


def counted_tokens(pieces: Sequence[str], numbers: int) -> list[int]:
    """The tokens from the last `numbers` numbers' beginning to right after them, without their last digits.

    pieces: the text of each token. Of shares ("0.512") what follows the second decimal is left out too. All tokens
    where the text has fewer numbers than that, because they stand in the prompt.
    """
    found = list(_NUMBER.finditer("".join(pieces)))[-numbers:]
    if len(found) < numbers:
        return list(range(len(pieces)))
    fine = {place for match in found for place in range(match.start() + _coarse(match[0]), match.end())}
    counted, start = [], 0
    for index, piece in enumerate(pieces):
        places = set(range(start, start + len(piece)))
        start += len(piece)
        if start > found[0].start() and not (places and places <= fine):
            counted.append(index)
        if start > found[-1].end():
            break
    return counted


def _coarse(number: str) -> int:
    """How many characters of a number are more than a matter of a few pixels."""
    whole, dot, _ = number.partition(".")
    if dot and abs(float(number)) <= 1:
        return len(whole) + 3
    return len(whole) - 1


def of_samples(
    status: str, point: Point | None, box: Box | None, sampled: Sequence[tuple[str, Point | None]], size: Size
) -> Confidence | None:
    """The share of sampled answers that say what the greedy one says; None where that is nothing.

    sampled: status and point of each. size: of the screenshot.
    """
    if status not in ("found", "refused"):
        return None
    same = [
        said == status and (point is None or _near(place, point, box, NEAR * max(size.to_json())))
        for said, place in sampled
    ]
    return Confidence(sum(same) / len(same), SAMPLES)


def _near(place: Point, point: Point, box: Box | None, reach: float) -> bool:
    if box is not None and box.contains(place):
        return True
    return max(abs(place.x - point.x), abs(place.y - point.y)) <= reach
