"""Random programs as plans: what windows hold, in plain data, for the toolkits to build.

A plan is JSON: {"width", "height", "windows": [...]}; what a window and its panes may hold is what the functions here
write. An icon is {"concept", "file", "symbolic"}; `None` where the family has none.
"""

import random
from pathlib import Path

from guiground.nano.scenes import words
from guiground.nano.scenes.atlas import DEBIAN
from guiground.nano.scenes.lexicon import lexicon
from guiground.nano.toolkits import svg_icons, talk
from guiground.nano.toolkits.pages.sheet import families

SCREENS = [(1280, 800)] * 10 + [(1366, 768)] * 3 + [(1280, 1024)] * 2 + [(1920, 1080)] * 4 + [(2560, 1440)]


class Plan:
    """The state of one plan while it is written."""

    def __init__(self, rng: random.Random, icons: svg_icons.IconFiles, held_out: bool = False):
        self.rng, self.icons = rng, icons
        known = [name for name in icons.names if name.split()[0] in DEBIAN] or icons.names
        self.family = rng.choice(known) if known else ""
        self.size = rng.choice([16, 16, 20, 22, 24, 24, 32])
        self.used: set[str] = set()
        names = families(held_out)
        self.font = rng.choices(list(names), [weight**0.7 for weight in names.values()])[0]
        self.points = rng.choice([8, 9, 9, 10, 10, 10, 11, 11, 12, 13])

    def chance(self, share: float) -> bool:
        """True in that share of cases."""
        return self.rng.random() < share

    def icon(self, concept: str = "", size: int = 0, alone: bool = False) -> dict | None:
        """An icon; one that nothing else on the screen looks like where it stands `alone` and no concept is given."""
        avoid = self.used if alone and not concept else ()
        choice = self.icons.choose(self.rng, self.family, concept, avoid)
        if choice is None:
            return None
        self.used.add(lexicon()[choice[0]].group)
        path: Path = svg_icons.nearest(choice[1], size or self.size)
        return {"concept": choice[0], "file": str(path), "symbolic": path.stem.endswith("-symbolic")}

    def worded(self, text: str, share: float) -> dict | None:
        """An icon beside words, often one that means them; often none."""
        if not self.chance(share):
            return None
        known = {phrase: name for name, concept in lexicon().items() for phrase in concept.phrases[::-1]}
        return self.icon(known.get(text.lower().removesuffix("..."), ""), 16) or self.icon(size=16)


def screen(rng: random.Random, icons: svg_icons.IconFiles, held_out: bool = False, scale: int = 1) -> dict:
    """The plan of one picture whose toolkit draws everything `scale` times as large."""
    width, height = rng.choice(SCREENS if scale == 1 else [(1920, 1080), (2560, 1440)])
    width, height = width // scale, height // scale
    plan = Plan(rng, icons, held_out)
    full = plan.chance(0.35)
    windows = [main_window(plan, width, height, full)]
    if not full and plan.chance(0.6):
        windows.append(main_window(plan, width, height, False))
    if plan.chance(0.35):
        windows.append(dialog(plan, width, height))
    return {
        "width": width,
        "height": height,
        "scale": scale,
        "windows": windows,
        "family": plan.family,
        "font": plan.font,
        "points": plan.points,
        "icon_size": plan.size,
        "wallpaper": [[rng.randint(0, 255) for _ in range(3)] for _ in range(2)],
        "dark": plan.chance(0.3),
        "seed": rng.randrange(2**30),
    }


def main_window(plan: Plan, width: int, height: int, full: bool) -> dict:
    """A program's window."""
    rng = plan.rng
    size = [width, height] if full else [int(width * rng.uniform(0.45, 0.85)), int(height * rng.uniform(0.5, 0.85))]
    at = [0, 0] if full else [rng.randint(0, width - size[0]), rng.randint(0, height - size[1])]
    bare = plan.chance(0.25)
    window = {
        "kind": "main",
        "size": size,
        "at": at,
        "title": words.title(rng, 3),
        "menus": [],
        "tools": [],
        "open": -1,
    }
    window["header"] = []
    if bare:
        window["header"] = [plan.icon(alone=True) for _ in range(rng.randint(2, 7))]
    else:
        window["menus"] = menus(plan) if plan.chance(0.85) else []
        window["tools"] = tools(plan) if plan.chance(0.8) else []
    if window["menus"] and plan.chance(0.35):
        window["open"] = rng.randrange(len(window["menus"]))
    window["side"] = side(plan) if plan.chance(0.5) else None
    window["tabs"] = [talk.either(rng, "section", "tab") for _ in range(rng.randint(2, 5))] if plan.chance(0.4) else []
    window["across"] = plan.chance(0.5)
    most = 2 + (size[0] > 1000)
    window["panes"] = [pane(plan, size[1]) for _ in range(rng.randint(1, most))]
    window["status"] = [rng.choice([words.number, words.title, talk.clock])(rng) for _ in range(rng.randint(0, 4))]
    return window


