"""A sweep as Markdown: accuracy by method and budget with intervals, and what differs by more than chance."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from guiground.evaluation.comparison import Comparison, compare, compare_all, holm

Rows = Mapping[str, Mapping[str, Any]]  # by the sample's id
_HOSTS = {"mixkv": "snapkv"}  # what a method adds its ranking to; others say it: mixkv-adakv adds it to adakv


def host(method: str) -> str | None:
    """The method that this one adds a ranking to, by its name; None for one that stands by itself."""
    if method in _HOSTS:
        return _HOSTS[method]
    hosted = method.removeprefix("mixkv-").removesuffix("-mixkv")
    return hosted if hosted != method else None


def markdown(summaries: Sequence[dict[str, Any]], rows: Sequence[Rows]) -> str:
    """Tables of a sweep. summaries, rows: of every setting, in the same order.

    The first has a line a method and a column a budget: hits in percent with the 95 % interval, marked where that is
    worse (-) or better (+) than the full cache by a paired test, corrected for all settings. The second compares each
    method with its host at the same budget.
    """
    cells = {(_name(one), one["kv"]["budget"]): place for place, one in enumerate(summaries)}
    titles = {_name(one): one["kv"]["method"] for one in summaries}
    budgets = sorted(dict.fromkeys(budget for _, budget in cells), key=lambda budget: budget is not None)
    verdicts = _against_full(cells, rows)
    seen = next(one["kv"]["tokens_seen"] for one in summaries)
    lines = [
        f"{summaries[0]['task']}: hits in % of {summaries[0]['n']:,} targets on {summaries[0]['screenshots']:,} "
        f"screenshots, with the 95 % interval (Wilson); columns are cache entries held for each kv head, of "
        f"{seen:,.0f} in the mean. {summaries[0]['model']}, {summaries[0]['dtype']}, {summaries[0]['device']}, "
        f"torch {summaries[0]['versions']['torch']}, transformers {summaries[0]['versions']['transformers']}.",
        "",
        _line(["method", *("all" if budget is None else budget for budget in budgets)]),
        _line(["---", *["---:"] * len(budgets)]),
    ]
    for method in dict.fromkeys(method for method, _ in cells):
        line = [titles[method]]
        for budget in budgets:
            place = cells.get((method, budget))
            line.append("" if place is None else _cell(summaries[place]) + verdicts.get(place, ""))
        lines.append(_line(line))
    if verdicts:
        lines += [
            "",
            "- worse, + better than the full cache on the same targets: exact McNemar test, p corrected after Holm for "
            f"all {len(verdicts)} settings, 5 %.",
        ]
    pairs = _against_hosts(cells, rows)
    if pairs:
        lines += [
            "",
            "With and without the ranking that mixes importance and diversity, at the same budget, in points:",
            "",
            _line(
                ["method", "budget", "against", "won", "lost", "difference", "95 % interval", "p (Holm)", "smallest"]
            ),
            _line(["---", "---:", "---", *["---:"] * 6]),
        ]
        for (method, budget, base), one in pairs:
            low, high = (100 * edge for edge in one.ci95)
            p = f"{one.p_holm:.3f}" if one.p_holm >= 0.001 else "< 0.001"
            change = (one.won, one.lost, f"{100 * one.difference:+.1f}", f"{low:+.1f} to {high:+.1f}")
            lines.append(
                _line([method, budget, base, *change, f"{p} {_mark(one)}".strip(), f"{100 * one.smallest:.1f}"])
            )
        lines += [
            "",
            "Smallest: the smallest true difference that a sample like this shows in 80 of 100 cases; intervals by "
            "drawing screenshots.",
        ]
    return "\n".join([*lines, ""])


def _against_full(cells: Mapping[tuple[str, Any], int], rows: Sequence[Rows]) -> dict[int, str]:
    full = cells.get(("full", None))
    if full is None:
        return {}
    others = [place for place in cells.values() if place != full]
    if not others:
        return {}
    found = compare_all(("full", rows[full]), [(str(place), rows[place]) for place in others])
    return {place: f" {mark}" if (mark := _mark(one)) else "" for place, one in zip(others, found, strict=True)}


def _against_hosts(
    cells: Mapping[tuple[str, Any], int], rows: Sequence[Rows]
) -> list[tuple[tuple[str, Any, str], Comparison]]:
    """Every method and budget with its host, and the comparison; p is corrected for all of them together."""
    pairs = [
        ((method, budget, base), compare((base, rows[cells[base, budget]]), (method, rows[place])))
        for (method, budget), place in cells.items()
        if (base := host(method)) and (base, budget) in cells
    ]
    corrected = holm([one.p for _, one in pairs])
    return [(name, replace(one, p_holm=p)) for (name, one), p in zip(pairs, corrected, strict=True)]


def _name(measured: dict[str, Any]) -> str:
    return measured["kv"]["method"].partition(" ")[0]  # what follows is a note


def _mark(one: Comparison) -> str:
    return "+" if one.better else "-" if one.worse else ""


def _cell(measured: dict[str, Any]) -> str:
    low, high = measured["ci95"]
    return f"{100 * measured['accuracy']:.1f} ({100 * low:.1f} - {100 * high:.1f})"


def _line(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
