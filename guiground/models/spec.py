"""The record that describes a checkpoint: nine fields are all that tells one grounding model from another."""

from dataclasses import dataclass, field

from guiground.errors import UsageError
from guiground.geometry import SPACES

GRAMMARS = ("json", "call", "tags", "box_tokens", "brackets", "parens", "plain")
ORDERS = ("image_first", "text_first")
FITS = ("resize", "pad")
ANSWERS = ("point", "box")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model is told around the screenshot.

    system: text parts of the system message; none sends no system message (a chat template may still add its own).
    user: the user's text. "{instruction}" stands for the instruction, "{width}" and "{height}" (here and in system) for
    the size of the picture that the model sees; all other braces are plain text.
    order: whether the picture or the user's text comes first. lead: text ahead of both.
    prefill: how the model's answer is made to begin; it counts as part of the answer.
    strip_full_stop: drop one "." at the end of the instruction.
    """

    system: tuple[str, ...] = ()
    user: str = "{instruction}"
    order: str = "image_first"
    lead: str = ""
    prefill: str = ""
    strip_full_stop: bool = False

    def __post_init__(self) -> None:
        _choose("order", self.order, ORDERS)
        if "{instruction}" not in self.user:
            raise UsageError(f"the user text {self.user!r} lacks {{instruction}} (put it where the words belong)")


@dataclass(frozen=True, slots=True)
class Pixels:
    """The areas, in pixels, between which a picture is brought before the model sees it.

    fit: "resize" rescales so that both sides are multiples of the model's factor; "pad" keeps every pixel, fills up
    with black at the right and the bottom, and rescales only what is larger than max.
    max_long_side: longest side in pixels, or None.
    """

    min: int
    max: int
    max_long_side: int | None = None
    fit: str = "resize"

    def __post_init__(self) -> None:
        _choose("fit", self.fit, FITS)
        if not 0 < self.min <= self.max:
            raise UsageError(f"pixels need 0 < min <= max, got min {self.min} and max {self.max}")


@dataclass(frozen=True, slots=True)
class Generation:
    """How an answer is written; always greedily.

    max_new_tokens: an answer that reaches it is truncated. stop: texts that end an answer. keep_special_tokens: the
    answer is written with special tokens, leave them in its text. thinking: False asks the chat template for no
    thoughts, True for thoughts, None leaves it alone.
    """

    max_new_tokens: int = 64
    stop: tuple[str, ...] = ()
    keep_special_tokens: bool = False
    thinking: bool | None = None

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise UsageError(f"max_new_tokens must be at least 1, got {self.max_new_tokens}")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The nine fields that describe a checkpoint.

    repo_id: its name on the Hugging Face Hub, "" for the embedded model. factor: sides of the picture are multiples of
    it, in pixels (patch size x merge size). grammar: the form of its answers, see answer.py. space: the unit of their
    numbers, see geometry.py. answer: whether it points or draws a box. refusal: texts by which it says that the target
    is not there.
    """

    repo_id: str
    prompt: Prompt
    pixels: Pixels
    factor: int
    grammar: str
    space: str
    answer: str = "point"
    refusal: tuple[str, ...] = ()
    generation: Generation = field(default_factory=Generation)

    def __post_init__(self) -> None:
        _choose("grammar", self.grammar, GRAMMARS)
        _choose("coordinate space", self.space, SPACES)
        _choose("answer", self.answer, ANSWERS)
        if self.factor < 1:
            raise UsageError(f"factor must be at least 1 pixel, got {self.factor}")
        if self.pixels.fit == "pad" and self.space != "abs_resized":
            raise UsageError(f"fit 'pad' goes with space 'abs_resized', got '{self.space}' (others count the padding)")


def _choose(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"unknown {name} '{value}' (choose from: {', '.join(allowed)})")
