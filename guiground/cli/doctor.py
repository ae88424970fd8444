"""guiground doctor: what works on this machine, and what to do about what does not."""

import click

from guiground.cli.options import ModelChoice, json_option, model_options, print_json
from guiground.cli.progress import status


@click.command(
    epilog="""\b
Exit codes: 0 nothing failed, 3 screen or input, 4 model, 2 wrong argument, 130 interrupted.

\b
Examples:
  guiground doctor --no-screen
  guiground doctor --no-model --no-probe --json
"""
)
@click.option("--no-screen", is_flag=True, help="Leave out screen and input.")
@click.option("--no-model", is_flag=True, help="Load neither torch nor a model.")
@click.option("--no-probe", is_flag=True, help="Show no window and click nowhere: only look.")
@model_options
@json_option
def command(no_screen: bool, no_model: bool, no_probe: bool, choice: ModelChoice, as_json: bool) -> int:
    """Check what guiground needs here: screen, capture, input, torch, GPU, models, and that the model sees.

    For a moment a small window of four colours is shown on the primary monitor and clicked on, so that capture, scale
    and input are compared with what is really there. Every failing line ends with what to do.
    """
    from guiground.doctor import desk, model

    done = []
    sources = [] if no_screen else [lambda: desk.checks(with_probe=not no_probe)]
    sources += [lambda: [model.files()]] if no_model else [lambda: model.checks(choice.locator())]
    for source in sources:
        with status() as say:
            say("looking")
            for check in source():
                done.append(check)
                if not as_json:
                    click.echo(check.line())
    failed = [check for check in done if check.exit_code]
    if as_json:
        print_json({"schema_version": 1, "ok": not failed, "checks": [check.to_json() for check in done]})
    return failed[0].exit_code if failed else 0
