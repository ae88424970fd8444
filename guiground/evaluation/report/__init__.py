"""A report of one or several runs: one HTML page that needs no network, and its twins in Markdown and CSV."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from guiground.evaluation import comparison, summary
from guiground.evaluation.breakdown import BY
from guiground.evaluation.report.charts import COLOURS, Mark, chart
from guiground.evaluation.report.gallery import gallery
from guiground.evaluation.runs import Run

_COLUMNS = ("task", "run", "model", "method", "budget", "group", "n", "hits", "accuracy", "low", "high")


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the three forms of the report show: a summary a run, and the comparisons with the first run."""

    runs: tuple[Run, ...]
    summaries: tuple[dict[str, Any], ...]
    labels: tuple[str, ...]
    comparisons: tuple[comparison.Comparison, ...]

    @property
    def task(self) -> str:
        return ", ".join(dict.fromkeys(run.task for run in self.runs))


def numbers(runs: Sequence[Run]) -> Numbers:
    """The numbers of the runs; only runs of the first run's task are compared with it."""
    measured = [summary.summarise(run.task, list(run.rows.values()), run.settings, run.run) for run in runs]
    labels = [run.label for run in runs]
    if len(set(labels)) < len(labels):
        labels = [f"{run.label} @{run.run[:6]}" for run in runs]
    first, *others = zip(labels, runs, strict=True)
    same = [(label, run.rows) for label, run in others if run.settings.get("task") == first[1].settings.get("task")]
    same = [(label, rows) for label, rows in same if rows.keys() & first[1].rows.keys()]
    compared = comparison.compare_all((first[0], first[1].rows), same) if same else []
    return Numbers(tuple(runs), tuple(measured), tuple(labels), tuple(compared))


def html(found: Numbers, pictures: int = 150) -> str:
    """The page. pictures: how many instructions are shown with their screenshots."""
    from jinja2 import Environment

    series = [
        f"{measured['model']} {measured['kv']['method']}{run.when}"
        for run, measured in zip(found.runs, found.summaries, strict=True)
    ]
    colours = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(dict.fromkeys(series))}
    shots, screens = gallery(found.runs, pictures)
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["percent"] = lambda share: f"{100 * share:.1f}"
    template = environment.from_string(files(__package__).joinpath("page.html").read_text(encoding="utf-8"))
    environments = [json.dumps({"settings": run.settings, **run.about}, indent=1, default=str) for run in found.runs]
    return template.render(
        found=found,
        charts=_charts(found, series, colours),
        breakdowns=breakdowns(found),
        of_class=of_class,
        colours=[colours[name] for name in series],
        shots=shots,
        kept_runs=sorted({said.run for shot in shots for said in shot.answers if said.kept}),
        screens=screens,
        sizes=list(dict.fromkeys(shot.size for shot in shots)),
        shot_groups=sorted({shot.group for shot in shots}),
        total=len({identity for run in found.runs for identity in run.rows}),
        environments=environments,
    )


