"""Takes the pictures of this folder again: `capture.py PROGRAM... | --all`; writes ../*.png and ../desk.json.

Each file programs/*.toml describes the scenes of one program: what to start, the steps to the wanted state, and the
targets (which node of the accessibility tree or of the page, and the words that ask for it).
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
import tomllib
from pathlib import Path

import desktop
import prepare
import selection
import web_pages
from PIL import Image

HERE = Path(__file__).parent
PICTURES = HERE.parent


def load(name: str) -> dict:
    return tomllib.loads((HERE / "programs" / f"{name}.toml").read_text())


def shoot_program(scene: dict) -> tuple[Image.Image, list[dict]]:
    """Start the scene's programs on a fresh display and home, bring them to the state, return picture and nodes."""
    import mss

    desktop.empty_home()
    prepare.fill_home(desktop.HOME, scene.get("files", []))
    width, height = scene["size"]
    dark = scene.get("dark", False)
    with desktop.Desktop(
        width,
        height,
        manager=scene.get("manager", "openbox"),
        theme=scene.get("theme", "Adwaita"),
        icons=scene.get("icons", "Adwaita"),
        dark=dark,
    ) as screen:
        for start in scene["start"]:
            screen.run([part.replace("~", str(desktop.HOME)) for part in start["command"]], start.get("env"))
            screen.do(f"await {start['window']}")
            time.sleep(scene.get("settle", 1.5))
            if "place" in start:
                screen.do(f"place {start['window']} => {' '.join(map(str, start['place']))}")
        time.sleep(0.5)
        screen.wake_accessibility(len(scene["start"]))
        for step in scene.get("do", []):
            screen.do(step)
        if not any(step.startswith("move") for step in scene.get("do", [])):
            screen.do(f"move {width - 3} {height - 3}")
        time.sleep(scene.get("settle", 1.5))
        nodes = screen.boxes()
        with mss.MSS(display=screen.display) as grabber:
            shot = grabber.grab(grabber.monitors[0])
            picture = Image.frombytes("RGB", shot.size, shot.bgra, "raw", "BGRX")
    return picture, nodes


def shoot_patiently(scene: dict) -> tuple[Image.Image, list[dict]]:
    for _ in range(4):
        try:
            return shoot_program(scene)
        except desktop.SilentProgramError:
            print(f"{scene['id']}: no accessibility tree, once more", file=sys.stderr)
    raise SystemExit(f"{scene['id']}: the program never showed its accessibility tree")


def shoot_page(scene: dict, chromium: web_pages.Chromium) -> tuple[Image.Image, list[dict]]:
    png, nodes = chromium.shoot(scene)
    return Image.open(io.BytesIO(png)).convert("RGB"), nodes


def write(scene: dict, program: str, picture: Image.Image, nodes: list[dict]) -> list[str]:
    """Write the picture and put its rows into desk.json in place of the old ones; return what was left out."""
    made, left_out = selection.rows(scene, program, nodes, picture.size)
    picture.save(PICTURES / f"{scene['id']}.png", optimize=True)
    path = PICTURES / "desk.json"
    old = json.loads(path.read_text()) if path.exists() else []
    kept = [row for row in old if row["img_filename"] != f"{scene['id']}.png"] + made
    kept.sort(key=lambda row: row["id"])
    lines = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in kept)
    path.write_text(f"[\n{lines}\n]\n")
    return left_out


def listing(nodes: list[dict]) -> str:
    """The nodes as lines to choose targets from."""
    return "\n".join(
        f"{'+' if node['visible'] else '-'}{'' if node['enabled'] else '!'} {node['role']} | {node['name'][:70]!r} "
        f"{node.get('text', '')[:50]!r} {node['box']} {node.get('description', '')[:40]} "
        f"< {' < '.join(node['trail'][-2:])}"
        for node in nodes
        if node["name"] or node.get("text") or node["role"] in {"text", "entry", "combo box"}
    )


def main() -> None:
    known = sorted(path.stem for path in (HERE / "programs").glob("*.toml"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", nargs="*", help=f"one of: {', '.join(known)}, or the id of one scene")
    parser.add_argument("--all", action="store_true", help="every program")
    parser.add_argument("--nodes", metavar="DIR", type=Path, help="also write the list of nodes of each scene here")
    given = parser.parse_args()
    wanted = known if given.all else given.program
    if not wanted:
        parser.error("name a program or say --all")
    scenes = [
        (load(name), scene)
        for name in known
        for scene in load(name)["scene"]
        if name in wanted or scene["id"] in wanted
    ]
    if not scenes:
        parser.error(f"unknown program or scene {' '.join(wanted)!r} (choose from: {', '.join(known)})")
    for settings, scene in scenes:
        if "page" in scene:
            with web_pages.Chromium() as chromium:
                picture, nodes = shoot_page(scene, chromium)
        else:
            picture, nodes = shoot_patiently(scene)
        if given.nodes:
            given.nodes.mkdir(parents=True, exist_ok=True)
            (given.nodes / f"{scene['id']}.txt").write_text(listing(nodes) + "\n")
        for line in write(scene, settings["program"], picture, nodes):
            print("left out:", line, file=sys.stderr)
        print(f"{scene['id']}.png")


if __name__ == "__main__":
    main()
