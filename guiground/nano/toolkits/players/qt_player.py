"""Builds the windows of plans with Qt 5: reads a plan from stdin, writes what is to be seen, waits for a line."""

import json
import random
import sys
import time

from PyQt5 import QtGui, QtWidgets
from qt_boxes import Boxes
from qt_widgets import Qt, Widgets, mark, plain


class Builder(Widgets):
    """Builds the windows of one plan."""

    def __init__(self, plan, app):
        self.plan, self.rng, self.app = plan, random.Random(plan["seed"]), app
        self.size = plan["icon_size"]
        self.windows, self.opened = [], None

    def title(self, plan, main):
        """The bar that names a window without a frame."""
        bar = mark(QtWidgets.QWidget(), place="title bar" if main else "dialog title")
        line = QtWidgets.QHBoxLayout(bar)
        line.setContentsMargins(8, 3, 4, 3)
        label = mark(QtWidgets.QLabel(plan["title"]), role="title")
        label.setTextFormat(Qt.PlainText)
        line.addWidget(label, 1)
        for icon in plan["header"]:
            if icon:
                line.addWidget(self.button({"icon": icon}, True))
        return bar

    def window(self, plan):
        """A whole window."""
        main = plan["kind"] == "main"
        window = QtWidgets.QMainWindow()
        window.setWindowFlags(Qt.Window | Qt.FramelessWindowHint)
        window.menuBar().setNativeMenuBar(False)
        if not main:
            mark(window, place="dialog")
        middle = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        if plan["header"] or not main:
            column.addWidget(self.title(plan, main))
        for index, menu in enumerate(plan.get("menus", ())):
            made = self.menu(menu["entries"], window)
            made.setTitle(plain(menu["name"]))
            window.menuBar().addMenu(made)
            if index == plan["open"]:
                self.opened = (window, made)
        mark(window.menuBar(), place="menu bar")
        window.menuBar().setVisible(bool(plan.get("menus")))
        if plan.get("tools"):
            window.addToolBar(self.tool_bar(plan["tools"]))
        body = QtWidgets.QHBoxLayout()
        column.addLayout(body, 1)
        if plan.get("side"):
            body.addWidget(self.side(plan["side"]))
        panes = QtWidgets.QWidget()
        inner = QtWidgets.QHBoxLayout(panes) if plan.get("across") else QtWidgets.QVBoxLayout(panes)
        inner.setContentsMargins(0, 0, 0, 0)
        for pane in plan["panes"]:
            inner.addWidget(self.pane(pane), 1)
        if plan.get("tabs"):
            book = QtWidgets.QTabWidget()
            book.setDocumentMode(self.rng.random() < 0.5)
            for index, name in enumerate(plan["tabs"]):
                book.addTab(panes if index == 0 else QtWidgets.QWidget(), plain(name))
            panes = book
        body.addWidget(panes, 1)
        if plan.get("status"):
            bar = mark(window.statusBar(), place="status bar")
            bar.setSizeGripEnabled(False)
            for text in plan["status"]:
                label = QtWidgets.QLabel(text)
                label.setTextFormat(Qt.PlainText)
                bar.addWidget(label)
        window.setCentralWidget(middle)
        window.setGeometry(*plan["at"], *plan["size"])
        window.setFixedSize(*plan["size"])
        window.show()
        self.windows.append(window)

    def build(self):
        """All windows, the wallpaper first."""
        self.back = QtWidgets.QWidget(None, Qt.X11BypassWindowManagerHint | Qt.FramelessWindowHint)
        a, b = ("rgb({},{},{})".format(*colour) for colour in self.plan["wallpaper"])
        self.back.setStyleSheet(f"background: qlineargradient(x1:0,y1:0,x2:1,y2:1,stop:0 {a},stop:1 {b})")
        self.back.setGeometry(0, 0, 2560, 1440)
        self.back.show()
        for window in self.plan["windows"]:
            self.window(window)
        settle(self.app, 0.1)
        for window in self.windows:
            window.raise_()
        if self.rng.random() < 0.8:
            self.windows[-1].activateWindow()
        if self.opened:
            window, menu = self.opened
            bar = window.menuBar()
            place = bar.actionGeometry(menu.menuAction()).bottomLeft()
            bar.setActiveAction(None)
            menu.popup(bar.mapToGlobal(place))
        settle(self.app, 0.2)

    def layers(self):
        """What every window shows, the lowest first."""
        tops = [*self.windows]
        if self.opened and self.opened[1].isVisible():
            tops.append(self.opened[1])
        layers = []
        for top in tops:
            boxes = Boxes(top)
            if isinstance(top, QtWidgets.QMenu):
                boxes.drawn += [
                    (a.property("concept"), boxes.limit, False) for a in top.actions() if a.property("concept")
                ]
            layers.append(
                {
                    "rect": boxes.limit,
                    "shown": boxes.shown,
                    "drawn": boxes.drawn,
                    "glyphs": boxes.glyphs,
                    "scale": self.plan["scale"],
                }
            )
        return layers

    def end(self):
        """Closes everything."""
        if self.opened:
            self.opened[1].close()
        for window in [self.back, *self.windows]:
            window.close()
            window.deleteLater()
        settle(self.app, 0.05)


