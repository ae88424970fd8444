"""What a Tk window shows, from the geometry of its widgets and the widths of its words. Rows are as in gtk_boxes.py."""

import tkinter as tk
from tkinter import font as tkfont
from tkinter import ttk


class Boxes:
    """Collects the rows, characters and icons of one window."""

    def __init__(self, builder, marks):
        self.builder, self.marks, self.font = builder, marks, builder.font
        self.shown, self.drawn, self.glyphs, self.caps = [], [], [], {}

    def visit(self, widget, inherited, limit):
        """A widget, then what is inside it."""
        if not widget.winfo_ismapped() or isinstance(widget, tk.Menu):
            return
        mark = {**inherited, **self.marks.get(widget, {})}
        box = place_of(widget)
        limit = meet(limit, box)
        if limit[2] <= limit[0] or limit[3] <= limit[1]:
            return
        if mark.get("beside"):
            self.row(mark, mark["beside"], box, box, inside(box, limit), beside=True)
        if isinstance(widget, ttk.Treeview):
            self.tree(widget, mark, box, limit)
        elif isinstance(widget, ttk.Notebook):
            self.tabs(widget, mark, box, limit)
        elif mark.get("lines"):
            self.lines(widget, limit)
        elif self.marks.get(widget, {}).get("text") or self.marks.get(widget, {}).get("concept"):
            self.widget(widget, mark, box, limit)
        for child in widget.winfo_children():
            self.visit(child, {"place": mark.get("place", "")}, limit)

    def widget(self, widget, mark, box, limit):
        """Words and icon of a button, label, field or box to tick."""
        picture, text = mark.get("picture"), mark.get("text", "")
        concept = mark.get("concept")
        middle = (box[1] + box[3]) / 2
        if concept and not text:
            aim = centred(box, picture.width(), picture.height())
            self.drawn.append((concept, aim, inside(aim, limit)))
            if mark.get("ornament"):
                return
            self.row(mark, "", box, aim, inside(aim, limit), concept=concept)
            return
        if concept:
            self.drawn.append((concept, *self.beside_words(mark, box, text, limit)))
        if isinstance(widget, (ttk.Combobox, ttk.Spinbox)):
            self.drawn.append(("chevron-down", box, False))
        left = self.left(widget, mark, box, text)
        if left is None:
            return
        font = mark.get("font") or self.font
        line = font.metrics("linespace")
        top = middle - line / 2
        if mark.get("over"):
            top = box[3] - line - (box[3] - box[1] - line - picture.height()) / 2
        self.write(font, text, left, top, mark, box, limit)

    def beside_words(self, mark, box, text, limit):
        """The box of an icon over the words of a label, and whether it is exact: beside words Tk does not tell."""
        picture = mark.get("picture")
        if not mark.get("over") or not picture:
            return box, False
        line = (mark.get("font") or self.font).metrics("linespace")
        top = box[1] + (box[3] - box[1] - line - picture.height()) / 2
        left = (box[0] + box[2] - picture.width()) / 2
        own = (left, top, left + picture.width(), top + picture.height())
        return own, inside(own, limit)

    def left(self, widget, mark, box, text):
        """Where the words of a widget start; None where only Tk knows."""
        font = mark.get("font") or self.font
        wide = font.measure(text)
        picture = mark.get("picture")
        if isinstance(widget, (tk.Entry, ttk.Entry)):  # also lists and numbers
            first = widget.bbox(0)
            return box[0] + first[0] if first else None
        if isinstance(widget, (ttk.Checkbutton, ttk.Radiobutton, tk.Checkbutton)):
            return self.after_mark(widget, box, wide)
        if picture and not mark.get("over"):
            gap = 4 if isinstance(widget, ttk.Widget) else widget.winfo_pixels(widget["padx"])
            return (box[0] + box[2] - wide - picture.width() - gap) / 2 + picture.width() + gap
        if mark.get("role") in ("label", "title", "text", "heading", "menu item"):
            return (
                box[0] + (box[2] - box[0] - wide) / 2
                if mark.get("role") != "menu item" and box[2] - box[0] < wide + 12
                else box[0]
            )
        return (box[0] + box[2] - wide) / 2

    def after_mark(self, widget, box, wide):
        """The words of a box to tick end where the widget's own request ends."""
        right = box[0] + widget.winfo_reqwidth()
        for x in range(int(right - box[0]) - 1, 0, -1):
            if not isinstance(widget, ttk.Widget):
                return right - wide - 2
            if "label" in str(widget.identify(x, int(box[3] - box[1]) // 2)):
                return box[0] + x + 1 - wide
        return None

    def write(self, font, text, left, top, mark, box, limit, whole=True):
        """One line of words whose line box starts at (left, top), and its row."""
        cap, ascent = self.capital(font), font.metrics("ascent")
        middle, some, right = top + ascent - cap / 2, False, left
        for at, character in enumerate(text):
            start, right = left + font.measure(text[:at]), left + font.measure(text[: at + 1])
            if not character.strip():
                continue
            if inside((start, middle - cap / 2, right, middle + cap / 2), limit):
                self.glyphs.append((start, right, middle, ord(character)))
                some = True
            else:
                whole = False
        if not some:
            return
        half = cap / 2 + font.metrics("linespace") * 0.17
        aim = (left, middle - half, right, middle + half)
        outer = aim if mark.get("role") in ("label", "title", "text", "heading") else meet(box, limit)
        self.row(mark, " ".join(text.split()).removesuffix("..."), outer, aim, whole)

    def capital(self, font):
        """The height of capitals: Tk does not tell; three quarters of the ascent fits the fonts in use."""
        return font.metrics("ascent") * 0.76

    def row(self, mark, name, box, aim, whole, beside=False, concept=""):
        """One thing on the screen."""
        known = {"role": mark.get("role", "label"), "name": name, "box": box, "aim": aim, "whole": whole}
        self.shown.append(known | {"place": mark.get("place", ""), "beside": beside, "concept": concept})

    def tree(self, view, mark, box, limit):
        """Cells and headers."""
        line = self.font.metrics("linespace")
        columns = mark["columns"]
        top = 0
        if columns:
            top = next(
                (y for y in range(view.winfo_height()) if view.identify_region(4, y) not in ("heading", "nothing")), 0
            )
            left = 0
            for at, name in enumerate(columns):
                wide = view.column(f"#{at}", "width")
                cell = (box[0] + left + 1, box[1] + 1, box[0] + left + wide, box[1] + top)
                head = {**mark, "role": "header"}
                start = self.heading_left(cell)
                self.write(self.font, name, start, (cell[1] + cell[3] - line) / 2, head, cell, meet(limit, cell))
                left += wide
        todo = list(view.get_children())
        while todo:
            item = todo.pop(0)
            todo = [*view.get_children(item), *todo]
            texts = [view.item(item, "text"), *view.item(item, "values")]
            for at, text in enumerate(texts):
                room = view.bbox(item, f"#{at}")
                if not room or not str(text):
                    continue
                cell = (box[0] + room[0], box[1] + room[1], box[0] + room[0] + room[2], box[1] + room[1] + room[3])
                start = cell[0] + 4
                if at == 0:
                    start = self.after_indicator(view, room, box, self.marks[view]["concepts"].get(item), limit)
                    if start is None:
                        continue
                self.write(self.font, str(text), start, (cell[1] + cell[3] - line) / 2, mark, cell, meet(limit, cell))

    def heading_left(self, cell):
        """Where the words of a column's head start."""
        return cell[0] + 3

    def after_indicator(self, view, room, box, concept, limit):
        """Where the words of a row start: after the arrow and the icon that Tk itself tells apart."""
        y = room[1] + room[3] // 2
        for x in range(room[0], room[0] + room[2]):
            element = view.identify_element(x, y)
            if "text" in element:
                if concept:
                    middle = box[1] + room[1] + room[3] / 2
                    own = (box[0] + x - 17, middle - 8, box[0] + x - 1, middle + 8)
                    self.drawn.append((concept, own, inside(own, limit)))
                return box[0] + x
        return None

    def tabs(self, book, mark, box, limit):
        """The tabs of a notebook, found by asking it what lies where."""
        line = self.font.metrics("linespace")
        for at, name in enumerate(mark["tabs"]):
            wide = self.font.measure(name)
            spots = [
                (x, y)
                for y in range(2, 60, 2)
                for x in range(0, book.winfo_width(), 3)
                if self.tab_at(book, x, y) == at
            ]
            if not spots:
                continue
            left, right = min(x for x, _ in spots), max(x for x, _ in spots) + 2
            label = [(x, y) for x, y in spots if "label" in str(book.identify(x, y))]
            if not label:
                continue
            top, bottom = min(y for _, y in label), max(y for _, y in label) + 2
            tab = (box[0] + left, box[1] + min(y for _, y in spots), box[0] + right, box[1] + bottom)
            start = box[0] + (min(x for x, _ in label) + max(x for x, _ in label) + 2 - wide) / 2
            known = {**mark, "role": "tab"}
            self.write(self.font, name, start, box[1] + (top + bottom - line) / 2, known, tab, meet(limit, tab))

    def tab_at(self, book, x, y):
        """The number of the tab at a point, or None."""
        try:
            return book.index(f"@{x},{y}")
        except tk.TclError:
            return None

    def lines(self, text, limit):
        """The characters of a text area."""
        font = tkfont.Font(root=text, font=text["font"])
        cap = self.capital(font)
        left, top = text.winfo_rootx(), text.winfo_rooty()
        row = 1
        while True:
            line = text.dlineinfo(f"{row}.0")
            if not line:
                return
            for at, character in enumerate(text.get(f"{row}.0", f"{row}.end")):
                room = text.bbox(f"{row}.{at}")
                if not room or not character.strip():
                    continue
                middle = top + line[1] + line[4] - cap / 2
                glyph = (left + room[0], middle - cap / 2, left + room[0] + room[2], middle + cap / 2)
                if inside(glyph, limit):
                    self.glyphs.append((glyph[0], glyph[2], middle, ord(character)))
            row += 1


def layers(builder, marks):
    """What every window shows, the lowest first."""
    out = []
    for window in [*builder.windows, *builder.menus]:
        boxes = Boxes(builder, marks)
        rect = place_of(window)
        boxes.visit(window, {}, rect)
        out.append({"rect": rect, "shown": boxes.shown, "drawn": boxes.drawn, "glyphs": boxes.glyphs})
    return out


def place_of(widget):
    """A widget's box on the screen."""
    left, top = widget.winfo_rootx(), widget.winfo_rooty()
    return (left, top, left + widget.winfo_width(), top + widget.winfo_height())


def centred(box, wide, tall):
    """A box of that size in the middle of another."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return (x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2)


def meet(a, b):
    """What two boxes share."""
    return (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))


def inside(box, limit):
    """Whether a box lies in another, with half a pixel of tolerance."""
    return (
        box[0] >= limit[0] - 0.5 and box[1] >= limit[1] - 0.5 and box[2] <= limit[2] + 0.5 and box[3] <= limit[3] + 0.5
    )