def dialog(plan: Plan, width: int, height: int) -> dict:
    """A small window with a question or a form."""
    rng = plan.rng
    size = [rng.randint(320, 620), rng.randint(140, 480)]
    at = [rng.randint(20, width - size[0] - 10), rng.randint(20, height - size[1] - 10)]
    rows = rows_of(plan, rng.randint(1, 8)) if plan.chance(0.6) else []
    if not rows:
        size[1] = rng.randint(110, 180)
        rows = [{"kind": "text", "text": talk.say(rng, "ask")}, {"kind": "text", "text": words.sentence(rng, 8)}]
    rows.append(buttons(plan))
    title = talk.say(rng, "ask")
    pane_ = {"kind": "form", "rows": rows}
    return {
        "kind": "dialog",
        "size": size,
        "at": at,
        "title": title,
        "panes": [pane_],
        "header": [plan.icon("window-close") or plan.icon("close")],
    }


def menus(plan: Plan) -> list[dict]:
    """A menu bar with what its menus hold."""
    rng = plan.rng
    names = ["File", "Edit", "View"][: rng.randint(1, 3)] + rng.sample(words.USUAL["menu"][3:], rng.randint(1, 7))
    share = rng.choice([0, 0, 0.5, 1])
    bar = []
    for name in dict.fromkeys([*names, "Help"]):
        entries = []
        for text in dict.fromkeys(words.phrase(rng, "menu item") for _ in range(rng.randint(3, 15))):
            key = ""
            if plan.chance(0.4):
                key = rng.choice(["Ctrl+", "Alt+", "Shift+Ctrl+", "Ctrl+"]) + rng.choice("ABCDEFGHIKLNOPQSTUVWXYZ")
            kind = rng.choices(["plain", "check", "radio", "sub", "off"], [20, 2, 1, 2, 2])[0]
            entries.append({"kind": kind, "text": text, "key": key, "icon": plan.worded(text, share)})
            if plan.chance(0.15):
                entries.append({"kind": "line"})
        bar.append({"name": name, "entries": entries})
    return bar


def tools(plan: Plan) -> list[dict]:
    """A tool bar."""
    rng, out = plan.rng, []
    worded = plan.chance(0.2)
    for _ in range(rng.randint(3, 18)):
        kind = rng.random()
        if kind < 0.78:
            icon = plan.icon(alone=True)
            if icon and worded and plan.chance(0.7):
                text = lexicon()[icon["concept"]].phrases[0].capitalize() if plan.chance(0.7) else words.title(rng, 1)
                out.append({"kind": "button", "text": text, "icon": icon})
            elif icon:
                out.append({"kind": "icon", "icon": icon})
        elif kind < 0.92:
            out.append({"kind": "line"})
        elif kind < 0.96:
            out.append({"kind": "list", "options": [talk.either(rng, "option") for _ in range(4)]})
        else:
            out.append({"kind": "field", "hint": talk.say(rng, "hint")})
    return out


def side(plan: Plan) -> dict:
    """A list or a tree at the left."""
    rng = plan.rng
    share, tree = rng.choice([0, 0.5, 1, 1]), plan.chance(0.5)
    rows = []
    for _ in range(rng.randint(4, 26)):
        text = talk.say(rng, "folder") if plan.chance(0.4) else talk.either(rng, "nav", "sidebar", 0.4)
        rows.append(
            {"text": text, "depth": rng.choice([0, 0, 1, 1, 2]) if tree else 0, "icon": plan.worded(text, share)}
        )
    return {
        "kind": "tree" if tree else "list",
        "rows": rows,
        "width": rng.randint(140, 280),
        "chosen": rng.randint(0, 30),
    }


