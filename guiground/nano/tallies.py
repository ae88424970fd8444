"""Measured answers counted by what was asked: how often they hit, how sure that is, and what refusals are worth."""

from collections.abc import Iterable, Sequence

from guiground.evaluation.statistics import wilson

CLASSES = ("kind", "source", "size", "box", "form")
TITLES = {
    "kind": "what is asked for",
    "source": "who drew the screen",
    "size": "screen",
    "box": "shorter side of the target",
    "form": "wording",
}
SIDES = (16, 24, 40)  # pixels; targets are counted by their shorter side
ABSENT = "absent"  # the kind of what the screen does not show; there the refusal is the hit


def side(box: Sequence[float]) -> str:
    """The class of a target by the shorter side of its box."""
    shorter = min(box[2] - box[0], box[3] - box[1])
    bounds = [0, *SIDES]
    for low, high in zip(bounds, SIDES, strict=False):
        if shorter < high:
            return f"{low}-{high - 1} px"
    return f"{SIDES[-1]} px or more"


def tally(rows: Iterable[dict]) -> dict:
    """How many questions, the share that was hit with its 95 % interval, and the share the pointer found."""
    rows = list(rows)
    hits = sum(row["hit"] for row in rows)
    low, high = wilson(hits, len(rows))
    aimed = [row for row in rows if row["kind"] != ABSENT]
    result = {"n": len(rows), "hit": round(hits / max(len(rows), 1), 4), "ci95": [round(low, 4), round(high, 4)]}
    return result | {"pointed": round(sum(row["pointed"] for row in aimed) / len(aimed), 4) if aimed else None}


def refusals(rows: Sequence[dict]) -> dict:
    """What the answer "none" is worth: its precision and its recall, with the counts they come from."""
    refused = [row for row in rows if row["refused"]]
    absent = [row for row in rows if row["kind"] == ABSENT]
    right = sum(row["kind"] == ABSENT for row in refused)
    present = len(rows) - len(absent)
    return {
        "refused": len(refused),
        "absent": len(absent),
        "precision": round(right / len(refused), 4) if refused else None,
        "recall": round(right / len(absent), 4) if absent else None,
        "denied": round((len(refused) - right) / present, 4) if present else None,
    }


def tables(rows: Sequence[dict], by: Sequence[str]) -> dict:
    """{"all": tally, class: {value: tally}, "refusals": ...}; only questions for what is there count by box."""
    result: dict = {"all": tally(rows)}
    for name in by:
        values = sorted({row[name] for row in rows if row[name]}, key=natural)
        result[name] = {value: tally(row for row in rows if row[name] == value) for value in values}
    if any(row["kind"] == ABSENT for row in rows):
        result["refusals"] = refusals(rows)
    return result


def natural(text: str) -> tuple:
    """A key by which 1280x800 comes before 1920x1080, and 0-15 px before 16-23 px."""
    digits = "".join(c if c.isdigit() else " " for c in text).split()
    return (0, *map(int, digits)) if digits and text[0].isdigit() else (1, text)


def markdown(counted: dict) -> str:
    """The tables as Markdown."""
    lines = []
    for name in ("all", *CLASSES):
        if name not in counted:
            continue
        inner = {"all": counted["all"]} if name == "all" else counted[name]
        lines += [
            f"| {TITLES.get(name, 'questions')} | n | hit % | 95 % interval | pointed % |",
            "|---|---|---|---|---|",
        ]
        for value, one in inner.items():
            low, high = one["ci95"]
            lines.append(
                f"| {value} | {one['n']} | {share(one['hit'])} | {share(low)}-{share(high)} | {share(one['pointed'])} |"
            )
        lines.append("")
    if "refusals" in counted:
        one = counted["refusals"]
        lines += ["| refusals | |", "|---|---|", f"| questions for what is not there | {one['absent']} |"]
        lines.append(f"| answered with a refusal | {share(one['recall'])} % (recall) |")
        lines.append(f"| refusals that are right | {share(one['precision'])} % of {one['refused']} (precision) |")
        lines += [f"| refused although it is there | {share(one['denied'])} % |", ""]
    return "\n".join(lines)


def share(value: float | None) -> str:
    """A share as a percentage with one decimal."""
    return "-" if value is None else f"{100 * value:.1f}"
