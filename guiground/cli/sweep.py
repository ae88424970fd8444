"""guiground sweep: accuracy against budget, many settings for little more than the time of one."""

import json
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from guiground.cli import outcome
from guiground.cli.eval import BBOX_FORMAT, FOLDER, about
from guiground.cli.options import LOADING, SETTING, Loading, grouped
from guiground.cli.progress import status
from guiground.eviction import AFTER_PREFILL, PROTOCOLS


@dataclass(frozen=True, slots=True)
class Grid(Loading):
    """What the options say of the model and of the settings."""

    methods: str
    budgets: str
    setting: tuple[str, ...]
    protocol: str

    def each(self) -> list[dict[str, Any]]:
        """The arguments of Locator for every setting."""
        from guiground.eviction import cells, protocols

        return [
            self.settings() | {"method": method, "budget": budget, "protocol": protocol}
            for method, budget in cells(self.methods, self.budgets)
            for protocol in protocols(self.protocol)
        ]


_GRID = (
    click.option("--methods", default="full,mixkv", show_default=True, metavar="NAMES", help="With commas between."),
    click.option("--budgets", default="32,64,128", show_default=True, metavar="SIZES", help="With commas between."),
    LOADING[0],
    SETTING,
    click.option(
        "--protocol",
        default=AFTER_PREFILL,
        show_default=True,
        metavar="NAMES",
        help=f"When entries go: {', '.join(PROTOCOLS)}; or several, with commas between.",
    ),
    *LOADING[1:],
)


