"""What a Qt 5 window shows: every widget paints itself once more, onto a device that only writes down words.

Runs under Debian's python3 (package python3-pyqt5), on its own. Rows are as in gtk_boxes.py.
"""

from PyQt5 import QtCore, QtGui, QtWidgets

DEVICE = QtGui.QPaintDevice


class Listener(QtGui.QPaintEngine):
    """A paint engine that draws nothing and keeps the words: (left, baseline, text, font)."""

    def __init__(self):
        super().__init__(QtGui.QPaintEngine.AllFeatures)
        self.runs = []

    def begin(self, device):
        return True

    def end(self):
        return True

    def type(self):
        return QtGui.QPaintEngine.User

    def updateState(self, state):
        pass

    def drawTextItem(self, point, item):
        at = self.painter().combinedTransform().map(point)
        self.runs.append((at.x(), at.y(), item.text(), QtGui.QFont(item.font())))

    def ignore(self, *_):
        pass

    drawPixmap = drawImage = drawPath = drawPolygon = drawRects = drawLines = drawTiledPixmap = drawPoints = ignore
    drawEllipse = ignore


class Paper(DEVICE):
    """What a Listener listens to."""

    def __init__(self, widget):
        super().__init__()
        self.engine = Listener()
        dpi_x, dpi_y = widget.logicalDpiX(), widget.logicalDpiY()
        self.facts = {
            DEVICE.PdmWidth: widget.width(),
            DEVICE.PdmHeight: widget.height(),
            DEVICE.PdmDpiX: dpi_x,
            DEVICE.PdmDpiY: dpi_y,
            DEVICE.PdmPhysicalDpiX: dpi_x,
            DEVICE.PdmPhysicalDpiY: dpi_y,
            DEVICE.PdmDevicePixelRatio: 1,
            DEVICE.PdmDevicePixelRatioScaled: 65536,
            DEVICE.PdmDepth: 32,
            DEVICE.PdmNumColors: 1 << 24,
            DEVICE.PdmWidthMM: 300,
            DEVICE.PdmHeightMM: 200,
        }

    def paintEngine(self):
        return self.engine

    def metric(self, which):
        return self.facts.get(which, 1)


ROLES = [
    (QtWidgets.QCheckBox, "check box"),
    (QtWidgets.QRadioButton, "radio button"),
    (QtWidgets.QAbstractButton, "button"),
    (QtWidgets.QComboBox, "drop-down"),
    (QtWidgets.QLineEdit, "field"),
    (QtWidgets.QAbstractSpinBox, "field"),
    (QtWidgets.QTabBar, "tab"),
    (QtWidgets.QMenuBar, "menu"),
    (QtWidgets.QMenu, "menu item"),
    (QtWidgets.QGroupBox, "heading"),
]


