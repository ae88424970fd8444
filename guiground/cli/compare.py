"""guiground compare: whether runs differ by more than chance."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from guiground.errors import UsageError

if TYPE_CHECKING:
    from guiground.evaluation.comparison import Comparison
    from guiground.evaluation.runs import Run


@click.command(
    epilog="""\b
Examples:
  guiground eval desk --limit 20 --out runs/full
  guiground eval desk --limit 20 --budget 64 --out runs/mixkv
  guiground compare runs/full runs/mixkv
  guiground compare runs/full runs/mixkv --json
""",
)
@click.argument("base")
@click.argument("others", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
def command(base: str, others: tuple[str, ...], as_json: bool) -> None:
    """Compare runs with the run BASE, sample by sample; each is a folder of eval --out, or FOLDER@HASH.

    p is the exact McNemar test on the pairs, corrected after Holm for the number of OTHERS. The interval of the
    difference is a bootstrap over screenshots. A difference below "smallest" could hardly have been seen.
    """
    from guiground.evaluation import comparison, runs

    first = runs.read(base)
    second = [run for name in others for run in (runs.read_all(name) if "@" not in name else [runs.read(name)])]
    second = [run for run in second if (run.folder, run.run) != (first.folder, first.run)]
    _check(first, second)
    labels = _labels([first, *second])
    found = comparison.compare_all(
        (labels[0], first.rows), [(label, run.rows) for label, run in zip(labels[1:], second, strict=True)]
    )
    if as_json:
        record = {"task": first.task, "comparisons": [asdict(one) for one in found]}
        click.echo(json.dumps(record, indent=2 if sys.stdout.isatty() else None))
    else:
        _print(first.task, found)
    for one in found:
        if one.unpaired:
            click.echo(f"note: {one.unpaired:,} rows of {one.other} and {one.base} have no counterpart", err=True)


def _check(first: "Run", second: "list[Run]") -> None:
    if not second:
        raise UsageError("there is nothing to compare with: BASE is the only run (give another folder)")
    for run in second:
        if run.settings.get("task") != first.settings.get("task"):
            raise UsageError(
                f"'{run.folder}' is a run of {run.task}, '{first.folder}' one of {first.task} "
                "(compare runs of the same benchmark in the same version)"
            )


def _labels(runs: "list[Run]") -> list[str]:
    """Model, method and budget; with the folder where that does not tell them apart."""
    plain = [run.label for run in runs]
    if len(set(plain)) == len(plain):
        return plain
    return [f"{run.label} ({run.folder.name}@{run.run[:6]})" for run in runs]


def _print(task: str, found: "list[Comparison]") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    headings = (
        "run",
        "n",
        "accuracy %",
        "95 % interval",
        "won",
        "lost",
        "difference",
        "95 % interval",
        "p",
        "smallest",
        "",
    )
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("run", "") else "right", no_wrap=True)
    base = found[0]
    table.add_row(base.base, f"{base.n:,}", *_share(base.base_hits, base.n, base.base_ci95), *[""] * 7)
    for one in found:
        verdict = "better" if one.better else "worse" if one.worse else "no difference shown"
        low, high = one.ci95
        difference = (f"{100 * one.difference:+.1f}", f"{100 * low:+.1f} - {100 * high:+.1f}")
        p = f"{one.p_holm:.3f}" if one.p_holm >= 0.001 else "< 0.001"
        table.add_row(
            one.other,
            f"{one.n:,}",
            *_share(one.other_hits, one.n, one.other_ci95),
            f"{one.won:,}",
            f"{one.lost:,}",
            *difference,
            p,
            f"{100 * one.smallest:.1f}",
            verdict,
        )
    click.echo(f"{task}: {len(found)} against {base.base}, differences in points")
    Console(soft_wrap=True, width=200).print(table)


def _share(hits: int, n: int, interval: tuple[float, float]) -> tuple[str, str]:
    return f"{100 * hits / n:.1f}", f"{100 * interval[0]:.1f} - {100 * interval[1]:.1f}"