def markdown(found: Numbers) -> str:
    """The tables of the report, for a README or a pull request."""
    lines = [
        f"# {found.task}",
        "",
        "| run | n | accuracy % | 95 % interval | macro % | tokens held | cache MiB | p50 ms | p95 ms | tokens/s |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for label, measured in zip(found.labels, found.summaries, strict=True):
        low, high = measured["ci95"]
        kv, latency = measured["kv"], measured["latency_ms"]
        cells = [
            label,
            f"{measured['n']:,}",
            f"{100 * measured['accuracy']:.1f}",
            f"{100 * low:.1f} - {100 * high:.1f}",
        ]
        cells += [f"{100 * measured['macro']:.1f}", _maybe(kv["tokens_held"]), _maybe(kv["bytes_held"], 2**20, 2)]
        speed = _maybe(measured["tokens_per_second"], digits=1)
        lines.append(_line([*cells, _maybe(latency["p50"]), _maybe(latency["p95"]), speed]))
    if found.comparisons:
        lines += ["", f"Against {found.labels[0]}:", "", "| run | won | lost | difference | 95 % interval | p (Holm) |"]
        lines.append("| --- | ---: | ---: | ---: | ---: | ---: |")
        for one in found.comparisons:
            interval = f"{100 * one.ci95[0]:+.1f} to {100 * one.ci95[1]:+.1f}"
            lines.append(
                _line([one.other, one.won, one.lost, f"{100 * one.difference:+.1f}", interval, f"{one.p_holm:.3g}"])
            )
    for title, names in breakdowns(found):
        lines += ["", _line([title, *found.labels]), _line(["---", *["---:"] * len(found.labels)])]
        for name in names:
            shares = [of_class(measured, title, name) for measured in found.summaries]
            lines.append(_line([name, *("" if share is None else _share(share) for share in shares)]))
    lines += ["", "A hit lies in the closed box or outline; accuracy is over all targets (micro).", ""]
    return "\n".join(lines)


def breakdowns(found: Numbers) -> list[tuple[str, list[str]]]:
    """What the targets are told apart by, and the classes of each: the groups, and what has several classes."""
    kinds = [("group", list(dict.fromkeys(name for one in found.summaries for name in one["groups"])))]
    kinds += [(by, list(dict.fromkeys(name for one in found.summaries for name in one["by"][by]))) for by in BY]
    return [(by, names) for by, names in kinds if by == "group" or len(names) > 1]


def of_class(measured: dict[str, Any], by: str, name: str) -> dict[str, Any] | None:
    """What a run got in a class; None where it has no targets of it."""
    return (measured["groups"] if by == "group" else measured["by"][by]).get(name)


def table(found: Numbers) -> str:
    """CSV with a line for every run and group, and one for the whole of a run (group "all")."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for measured in found.summaries:
        about = [
            measured["task"],
            measured["run"],
            measured["model"],
            measured["kv"]["method"],
            measured["kv"]["budget"],
        ]
        for group, share in (("all", measured), *measured["groups"].items()):
            counts = [share["n"], share["hits"], f"{share['accuracy']:.6f}", *(f"{edge:.6f}" for edge in share["ci95"])]
            writer.writerow([*about, group, *counts])
    return file.getvalue()


def _charts(found: Numbers, series: Sequence[str], colours: dict[str, str]) -> list[tuple[str, str]]:
    """Title and SVG of every chart that has something to show."""
    if len(found.runs) < 2:
        return []
    axes = (
        ("accuracy against budget", "cache entries held per head (mean)", lambda m: m["kv"]["tokens_held"]),
        (
            "accuracy against memory",
            "cache held, MiB (mean)",
            lambda m: m["kv"]["bytes_held"] and m["kv"]["bytes_held"] / 2**20,
        ),
        ("accuracy against latency", "median answer, ms", lambda m: m["latency_ms"]["p50"]),
    )
    drawn = []
    for title, unit, value in axes:
        marks = [
            Mark(name, label, value(m), 100 * m["accuracy"], 100 * m["ci95"][0], 100 * m["ci95"][1])
            for name, label, m in zip(series, found.labels, found.summaries, strict=True)
            if value(m) is not None
        ]
        if len(marks) > 1:
            drawn.append((title, chart(marks, title, unit, colours)))
    legend = "".join(
        f'<span><i style="background:{colour}"></i>{_escape(name)}</span>' for name, colour in colours.items()
    )
    return [*drawn, ("", f'<div class="legend">{legend}</div>')] if drawn else []


def _escape(text: str) -> str:
    from markupsafe import escape

    return str(escape(text))


def _line(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _share(share: dict[str, Any]) -> str:
    low, high = share["ci95"]
    return f"{100 * share['accuracy']:.1f} ({100 * low:.1f} - {100 * high:.1f}), n {share['n']:,}"


def _maybe(value: float | None, unit: float = 1, digits: int = 0) -> str:
    return "" if value is None else f"{value / unit:,.{digits}f}"
