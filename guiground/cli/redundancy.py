"""guiground redundancy: how much alike the keys of each head are on a screenshot."""

import click

from guiground.cli.options import Loading, different, json_option, loading_options, print_json
from guiground.cli.progress import status


@click.command(
    epilog="""\b
Examples:
  guiground redundancy --image screenshots/page-mail.png --out redundancy.png
  guiground redundancy "Reply to all" -i screenshots/page-mail.png --part image --json
"""
)
@click.argument("instruction", default="the menu")
@click.option("-i", "--image", required=True, metavar="FILE|-", help="The screenshot, - for stdin.")
@click.option(
    "--part",
    type=click.Choice(["all", "image", "text"]),
    default="all",
    show_default=True,
    help="The tokens of the prompt whose keys are compared.",
)
@click.option("--out", metavar="OUT.png", help="Write a picture, layers by heads.")
@loading_options
@json_option
def command(instruction: str, image: str, part: str, out: str | None, choice: Loading, as_json: bool) -> int:
    """Show the redundancy of each kv head: the mean cosine similarity of two of its keys.

    It is what MixKV weighs diversity with: where it is near 0, keys differ anyway and MixKV ranks as its host does;
    where it is near 1, many keys are alike and diversity decides.
    """
    from guiground.explaining.head_map import head_map
    from guiground.explaining.redundancy import redundancy
    from guiground.instruction import check_instruction
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
        locator = choice.locator()
        screenshot = View(image).take()
        say(f"loading model {choice.model}")
        locator.load()
        found = redundancy(locator, instruction, screenshot, part)
    flat = [value for layer in found.heads for value in layer]
    facts = {"mean": found.mean, "least": min(flat), "most": max(flat), "tokens": found.tokens, "part": part}
    name = locator.load().entry.name
    if out is not None:
        keys = {"all": "all tokens", "image": "the image tokens", "text": "the tokens beside the image"}[part]
        what = f"mean cosine similarity of two keys, over {keys} ({found.tokens:,})"
        save(head_map(found.heads, f"redundancy of the heads · {name}", what, most=1.0), out)
    if as_json:
        heads = [[round(value, 4) for value in layer] for layer in found.heads]
        print_json({"model": name, "instruction": instruction, **facts, "heads": heads, "out": out})
    else:
        click.echo(f"{name}: mean {found.mean:.2f}, from {min(flat):.2f} to {max(flat):.2f}, {found.tokens:,} tokens")
        for number, layer in enumerate(found.heads):
            click.echo(f"  layer {number:>2}: " + " ".join(f"{value:5.2f}" for value in layer))
    return 0
