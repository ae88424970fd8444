"""What a GTK 3 window shows, asked of its widgets. Runs under Debian's python3 (package python3-gi), on its own.

A row: role, name, box, aim, whole, place, beside, concept; boxes are left, top, right, bottom in pixels.
"""

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("PangoCairo", "1.0")
from gi.repository import Gdk, Gtk, Pango  # noqa: E402

UNIT = Pango.SCALE


class Boxes:
    """Collects the rows, characters and icons of one window."""

    def __init__(self, window, marks: dict):
        self.marks, self.shown, self.drawn, self.glyphs = marks, [], [], []
        self.scale = window.get_scale_factor()
        _, self.x, self.y = window.get_window().get_origin()
        size = window.get_allocation()
        self.window = window
        self.limit = (self.x, self.y, self.x + size.width, self.y + size.height)
        self.walk(window, {}, self.limit)

    def walk(self, widget, inherited: dict, limit) -> None:
        """Visits a widget and what is inside it, as far as `limit` shows it."""
        if not widget.get_mapped() or not widget.get_child_visible():
            return
        mark = {**{k: v for k, v in inherited.items() if k in ("place", "role", "outer")}, **self.marks.get(widget, {})}
        box = self.box(widget)
        if "role" in self.marks.get(widget, {}):
            mark["outer"] = box
        if isinstance(widget, (Gtk.ScrolledWindow, Gtk.Viewport)):
            limit = meet(limit, box)
        if limit[2] <= limit[0] or limit[3] <= limit[1]:
            return
        drawn = {Gtk.SpinButton: ("add", "remove"), Gtk.ComboBoxText: ("chevron-down",)}
        self.drawn += [
            (concept, box, False) for kind, both in drawn.items() if isinstance(widget, kind) for concept in both
        ]
        if mark.get("beside"):
            self.row(mark, mark["beside"], box, box, inside(box, limit), beside=True)
        if isinstance(widget, Gtk.Label):
            x, y = widget.get_layout_offsets()
            self.layout(widget, widget.get_layout(), x, y, mark, limit)
        elif isinstance(widget, Gtk.Entry):
            x, y = widget.get_layout_offsets()
            corner = widget.translate_coordinates(self.window, 0, 0)
            self.layout(widget, widget.get_layout(), corner[0] + x, corner[1] + y, {**mark, "outer": box}, limit, True)
        elif isinstance(widget, Gtk.Image):
            self.image(widget, mark, box, limit)
        elif isinstance(widget, Gtk.CellView):
            self.cell_view(widget, mark, limit)
        elif isinstance(widget, Gtk.TreeView):
            self.tree(widget, mark, meet(limit, box))
        elif isinstance(widget, Gtk.TextView):
            self.text(widget, meet(limit, box))
        if isinstance(widget, Gtk.Container):
            children = []
            widget.forall(children.append)
            for child in children:
                self.walk(child, mark, limit)

    def box(self, widget):
        """A widget's place on the screen."""
        at = widget.translate_coordinates(self.window, 0, 0) or (0, 0)
        size = widget.get_allocation()
        if not widget.get_has_window() and widget is not self.window:
            origin = widget.get_allocation()
            at = self.at(widget, origin)
        return (self.x + at[0], self.y + at[1], self.x + at[0] + size.width, self.y + at[1] + size.height)

    def at(self, widget, allocation):
        """The corner of a widget without a window of its own, relative to the top window."""
        _, x, y = widget.get_window().get_origin()
        return (x + allocation.x - self.x, y + allocation.y - self.y)

    def layout(self, widget, layout, x, y, mark, limit, entry=False) -> None:
        """The characters of a label or field whose layout starts at (x, y) of the widget's own window."""
        text = layout.get_text()
        if not text.strip():
            return
        if not entry:
            _, ox, oy = widget.get_window().get_origin()
            x, y = ox + x, oy + y
        else:
            x, y = self.x + x, self.y + y
        box = meet(limit, self.box(widget)) if entry else limit
        self.write(widget, layout, text, x, y, mark, box)

    def write(self, widget, layout, text, x, y, mark, limit) -> None:
        """The characters of a layout at (x, y) of the screen, and its row."""
        cap, size = capital(widget, layout)
        raw = layout.get_text()
        lines = layout.get_line_count()
        base = layout.get_baseline() / UNIT
        cut = layout.is_ellipsized()
        place, left, right, whole, top = 0, 1e9, -1e9, lines == 1, 0
        room = x + layout.get_size()[0] / UNIT - (layout_dots(layout) if cut else 0)
        for character in raw:
            rect = layout.index_to_pos(place)
            place += len(character.encode())
            if not character.strip():
                continue
            start, end = x + rect.x / UNIT, x + (rect.x + rect.width) / UNIT
            middle = y + rect.y / UNIT + (base if lines == 1 else 0.79 * rect.height / UNIT) - cap / 2
            left, right = min(left, start), max(right, end)
            if end <= room + 0.5 and inside((start, middle - cap / 2, end, middle + cap / 2), limit):
                self.glyphs.append((start, end, middle, ord(character)))
                top = middle
            else:
                whole = False
        if not top:
            return
        half = cap / 2 + size * 0.2
        aim = (left, top - half, right, top + half)
        self.row(mark, " ".join(text.split()).removesuffix("..."), mark.get("outer") or aim, aim, whole and not cut)

    def row(self, mark, name, box, aim, whole, beside=False, concept="") -> None:
        """One thing on the screen."""
        known = {"role": mark.get("role", "label"), "name": name, "box": box, "aim": aim, "whole": whole}
        self.shown.append(known | {"place": mark.get("place", ""), "beside": beside, "concept": concept})

    def image(self, widget, mark, box, limit) -> None:
        """An icon: named where it is all that its button shows."""
        concept = self.marks.get(widget, {}).get("concept")
        if not concept:
            return
        size = widget.get_pixel_size()
        if size <= 0:
            pixbuf = widget.get_pixbuf()
            size = pixbuf.get_width() / self.scale if pixbuf else 16
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        aim = (x - size / 2, y - size / 2, x + size / 2, y + size / 2)
        self.drawn.append((concept, aim, inside(aim, limit)))
        if self.marks[widget].get("alone"):
            self.row(mark, "", mark.get("outer") or box, aim, inside(aim, limit), concept=concept)

    def cell_view(self, widget, mark, limit) -> None:
        """The chosen entry of a drop-down list."""
        text = self.marks.get(widget.get_parent() or widget, {}).get("chosen") or mark.get("chosen")
        model, path = widget.get_model(), widget.get_displayed_row()
        if text is None and model is not None and path is not None:
            text = model[path][0]
        layout = widget.create_pango_layout(text or "")
        box = self.box(widget)
        height = layout.get_pixel_size()[1]
        self.write(widget, layout, text or "", box[0], box[1] + (box[3] - box[1] - height) / 2, mark, meet(limit, box))

    def tree(self, view, mark, limit) -> None:
        """The cells of a table or tree."""
        model = view.get_model()
        _, ox, oy = view.get_bin_window().get_origin()
        header = view.get_headers_visible()
        own = view.get_allocation()
        limit = meet(limit, (ox, oy, ox + own.width, limit[3])) if header else limit
        shown = view.get_visible_range()
        if not shown:
            return
        path, last = shown
        row = model.get_iter(path)
        role = mark.get("role", "cell")
        while row is not None:
            path = model.get_path(row)
            for column in view.get_columns():
                area = view.get_cell_area(path, column)
                column.cell_set_cell_data(model, row, model.iter_has_child(row), view.row_expanded(path))
                for renderer in column.get_cells():
                    start, width = column.cell_get_position(renderer)
                    pad = renderer.get_padding()
                    left, top = ox + area.x + start, oy + area.y
                    if isinstance(renderer, Gtk.CellRendererPixbuf):
                        concept = model[row][self.marks[view]["concepts"]]
                        x, y = left + width / 2, top + area.height / 2
                        box = (x - 8, y - 8, x + 8, y + 8)
                        if concept and meet(limit, box)[2] > box[0] and meet(limit, box)[3] > box[1]:
                            self.drawn.append((concept, box, inside(box, limit)))
                        continue
                    layout = view.create_pango_layout(renderer.get_property("text") or "")
                    _, height = layout.get_pixel_size()
                    y = top + (area.height - height) / 2
                    outer = meet((ox + area.x, top, ox + area.x + area.width, top + area.height), limit)
                    cell = (left, top, left + width, top + area.height)
                    own_mark = {"role": role, "place": mark.get("place", "table"), "outer": outer}
                    self.write(view, layout, layout.get_text(), left + pad[0], y, own_mark, meet(limit, cell))
            row = following(model, row, view)
            if row is None or model.get_path(row) > last:
                return

    def text(self, view, limit) -> None:
        """The characters of a text view."""
        cap, _ = capital(view, view.create_pango_layout("H"))
        window = view.get_window(Gtk.TextWindowType.TEXT)
        _, ox, oy = window.get_origin()
        place = view.get_buffer().get_start_iter()
        layout = view.create_pango_layout("H")
        base = layout.get_baseline() / UNIT
        height = layout.get_pixel_size()[1]
        while not place.is_end():
            character = place.get_char()
            rect = view.get_iter_location(place)
            x, y = view.buffer_to_window_coords(Gtk.TextWindowType.TEXT, rect.x, rect.y)
            if y > limit[3] - oy:
                return
            if character.strip():
                middle = oy + y + (rect.height - height) / 2 + base - cap / 2
                box = (ox + x, middle - cap / 2, ox + x + rect.width, middle + cap / 2)
                if inside(box, limit):
                    self.glyphs.append((box[0], box[2], middle, ord(character)))
            place.forward_char()


