"""Reads the point or box out of a model's answer.

Seven grammars. A checkpoint's own is tried first and gives format "native"; the others follow as a net and give
"recovered". A failure is a kind of answer, never a point such as (0, 0). Model text is never evaluated, only matched,
and every pattern is linear in the text: runs of whitespace are single spaces by then and every repetition is bounded.
"""

import re
from dataclasses import dataclass

KINDS = ("point", "box", "refused", "unparsable", "truncated")
MAX_CHARACTERS = 65_536  # of an answer; no checkpoint writes as much

_N = r"(-?(?:[0-9]{1,7}(?:\.[0-9]{1,20})?|\.[0-9]{1,20}))"  # ASCII digits, at most seven before the dot
_TWO = rf"{_N} ?, ?{_N}"
_FOUR = rf"{_TWO}(?: ?, ?{_TWO})?"
_PLACE = r"(?:coordinates?|point_2d|point|bbox_2d|bbox|box_2d|box|position)"
_OPEN, _CLOSE, _QUOTE = r"[\[(] ?[\[(]? ?", r" ?[\])]", r"[\"']?"
_GAP = rf"{_QUOTE} ?, ?[^{{}}]{{0,200}}?"

_GRAMMARS = {  # the names of spec.GRAMMARS, in the order in which they are tried
    "json": (
        rf"{_QUOTE}{_PLACE}{_QUOTE} ?: ?{_OPEN}{_FOUR}{_CLOSE}",
        rf"[\"']x1?[\"'] ?: ?{_QUOTE}{_N}{_GAP}[\"']y1?[\"'] ?: ?{_QUOTE}{_N}{_QUOTE} ?(?=[,}}\]]|$)"
        rf"(?:, ?[\"']x2[\"'] ?: ?{_QUOTE}{_N}{_GAP}[\"']y2[\"'] ?: ?{_QUOTE}{_N}{_QUOTE} ?[,}}])?}}?",
    ),
    "call": (
        rf"\b[a-z_]{{0,20}}click ?\( ?(?:x ?= ?)?{_N} ?, ?(?:y ?= ?)?{_N}[^()]{{0,80}}\)",
        rf"\b(?:start_box|{_PLACE}) ?= ?{_QUOTE} ?(?:<[a-z_|]{{1,20}}> ?)?[\[(]? ?{_N} ?[, ] ?{_N}"
        rf"(?: ?, ?{_TWO})?(?: ?[\])>'\"<]|$)",
    ),
    "tags": (
        rf"<(?:point|box|bbox|answer)> ?[\[(]{{0,2}} ?{_N} ?[, ] ?{_N}(?: ?[, ] ?{_N} ?[, ] ?{_N})? ?[\])]{{0,2}} ?</",
        rf"<x> ?{_N} ?</x> ?,? ?<y> ?{_N} ?</y>",
    ),
    "box_tokens": (
        rf"<\|box_start\|> ?[\[(] ?{_TWO}(?: ?[\])] ?, ?[\[(] ?{_TWO}| ?, ?{_TWO})?{_CLOSE} ?<\|box_end\|>",
    ),
    "brackets": (rf"\[ ?\[? ?{_TWO}(?: ?, ?{_TWO}| ?\] ?, ?\[ ?{_TWO})? ?\]",),
    "parens": (rf"\( ?{_TWO}(?: ?, ?{_TWO}| ?\) ?, ?\( ?{_TWO})? ?\)",),
    "plain": (
        rf"(?<![\w.])(?<![0-9],)(?<![0-9], ){_FOUR}(?![\w.]?[0-9]|\w| ?, ?[0-9])",
        rf"\bx ?[:=] ?{_N} ?[,;]? ?(?:and )?y ?[:=] ?{_N}(?![0-9.])",
    ),
}
_PATTERNS = {name: [re.compile(text, re.IGNORECASE | re.ASCII) for text in texts] for name, texts in _GRAMMARS.items()}
_THOUGHTS = (("<think>", "</think>"), ("<grounding_think>", "</grounding_think>"), ("◁think▷", "◁/think▷"))
_NULLS = re.compile(r"[\"']x[\"'] ?: ?null ?, ?[\"']y[\"'] ?: ?null", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered.

    kind: one of KINDS. values: x, y of a point, or left, top, right, bottom of a box, in the model's unit; empty
    otherwise. format: "native" if the answer had the checkpoint's own form, "recovered" if another one was found.
    """

    kind: str
    values: tuple[float, ...] = ()
    format: str = "native"


def parse(text: str, grammar: str, truncated: bool = False, refusal: tuple[str, ...] = ()) -> Answer:
    """The answer that the text gives, prefill included.

    grammar: a name in spec.GRAMMARS. truncated: the text was cut at the limit of new tokens, so numbers count only if
    something closes them. refusal: texts by which this checkpoint says that the target is not there; (-1, -1) and null
    coordinates always do.
    """
    text = " ".join(_without_thoughts(text)[:MAX_CHARACTERS].split())
    values, closed = _read(text, grammar)
    if values and (closed or not truncated):
        return _answer(values, "native")
    if _refuses(text, refusal):
        return Answer("refused")
    if truncated:
        return Answer("truncated")
    for name in _PATTERNS:
        values, _ = _read(text, name)
        if values:
            return _answer(values, "recovered")
    return Answer("unparsable")


def _without_thoughts(text: str) -> str:
    """The text after the last thought; thoughts that were never closed have nothing after them."""
    for opening, closing in _THOUGHTS:
        before, mark, after = text.rpartition(closing)
        text = after if mark else before + after
        text = text.partition(opening)[0]
    return text


def _read(text: str, grammar: str) -> tuple[tuple[float, ...], bool]:
    """The first place in the text by one grammar (two or four numbers, or none), and whether it is closed."""
    for pattern in _PATTERNS[grammar]:
        if match := pattern.search(text):
            values = tuple(float(number) for number in match.groups() if number is not None)
            return values, match.end() < len(text) or match[0][-1] in ")]}>/"
    return (), False


def _answer(values: tuple[float, ...], form: str) -> Answer:
    if all(value == -1 for value in values):
        return Answer("refused", format=form)
    return Answer("box" if len(values) == 4 else "point", values, form)


def _refuses(text: str, refusal: tuple[str, ...]) -> bool:
    words, squeezed = re.findall(r"[a-z]+", text.casefold()), "".join(text.split()).casefold()
    for phrase in refusal:
        phrase = "".join(phrase.split()).casefold()
        if phrase in words if phrase.isalpha() and len(phrase) < 12 else phrase in squeezed:
            return True
    return _NULLS.search(text) is not None
