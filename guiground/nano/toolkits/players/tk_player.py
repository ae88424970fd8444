"""Builds the windows of plans with Tk: one plan a line on stdin, what is to be seen on stdout; then waits for a line."""

import json
import random
import sys
import tkinter as tk
from tkinter import font as tkfont
from tkinter import ttk

MARKS: dict = {}  # widget: what it is known as


def mark(widget, **known):
    """Remembers what a widget is; gives it back."""
    MARKS.setdefault(widget, {}).update(known)
    return widget


class Builder:
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

    def image(self, icon):
        """A picture from the PNG that the plan carries."""
        if not icon or not icon.get("png"):
            return None
        if icon["png"] not in self.images:
            self.images[icon["png"]] = tk.PhotoImage(master=self.root, data=icon["png"])
        return self.images[icon["png"]]

    def button(self, parent, cell, flat=False):
        """A button with words, an icon or both."""
        picture, text = self.image(cell.get("icon")), cell.get("text", "")
        if not picture and not text:
            return None
        known = {
            "role": "key" if len(text) == 1 else "button",
            "text": text,
            "concept": cell["icon"]["concept"] if picture else "",
        }
        given = {"text": text, "compound": "left" if text and picture else "none"}
        if picture:
            given["image"] = picture
        if self.plain or flat:
            made = tk.Button(
                parent, bg=self.back, fg=self.ink, relief="flat" if flat else "raised", highlightthickness=0, **given
            )
            if flat:
                made.configure(bd=1, padx=3, pady=2)
        else:
            made = ttk.Button(parent, **given)
        return mark(made, picture=picture, **known)

    def label(self, parent, text, role="label", bold=False):
        """Words."""
        font = tkfont.Font(
            root=self.root, family=self.plan["font"], size=self.plan["points"], weight="bold" if bold else "normal"
        )
        return mark(ttk.Label(parent, text=text, font=font), role=role, text=text, font=font)

    def tool_bar(self, parent, tools):
        """A row of tools."""
        bar = mark(ttk.Frame(parent), place="tool bar")
        for tool in tools:
            if tool["kind"] == "line":
                ttk.Separator(bar, orient="vertical").pack(side="left", fill="y", padx=4)
                continue
            if tool["kind"] in ("icon", "button"):
                made = self.button(bar, tool, True)
            elif tool["kind"] == "field":
                made = self.field(bar, tool["hint"], 18)
            else:
                made = self.combo(bar, tool["options"])
            if made:
                made.pack(side="left", padx=1, pady=2)
        return bar

    def field(self, parent, text, wide):
        """A text field."""
        made = (
            ttk.Entry(parent, width=wide) if not self.plain else tk.Entry(parent, width=wide, bg=self.base, fg=self.ink)
        )
        made.insert(0, text)
        return mark(made, role="field", text=text)

    def combo(self, parent, options):
        """A drop-down list, closed."""
        made = ttk.Combobox(parent, values=options, width=max(map(len, options)) + 1, state="readonly")
        made.set(options[0])
        return mark(made, role="drop-down", text=options[0])

    def tree(self, parent, columns, rows, role, place, chosen):
        """A list, tree or table; rows are (depth, texts, icon)."""
        made = ttk.Treeview(
            parent, columns=columns[1:], show="tree headings" if columns else "tree", selectmode="browse"
        )
        parents, concepts = [""], {}
        for at, name in enumerate(columns):
            made.heading(f"#{at}", text=name, anchor="w")
        for depth, texts, icon in rows:
            depth = min(depth, len(parents) - 1)
            picture = self.image(icon)
            given = {"image": picture} if picture else {}
            item = made.insert(parents[depth], "end", text=texts[0], values=texts[1:], open=True, **given)
            concepts[item] = icon["concept"] if picture else ""
            parents = [*parents[: depth + 1], item]
        for at in range(len(columns)):
            widest = max([self.font.measure(texts[at]) for _, texts, _ in rows] + [60])
            made.column(f"#{at}", width=min(widest + (50 if at == 0 else 16), 320), stretch=at == len(columns) - 1)
        items = made.get_children()
        if chosen < len(items):
            made.selection_set(items[chosen])
        return mark(made, role=role, place=place, concepts=concepts, columns=columns)

    def form(self, parent, pane):
        """Rows of labels and controls."""
        frame = mark(ttk.Frame(parent, padding=self.rng.choice([6, 12])), place="form")
        for at, row in enumerate(pane["rows"]):
            self.form_row(frame, at, row)
        return frame

    def form_row(self, frame, at, row):
        """One row."""
        kind, pad = row["kind"], {"pady": 2, "padx": 3, "sticky": "w"}
        if kind in ("field", "list", "slider", "spin"):
            self.label(frame, row["label"] + (":" if row["colon"] else "")).grid(row=at, column=0, **pad)
            line = ttk.Frame(frame)
            if kind == "field":
                made = self.field(line, row["text"], self.rng.choice([14, 22, 34]))
            elif kind == "list":
                made = self.combo(line, row["options"])
            elif kind == "slider":
                made = ttk.Scale(line, from_=0, to=100, value=row["value"], length=160)
            else:
                made = ttk.Spinbox(line, from_=0, to=999, width=8)
                made.set(row["value"])
                mark(made, role="field", text=str(row["value"]))
            if kind != "slider":
                mark(made, beside=row["label"])
            made.pack(side="left")
            end = self.button(line, {"icon": row["end"]}) if row["end"] else None
            if end:
                end.pack(side="left", padx=3)
            line.grid(row=at, column=1, **pad)
            return
        if kind in ("check", "switch"):
            made = self.tick(frame, row["text"], row["on"])
        elif kind == "radio":
            made, value = ttk.Frame(frame), tk.StringVar(self.root, row["options"][0])
            across = self.rng.random() < 0.5
            for option in row["options"]:
                one = ttk.Radiobutton(made, text=option, value=option, variable=value)
                mark(one, role="radio button", text=option, keep=value).pack(
                    side="left" if across else "top", anchor="w", padx=3
                )
        elif kind == "buttons":
            made = ttk.Frame(frame)
            for cell in row["cells"]:
                self.button(made, cell).pack(side="left", padx=3)
        else:
            made = self.label(frame, row["text"], "heading" if kind == "heading" else "text", kind == "heading")
        made.grid(row=at, column=0, columnspan=2, **pad)

    def tick(self, parent, text, on):
        """A check box."""
        value = tk.BooleanVar(self.root, on)
        if self.plain:
            made = tk.Checkbutton(
                parent,
                text=text,
                variable=value,
                bg=self.back,
                fg=self.ink,
                selectcolor=self.base,
                highlightthickness=0,
            )
        else:
            made = ttk.Checkbutton(parent, text=text, variable=value)
        return mark(made, role="check box", text=text, keep=value)

    def pane(self, parent, pane):
        """What a window is for."""
        kind = pane["kind"]
        if kind == "form":
            return self.form(parent, pane)
        if kind == "table":
            rows = [(0, row, icon) for row, icon in zip(pane["rows"], pane["icons"])]
            return self.tree(parent, pane["columns"], rows, "cell", "table", pane["chosen"])
        if kind == "text":
            made = tk.Text(
                parent,
                wrap="none",
                bg=self.base,
                fg=self.ink,
                font="TkFixedFont" if pane["mono"] else "TkTextFont",
                highlightthickness=0,
                width=40,
                height=10,
            )
            made.insert("1.0", "\n".join(pane["lines"]))
            return mark(made, lines=True)
        frame = ttk.Frame(parent, padding=6)
        columns = pane.get("columns", max(2, self.plan["width"] // 260))
        for at, cell in enumerate(pane["cells"]):
            if kind == "keys":
                made = self.button(frame, cell)
            else:
                picture = self.image(cell["icon"])
                given = {"image": picture, "compound": "top"} if picture else {}
                made = mark(
                    ttk.Label(frame, text=cell["text"], **given), role="icon label", text=cell["text"], picture=picture
                )
                mark(made, concept=cell["icon"]["concept"] if picture else "", over=bool(picture))
            if made:
                made.grid(
                    row=at // columns, column=at % columns, padx=4, pady=4, sticky="nsew" if kind == "keys" else ""
                )
        return frame

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