def settle(app, seconds):
    """Lets Qt draw."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        app.processEvents()
        time.sleep(0.01)


def dress(plan, app):
    """Style, font and colours of one plan."""
    rng = random.Random(plan["seed"])
    style = rng.choice([*QtWidgets.QStyleFactory.keys(), "Fusion", "Fusion", "Breeze", "Windows"])
    app.setStyle(style)
    app.setPalette(app.style().standardPalette())
    font = QtGui.QFont(plan["font"], plan["points"])
    font.setHintingPreference(
        rng.choice(
            [
                QtGui.QFont.PreferDefaultHinting,
                QtGui.QFont.PreferNoHinting,
                QtGui.QFont.PreferFullHinting,
                QtGui.QFont.PreferVerticalHinting,
            ]
        )
    )
    app.setFont(font)
    if style not in ("Fusion", "Windows") and rng.random() < 0.8:  # the others bring colours of their own
        return
    palette = QtGui.QPalette(app.style().standardPalette())
    grey = rng.randint(25, 60) if plan["dark"] else rng.randint(225, 250)
    tint = [max(0, min(255, grey + rng.randint(-6, 6))) for _ in range(3)]
    ink = QtGui.QColor(*[rng.randint(215, 255)] * 3) if plan["dark"] else QtGui.QColor(*[rng.randint(0, 50)] * 3)
    window = QtGui.QColor(*tint)
    base = window.darker(120) if plan["dark"] else QtGui.QColor(255, 255, 255)
    for role, colour in (
        (QtGui.QPalette.Window, window),
        (QtGui.QPalette.Base, base),
        (QtGui.QPalette.AlternateBase, window),
        (QtGui.QPalette.Button, window.lighter(125) if plan["dark"] else window),
        (QtGui.QPalette.WindowText, ink),
        (QtGui.QPalette.Text, ink),
        (QtGui.QPalette.ButtonText, ink),
        (QtGui.QPalette.Highlight, QtGui.QColor.fromHsv(rng.randint(0, 359), rng.randint(120, 255), 170)),
        (QtGui.QPalette.HighlightedText, QtGui.QColor(255, 255, 255)),
    ):
        palette.setColor(role, colour)
    for role in (QtGui.QPalette.WindowText, QtGui.QPalette.Text, QtGui.QPalette.ButtonText):
        palette.setColor(QtGui.QPalette.Disabled, role, QtGui.QColor(128, 128, 128))
    if hasattr(QtGui.QPalette, "PlaceholderText"):
        palette.setColor(QtGui.QPalette.PlaceholderText, QtGui.QColor(128, 128, 128))
    app.setPalette(palette)


def main():
    """The loop over plans."""
    app = QtWidgets.QApplication(sys.argv[:1])
    app.setQuitOnLastWindowClosed(False)
    for line in sys.stdin:
        plan = json.loads(line)
        dress(plan, app)
        builder = Builder(plan, app)
        builder.build()
        print(json.dumps({"layers": builder.layers()}), flush=True)
        sys.stdin.readline()
        builder.end()


if __name__ == "__main__":
    main()
