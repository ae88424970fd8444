"""guiground run, with the accessibility tree in the place of the model: what it finds is what the program says.

python oracle.py MEANING SCRIPT.toml ARGUMENTS of guiground run, where MEANING is Situation.meaning as JSON. It needs
Debian's own Python (python3-gi, gir1.2-atspi-2.0, python3-xlib) to read the tree, and the environment of a session.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence

from session import AS_USER, ROOT
from situations import Target

from guiground import cli
from guiground.cli import run
from guiground.geometry import Box, Chain, Hop
from guiground.result import CacheUse, MemoryUse, ModelUse, Result
from guiground.screen import Screenshot

READER = ROOT / "screenshots/capture/accessible_boxes.py"


class Tree:
    """Answers as a Locator does, with the middle of the one widget that an instruction means."""

    def __init__(self, targets: Mapping[str, Target], scale: int) -> None:
        self.targets, self.scale = targets, scale

    def locate_many(self, instructions: Sequence[str], screenshot: Screenshot) -> list[Result]:
        nodes = self.nodes()
        return [self.result(instruction, nodes, screenshot) for instruction in instructions]

    def nodes(self) -> list[dict]:
        # through standard input, as the user whom the programs run as may not read this folder
        read = subprocess.run(
            ["/usr/bin/python3", "-"], input=READER.read_text(), capture_output=True, text=True, timeout=60, **AS_USER
        )
        if read.returncode:
            raise RuntimeError(f"the accessibility tree cannot be read: {read.stderr[-500:]}")
        return json.loads(read.stdout)

    def result(self, instruction: str, nodes: list[dict], screenshot: Screenshot) -> Result:
        """Point: the middle of the widget to click. Box: around all that a click does the same on."""
        shown = screenshot.to_desktop.apply(Box(0, 0, screenshot.size.width, screenshot.size.height))
        target = self.targets[instruction]
        named = [node for node in nodes if node["name"].strip() == target.name]
        mains, more = (
            [box for box in self.boxes(named, role) if shown.contains(box.center)]
            for role in (target.role, target.also)
        )
        main = mains[0] if len(mains) == 1 else None
        box = main and _around([main, *more], target.wider)
        return Result(
            instruction=instruction,
            status="refused" if main is None else "found",
            point=main and main.center,
            box=box,
            image_size=screenshot.size,
            monitor=screenshot.monitor,
            transform=Chain((Hop("tree -> screenshot", 1.0, 1.0, 0.0, 0.0),)).then(screenshot.to_desktop),
            model=ModelUse("accessibility tree", None, "none", "none"),
            kv=CacheUse("full", None, 0, 0.0, 0, 0),
            timing_ms={},
            memory=MemoryUse(0, 0, None, "process"),
            raw=f"{len(mains)} of {len(nodes)} nodes are {target.role} {target.name!r}",
        )

    def boxes(self, nodes: list[dict], role: str) -> list[Box]:
        """The different boxes of the nodes that have this role, in pixels of the screen."""
        found = [[self.scale * side for side in node["box"]] for node in nodes if node["role"] == role]
        return list(dict.fromkeys(Box.from_xywh(*sides) for sides in found))


def _around(boxes: Sequence[Box], wider: int) -> Box:
    lefts, tops, rights, bottoms = zip(*(box.to_json() for box in boxes), strict=True)
    return Box(min(lefts), min(tops), max(rights) + wider, max(bottoms))


if __name__ == "__main__":
    meaning = json.loads(sys.argv[1])
    tree = Tree({words: Target(**target) for words, target in meaning["targets"].items()}, meaning["scale"])
    run.loaded = lambda choice: tree
    cli.main(["run", *sys.argv[2:]])
