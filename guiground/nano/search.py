"""Compares eviction methods on synthetic screens nobody trained on: `python -m guiground.nano.search`.

Every screen is read once; each method with its settings then answers all questions from what it leaves of that, by the
protocols of `asked.PROTOCOLS`. What the packaged methods' defaults are was found this way.
"""

import ast
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import torch
from torch import Tensor
from transformers import Qwen2_5_VLForConditionalGeneration

import mixkv
from guiground.nano.asked import PROTOCOLS, Asked
from guiground.nano.measure import FIRST_SEED
from guiground.nano.scenes import draw

SEARCHED = 500_000  # added to FIRST_SEED: these screens are not those that measure.py reports on
FIELD = (
    "snapkv pyramidkv adakv vlcache guikv stlite h2o keydiff vnorm streamingllm random mixkv mixkv-pyramidkv "
    "mixkv-adakv gistkv"
)
ABLATION = (
    "gistkv gistkv:gists=0 gistkv:weighing='mean',fade=1.0 gistkv:weighing='last' gistkv:fade=1.0 gistkv:recent=0.04 "
    "gistkv:kernel=3 gistkv:kernel=3,pool='avg' gistkv:floor_ratio=0.2 gistkv:gists=0.04 gistkv:protect=2 "
    "gistkv:protect=2,template=True gistkv:around=0.25 gistkv:by_redundancy=True snapkv:kernel=1 snapkv"
)
MEMORY = "coverkv coverkv:merge=False gistkv keydiff vnorm snapkv mixkv random"
STUDIES = {"field": FIELD, "ablation": ABLATION, "memory": MEMORY}


@dataclass(frozen=True, slots=True)
class Cell:
    """What one method with one budget answered by one protocol. held: entries a head, on the mean."""

    method: str
    protocol: str
    budget: str
    held: float
    hits: Tensor  # [questions], booleans
    agrees: Tensor  # [questions], with the full cache's answer

    def row(self, others: Sequence["Cell"]) -> dict:
        """The cell as numbers, with the exact McNemar test of its hits against those of other cells."""
        beside = {
            f"p_{other.method}": round(mcnemar(self.hits, other.hits), 4) for other in others if other is not self
        }
        return {
            "method": self.method,
            "protocol": self.protocol,
            "budget": self.budget,
            "held": round(self.held, 1),
            "n": len(self.hits),
            "hit": round(float(self.hits.float().mean()), 4),
            "agree": round(float(self.agrees.float().mean()), 4),
            **beside,
        }


def mcnemar(one: Tensor, other: Tensor) -> float:
    """How probable a difference between two paired rows of hits would be by chance, at least as large: two-sided."""
    from scipy.stats import binomtest

    won, lost = int((one & ~other).sum()), int((other & ~one).sum())
    return float(binomtest(won, won + lost).pvalue) if won + lost else 1.0


