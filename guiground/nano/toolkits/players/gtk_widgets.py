"""The widgets of GTK 3 that plans ask for, marked with what they are known as."""

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GdkPixbuf, Gio, GLib, Gtk, Pango  # noqa: E402

MARKS: dict = {}  # widget: what it is known as


def mark(widget, **known):
    """Remembers what a widget is; gives it back."""
    MARKS.setdefault(widget, {}).update(known)
    return widget


def image(icon, size, alone=False):
    """An icon's widget, or None."""
    if not icon:
        return None
    if icon["symbolic"]:
        made = Gtk.Image.new_from_gicon(Gio.FileIcon.new(Gio.File.new_for_path(icon["file"])), Gtk.IconSize.MENU)
        made.set_pixel_size(size)
    else:
        try:
            made = Gtk.Image.new_from_pixbuf(GdkPixbuf.Pixbuf.new_from_file_at_scale(icon["file"], size, size, True))
        except GLib.Error:
            return None
    return mark(made, concept=icon["concept"], alone=alone)


def worded(icon, text, size=16, gap=6, role="label"):
    """An icon and words beside it."""
    box = Gtk.Box(spacing=gap)
    picture = image(icon, size)
    if picture:
        box.pack_start(picture, False, False, 0)
    label = Gtk.Label(label=text, xalign=0)
    box.pack_start(label, False, False, 0)
    return box