@click.command(
    epilog="""\b
Examples:
  guiground sweep desk --limit 20 --budgets 32,64 --out runs/sweep
  guiground sweep desk --limit 20 --methods full,snapkv,mixkv --budgets 32,64,128,10% --json
  guiground sweep desk --methods full,snapkv,mixkv,adakv,mixkv-adakv --budgets 16,64 --markdown table.md
  guiground sweep desk --limit 20 --methods full,coverkv --budgets 25% --protocol after-prefill,strict,memory
  guiground report runs/sweep -o sweep.html
""",
)
@click.argument("task")
@click.option("--images", type=FOLDER, metavar="DIR", help="Where the screenshots are, if not beside the annotations.")
@click.option(
    "--data", type=FOLDER, metavar="DIR", envvar="GUIGROUND_DATA", show_envvar=True, help="The unpacked benchmark."
)
@click.option("--bbox-format", type=BBOX_FORMAT, help="How boxes are written, where the files do not tell.")
@partial(grouped, options=_GRID, name="grid", kind=Grid)
@click.option(
    "--batch-size", "batch", type=click.IntRange(min=1), default=16, show_default=True, metavar="N",
    help="Instructions about a screenshot answered at once, by all settings; 1 answers each by itself and times it.",
)  # fmt: skip
@click.option("--limit", type=int, metavar="N", help="A sample of N targets, each group in its share.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Which targets --limit draws.")
@click.option(
    "--check", type=click.IntRange(min=0), default=1, show_default=True, metavar="N", help="Targets to check."
)
@click.option("--out", type=FOLDER, metavar="DIR", help="Keep rows in DIR/rows.jsonl; a second run goes on.")
@click.option("--markdown", type=FOLDER, metavar="FILE", help="Write the tables with paired tests there too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
def command(
    task: str,
    images: Path | None,
    data: Path | None,
    bbox_format: str | None,
    grid: Grid,
    batch: int,
    limit: int | None,
    seed: int,
    check: int,
    out: Path | None,
    markdown: Path | None,
    as_json: bool,
) -> int:
    """Measure every method with every budget on TASK; each prompt is read once for all of them.

    Every setting chooses what to hold from that one reading, by protocol strict before its last token, by memory before
    the instruction. Many answers are decoded at once, so that no time of a single answer is known; with --batch-size 1
    the rows are those of guiground eval with each setting. On --check targets every setting is compared with a run of
    its own; one that answers otherwise, or changes how the screenshot is read, runs on its own, which is told. A method
    without a budget runs once by each protocol, with its own defaults.
    """
    from time import monotonic

    from guiground.evaluation import annotations, sampling, summary, tasks
    from guiground.evaluation import grid as tables
    from guiground.evaluation import sweep as sweeping
    from guiground.evaluation.journal import Journal
    from guiground.locator import Locator

    found = tasks.resolve(task, data, images)
    samples = annotations.load(found, bbox_format, lambda line: outcome.tell(f"note: {line}"))
    chosen = samples if limit is None else sampling.stratified(samples, limit, seed)
    with Journal(out) as journal:
        with status() as say:
            say("loading torch")
            locators = [Locator(**settings) for settings in grid.for_tables().each()]
            say(f"loading model {grid.model}")
            locator, ways = locators[0], [(one.eviction, one.protocol) for one in locators]
            settings = sweeping.prepare(locator, ways, found.task, batch)
            say("checking against runs of their own")
            checked = sampling.stratified(chosen, check, seed) if check else []
            settings = sweeping.check(settings, checked, found.pictures, locator)
        for setting in settings:
            journal.begin(setting.run, setting.settings, about(found))
            if setting.alone:
                outcome.tell(f"note: {setting.name} reads screenshots in its own way: it runs on its own")
        total, started = len(chosen) * len(settings), monotonic()
        with outcome.bar(total, []) as on_row:
            rows = sweeping.sweep(settings, chosen, found.pictures, locator, journal, on_row)
        by_method = {id(setting.method): setting for setting in settings}  # each setting has its own
        measured = [_measured(found.task.name, by_method[id(method)], rows, summary) for method, _ in ways]
    outcome.tell(f"{len(settings)} settings x {len(chosen):,} targets in {monotonic() - started:,.0f} s")
    if markdown:
        by_id = [{row["id"]: row for row in rows[one["run"]]} for one in measured]
        outcome.write(markdown, tables.markdown(measured, by_id))
    if as_json:
        record = {"task": found.task.name, "checked": len(checked), "runs": measured}
        click.echo(json.dumps(record, indent=2 if sys.stdout.isatty() else None))
    else:
        _print(found.task.name, measured)
    everything = [row for of_run in rows.values() for row in of_run]
    outcome.tell_trouble(everything, out)
    return outcome.exit_code(everything)


def _measured(task: str, setting: Any, rows: dict[str, list[dict[str, Any]]], summary: Any) -> dict[str, Any]:
    numbers = summary.summarise(task, rows[setting.run], setting.settings, setting.run)
    return {**numbers, "protocol": setting.protocol, "alone": setting.alone}


def _print(task: str, measured: list[dict[str, Any]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    told = any(one["protocol"] != AFTER_PREFILL for one in measured)
    for heading in ("method", *["protocol"] * told):
        table.add_column(heading, no_wrap=True)
    for heading in ("budget", "accuracy %", "95 % interval", "tokens held", "cache MiB", "p50 ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in measured:
        kv, low, high = one["kv"], *one["ci95"]
        held = "" if kv["tokens_held"] is None else f"{kv['tokens_held']:,.0f}"
        size = "" if kv["bytes_held"] is None else f"{kv['bytes_held'] / 2**20:.2f}"
        time = "" if one["latency_ms"]["p50"] is None else f"{one['latency_ms']['p50']:,.0f}"
        share = (f"{100 * one['accuracy']:.1f}", f"{100 * low:.1f} - {100 * high:.1f}")
        setting = (kv["method"], *[one["protocol"]] * told, str(kv["budget"] or ""))
        table.add_row(*setting, *share, held, size, time)
    click.echo(f"{task}: {measured[0]['n']:,} targets on {measured[0]['screenshots']:,} screenshots")
    Console(soft_wrap=True, width=120).print(table)