def pane(plan: Plan, height: int) -> dict:
    """What a window of that height is for."""
    rng = plan.rng
    kind = rng.choice(["form", "form", "table", "table", "text", "icons", "keys"])
    if kind == "form":
        return {"kind": "form", "rows": [*rows_of(plan, rng.randint(4, max(6, height // 34))), buttons(plan)]}
    if kind == "table":
        return table(plan)
    if kind == "text":
        if plan.chance(0.5):
            lines = [words.sentence(rng, rng.randint(3, 12)) for _ in range(rng.randint(5, 40))]
        else:
            lines = [
                f"{'    ' * rng.choice([0, 1, 1, 2])}{words.word(rng)}_{words.word(rng)}({words.code(rng)})"
                for _ in range(40)
            ]
        return {"kind": "text", "lines": [line for line in lines if line.isascii()], "mono": plan.chance(0.5)}
    if kind == "keys":
        names = rng.sample("0123456789+-*/=%().", 19) if plan.chance(0.4) else words.USUAL["button"]
        cells = [{"text": text} for text in rng.sample(list(names), min(len(names), rng.randint(6, 16)))]
        if plan.chance(0.4):
            cells = [{"icon": icon} for icon in (plan.icon(alone=True) for _ in range(rng.randint(6, 24))) if icon]
        return {"kind": "keys", "cells": cells, "columns": rng.randint(3, 8)}
    names = dict.fromkeys(
        talk.say(rng, "folder") if plan.chance(0.4) else talk.file_name(rng) for _ in range(rng.randint(6, 40))
    )
    concepts = ["folder", "file", "image", "music", "film", "archive", "code", ""]
    cells = [{"text": name, "icon": plan.icon(rng.choice(concepts), 48)} for name in names]
    return {"kind": "icons", "cells": cells, "size": rng.choice([32, 40, 48, 64])}


def table(plan: Plan) -> dict:
    """Columns under headers."""
    rng = plan.rng
    makers = [talk.person, talk.file_name, words.number, talk.price, talk.clock, talk.mail, words.title, words.number]
    chosen = rng.sample(makers, rng.randint(2, 6))
    names = list(dict.fromkeys(words.phrase(rng, "header") for _ in range(len(chosen) + 4)))[: len(chosen)]
    rows = [[make(rng) for make in chosen[: len(names)]] for _ in range(rng.randint(4, 45))]
    share = rng.choice([0, 0, 1])
    icons = [plan.worded("", share) for _ in rows]
    return {
        "kind": "table",
        "columns": names,
        "rows": rows,
        "icons": icons,
        "chosen": rng.randint(0, 30),
        "lines": plan.chance(0.4),
    }


def rows_of(plan: Plan, count: int) -> list[dict]:
    """The rows of a form."""
    rng, rows = plan.rng, []
    kinds = [
        "field",
        "field",
        "field",
        "list",
        "list",
        "check",
        "check",
        "radio",
        "switch",
        "slider",
        "spin",
        "heading",
    ]
    kinds += ["text", "buttons", "group"]
    for kind in rng.choices(kinds, k=count):
        row = {"kind": kind}
        if kind in ("field", "list", "slider", "spin"):
            label = words.phrase(rng, "label") if plan.chance(0.6) else talk.say(rng, "property")
            row |= {"label": label.rstrip(":"), "colon": plan.chance(0.5), "value": rng.randint(0, 100)}
            row["options"] = [talk.either(rng, "option") for _ in range(rng.randint(2, 5))]
            row["text"] = words.title(rng, 2) if plan.chance(0.5) else ""
            row["hint"] = talk.say(rng, "hint") if plan.chance(0.2) else ""
            row["end"] = (
                plan.icon(rng.choice(["open", "refresh", "clear", "edit", "add", ""])) if plan.chance(0.12) else None
            )
        elif kind in ("check", "switch"):
            row |= {"text": talk.either(rng, "setting", "check box"), "on": plan.chance(0.5)}
        elif kind == "radio":
            row["options"] = list(dict.fromkeys(talk.either(rng, "option") for _ in range(rng.randint(2, 4))))
        elif kind in ("heading", "group"):
            row = {"kind": "heading", "text": talk.either(rng, "section", "sidebar")}
        elif kind == "text":
            row["text"] = words.sentence(rng, rng.randint(3, 9))
        else:
            row = buttons(plan)
        rows.append(row)
    return rows


def buttons(plan: Plan) -> dict:
    """Buttons in a row."""
    rng = plan.rng
    names = list(dict.fromkeys(words.phrase(rng, "button") for _ in range(rng.randint(1, 4))))
    share = rng.choice([0, 0, 0, 0.6])
    return {"kind": "buttons", "cells": [{"text": name, "icon": plan.worded(name, share)} for name in names]}
