"""Builds the windows of plans with Qt 5: one plan a line on stdin, what is to be seen on stdout; then waits for a line."""

import json
import random
import sys
import time

from PyQt5 import QtCore, QtGui, QtWidgets
from qt_boxes import Boxes

Qt = QtCore.Qt


def mark(widget, **known):
    """Remembers what a widget is; gives it back."""
    widget.setProperty("mark", {**(widget.property("mark") or {}), **known})
    return widget


def plain(text):
    """Text without mnemonics."""
    return text.replace("&", "&&")


class Builder:
    """Builds the windows of one plan."""

    def __init__(self, plan, app):
        self.plan, self.rng, self.app = plan, random.Random(plan["seed"]), app
        self.size = plan["icon_size"]
        self.windows, self.opened = [], None

    def icon(self, icon):
        """A QIcon; silhouettes take the colour of the text."""
        if not icon["symbolic"] and "ColorScheme-Text" not in head(icon["file"]):
            return QtGui.QIcon(icon["file"])
        size = 64
        picture = QtGui.QIcon(icon["file"]).pixmap(size, size)
        painter = QtGui.QPainter(picture)
        painter.setCompositionMode(QtGui.QPainter.CompositionMode_SourceIn)
        painter.fillRect(picture.rect(), self.app.palette().color(QtGui.QPalette.WindowText))
        painter.end()
        return QtGui.QIcon(picture)

    def button(self, cell, tool=False):
        """A button with words, an icon or both."""
        made = QtWidgets.QToolButton() if tool else QtWidgets.QPushButton()
        text, icon = cell.get("text", ""), cell.get("icon")
        if text:
            made.setText(plain(text))
        if icon:
            made.setIcon(self.icon(icon))
            mark(made, concept=icon["concept"])
        size = self.size if not text or tool else 16
        made.setIconSize(QtCore.QSize(size, size))
        if tool:
            made.setAutoRaise(True)
            if text:
                made.setToolButtonStyle(Qt.ToolButtonTextBesideIcon)
        if not text and not icon:
            return None
        return mark(made, role="key") if len(text) == 1 else made

    def menu(self, entries, parent):
        """What one menu holds."""
        menu = mark(QtWidgets.QMenu(parent), place="menu")
        for entry in entries:
            if entry["kind"] == "line":
                menu.addSeparator()
                continue
            text = plain(entry["text"]) + (f"\t{entry['key']}" if entry["key"] else "")
            if entry["kind"] == "sub":
                menu.addMenu(plain(entry["text"])).addAction("-")
                continue
            action = menu.addAction(text)
            if entry["icon"]:
                action.setIcon(self.icon(entry["icon"]))
                action.setProperty("concept", entry["icon"]["concept"])
            if entry["kind"] in ("check", "radio"):
                action.setCheckable(True)
                action.setChecked(self.rng.random() < 0.5)
            action.setEnabled(entry["kind"] != "off")
        return menu

    def tool_bar(self, tools):
        """A row of tools."""
        bar = mark(QtWidgets.QToolBar(), place="tool bar")
        bar.setMovable(self.rng.random() < 0.5)
        for tool in tools:
            if tool["kind"] == "line":
                bar.addSeparator()
            elif tool["kind"] in ("icon", "button"):
                bar.addWidget(self.button(tool, True))
            elif tool["kind"] == "field":
                bar.addWidget(self.field("", tool["hint"]))
            else:
                bar.addWidget(self.combo(tool["options"]))
        return bar

    def field(self, text, hint=""):
        """A text field."""
        made = QtWidgets.QLineEdit(text)
        made.setPlaceholderText(hint)
        made.setMaximumWidth(self.rng.choice([160, 240, 2000]))
        return made

    def combo(self, options):
        """A drop-down list, closed."""
        made = QtWidgets.QComboBox()
        made.addItems(options)
        return made

    def side(self, side):
        """A list or tree at the left."""
        tree = QtWidgets.QTreeWidget()
        tree.setHeaderHidden(True)
        tree.setRootIsDecorated(side["kind"] == "tree")
        parents = [tree.invisibleRootItem()]
        for row in side["rows"]:
            depth = min(row["depth"], len(parents) - 1)
            item = QtWidgets.QTreeWidgetItem([row["text"]])
            self.item_icon(item, 0, row["icon"])
            parents[depth].addChild(item)
            parents = [*parents[: depth + 1], item]
        tree.expandAll()
        self.choose(tree, side["chosen"])
        tree.setMinimumWidth(side["width"])
        tree.setMaximumWidth(side["width"])
        return mark(tree, place="sidebar", role="tree item" if side["kind"] == "tree" else "list item")

    def item_icon(self, item, column, icon):
        """An icon before a cell's words."""
        if icon:
            item.setIcon(column, self.icon(icon))
            item.setData(column, Qt.UserRole, icon["concept"])

    def choose(self, tree, row):
        """Selects a row if there is one."""
        if row < tree.topLevelItemCount():
            tree.setCurrentItem(tree.topLevelItem(row))

    def table(self, pane):
        """Columns under headers."""
        tree = QtWidgets.QTreeWidget()
        tree.setHeaderLabels(pane["columns"])
        tree.setRootIsDecorated(False)
        tree.setAlternatingRowColors(self.rng.random() < 0.5)
        for row, icon in zip(pane["rows"], pane["icons"]):
            item = QtWidgets.QTreeWidgetItem(row)
            self.item_icon(item, 0, icon)
            tree.addTopLevelItem(item)
        for column in range(len(pane["columns"])):
            if self.rng.random() < 0.8:
                tree.resizeColumnToContents(column)
        self.choose(tree, pane["chosen"])
        return mark(tree, place="table", role="cell")

    def form(self, pane):
        """Rows of labels and controls."""
        inner = mark(QtWidgets.QWidget(), place="form")
        form = QtWidgets.QFormLayout(inner)
        form.setVerticalSpacing(self.rng.choice([3, 6, 10]))
        if self.rng.random() < 0.4:
            form.setLabelAlignment(Qt.AlignRight)
        for row in pane["rows"]:
            self.form_row(form, row)
        area = QtWidgets.QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QtWidgets.QFrame.NoFrame)
        area.setWidget(inner)
        return area

    def form_row(self, form, row):
        """One row."""
        kind = row["kind"]
        if kind in ("field", "list", "slider", "spin"):
            if kind == "field":
                control = self.field(row["text"], row["hint"])
            elif kind == "list":
                control = self.combo(row["options"])
            elif kind == "slider":
                control = QtWidgets.QSlider(Qt.Horizontal)
                control.setValue(row["value"])
                control.setMaximumWidth(220)
            else:
                control = QtWidgets.QSpinBox()
                control.setValue(row["value"])
            if kind != "slider":
                mark(control, beside=row["label"])
            line = QtWidgets.QHBoxLayout()
            line.addWidget(control)
            if row["end"]:
                line.addWidget(self.button({"icon": row["end"]}))
            if kind != "field" or self.rng.random() < 0.5:
                line.addStretch(1)
            label = QtWidgets.QLabel(row["label"] + (":" if row["colon"] else ""))
            label.setTextFormat(Qt.PlainText)
            form.addRow(label, line)
            return
        if kind in ("check", "switch"):
            made = QtWidgets.QCheckBox(plain(row["text"]))
            made.setChecked(row["on"])
        elif kind == "radio":
            made = QtWidgets.QWidget()
            line = QtWidgets.QHBoxLayout(made) if self.rng.random() < 0.5 else QtWidgets.QVBoxLayout(made)
            for option in row["options"]:
                line.addWidget(QtWidgets.QRadioButton(plain(option)))
            line.itemAt(0).widget().setChecked(True)
        elif kind == "buttons":
            made = QtWidgets.QWidget()
            line = QtWidgets.QHBoxLayout(made)
            if self.rng.random() < 0.5:
                line.addStretch(1)
            for cell in row["cells"]:
                line.addWidget(self.button(cell))
            line.addStretch(1)
        else:
            made = QtWidgets.QLabel(row["text"])
            made.setTextFormat(Qt.PlainText)
            if kind == "heading":
                font = made.font()
                font.setBold(True)
                made.setFont(font)
                mark(made, role="heading")
        form.addRow(made)

    def pane(self, pane):
        """What a window is for."""
        kind = pane["kind"]
        if kind in ("form", "table"):
            return getattr(self, kind)(pane)
        if kind == "text":
            made = QtWidgets.QPlainTextEdit("\n".join(pane["lines"]))
            made.setLineWrapMode(QtWidgets.QPlainTextEdit.NoWrap)
            made.setCursorWidth(0)
            if pane["mono"]:
                made.setFont(QtGui.QFont("DejaVu Sans Mono", self.plan["points"]))
            return made
        if kind == "keys":
            made = QtWidgets.QWidget()
            grid = QtWidgets.QGridLayout(made)
            for at, cell in enumerate(pane["cells"]):
                grid.addWidget(self.button(cell), at // pane["columns"], at % pane["columns"])
            grid.setRowStretch(99, 1)
            return made
        made = QtWidgets.QListWidget()
        made.setViewMode(QtWidgets.QListView.IconMode)
        made.setResizeMode(QtWidgets.QListView.Adjust)
        made.setIconSize(QtCore.QSize(pane["size"], pane["size"]))
        made.setGridSize(QtCore.QSize(pane["size"] + 70, pane["size"] + 34))
        made.setWordWrap(False)
        for cell in pane["cells"]:
            item = QtWidgets.QListWidgetItem(cell["text"])
            if cell["icon"]:
                item.setIcon(self.icon(cell["icon"]))
                item.setData(Qt.UserRole, cell["icon"]["concept"])
            made.addItem(item)
        return mark(made, role="icon label")

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


HEADS: dict = {}


def head(file):
    """The start of an SVG file."""
    if file not in HEADS:
        with open(file, "rb") as opened:
            HEADS[file] = opened.read(3000).decode("utf-8", "replace") if file.endswith(".svg") else ""
    return HEADS[file]


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
