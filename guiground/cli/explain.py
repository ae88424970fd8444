"""guiground explain: what methods hold of a screenshot, side by side."""

import click

from guiground.cli.finding import EXIT_CODES
from guiground.cli.options import REGION, Loading, different, json_option, loading_options, print_json, warn
from guiground.cli.progress import status
from guiground.geometry import Box


@click.command(
    epilog="""\b
Exit codes are those of locate, of the last panel.

\b
Examples:
  guiground explain "Reply to all" --image screenshots/page-mail.png --out explain.png
  guiground explain "the Documents menu" -i screenshots/pluma-editor.png --methods full,mixkv --budgets 16 --json
"""
)
@click.argument("instruction")
@click.option("-i", "--image", required=True, metavar="FILE|-", help="The screenshot, - for stdin.")
@click.option("--methods", default="snapkv,mixkv", show_default=True, metavar="NAMES", help="With commas between them.")
@click.option("--budgets", default="16,64", show_default=True, metavar="SIZES", help="With commas between them.")
@click.option("--layer", type=int, metavar="L", help="Look at one layer, from 0.  [default: all together]")
@click.option("--head", type=int, metavar="H", help="Look at one kv head, from 0.  [default: all together]")
@click.option("--box", type=REGION, metavar="x,y,w,h", help="Where the target is, to tell hits.")
@click.option("--out", metavar="OUT.png", help="Write the sheet of pictures.")
@loading_options
@json_option
def command(
    instruction: str,
    image: str,
    methods: str,
    budgets: str,
    layer: int | None,
    head: int | None,
    box: Box | None,
    out: str | None,
    choice: Loading,
    as_json: bool,
) -> int:
    """Show which image tokens each method holds when it answers INSTRUCTION, and what that takes.

    The sheet has a panel for each method and budget: the darker a part of the screenshot, the more heads of all layers
    hold the token that covers it. Beside it stand the answer, the bytes held, and how much lies on the target.
    """
    from guiground.eviction import cells
    from guiground.explaining.held import explain
    from guiground.explaining.sheet import sheet
    from guiground.instruction import check_instruction
    from guiground.locator import Locator
    from guiground.models.load import resolve
    from guiground.overlay import check_path, save
    from guiground.screen import View

    check_instruction(instruction)
    if out is not None:
        check_path(out)
        different(out, image)
    resolve(choice.model)
    with status() as say:
        say("loading torch")
        settings = choice.settings()
        locators = [
            Locator(**settings, method=method, budget=budget, keep_bytes=0)
            for method, budget in cells(methods, budgets)
        ]
        screenshot = View(image).take()
        say(f"loading model {choice.model}")
        locators[0].load()
        found = explain(
            instruction, screenshot, locators, layer, head, lambda one: say(f"{one.method} {one.budget or ''}")
        )
    warn(tuple(dict.fromkeys(remark for one in found for remark in one.result.warnings)))
    first, looked = found[0], _looked(layer, head)
    if out is not None:
        size, grid = first.result.image_size, first.grid.grid
        what = (
            f"{first.result.model.name} · {size.width} x {size.height} pixels, {grid.width} x {grid.height} image "
            f"tokens · {looked}"
        )
        save(sheet(screenshot.image, instruction, found, what, box), out)
    panels = [one.to_json(box) for one in found]
    if as_json:
        grid = first.grid.grid.to_json()
        looked_at = {"layer": layer, "head": head, "box": box and box.to_json(), "grid": grid}
        print_json({"instruction": instruction, **looked_at, "panels": panels, "out": out})
    else:
        _print(panels)
    return EXIT_CODES[found[-1].result.status]


def _looked(layer: int | None, head: int | None) -> str:
    layers = "all layers" if layer is None else f"layer {layer}"
    return f"{layers}, {'all kv heads' if head is None else f'kv head {head}'}"


def _print(panels: list[dict]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    names = ("method", "budget", "answer", "MiB held", "of MiB", "image tokens a head", "of", "text tokens a head")
    for name in (*names, *(("% on target",) if "on_target" in panels[0] else ())):
        table.add_column(name, justify="left" if name == "method" else "right")
    for one in panels:
        answer = one["status"] if one["point"] is None else "{:.0f}, {:.0f}".format(*one["point"])
        answer += {True: " hit", False: " missed", None: ""}[one["hit"]]
        sizes = (f"{one['bytes_held'] / 2**20:.2f}", f"{one['bytes_full'] / 2**20:.2f}")
        tokens = (f"{one['image_tokens_held']:,.1f}", f"{one['image_tokens']:,}", f"{one['text_tokens_held']:,.1f}")
        target = (f"{100 * one['on_target']:.1f}",) if "on_target" in one else ()
        table.add_row(one["method"], str(one["budget"] or ""), answer, *sizes, *tokens, *target)
    Console(soft_wrap=True, width=120).print(table)
