"""Builds the windows of plans with GTK 3: reads a plan from stdin, writes what is to be seen, waits for a line."""

import json
import random
import sys

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402
from gtk_boxes import Boxes  # noqa: E402
from gtk_widgets import MARKS, Widgets, mark  # noqa: E402


class Builder(Widgets):
    """Builds the windows of one plan."""

    def __init__(self, plan):
        self.plan, self.rng = plan, random.Random(plan["seed"])
        self.size = plan["icon_size"]
        self.windows, self.popups = [], []

    def window(self, plan):
        """A whole window."""
        window = Gtk.Window(type=Gtk.WindowType.TOPLEVEL)
        window.set_title(plan["title"])
        window.set_default_size(*plan["size"])
        main = plan["kind"] == "main"
        mark(window, place="" if main else "dialog")
        if plan["header"] or not main:
            bar = mark(Gtk.HeaderBar(), place="header bar" if main else "dialog title")
            title = mark(Gtk.Label(label=plan["title"]), role="title")
            title.get_style_context().add_class("title")
            bar.set_custom_title(title)
            for icon in filter(None, plan["header"]):
                button = self.button({"icon": icon}, True)
                if button:
                    (bar.pack_start if main and self.rng.random() < 0.5 else bar.pack_end)(button)
            window.set_titlebar(bar)
        column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL)
        opened = None
        if plan.get("menus"):
            bar = mark(Gtk.MenuBar(), place="menu bar")
            for index, menu in enumerate(plan["menus"]):
                item = mark(Gtk.MenuItem(label=menu["name"]), role="menu")
                item.set_submenu(self.menu(menu["entries"]))
                bar.append(item)
                if index == plan["open"]:
                    opened = item
            column.pack_start(bar, False, False, 0)
        if plan.get("tools"):
            column.pack_start(self.tool_bar(plan["tools"]), False, False, 0)
        body = Gtk.Paned()
        if plan.get("side"):
            body.pack1(self.side(plan["side"]), False, False)
        way = Gtk.Orientation.HORIZONTAL if plan.get("across") else Gtk.Orientation.VERTICAL
        panes = Gtk.Box(orientation=way)
        for pane in plan["panes"]:
            panes.pack_start(self.pane(pane), True, True, 0)
        if plan.get("tabs"):
            book = Gtk.Notebook()
            for index, name in enumerate(plan["tabs"]):
                tab = mark(Gtk.Label(label=name), role="tab")
                book.append_page(panes if index == 0 else Gtk.Box(), tab)
            panes = book
        body.pack2(panes, True, False)
        column.pack_start(body, True, True, 0)
        if plan.get("status"):
            bar = mark(Gtk.Box(spacing=20, border_width=3), place="status bar")
            for text in plan["status"]:
                bar.pack_start(Gtk.Label(label=text), False, False, 4)
            column.pack_start(bar, False, False, 0)
        window.add(column)
        window.move(*plan["at"])
        window.show_all()
        window.move(*plan["at"])
        self.windows.append(window)
        if opened:
            self.popups.append((window, opened))

    def build(self):
        """All windows, the wallpaper first."""
        back = Gtk.Window(type=Gtk.WindowType.POPUP)
        back.set_default_size(2560, 1440)
        a, b = ("rgb({},{},{})".format(*colour) for colour in self.plan["wallpaper"])
        provider = Gtk.CssProvider()
        provider.load_from_data(f"window {{ background: linear-gradient(120deg, {a}, {b}); }}".encode())
        back.get_style_context().add_provider(provider, 900)
        back.move(0, 0)
        back.show_all()
        self.back = back
        for window in self.plan["windows"]:
            self.window(window)
        settle(0.1)
        for window in self.windows:
            window.get_window().raise_()
        if self.windows and self.rng.random() < 0.8:
            self.windows[-1].get_window().focus(0)
        settle(0.15)
        for _, item in self.popups[-1:]:
            menu = item.get_submenu()
            item.get_parent().set_take_focus(False)
            menu.popup_at_widget(item, Gdk.Gravity.SOUTH_WEST, Gdk.Gravity.NORTH_WEST, None)
            item.select()
            self.opened = menu
        settle(0.15)

    def layers(self):
        """What every window shows, the lowest first."""
        layers = []
        tops = [*self.windows]
        if self.popups and self.opened.get_mapped():
            tops.append(self.opened.get_toplevel())
        for top in tops:
            boxes = Boxes(top, MARKS)
            layers.append(
                {
                    "rect": boxes.limit,
                    "shown": boxes.shown,
                    "drawn": boxes.drawn,
                    "glyphs": boxes.glyphs,
                    "scale": boxes.scale,
                }
            )
        return layers

    def end(self):
        """Closes everything."""
        if self.popups:
            self.opened.popdown()
        for window in [self.back, *self.windows]:
            window.destroy()
        MARKS.clear()
        settle(0.05)


def settle(seconds):
    """Lets GTK draw."""
    loop = GLib.MainLoop()
    GLib.timeout_add(int(seconds * 1000), loop.quit)
    loop.run()
    while Gtk.events_pending():
        Gtk.main_iteration()


def dress(plan, provider):
    """Theme, font and colours of one plan."""
    rng = random.Random(plan["seed"])
    settings = Gtk.Settings.get_default()
    settings.set_property("gtk-theme-name", rng.choice(plan["themes"]))
    settings.set_property("gtk-application-prefer-dark-theme", plan["dark"])
    settings.set_property("gtk-font-name", f"{plan['font']} {plan['points']}")
    settings.set_property("gtk-xft-dpi", int(1024 * 96 * rng.choice([1, 1, 1, 1, 1.25, 1.5])))
    settings.set_property("gtk-xft-antialias", 1)
    settings.set_property("gtk-xft-hinting", 1)
    settings.set_property("gtk-xft-hintstyle", rng.choice(["hintslight", "hintnone", "hintfull", "hintmedium"]))
    settings.set_property("gtk-xft-rgba", rng.choice(["none", "none", "rgb"]))
    settings.set_property("gtk-enable-animations", False)
    css = ""
    if rng.random() < 0.35:
        accent = "rgb({},{},{})".format(*[rng.randint(0, 200) for _ in range(3)])
        css += f"@define-color theme_selected_bg_color {accent};\n*:selected {{ background-color: {accent}; }}\n"
    if rng.random() < 0.3:
        css += (
            f"button {{ padding: {rng.randint(0, 8)}px {rng.randint(2, 14)}px; border-radius: "
            f"{rng.randint(0, 8)}px; }}\n"
        )
    provider.load_from_data(css.encode())


def main():
    """The loop over plans."""
    provider = Gtk.CssProvider()
    Gtk.StyleContext.add_provider_for_screen(Gdk.Screen.get_default(), provider, 800)
    for line in sys.stdin:
        plan = json.loads(line)
        dress(plan, provider)
        builder = Builder(plan)
        builder.build()
        print(json.dumps({"layers": builder.layers()}), flush=True)
        sys.stdin.readline()
        builder.end()


if __name__ == "__main__":
    main()
