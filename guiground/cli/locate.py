"""guiground locate: words in, a point out."""

import sys
from pathlib import Path

import click

from guiground.cli.finding import EXIT_CODES, find, find_all, keep_result, loaded, open_record
from guiground.cli.options import (
    Asking,
    Looking,
    ask_options,
    different,
    json_option,
    look_options,
    one_line,
    print_json,
    record_option,
    warn,
)
from guiground.errors import UsageError


@click.command(
    epilog="""\b
Exit codes:
  0  found                          4  model or memory
  1  not found, or too unsure       5  answer that names no point
  2  wrong argument or file         130  interrupted
  3  no screen to capture

\b
Examples:
  guiground locate "Reply to all" --image screenshots/page-mail.png
  guiground locate "the Documents menu" -i screenshots/pluma-editor.png --budget 64 --json --overlay seen.png
  guiground locate "Reply" -i screenshots/page-mail.png --all --min-confidence 0.05
""",
)
@click.argument("instruction", required=False)
@click.option("--queries", metavar="FILE|-", help="Answer many instructions, one a line, with a JSON line each.")
@click.option("--all", "every", is_flag=True, help="Find every place that fits, one after the other.")
@look_options
@ask_options
@json_option
@click.option("--overlay", metavar="OUT.png", help="Also write the screenshot with the answer drawn on it.")
@record_option
def command(
    instruction: str | None,
    queries: str | None,
    every: bool,
    as_json: bool,
    overlay: str | None,
    record: str | None,
    look: Looking,
    choice: Asking,
) -> int:
    """Print X Y, the pixel of the screenshot where INSTRUCTION's target is.

    Without --image the screen is grabbed, and X Y are desktop coordinates, as a click needs them. With --queries the
    picture is read once for all instructions, and the exit code is that of the worst answer. With --all each place
    found is covered up and looked for again, until nothing more is found with --min-confidence (0.2); there is a line
    for each, and one JSON list with --json.
    """
    from guiground.instruction import check_instruction
    from guiground.overlay import check_path, draw, save

    if every and queries is not None:
        raise UsageError("--all is about one INSTRUCTION, not about --queries (leave one of them out)")
    instructions = _instructions(instruction, queries, look)
    for words in instructions:
        check_instruction(words)
    if overlay is not None:
        check_path(overlay)
        different(overlay, look.image)
    kept = open_record(record)
    screenshot = look.view().take()
    asked = find_all if every else find
    results = asked(loaded(choice), instructions, screenshot)
    warn(tuple(dict.fromkeys(remark for result in results for remark in result.warnings)))
    for result in results:
        if queries is not None:
            click.echo(one_line(result.to_json()))
        elif as_json and not every:
            print_json(result.to_json())
        elif result.found and not as_json:
            click.echo("{} {}".format(*result))
        if not result.found:
            click.echo(result.explain(), err=True)
        keep_result(kept, "locate", result, screenshot)
    if every and as_json:
        print_json([result.to_json() for result in results])
    if overlay is not None:
        seen = screenshot.image
        for result in results:
            place = "{} · {}, {}".format(result.instruction, *result) if result.found else result.explain()
            seen = draw(seen, *result.on_screenshot(), place if len(results) == 1 else "")
        save(seen, overlay)
    return max(EXIT_CODES[result.status] for result in results)


def _instructions(instruction: str | None, queries: str | None, look: Looking) -> list[str]:
    """The one of the command line, or the lines of a file, empty ones left out."""
    if (instruction is None) == (queries is None):
        raise UsageError("say what to find: an INSTRUCTION, or --queries FILE (one of the two)")
    if instruction is not None:
        return [instruction]
    if queries == "-" and look.image == "-":
        raise UsageError("standard input cannot be the picture and the queries (give one of them as a file)")
    try:
        text = sys.stdin.read() if queries == "-" else Path(queries).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"the queries '{queries}' cannot be read: {reason} (give a text file)") from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise UsageError(f"the queries '{queries}' are empty (write one instruction a line)")
    return lines
