"""guiground locate: words in, a point out."""

import json
import sys
from pathlib import Path

import click

from guiground.cli.progress import status
from guiground.errors import AnswerError, UsageError

DTYPES = ("auto", "float32", "bfloat16", "float16")
EXIT_CODES = {"found": 0, "refused": 1, "unparsable": AnswerError.exit_code, "truncated": AnswerError.exit_code}


@click.command(
    epilog="""\b
Exit codes:
  0  found                          4  model or memory
  1  not found, or refused          5  answer that names no point
  2  wrong argument or file         130  interrupted
  3  no screen to capture

\b
Examples:
  guiground locate "Reply to all" --image screenshots/page-mail.png
  guiground locate "the Documents menu" -i screenshots/pluma-editor.png --budget 64 --json --overlay seen.png
""",
)
@click.argument("instruction")
@click.option(
    "-i", "--image", metavar="FILE|-", help="Screenshot to look at, - for standard input.  [default: the screen]"
)
@click.option("-m", "--model", metavar="NAME|DIR", default="nano", show_default=True, help="See guiground models.")
@click.option(
    "--method", metavar="METHOD", help="How cache entries are chosen.  [default: full; mixkv if there is a budget]"
)
@click.option("--budget", metavar="N|P%", help="Cache entries to hold per kv head, or a percentage of the prompt.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with everything that is known.")
@click.option("--overlay", metavar="OUT.png", help="Also write the screenshot with the answer drawn on it.")
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1, mps.")
@click.option(
    "--dtype",
    default="auto",
    show_default=True,
    type=click.Choice(DTYPES),
    metavar="TYPE",
    help=f"Number format of the weights: {', '.join(DTYPES)}.",
)
@click.option(
    "--max-pixels", type=click.IntRange(min=1), metavar="N", help="Largest area the model looks at; saves memory."
)
def command(
    instruction: str,
    image: str | None,
    model: str,
    method: str | None,
    budget: str | None,
    as_json: bool,
    overlay: str | None,
    device: str,
    dtype: str,
    max_pixels: int | None,
) -> int:
    """Print X Y, the pixel of the screenshot where INSTRUCTION's target is.

    Without --image the primary monitor is grabbed, and X Y are desktop coordinates, as a click needs them.
    """
    from guiground.locator import Locator, check_instruction, take_screenshot
    from guiground.models.load import resolve
    from guiground.overlay import check_path, draw, save

    check_instruction(instruction)
    if overlay is not None:
        check_path(overlay)
        if image is not None and Path(overlay).resolve() == Path(image).resolve():
            raise UsageError(f"the overlay would replace the screenshot '{image}' (choose another path)")
    screenshot = take_screenshot(image)
    resolve(model)  # before the spinner: an unknown name is told at once, and a download has a bar of its own
    with status() as say:
        say("loading torch")
        locator = Locator(model, method=method, budget=budget, device=device, dtype=dtype, max_pixels=max_pixels)
        say(f"loading model {model}")
        locator.load()
        say(f"looking for {instruction}")
        result = locator.locate(instruction, screenshot)
    for warning in result.warnings:
        click.echo(f"warning: {warning}", err=True)
    if as_json:
        plain = (sys.stdout.encoding or "").lower() != "utf-8"
        click.echo(json.dumps(result.to_json(), ensure_ascii=plain, indent=2 if sys.stdout.isatty() else None))
    elif result.found:
        click.echo("{} {}".format(*result))
    if not result.found:
        click.echo(result.explain(), err=True)
    if overlay is not None:
        caption = "{} · {}, {}".format(instruction, *result) if result.found else f"{result.status}: {instruction}"
        save(draw(screenshot.image, *result.on_screenshot(), caption), overlay)
    return EXIT_CODES[result.status]
