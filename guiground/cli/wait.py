"""guiground wait: until something is on the screen, or no longer."""

import click

from guiground.cli.finding import keep_result, loaded, open_record
from guiground.cli.options import (
    Asking,
    Looking,
    ask_options,
    different,
    json_option,
    look_options,
    print_json,
    record_option,
    warn,
)
from guiground.cli.progress import status

NOT_MET = 1


@click.command(
    epilog="""\b
Exit codes:
  0  it came (with --gone: it went)     4  model or memory
  1  it did not within the time         130  interrupted
  2  wrong argument or file
  3  no screen to capture

\b
Examples:
  guiground wait "Reply to all" --image screenshots/page-mail.png
  guiground wait "the Documents menu" -i screenshots/pluma-editor.png --timeout 2 --interval 0.2 --json
"""
)
@click.argument("instruction")
@click.option("--gone", is_flag=True, help="Wait until it is no longer there.")
@click.option("--timeout", type=click.FloatRange(min=0), default=30.0, show_default=True, metavar="S", help="Seconds.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0),
    default=0.5,
    show_default=True,
    metavar="S",
    help="Seconds between two pictures.",
)
@look_options
@ask_options
@click.option("--overlay", metavar="OUT.png", help="Write the last picture with the answer drawn on it.")
@record_option
@json_option
def command(
    instruction: str,
    gone: bool,
    timeout: float,
    interval: float,
    overlay: str | None,
    record: str | None,
    look: Looking,
    choice: Asking,
    as_json: bool,
) -> int:
    """Wait until INSTRUCTION's target is on the screen and print X Y, where it is.

    The model looks again only when the picture has changed. A picture (--image) is read again each time. With --window,
    a window that is not open yet is waited for. With --gone nothing is printed.
    """
    from guiground.instruction import check_instruction
    from guiground.overlay import check_path, draw, save
    from guiground.waiting import wait_for

    check_instruction(instruction)
    if overlay is not None:
        check_path(overlay)
        different(overlay, look.image)
    view, kept = look.view(), open_record(record)
    locator = loaded(choice)
    with status() as say:
        say(f"waiting for {instruction}")
        waited = wait_for(
            lambda screenshot: locator.locate(instruction, screenshot),
            view,
            gone=gone,
            timeout=timeout,
            interval=interval,
        )
    result = waited.result
    if result is not None:
        warn(result.warnings)
        keep_result(kept, "wait for", result, waited.screenshot)
    if as_json:
        print_json({"schema_version": 1, **waited.to_json()})
    elif waited.met and not gone:
        click.echo("{} {}".format(*result))
    if not waited.met:
        still = "is still there" if gone else "did not come"
        click.echo(f"{instruction!r} {still} after {waited.seconds:.1f} s and {waited.looks} looks", err=True)
    if overlay is not None and result is not None:
        save(draw(waited.screenshot.image, *result.on_screenshot(), instruction), overlay)
    return 0 if waited.met else NOT_MET
