"""A record of what was done: a folder with a page, a picture for each step, and the same facts as JSON lines."""

import html
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guiground.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

PAGE, LINES = "index.html", "record.jsonl"
_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>guiground record</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
section { border-left: .3rem solid #2a9d5c; padding: .2rem 0 .8rem 1rem; margin: 1.5rem 0; }
section.failed { border-color: #d62f4b; }
section.planned { border-color: #8a8a8a; }
h2 { font-size: 1.05rem; margin: 0; }
p { margin: .2rem 0 .6rem; opacity: .8; }
img { max-width: 100%; border: 1px solid #8886; border-radius: 4px; }
details { margin-top: .5rem; } pre { overflow-x: auto; font-size: .8rem; }
</style></head><body><h1>guiground record</h1>
"""


class Record:
    """The record in a folder; steps are added to those that are there already.

    Raises UsageError if the folder cannot be made, or holds something else.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            foreign = [path for path in self.folder.iterdir() if path.name not in (PAGE, LINES)]
        except OSError as error:
            raise UsageError(
                f"the record '{folder}' cannot be made: {error.strerror} (choose another folder)"
            ) from None
        if foreign and not (self.folder / LINES).exists():
            raise UsageError(
                f"the folder '{folder}' holds something else (choose an empty or a new one for the record)"
            )
        if not os.access(self.folder, os.W_OK):
            raise UsageError(f"the record '{folder}' cannot be written there (choose another folder)")

    @property
    def page(self) -> Path:
        return self.folder / PAGE

    def add(
        self,
        title: str,
        status: str,
        detail: str = "",
        picture: "Image | None" = None,
        data: dict[str, Any] | None = None,
    ) -> Path | None:
        """Adds a step and writes the page anew; returns the path of its picture.

        status: "ok", "failed" or "planned". data: plain JSON that is kept with the step.
        """
        steps = self.steps()
        number = len(steps) + 1
        name = None
        if picture is not None:
            name = f"step-{number:03}.png"
            picture.save(self.folder / name)
        step = {"number": number, "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "title": title, "status": status}
        step |= {"detail": detail, "picture": name, "data": data or {}}
        with (self.folder / LINES).open("a", encoding="utf-8") as file:
            file.write(json.dumps(step, ensure_ascii=False) + "\n")
        page = _HEAD + "\n".join(_section(each) for each in [*steps, step]) + "\n</body></html>\n"
        beside = self.folder / f".{PAGE}.{os.getpid()}"
        beside.write_text(page, encoding="utf-8")
        os.replace(beside, self.page)
        return name and self.folder / name

    def steps(self) -> list[dict]:
        """What was recorded so far."""
        lines = self.folder / LINES
        if not lines.exists():
            return []
        try:
            return [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines() if line.strip()]
        except ValueError:
            raise UsageError(f"the record '{lines}' is damaged (choose another folder, or remove that file)") from None


def _section(step: dict) -> str:
    title, detail, when = (html.escape(str(step[name])) for name in ("title", "detail", "time"))
    status = html.escape(step["status"])
    picture = f'<img src="{html.escape(step["picture"])}" alt="{title}" loading="lazy">' if step["picture"] else ""
    facts = html.escape(json.dumps(step["data"], ensure_ascii=False, indent=1))
    facts = f"<details><summary>facts</summary><pre>{facts}</pre></details>" if step["data"] else ""
    return (
        f'<section class="{status}" id="step-{step["number"]}"><h2>{step["number"]}. {title}</h2>'
        f"<p>{status} · {when}{' · ' + detail if detail else ''}</p>{picture}{facts}</section>"
    )