def parsed(text: str) -> tuple[str, dict]:
    """Name and settings of "gistkv" or "gistkv:gists=0.5,kernel=3"; click.BadParameter for anything else."""
    name, _, listed = text.partition(":")
    settings = {}
    for pair in filter(None, listed.split(",")):
        key, _, value = pair.partition("=")
        try:
            settings[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            raise click.BadParameter(f"'{pair}' is no setting (write them as gistkv:gists=0.5,pool='avg')") from None
    return name, settings


def ready(name: str, settings: dict, budget: str) -> mixkv.Method:
    """The method; click.BadParameter for one that there is not, or that works inside the prefill."""
    try:
        method = mixkv.make_method(
            name, **({} if name == "full" else {"budget": mixkv.parse_budget(budget)}), **settings
        )
    except (ValueError, TypeError) as error:
        raise click.BadParameter(str(error)) from None
    if not method.in_pieces:
        raise click.BadParameter(
            f"method '{name}' works inside the prefill, which is shared here (use guiground sweep)"
        )
    return method


def read(weights: Path, screens: int, most: int, first: int, size: str) -> list[Asked]:
    """Screens with questions that were read, every other one in fonts that training never sees."""
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(weights, dtype=torch.float32, local_files_only=True)
    width, height = map(int, size.split("x"))
    found = []
    for index in range(first, first + screens):
        scene = draw(FIRST_SEED + SEARCHED + index, width, height, "desktop", held_out=index % 2 == 1)
        found.append(Asked(model, scene, random.Random(index), most))
    return [asked for asked in found if asked.count]


def measured(asked: Sequence[Asked], method: mixkv.Method, name: str, budget: str, protocol: str) -> Cell:
    """One cell: a method on all screens."""
    hits, agrees, held = [], [], []
    for screen in asked:
        left, entries = screen.choose(method, protocol)
        points = screen.answers(left, protocol)
        hits.append(screen.hits(points))
        agrees.append(screen.agrees(points))
        held.append(entries)
    return Cell(name, protocol, budget, sum(held) / len(held), torch.cat(hits), torch.cat(agrees))


def cells(
    asked: Sequence[Asked], methods: Sequence[str], budgets: Sequence[str], protocols: Sequence[str]
) -> Iterator[list[Cell]]:
    """For each protocol and budget, the cells of all methods, the cheapest questions first."""
    for protocol in protocols:
        for budget in budgets:
            found = []
            for text in methods:
                found.append(measured(asked, ready(*parsed(text), budget), text, budget, protocol))
            yield found


@click.command()
@click.option(
    "--weights",
    default=Path(__file__).parent / "weights",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A checkpoint folder.  [default: the packaged one]",
)
@click.option("--study", type=click.Choice(list(STUDIES)), help="A list of methods: all, ours by parts, or memories.")
@click.option(
    "--methods", default="snapkv mixkv gistkv", show_default=True, help="Or these; gistkv:gists=0.5 sets one."
)
@click.option("--budgets", default="16,32,64", show_default=True)
@click.option("--protocols", default="after-prefill,strict", show_default=True, help=", ".join(PROTOCOLS))
@click.option(
    "--against", default="snapkv,mixkv", show_default=True, help="Methods that the others are tested against."
)
@click.option("--size", default="1280x800", show_default=True, help="Width x height of the screens, in pixels.")
@click.option("--screens", default=12, show_default=True)
@click.option("--questions", "most", default=24, show_default=True, help="At most so many on each screen.")
@click.option("--first", default=0, show_default=True, help="Number of the first screen; others make a fresh test.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each cell.")
def main(
    weights: Path,
    study: str | None,
    methods: str,
    budgets: str,
    protocols: str,
    against: str,
    size: str,
    screens: int,
    most: int,
    first: int,
    as_json: bool,
) -> None:
    """Print hits and agreement with the full cache of methods that leave equally many entries.

    Examples:

      python -m guiground.nano.search --study ablation --budgets 32

      python -m guiground.nano.search --methods "coverkv gistkv" --budgets 50%,25%,12% --protocols memory
    """
    torch.set_num_threads(1)
    chosen = [name.strip() for name in protocols.split(",")]
    if unknown := set(chosen) - set(PROTOCOLS):
        raise click.BadParameter(f"unknown protocol '{unknown.pop()}' (choose from: {', '.join(PROTOCOLS)})")
    asked = read(weights, screens, most, first, size)
    full = torch.cat([screen.hits(screen.full) for screen in asked])
    tokens = sum(screen.prefix * screen.count for screen in asked) / len(full)
    click.echo(
        json.dumps({"screens": len(asked), "n": len(full), "full_hit": round(float(full.float().mean()), 4)})
        if as_json
        else f"full cache: {100 * full.float().mean():.1f} % of {len(full)} targets on {len(asked)} screens, "
        f"{tokens:.0f} entries a head and the instruction\n"
    )
    named = against.split(",")
    for found in cells(asked, (STUDIES[study] if study else methods).split(), budgets.split(","), chosen):
        others = [cell for cell in found if cell.method in named]
        rows = [cell.row(others) for cell in found]
        if as_json:
            for row in rows:
                click.echo(json.dumps(row))
            continue
        tests = [f"p_{cell.method}" for cell in others]
        click.echo(f"| {rows[0]['protocol']}, {rows[0]['budget']} | held | hit % | agree % | {' | '.join(tests)} |")
        click.echo("|---" * (4 + len(tests)) + "|")
        for row in rows:
            ps = [f"{row[test]:.3f}" if test in row else "" for test in tests]
            shares = f"{100 * row['hit']:.1f} | {100 * row['agree']:.1f}"
            click.echo(f"| {row['method']} | {row['held']} | {shares} | {' | '.join(ps)} |")
        click.echo("")


if __name__ == "__main__":
    main()
