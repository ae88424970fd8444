"""Builds the windows of plans with Tk: reads a plan from stdin, writes what is to be seen, waits for a line."""

import json
import random
import sys
import tkinter as tk
from tkinter import font as tkfont
from tkinter import ttk

from tk_widgets import MARKS, Widgets, mark


class Builder(Widgets):
    """Builds the windows of one plan."""

    def __init__(self, root, plan):
        self.root, self.plan, self.rng = root, plan, random.Random(plan["seed"])
        self.size = plan["icon_size"]
        self.windows, self.menus, self.images, self.opened = [], [], {}, None

    def dress(self):
        """Theme, font and colours."""
        rng, style = self.rng, ttk.Style(self.root)
        self.root.tk.call("tk", "scaling", rng.choice([1.33, 1.33, 1.33, 1.66, 2.0]))
        style.theme_use(rng.choice(["clam", "clam", "alt", "default", "classic"]))
        for name in ("TkDefaultFont", "TkTextFont", "TkMenuFont", "TkHeadingFont"):
            tkfont.nametofont(name, self.root).configure(
                family=self.plan["font"], size=self.plan["points"], weight="normal"
            )
        tkfont.nametofont("TkFixedFont", self.root).configure(family="DejaVu Sans Mono", size=self.plan["points"])
        self.font = tkfont.nametofont("TkDefaultFont", self.root)
        grey = rng.randint(28, 60) if self.plan["dark"] else rng.randint(205, 245)
        self.back = "#{:02x}{:02x}{:02x}".format(*[max(0, min(255, grey + rng.randint(-8, 8))) for _ in range(3)])
        self.ink = "#eeeeee" if self.plan["dark"] else "#101010"
        self.base = "#1e1e22" if self.plan["dark"] else "#ffffff"
        self.accent = "#{:02x}{:02x}{:02x}".format(*[rng.randint(20, 130) for _ in range(3)])
        style.configure(".", background=self.back, foreground=self.ink, font="TkDefaultFont", fieldbackground=self.base)
        style.configure(
            "Treeview",
            background=self.base,
            foreground=self.ink,
            rowheight=self.font.metrics("linespace") + rng.randint(2, 8),
        )
        style.configure("TButton", padding=rng.choice([1, 3, 5]))
        for kind in ("TButton", "TNotebook.Tab", "Treeview.Heading", "TCheckbutton", "TRadiobutton", "TCombobox"):
            style.map(kind, foreground=[("disabled", "#888888")], fieldbackground=[("readonly", self.base)])
        style.map("Treeview", background=[("selected", self.accent)], foreground=[("selected", "#ffffff")])
        for kind in ("TEntry", "TCombobox", "TSpinbox"):
            style.configure(
                kind, foreground=self.ink, fieldbackground=self.base, arrowcolor=self.ink, insertcolor=self.ink
            )
        self.plain = rng.random() < 0.35  # the old widgets of Tk, not the themed ones

    def menu(self, at, entries):
        """An open menu, made of labels, because Tk does not tell where its own menus write."""
        window = tk.Toplevel(self.root, bg=self.ink)
        window.overrideredirect(True)
        frame = mark(tk.Frame(window, bg=self.base, bd=0), place="menu")
        frame.pack(padx=1, pady=1)
        pad = self.rng.choice([1, 2, 4, 6])
        chosen = self.rng.randrange(len(entries) * 2)
        for row, entry in enumerate(entries):
            if entry["kind"] == "line":
                tk.Frame(frame, bg="#888888", height=1).grid(row=row, column=0, columnspan=3, sticky="ew", pady=2)
                continue
            back, ink = (
                (self.accent, "#ffffff")
                if row == chosen
                else (self.base, "#888888" if entry["kind"] == "off" else self.ink)
            )
            given = {"bg": back, "fg": ink, "bd": 0, "padx": 0, "pady": pad, "highlightthickness": 0, "anchor": "w"}
            strip = tk.Frame(frame, bg=back)
            strip.grid(row=row, column=0, columnspan=3, sticky="nsew")
            picture = self.image(entry["icon"])
            one = tk.Label(frame, image=picture or "", width=1 if not picture else 0, **given)
            if picture:
                mark(one, concept=entry["icon"]["concept"], picture=picture, ornament=True)
            one.grid(row=row, column=0, sticky="w", padx=(6, 4))
            name = tk.Label(frame, text=entry["text"], **given)
            mark(name, role="menu item", text=entry["text"]).grid(row=row, column=1, sticky="w", padx=(0, 14))
            if entry["key"]:
                key = tk.Label(frame, text=entry["key"], **given)
                mark(key, role="label", text=entry["key"]).grid(row=row, column=2, sticky="w", padx=(0, 8))
        window.geometry("+{}+{}".format(*at))
        self.menus.append(window)

    def window(self, plan):
        """A whole window."""
        main = plan["kind"] == "main"
        window = tk.Toplevel(self.root, bg=self.back)
        window.overrideredirect(True)
        window.geometry("{}x{}+{}+{}".format(*plan["size"], *plan["at"]))
        frame = mark(ttk.Frame(window, relief="ridge", borderwidth=1), place="" if main else "dialog")
        frame.pack(fill="both", expand=True)
        if plan["header"] or not main:
            bar = mark(ttk.Frame(frame, padding=3), place="title bar" if main else "dialog title")
            self.label(bar, plan["title"], "title", True).pack(side="left", padx=6)
            for icon in filter(None, plan["header"]):
                made = self.button(bar, {"icon": icon}, True)
                if made:
                    made.pack(side="right")
            bar.pack(fill="x")
        if plan.get("menus"):
            bar = mark(tk.Frame(frame, bg=self.back), place="menu bar")
            for index, menu in enumerate(plan["menus"]):
                made = tk.Menubutton(bar, text=menu["name"], bg=self.back, fg=self.ink, padx=6, pady=3)
                mark(made, role="menu", text=menu["name"]).pack(side="left")
                if index == plan["open"]:
                    self.opened = (made, menu["entries"])
            bar.pack(fill="x")
        if plan.get("tools"):
            self.tool_bar(frame, plan["tools"]).pack(fill="x")
        if plan.get("status"):
            bar = mark(ttk.Frame(frame, padding=2), place="status bar")
            for text in plan["status"]:
                self.label(bar, text).pack(side="left", padx=8)
            bar.pack(side="bottom", fill="x")
        if plan.get("side"):
            side = plan["side"]
            rows = [(row["depth"], [row["text"]], row["icon"]) for row in side["rows"]]
            made = self.tree(
                frame, [], rows, "tree item" if side["kind"] == "tree" else "list item", "sidebar", side["chosen"]
            )
            made.column("#0", width=side["width"])
            made.pack(side="left", fill="y")
        body = frame
        if plan.get("tabs"):
            body = ttk.Notebook(frame)
            for name in plan["tabs"]:
                body.add(ttk.Frame(body), text=name)
            mark(body, tabs=plan["tabs"]).pack(fill="both", expand=True)
            body = body.nametowidget(body.tabs()[0])
        for pane in plan["panes"]:
            across = plan.get("across")
            self.pane(body, pane).pack(side="left" if across else "top", fill="both", expand=True, anchor="nw")
        self.windows.append(window)

    def build(self):
        """All windows, the wallpaper first."""
        self.dress()
        back = tk.Toplevel(self.root)
        back.overrideredirect(True)
        back.geometry("2560x1440+0+0")
        colour = "#{:02x}{:02x}{:02x}".format(*self.plan["wallpaper"][0])
        tk.Canvas(back, bg=colour, highlightthickness=0).pack(fill="both", expand=True)
        self.wall = back
        back.update()
        for window in self.plan["windows"]:
            self.window(window)
            self.root.update()
            self.windows[-1].lift()
        self.root.update()
        if self.opened:
            made, entries = self.opened
            self.menu((made.winfo_rootx(), made.winfo_rooty() + made.winfo_height()), entries)
            self.root.update()
            self.menus[-1].lift()
        for _ in range(3):
            self.root.update()

    def end(self):
        """Closes everything."""
        for window in [self.wall, *self.windows, *self.menus]:
            window.destroy()
        MARKS.clear()
        self.root.update()


def main():
    """The loop over plans."""
    from tk_boxes import layers

    for line in sys.stdin:
        root = tk.Tk()
        root.withdraw()
        builder = Builder(root, json.loads(line))
        builder.build()
        print(json.dumps({"layers": layers(builder, MARKS)}), flush=True)
        sys.stdin.readline()
        builder.end()
        root.destroy()


if __name__ == "__main__":
    main()