class Boxes:
    """Collects the rows, characters and icons of one window."""

    def __init__(self, window):
        self.shown, self.drawn, self.glyphs = [], [], []
        corner = window.mapToGlobal(QtCore.QPoint(0, 0))
        self.limit = (corner.x(), corner.y(), corner.x() + window.width(), corner.y() + window.height())
        self.visit(window, {})

    def visit(self, widget, inherited):
        """A widget, then what is inside it."""
        if not widget.isVisible():
            return
        mark = {**inherited, **(widget.property("mark") or {})}
        own = widget.property("mark") or {}
        mark.update({"beside": own.get("beside"), "concept": own.get("concept")})
        self.widget(widget, mark)
        for child in widget.children():
            if isinstance(child, QtWidgets.QWidget) and not child.isWindow():
                self.visit(child, {k: v for k, v in mark.items() if k in ("place", "role", "inner")})

    def widget(self, widget, mark):
        """What one widget itself paints."""
        corner = widget.mapToGlobal(QtCore.QPoint(0, 0))
        seen = widget.visibleRegion().boundingRect()
        if seen.isEmpty():
            return
        limit = moved(seen, corner)
        box = moved(widget.rect(), corner)
        role = mark.get("role") or next((role for kind, role in ROLES if isinstance(widget, kind)), "label")
        if mark.get("beside"):
            self.row(role, mark["beside"], box, box, inside(box, limit), mark, beside=True)
        if isinstance(widget, QtWidgets.QAbstractButton) and mark.get("concept"):
            self.icon(widget, mark, box, limit)
        if isinstance(widget, QtWidgets.QComboBox):
            self.drawn.append(("chevron-down", box, False))
        elif isinstance(widget, QtWidgets.QAbstractSpinBox):
            self.drawn += [(concept, box, False) for concept in ("chevron-up", "chevron-down", "add", "remove")]
        elif widget.metaObject().className() == "QToolBarExtension":
            self.drawn.append(("double-right", box, False))
        view = widget.parent()
        if isinstance(view, QtWidgets.QHeaderView):
            role, view = "header", None
        elif isinstance(view, QtWidgets.QAbstractItemView) and view.viewport() is widget:
            self.cells(view, corner, limit)
        elif isinstance(view, (QtWidgets.QPlainTextEdit, QtWidgets.QTextEdit)):
            role = ""
        else:
            view = None
        paper = Paper(widget)
        widget.render(paper, QtCore.QPoint(), QtGui.QRegion(), QtWidgets.QWidget.RenderFlags())
        for x, y, text, font in joined(paper.engine.runs):
            x, y = x + corner.x(), y + corner.y()
            self.write(widget, view, x, y, text, font, role, box, limit, mark, corner)

    def write(self, widget, view, x, y, text, font, role, box, limit, mark, corner):
        """One line of words and its row."""
        metrics = QtGui.QFontMetricsF(font, widget)
        size = metrics.ascent() * 0.95
        cap = metrics.capHeight() or metrics.ascent() * 0.75
        middle, left, right, whole, some = y - cap / 2, 1e9, -1e9, True, False
        if isinstance(view, QtWidgets.QAbstractItemView):  # a cell shows no more than its own room
            index = view.indexAt(QtCore.QPoint(int(x - corner.x() + 1), int(middle - corner.y())))
            box = moved(view.visualRect(index), corner)
            role = mark.get("role") or "cell"
            limit = meet(limit, box) if not box[2] <= box[0] else limit
            box = limit if box[2] <= box[0] else meet(box, limit)
        for at, character in enumerate(text):
            if not character.strip():
                continue
            start = x + metrics.horizontalAdvance(text[:at])
            end = x + metrics.horizontalAdvance(text[: at + 1])
            left, right = min(left, start), max(right, end)
            if inside((start, middle - cap / 2, end, middle + cap / 2), limit):
                self.glyphs.append((start, end, middle, ord(character)))
                some = True
            else:
                whole = False
        if not some or not role:
            return
        name, place = (
            " ".join(text.split()),
            QtCore.QPoint(int((left + right) / 2) - corner.x(), int(middle) - corner.y()),
        )
        if isinstance(widget, (QtWidgets.QMenu, QtWidgets.QMenuBar)):
            action = widget.actionAt(place)
            if action is None or action.text().split("\t")[0].replace("&&", "&") != name:
                role = "label"
            else:
                box = moved(widget.actionGeometry(action), corner)
        elif isinstance(widget, QtWidgets.QTabBar):
            box = moved(widget.tabRect(widget.tabAt(place)), corner)
        half = cap / 2 + size * 0.2
        aim = (left, middle - half, right, middle + half)
        if role in ("label", "heading", "text", "title"):
            box = aim
        self.row(role, name.removesuffix("..."), box, aim, whole and "\u2026" not in name, mark)

    def row(self, role, name, box, aim, whole, mark, beside=False, concept=""):
        """One thing on the screen."""
        known = {"role": role, "name": name, "box": box, "aim": aim, "whole": whole}
        self.shown.append(known | {"place": mark.get("place", ""), "beside": beside, "concept": concept})

    def icon(self, button, mark, box, limit):
        """A button's icon: named where the button shows no words."""
        alone = not button.text() or (
            isinstance(button, QtWidgets.QToolButton) and button.toolButtonStyle() == QtCore.Qt.ToolButtonIconOnly
        )
        size = button.iconSize()
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        aim = (x - size.width() / 2, y - size.height() / 2, x + size.width() / 2, y + size.height() / 2)
        self.drawn.append((mark["concept"], aim if alone else box, alone and inside(aim, limit)))
        if alone:
            self.row("button", "", box, aim, inside(aim, limit), mark, concept=mark["concept"])

    def cells(self, view, corner, limit):
        """The icons of a list, table or tree."""
        model = view.model()

        def rows(parent):
            for row in range(model.rowCount(parent)):
                index = model.index(row, 0, parent)
                concept = index.data(QtCore.Qt.UserRole)
                box = moved(view.visualRect(index), corner)
                size = view.iconSize().width() if view.iconSize().isValid() else 16
                if isinstance(view, QtWidgets.QListView):
                    left, top = (box[0] + box[2] - size) / 2, box[1] + 3
                else:
                    left, top = box[0] + 3, (box[1] + box[3] - size) / 2
                own = (left, top, left + size, top + size)
                if concept and meet(box, limit)[3] > meet(box, limit)[1]:
                    self.drawn.append((concept, own, inside(own, limit)))
                rows(index)

        rows(QtCore.QModelIndex())


def joined(runs):
    """Runs of one line that follow each other, as one."""
    out = []
    for x, y, text, font in runs:
        if not text.strip():
            continue
        # Some styles paint words twice, a pixel apart, as if they were carved.
        out = [run for run in out if run[2] != text or abs(run[0] - x) > 1.5 or abs(run[1] - y) > 1.5]
        if out and abs(out[-1][1] - y) < 0.5 and out[-1][3] == font:
            end = out[-1][0] + QtGui.QFontMetricsF(font).horizontalAdvance(out[-1][2])
            if abs(end - x) < 1.5:
                out[-1] = (out[-1][0], y, out[-1][2] + text, font)
                continue
        out.append((x, y, text, font))
    return out


def moved(rect, corner):
    """A rectangle of a widget on the screen: left, top, right, bottom."""
    left, top = rect.x() + corner.x(), rect.y() + corner.y()
    return (left, top, left + rect.width(), top + rect.height())


def meet(a, b):
    """What two boxes share."""
    return (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))


def inside(box, limit):
    """Whether a box lies in another, with half a pixel of tolerance."""
    return (
        box[0] >= limit[0] - 0.5 and box[1] >= limit[1] - 0.5 and box[2] <= limit[2] + 0.5 and box[3] <= limit[3] + 0.5
    )
