"""guiground reproduce: a published experiment, run again, the paper's numbers beside ours."""

import json
import platform
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guiground.cli.outcome import tell
from guiground.cli.progress import status

if TYPE_CHECKING:
    from guiground.evaluation.recipes import Recipe

FOLDER = click.Path(path_type=Path)


@click.command(
    epilog="""\b
Examples:
  guiground reproduce
  guiground reproduce --json
  guiground reproduce mixkv-table-2 --data data --out runs/mixkv-table-2
  guiground reproduce gui-kv-screenspot-pro --data data --out runs/gui-kv --limit 300
""",
)
@click.argument("recipe", required=False)
@click.option(
    "--data", type=FOLDER, metavar="DIR", envvar="GUIGROUND_DATA", show_envvar=True, help="The unpacked benchmark."
)
@click.option("--weights", type=FOLDER, metavar="DIR", help="The model's folder, if it is not to be fetched.")
@click.option("--out", type=FOLDER, default=Path("runs/reproduce"), show_default=True, metavar="DIR", help="Rows.")
@click.option("--limit", type=int, metavar="N", help="A sample of N targets, each group in its share.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Which targets --limit draws.")
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1, mps.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
def command(
    recipe: str | None,
    data: Path | None,
    weights: Path | None,
    out: Path,
    limit: int | None,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Run every setting of a published table and print the paper's numbers beside ours; without RECIPE, list them.

    A second run goes on where the first one stopped. A number "agrees" if it lies in our 95 % interval.
    """
    from guiground.evaluation import recipes

    if recipe is None:
        _list(as_json)
        return
    wanted = recipes.find(recipe)
    lines = _run(wanted, data, weights, out, limit, seed, device)
    if as_json:
        record = {"recipe": wanted.name, "paper": wanted.paper, "headline": wanted.headline, "settings": lines}
        click.echo(json.dumps(record, indent=2 if sys.stdout.isatty() else None))
    else:
        _print(wanted, lines)


def _list(as_json: bool) -> None:
    from guiground.evaluation import recipes

    known = [recipes.find(name) for name in recipes.names()]
    if as_json:
        keys = ("name", "title", "paper", "task", "weights", "about")
        click.echo(json.dumps([{key: getattr(one, key) for key in keys} for one in known]))
        return
    for one in known:
        click.echo(f"{one.name:24}{one.title} ({one.weights}, {len(one.settings)} settings)")


def _run(
    recipe: "Recipe", data: Path | None, weights: Path | None, out: Path, limit: int | None, seed: int, device: str
) -> list[dict[str, Any]]:
    import mixkv
    from guiground.evaluation import annotations, fingerprint, recipes, sampling, summary, tasks
    from guiground.evaluation.journal import Journal
    from guiground.evaluation.run import Here
    from guiground.locator import Locator

    found = tasks.resolve(recipe.task, data)
    samples = annotations.load(found, tell=lambda line: tell(f"note: {line}"))
    chosen = samples if limit is None else sampling.stratified(samples, limit, seed)
    about = {
        "command": shlex.join(["guiground", *sys.argv[1:]]),
        "files": [str(path.resolve()) for path in found.files],
        "images": str(found.images.resolve()),
        "samples": found.task.samples,
        "recipe": recipe.name,
        "system": platform.platform(),
    }
    folder = recipes.model_folder(recipe, weights, out)
    lines = []
    for setting in recipe.settings:
        name = f"{setting.method}{f' {setting.budget}' if setting.budget else ''}"
        if setting.method not in mixkv.METHODS:
            tell(f"note: {name} is left out: this version has no method {setting.method}")
            continue
        kept = {"method": setting.method, "budget": setting.budget, "method_settings": setting.more}
        locator = Locator(folder, **kept, device=device, dtype=recipe.dtype)
        with status() as say, Journal(out) as journal:
            say(f"loading model for {name}")
            place = Here(locator)
            settings = place.settings(found.task)
            journal.begin(fingerprint.run_hash(settings), settings, about)
            finished = [journal.rows[sample.id] for sample in chosen if journal.finished(sample.id)]
            say(f"{name}: {len(finished):,} of {len(chosen):,} rows were there already")
            rows = place.run(found.task, chosen, found.pictures, journal)
        measured = summary.summarise(found.task.name, rows, settings, journal.run)
        lines.append(recipes.beside(setting, measured, recipe.headline))
        tell(
            f"{name}: {lines[-1]['ours']:.1f} %{'' if setting.paper is None else f', the paper {setting.paper:.1f} %'}"
        )
        locator.close()
    return lines


def _print(recipe: "Recipe", lines: list[dict[str, Any]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("method", "budget", "n", "ours %", "95 % interval", "paper %", ""):
        table.add_column(heading, justify="left" if heading in ("method", "") else "right", no_wrap=True)
    for line in lines:
        low, high = line["ci95"]
        paper = "" if line["paper"] is None else f"{line['paper']:.1f}"
        verdict = {None: "", True: "agrees", False: "differs"}[line["agrees"]]
        ours = (f"{line['n']:,}", f"{line['ours']:.1f}", f"{low:.1f} - {high:.1f}")
        table.add_row(line["method"], line["budget"] or "", *ours, paper, verdict)
    click.echo(f"{recipe.title}: {recipe.weights}, {recipe.headline} accuracy ({recipe.paper})")
    Console(soft_wrap=True, width=120).print(table)
    if any(group["paper"] is not None for line in lines for group in line["groups"].values()):
        _print_groups(lines)
    click.echo(recipe.about)


def _print_groups(lines: list[dict[str, Any]]) -> None:
    """Ours and the paper's number for every group."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    names = list(dict.fromkeys(name for line in lines for name in line["groups"]))
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("method", "budget", *names):
        table.add_column(heading, justify="left" if heading == "method" else "right", no_wrap=True)
    for line in lines:
        groups = [line["groups"].get(name, {"ours": None, "paper": None}) for name in names]
        cells = (" / ".join("-" if n is None else f"{n:.1f}" for n in (one["ours"], one["paper"])) for one in groups)
        table.add_row(line["method"], line["budget"] or "", *cells)
    click.echo("by group, ours / the paper's:")
    Console(soft_wrap=True, width=140).print(table)