def following(model, row, view):
    """The row that a tree shows after this one."""
    if model.iter_has_child(row) and view.row_expanded(model.get_path(row)):
        return model.iter_children(row)
    while row is not None:
        after = model.iter_next(row)
        if after is not None:
            return after
        row = model.iter_parent(row)
    return None


CAPS: dict = {}


def capital(widget, layout):
    """The height of capitals and of the font in pixels."""
    context = layout.get_context()
    font = layout.get_font_description() or context.get_font_description()
    key = font.to_string()
    if key not in CAPS:
        probe = widget.create_pango_layout("H")
        probe.set_font_description(font)
        ink, _ = probe.get_extents()
        size = font.get_size() / UNIT
        if not font.get_size_is_absolute():
            size *= Gdk.Screen.get_default().get_resolution() / 72
        CAPS[key] = (ink.height / UNIT, size)
    return CAPS[key]


def layout_dots(layout) -> float:
    """The room that the dots of a cut text take."""
    probe = layout.copy()
    probe.set_width(-1)
    probe.set_text("\u2026", -1)
    return probe.get_size()[0] / UNIT


def meet(a, b):
    """What two boxes share."""
    return (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))


def inside(box, limit) -> bool:
    """Whether a box lies in another, with half a pixel of tolerance."""
    return (
        box[0] >= limit[0] - 0.5 and box[1] >= limit[1] - 0.5 and box[2] <= limit[2] + 0.5 and box[3] <= limit[3] + 0.5
    )
