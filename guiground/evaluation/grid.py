"""A sweep as Markdown: accuracy by method and budget with intervals, and what differs by more than chance."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from guiground.evaluation.comparison import Comparison, compare, compare_all, holm
from guiground.eviction import AFTER_PREFILL

Rows = Mapping[str, Mapping[str, Any]]  # by the sample's id
Cells = Mapping[tuple[str, str, Any], int]  # by method, protocol and budget: the place among the settings
_HOSTS = {"mixkv": "snapkv"}  # what a method adds its ranking to; others say it: mixkv-adakv adds it to adakv


def host(method: str) -> str | None:
    """The method that this one adds a ranking to, by its name; None for one that stands by itself."""
    if method in _HOSTS:
        return _HOSTS[method]
    hosted = method.removeprefix("mixkv-").removesuffix("-mixkv")
    return hosted if hosted != method else None


def markdown(summaries: Sequence[dict[str, Any]], rows: Sequence[Rows]) -> str:
    """Tables of a sweep. summaries, rows: of every setting, in the same order.

    The first has a line a method and protocol and a column a budget: hits in percent with the 95 % interval, marked
    where that is worse (-) or better (+) than the full cache by a paired test, corrected for all settings. The second
    compares each method with its host by the same protocol and at the same budget. That entries go after the prefill
    is not said where no setting has them go before.
    """
    cells = {(_name(one), one["protocol"], one["kv"]["budget"]): place for place, one in enumerate(summaries)}
    titles = {_name(one): one["kv"]["method"] for one in summaries}
    budgets = sorted(dict.fromkeys(budget for _, _, budget in cells), key=lambda budget: budget is not None)
    told = any(protocol != AFTER_PREFILL for _, protocol, _ in cells)
    verdicts = _against_full(cells, rows)
    seen = next(one["kv"]["tokens_seen"] for one in summaries)
    lines = [
        f"{summaries[0]['task']}: hits in % of {summaries[0]['n']:,} targets on {summaries[0]['screenshots']:,} "
        f"screenshots, with the 95 % interval (Wilson); columns are cache entries held for each kv head, of "
        f"{seen:,.0f} in the mean. {summaries[0]['model']}, {summaries[0]['dtype']}, {summaries[0]['device']}, "
        f"torch {summaries[0]['versions']['torch']}, transformers {summaries[0]['versions']['transformers']}.",
        "",
        _line(["method", *["protocol"] * told, *("all" if budget is None else budget for budget in budgets)]),
        _line(["---", *["---"] * told, *["---:"] * len(budgets)]),
    ]
    for method, protocol in dict.fromkeys((method, protocol) for method, protocol, _ in cells):
        line = [titles[method], *[protocol] * told]
        for budget in budgets:
            place = cells.get((method, protocol, budget))
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
                [
                    *("method", *["protocol"] * told, "budget", "against", "won", "lost", "difference"),
                    *("95 % interval", "p (Holm)", "smallest"),
                ]
            ),
            _line(["---", *["---"] * told, "---:", "---", *["---:"] * 6]),
        ]
        for (method, protocol, budget, base), one in pairs:
            low, high = (100 * edge for edge in one.ci95)
            p = f"{one.p_holm:.3f}" if one.p_holm >= 0.001 else "< 0.001"
            change = (one.won, one.lost, f"{100 * one.difference:+.1f}", f"{low:+.1f} to {high:+.1f}")
            setting = (method, *[protocol] * told, budget, base)
            lines.append(_line([*setting, *change, f"{p} {_mark(one)}".strip(), f"{100 * one.smallest:.1f}"]))
        lines += [
            "",
            "Smallest: the smallest true difference that a sample like this shows in 80 of 100 cases; intervals by "
            "drawing screenshots.",
        ]
    return "\n".join([*lines, ""])


def _against_full(cells: Cells, rows: Sequence[Rows]) -> dict[int, str]:
    """The mark of each setting's place; the full cache answers alike by every protocol, so one of them serves all."""
    full = [place for (method, _, _), place in cells.items() if method == "full"]
    others = [place for place in cells.values() if place not in full]
    if not full or not others:
        return {}
    found = compare_all(("full", rows[full[0]]), [(str(place), rows[place]) for place in others])
    return {place: f" {mark}" if (mark := _mark(one)) else "" for place, one in zip(others, found, strict=True)}


def _against_hosts(cells: Cells, rows: Sequence[Rows]) -> list[tuple[tuple[str, str, Any, str], Comparison]]:
    """Every setting with that of its method's host, and the comparison; p is corrected for all of them together."""
    pairs = [
        ((*setting, base), compare((base, rows[cells[base, *setting[1:]]]), (setting[0], rows[place])))
        for setting, place in cells.items()
        if (base := host(setting[0])) and (base, *setting[1:]) in cells
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
