"""The widgets of Tk that plans ask for, marked with what they are known as."""

import tkinter as tk
from tkinter import font as tkfont
from tkinter import ttk

MARKS: dict = {}  # widget: what it is known as


def mark(widget, **known):
    """Remembers what a widget is; gives it back."""
    MARKS.setdefault(widget, {}).update(known)
    return widget


class Widgets:
    """Builds single widgets; a Builder puts them into windows."""

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
            rows = [(0, row, icon) for row, icon in zip(pane["rows"], pane["icons"], strict=True)]
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
