"""The widgets of Qt 5 that plans ask for, marked with what they are known as."""

from PyQt5 import QtCore, QtGui, QtWidgets

Qt = QtCore.Qt


def mark(widget, **known):
    """Remembers what a widget is; gives it back."""
    widget.setProperty("mark", {**(widget.property("mark") or {}), **known})
    return widget


def plain(text):
    """Text without mnemonics."""
    return text.replace("&", "&&")


HEADS: dict = {}


def head(file):
    """The start of an SVG file."""
    if file not in HEADS:
        with open(file, "rb") as opened:
            HEADS[file] = opened.read(3000).decode("utf-8", "replace") if file.endswith(".svg") else ""
    return HEADS[file]


class Widgets:
    """Builds single widgets; a Builder puts them into windows."""

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
        for row, icon in zip(pane["rows"], pane["icons"], strict=True):
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
