"""The rows of a run in classes: what kind of target, how large, on which screen, in which program, worded how."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

_SIDES = ((16, "under 16 px"), (32, "16 - 32 px"), (64, "32 - 64 px"), (float("inf"), "over 64 px"))
_AREAS = ((1.1, "up to 1.1 MP"), (2.1, "1.1 - 2.1 MP"), (4.0, "2.1 - 4 MP"), (float("inf"), "over 4 MP"))
_MOST_SIZES = 8  # so many sizes of screens are told one by one, more of them in classes
NO_TARGET = "nothing to find"
_RELATION = re.compile(
    r"\b(next to|beside|near|between|under|below|beneath|above|over|left of|right of|inside|within|first|second|third"
    r"|fourth|fifth|last|(to|on|at) the (left|right|top|bottom)|(top|bottom|upper|lower)[- ](left|right))\b"
)
_ACTION = re.compile(
    r"(activate|add|adjust|change|check|choose|clear|click|close|collapse|copy|create|cut|delete|deselect|disable"
    r"|display|download|drag|edit|enable|enter|exit|expand|filter|find|focus|follow|get|go|hide|hit|input|insert|jump"
    r"|launch|like|log|look|make|maximize|minimize|mute|navigate|open|pause|paste|pick|play|post|press|put|read|redo"
    r"|refresh|reload|remove|rename|reply|reset|restore|return|run|save|scroll|search|see|select|send|set|share|show"
    r"|sign|sort|start|stop|submit|switch|tap|toggle|turn|type|uncheck|undo|unfold|unmute|update|upload|use|view|visit"
    r"|write|zoom)\b.*\w"
)
_TO_DO = re.compile(r"(click|tap|press|hit|open|close|select|choose|pick|go|find|use|\w+ (the|a|an|on|in|to|your))\b")
_ROLE = re.compile(
    r"\w.*\b(area|arrow|bar|box|button|cell|checkbox|column|combo|dropdown|entry|field|header|heading|icon|image|item|key"
    r"|label|link|list|logo|menu|option|panel|picture|radio|row|scrollbar|slider|spinner|switch|tab|text|textbox|title"
    r"|toggle|toolbar|tree|widget|window)\b"
)


def wording(instruction: str) -> str:
    """How the target is called: by a relation to something else, by an action, by its role, or by its name alone."""
    words = instruction.strip().lower()
    if _RELATION.search(words):
        return "relation"
    role = _ROLE.search(words)
    if _ACTION.match(words) and not (role and role.end() == len(words) and not _TO_DO.match(words)):
        return "action"
    return "role" if role else "name"


def size_class(target: Sequence[float] | None) -> str:
    """How large a target is, by its shorter side in pixels of the screenshot."""
    if target is None:
        return NO_TARGET
    side = min(target[2] - target[0], target[3] - target[1])
    return next(name for limit, name in _SIDES if side < limit)


def _screen(size: Sequence[int]) -> str:
    return next(name for limit, name in _AREAS if size[0] * size[1] / 1e6 <= limit)


_CLASSES: dict[str, tuple[Callable[[dict[str, Any]], str], tuple[str, ...]]] = {  # of a row; their order, if not A to Z
    "kind": (lambda row: row.get("kind") or "", ()),
    "target": (
        lambda row: size_class(row["target"]) if "target" in row else "",
        (*(name for _, name in _SIDES), NO_TARGET),
    ),
    "screen": (lambda row: _screen(row["image_size"]) if row.get("image_size") else "", tuple(n for _, n in _AREAS)),
    "source": (lambda row: row.get("source") or "", ()),
    "wording": (lambda row: wording(row.get("instruction", "")), ("name", "role", "action", "relation")),
}
BY = tuple(_CLASSES)


def broken_down(rows: Sequence[dict[str, Any]], by: str) -> dict[str, list[bool]]:
    """Whether each row was hit, by class; by: one of BY. Rows of which the class is not known are left out."""
    classify, order = _CLASSES[by]
    sizes = Counter(tuple(row["image_size"]) for row in rows if row.get("image_size"))
    if by == "screen" and len(sizes) <= _MOST_SIZES:
        order = tuple(f"{width}x{height}" for width, height in sorted(sizes, key=lambda size: size[0] * size[1]))

        def classify(row: dict[str, Any]) -> str:
            return "{}x{}".format(*row["image_size"]) if row.get("image_size") else ""

    classes = defaultdict(list)
    for row in rows:
        classes[classify(row)].append(bool(row["hit"]))
    classes.pop("", None)
    rank = {name: place for place, name in enumerate(order)}
    return {name: classes[name] for name in sorted(classes, key=lambda name: (rank.get(name, 0), name))}