class Widgets:
    """Builds single widgets; a Builder puts them into windows."""

    def button(self, cell, small=False):
        """A push button with words, an icon or both."""
        button = Gtk.Button()
        if cell.get("text"):
            button.add(worded(cell.get("icon"), cell["text"]))
            button.get_child().set_halign(Gtk.Align.CENTER)
        else:
            picture = image(cell["icon"], self.size, True)
            if not picture:
                return None
            button.add(picture)
        if small:
            button.set_relief(Gtk.ReliefStyle.NONE)
        return mark(button, role="key" if len(cell.get("text") or "") == 1 else "button")

    def menu(self, entries):
        """What one menu holds."""
        menu = mark(Gtk.Menu(), place="menu")
        group = None
        for entry in entries:
            if entry["kind"] == "line":
                menu.append(Gtk.SeparatorMenuItem())
                continue
            if entry["kind"] == "check":
                item = Gtk.CheckMenuItem(active=self.rng.random() < 0.5)
            elif entry["kind"] == "radio":
                item = Gtk.RadioMenuItem.new_from_widget(group)
                group = item
            else:
                item = Gtk.MenuItem()
            box = Gtk.Box(spacing=6)
            picture = image(entry["icon"], 16)
            if picture:
                box.pack_start(picture, False, False, 0)
            label = mark(Gtk.Label(label=entry["text"], xalign=0), named=entry["text"].removesuffix("..."))
            box.pack_start(label, True, True, 0)
            if entry["key"]:
                key = mark(Gtk.Label(label=entry["key"], xalign=1), role="label")
                key.get_style_context().add_class("accelerator")
                box.pack_end(key, False, False, 12)
            item.add(box)
            item.set_sensitive(entry["kind"] != "off")
            if entry["kind"] == "sub":
                item.set_submenu(Gtk.Menu())
            menu.append(mark(item, role="menu item"))
        menu.show_all()
        return menu

    def tool_bar(self, tools):
        """A row of tools."""
        bar = mark(Gtk.Toolbar(), place="tool bar")
        bar.set_show_arrow(False)
        for tool in tools:
            item = Gtk.ToolItem()
            if tool["kind"] == "line":
                item = Gtk.SeparatorToolItem()
            elif tool["kind"] in ("icon", "button"):
                button = self.button(tool, True)
                if not button:
                    continue
                item.add(button)
            elif tool["kind"] == "field":
                item.add(mark(Gtk.Entry(placeholder_text=tool["hint"]), role="field"))
            else:
                item.add(self.combo(tool["options"]))
            bar.insert(item, -1)
        return bar

    def combo(self, options, name=""):
        """A drop-down list, closed."""
        combo = Gtk.ComboBoxText()
        for option in options:
            combo.append_text(option)
        combo.set_active(0)
        return mark(combo, role="drop-down", beside=name)

    def scrolled(self, inner):
        """A scrolled area around a widget."""
        area = Gtk.ScrolledWindow()
        area.set_overlay_scrolling(self.rng.random() < 0.5)
        area.add(inner)
        return area

    def side(self, side):
        """A list or tree at the left."""
        store = Gtk.TreeStore(str, GdkPixbuf.Pixbuf, str)
        parents = [None]
        for row in side["rows"]:
            depth = min(row["depth"], len(parents) - 1)
            made = store.append(parents[depth], [row["text"], *self.pixbuf(row["icon"], 16)])
            parents = [*parents[: depth + 1], made]
        view = Gtk.TreeView(model=store, headers_visible=False)
        column = Gtk.TreeViewColumn()
        self.cells(column)
        view.append_column(column)
        view.expand_all()
        view.set_show_expanders(side["kind"] == "tree")
        self.choose(view, side["chosen"])
        mark(view, role="tree item" if side["kind"] == "tree" else "list item", place="sidebar", concepts=2)
        area = self.scrolled(view)
        area.set_size_request(side["width"], -1)
        return area

    def cells(self, column, text=0):
        """Renderers for an icon and words."""
        picture, words = Gtk.CellRendererPixbuf(), Gtk.CellRendererText()
        column.pack_start(picture, False)
        column.pack_start(words, True)
        column.add_attribute(picture, "pixbuf", 1)
        column.add_attribute(words, "text", text)

    def pixbuf(self, icon, size):
        """A picture for a cell and its concept."""
        if not icon or icon["symbolic"]:
            return None, ""
        try:
            return GdkPixbuf.Pixbuf.new_from_file_at_scale(icon["file"], size, size, True), icon["concept"]
        except GLib.Error:
            return None, ""

    def choose(self, view, row):
        """Selects a row if there is one."""
        model = view.get_model()
        if row < len(model):
            view.get_selection().select_path(Gtk.TreePath(row))

    def table(self, pane):
        """Columns under headers."""
        count = len(pane["columns"])
        store = Gtk.ListStore(str, GdkPixbuf.Pixbuf, str, *[str] * (count - 1))
        for row, icon in zip(pane["rows"], pane["icons"], strict=True):
            picture, concept = self.pixbuf(icon, 16)
            store.append([row[0], picture, concept, *row[1:]])
        view = Gtk.TreeView(model=store)
        for index, name in enumerate(pane["columns"]):
            column = Gtk.TreeViewColumn()
            head = Gtk.Label(label=name)
            head.show()
            column.set_widget(head)
            column.set_resizable(True)
            column.set_clickable(True)
            if index == 0:
                self.cells(column)
            else:
                words = Gtk.CellRendererText()
                column.pack_start(words, True)
                column.add_attribute(words, "text", index + 2)
            view.append_column(column)
            mark(column.get_button(), role="header", place="table")
        view.set_grid_lines(Gtk.TreeViewGridLines.BOTH if pane["lines"] else Gtk.TreeViewGridLines.NONE)
        self.choose(view, pane["chosen"])
        return self.scrolled(mark(view, role="cell", place="table", concepts=2))

    def form(self, pane):
        """Rows of labels and controls."""
        grid = mark(Gtk.Grid(row_spacing=self.rng.choice([3, 6, 10]), column_spacing=12), place="form")
        grid.set_border_width(self.rng.choice([6, 12, 18]))
        for at, row in enumerate(pane["rows"]):
            self.form_row(grid, at, row)
        area = self.scrolled(grid)
        return area

    def form_row(self, grid, at, row):
        """One row."""
        kind = row["kind"]
        if kind in ("field", "list", "slider", "spin"):
            label = Gtk.Label(label=row["label"] + (":" if row["colon"] else ""), xalign=self.rng.choice([0, 0, 1]))
            grid.attach(label, 0, at, 1, 1)
            if kind == "field":
                control = mark(Gtk.Entry(text=row["text"]), role="field", beside=row["label"])
                if row["hint"]:
                    control.set_placeholder_text(row["hint"])
                control.set_width_chars(self.rng.choice([12, 20, 30]))
            elif kind == "list":
                control = self.combo(row["options"], row["label"])
            elif kind == "slider":
                control = Gtk.Scale.new_with_range(Gtk.Orientation.HORIZONTAL, 0, 100, 1)
                control.set_value(row["value"])
                control.set_draw_value(False)
                control.set_size_request(160, -1)
            else:
                control = mark(Gtk.SpinButton.new_with_range(0, 1000, 1), role="field", beside=row["label"])
                control.set_value(row["value"])
            line = Gtk.Box(spacing=4)
            line.pack_start(control, self.rng.random() < 0.4, True, 0)
            end = self.button({"icon": row["end"]}) if row["end"] else None
            if end:
                line.pack_start(end, False, False, 0)
            grid.attach(line, 1, at, 1, 1)
            return
        if kind == "check":
            made = mark(Gtk.CheckButton(label=row["text"], active=row["on"]), role="check box")
        elif kind == "switch":
            made = Gtk.Box(spacing=12)
            made.pack_start(Gtk.Label(label=row["text"], xalign=0), self.rng.random() < 0.5, True, 0)
            made.pack_start(Gtk.Switch(active=row["on"], valign=Gtk.Align.CENTER), False, False, 0)
            mark(made, role="switch")
        elif kind == "radio":
            made, first = Gtk.Box(spacing=10), None
            if self.rng.random() < 0.5:
                made.set_orientation(Gtk.Orientation.VERTICAL)
            for option in row["options"]:
                first = mark(Gtk.RadioButton.new_with_label_from_widget(first, option), role="radio button")
                made.pack_start(first, False, False, 0)
        elif kind == "buttons":
            made = Gtk.Box(spacing=6, halign=self.rng.choice([Gtk.Align.START, Gtk.Align.END]))
            for cell in row["cells"]:
                made.pack_start(self.button(cell), False, False, 0)
        else:
            made = Gtk.Label(label=row["text"], xalign=0)
            if kind == "heading":
                made.set_markup(f"<b>{GLib.markup_escape_text(row['text'])}</b>")
            mark(made, role="heading" if kind == "heading" else "text")
        grid.attach(made, 0, at, 2, 1)

    def pane(self, pane):
        """What a window is for."""
        kind = pane["kind"]
        if kind in ("form", "table"):
            return getattr(self, kind)(pane)
        if kind == "text":
            view = Gtk.TextView(monospace=pane["mono"], left_margin=6, top_margin=4)
            view.get_buffer().set_text("\n".join(pane["lines"]))
            view.set_cursor_visible(False)
            return self.scrolled(view)
        grid = Gtk.FlowBox(selection_mode=Gtk.SelectionMode.NONE, valign=Gtk.Align.START)
        if kind == "keys":
            grid.set_min_children_per_line(pane["columns"])
            grid.set_max_children_per_line(pane["columns"])
            made = [self.button(cell) for cell in pane["cells"]]
        else:
            grid.set_max_children_per_line(30)
            made = []
            for cell in pane["cells"]:
                box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=3)
                picture = image(cell["icon"], pane["size"])
                if picture:
                    box.pack_start(picture, False, False, 0)
                label = Gtk.Label(label=cell["text"], max_width_chars=16, ellipsize=Pango.EllipsizeMode.END)
                box.pack_start(mark(label, role="icon label"), False, False, 0)
                made.append(box)
        for one in filter(None, made):
            grid.add(one)
        return self.scrolled(grid)
