"""guiground screenshot: a picture of the screen, and where its pixels lie on the desktop."""

import io
import sys
from typing import TYPE_CHECKING

import click

from guiground.cli.finding import open_record
from guiground.cli.options import Looking, different, json_option, look_options, print_json, record_option, warn

if TYPE_CHECKING:
    from guiground.screen import Monitor, Screenshot


@click.command(
    epilog="""\b
Exit codes: 0 done, 2 wrong argument or file, 3 no screen to capture, 130 interrupted.

\b
Examples:
  guiground screenshot --image screenshots/page-mail.png --region 0,0,640,400 -o corner.png
  guiground screenshot -i screenshots/pluma-editor.png --region 600,0,300,200 --json
""",
)
@click.option("-o", "--output", metavar="FILE|-", help="Where to write it, - for stdout.  [default: nowhere]")
@click.option("--list", "list_only", is_flag=True, help="Print the monitors and take no picture.")
@look_options
@record_option
@json_option
def command(output: str | None, list_only: bool, record: str | None, as_json: bool, look: Looking) -> None:
    """Take a picture of the screen and print its coordinate map.

    The monitors are listed with origin, size and scale, and the coordinate map is printed last:
    v1:WIDTH,HEIGHT:ORIGIN_X,ORIGIN_Y:SCALE. With --map, click and locate take it back, together with the picture. On a
    picture (--image) a region is cut out of it, and the map leads back to its pixels.
    """
    from guiground.overlay import check_path, save
    from guiground.screen import monitors

    view = look.view()
    if list_only:
        listed = monitors()
        print_json({"monitors": [monitor.to_json() for monitor in listed]}) if as_json else _list(listed, False)
        return
    to_pipe = output == "-"
    if output is not None and not to_pipe:
        check_path(output)
        different(output, look.image)
    kept = open_record(record)
    screenshot = view.take()
    listed = monitors() if look.image is None else []
    warn(screenshot.warnings)
    if kept is not None:
        kept.add("screenshot", "ok", str(screenshot.map), screenshot.image, _record(screenshot, listed, output))
    if to_pipe:
        sys.stdout.buffer.write(_png(screenshot))
        sys.stdout.flush()
    elif output is not None:
        save(screenshot.image, output)
    if as_json and not to_pipe:
        print_json(_record(screenshot, listed, output))
        return
    _list(listed, to_pipe)
    click.echo(str(screenshot.map), err=to_pipe)


def _list(listed: "list[Monitor]", to_stderr: bool) -> None:
    for monitor in listed:
        scale = f"scale {monitor.scale:g}"
        marks = [mark for mark in (monitor.name, "primary" if monitor.primary else "") if mark]
        place = f"{monitor.width}x{monitor.height} at {monitor.left},{monitor.top}"
        click.echo("  ".join((f"monitor {monitor.index}", place, scale, *marks)), err=to_stderr)


def _png(screenshot: "Screenshot") -> bytes:
    file = io.BytesIO()
    screenshot.image.save(file, "PNG")
    return file.getvalue()


def _record(screenshot: "Screenshot", listed: "list[Monitor]", output: str | None) -> dict:
    return {
        "schema_version": 1,
        "image_size": screenshot.size.to_json(),
        "file": output,
        "map": str(screenshot.map),
        "monitor": screenshot.monitor and screenshot.monitor.to_json(),
        "monitors": [monitor.to_json() for monitor in listed],
        "transform": screenshot.to_desktop.to_json(),
        "timing_ms": {"capture": round(screenshot.taken_ms, 1)},
        "warnings": list(screenshot.warnings),
    }
