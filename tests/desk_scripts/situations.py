"""What stands on the screen before each script, what the words in it mean, and what must hold outside afterwards."""

import shutil
from collections.abc import Callable, Mapping
from configparser import ConfigParser
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

from session import Session

HERE = Path(__file__).parent
EDITOR = ("mousepad", "--disable-server")
BROWSER = (
    "chromium",
    "--no-sandbox",
    "--no-first-run",
    "--test-type",
    "--disable-gpu",
    "--force-renderer-accessibility",
    "--disable-dev-shm-usage",
)
Shift = tuple[int, int]  # pixels by which the windows of a repetition begin further right and down


@dataclass(frozen=True)
class Target:
    """What an instruction means, as the accessibility tree has it; clicked in its middle.

    also: another role under the same name on which a click does the same. wider: pixels to its right that belong to it
    although the tree leaves them out.
    """

    role: str
    name: str
    also: str = ""
    wider: int = 0


@dataclass(frozen=True)
class Situation:
    """One script with what it needs.

    name: of the script. programs: commands that must be installed. arrange: a context manager that opens the windows
    and gives what stands for each ${NAME}. wrong: what is wrong outside after the script, or None. targets: what
    the instructions of the script mean. scale: pixels of the screen for each unit of the accessibility tree.
    """

    name: str
    programs: tuple[str, ...]
    arrange: Callable[[Session, Shift], AbstractContextManager[dict[str, str]]]
    wrong: Callable[[Session, Mapping[str, str]], str | None]
    targets: Mapping[str, Target]
    screen: tuple[int, int] = (1280, 800)
    monitors: tuple[str, ...] = ()
    scale: int = 1

    @property
    def script(self) -> Path:
        return HERE / f"{self.name}.toml"

    @property
    def meaning(self) -> dict[str, Any]:
        """What the oracle must know, as plain JSON."""
        return {"targets": {words: asdict(target) for words, target in self.targets.items()}, "scale": self.scale}

    def session(self) -> Session:
        return Session(*self.screen, self.monitors)


def _setting(config: Path, name: str) -> str:
    """A setting of the editor's view as its file has it; empty while it stands at its default."""
    file = ConfigParser()
    file.read(config / "glib-2.0/settings/keyfile")
    return file.get("org/xfce/mousepad/preferences/view", name, fallback="")


def _is_on(config: Path, name: str) -> str | None:
    value = _setting(config, name)
    return None if value == "true" else f"{name} is {value or 'unchanged'}, not true"


def _place(place: tuple[int, int, int, int], shift: Shift) -> tuple[int, int, int, int]:
    """x, y, width and height of a window that begins elsewhere and ends where it always ends."""
    x, y, width, height = place
    return x + shift[0], y + shift[1], width - shift[0], height - shift[1]


def _editor(session: Session, shift: Shift) -> AbstractContextManager[dict[str, str]]:
    session.show(EDITOR, "Mousepad", _place((90, 60, 860, 560), shift))
    return nullcontext({"FILE": f"{session.home}/notes.txt"})


def _saved(session: Session, filled: Mapping[str, str]) -> str | None:
    file = Path(filled["FILE"])
    held = file.read_text(encoding="utf-8") if file.exists() else None
    return None if held == f"Grüße from {file}\n" else f"the file holds {held!r}"


def _large_editor(session: Session, shift: Shift) -> AbstractContextManager[dict[str, str]]:
    session.show(EDITOR, "Mousepad", _place((90, 60, 1200, 800), shift), GDK_SCALE="2")
    return nullcontext({})


def _two_preferences(session: Session, shift: Shift) -> AbstractContextManager[dict[str, str]]:
    """The preferences of one editor on each monitor, opened by keys."""
    right = session.home / "right"
    shutil.copytree(session.home / ".config/gtk-3.0", right / "gtk-3.0")
    session.own(right)
    for x, config in ((120, session.home / ".config"), (1500, right)):
        session.show(
            EDITOR, "Mousepad", (x - 60 + shift[0], 60, 860 if x < 1280 else 640, 560), XDG_CONFIG_HOME=str(config)
        )
        session.open(("alt+e", "Up", "Return"), "Mousepad Preferences", (x + shift[0], 120 + shift[1]))
    return nullcontext({})


def _only_the_right_one(session: Session, filled: Mapping[str, str]) -> str | None:
    if value := _setting(session.home / ".config", "show-line-numbers"):
        return f"the editor on the first monitor was changed: show-line-numbers is {value}"
    right = session.home / "right"
    return _is_on(right, "show-line-numbers") or _is_on(right, "highlight-current-line")


_received: dict[Session, list[dict[str, list[str]]]] = {}


@contextmanager
def _form(session: Session, shift: Shift) -> Any:
    received = _received[session] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer((HERE / "form.html").read_bytes() if self.path == "/" else b"")

        def do_POST(self) -> None:
            received.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.answer(b"<!doctype html><title>Thank you</title><h1>Thank you</h1>You are registered.")

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/"
        session.show(
            (*BROWSER, f"--user-data-dir={session.home}/browser", address),
            "Pottery",
            _place((60, 40, 1000, 700), shift),
        )
        yield {"NAME": "Zoë Berg", "MAIL": "zoe@example.org"}
    finally:
        server.shutdown()
        server.server_close()


def _arrived(session: Session, filled: Mapping[str, str]) -> str | None:
    wanted = {"name": [filled["NAME"]], "mail": [filled["MAIL"]], "newsletter": ["yes"]}
    return None if _received[session] == [wanted] else f"the server received {_received[session]}"


ALL = (
    Situation(
        "editor",
        ("mousepad",),
        _editor,
        _saved,
        {
            "the File menu": Target("menu", "File"),
            "Save As": Target("menu item", "Save As..."),
            "the Save button": Target("push button", "Save"),
        },
    ),
    Situation(
        "preferences",
        ("mousepad",),
        _editor,
        lambda session, filled: _is_on(session.home / ".config", "show-line-numbers"),
        {
            "the Edit menu": Target("menu", "Edit"),
            "Preferences": Target("menu item", "Preferences..."),
            "Show line numbers": Target("check box", "Show line numbers"),
        },
    ),
    Situation(
        "form",
        ("chromium",),
        _form,
        _arrived,
        {
            "the Full name field": Target("entry", "Full name", also="static"),
            "the E-mail field": Target("entry", "E-mail", also="static"),
            "Send me the newsletter": Target("check box", "Send me the newsletter", wider=150),
            "the Register now button": Target("push button", "Register now"),
        },
    ),
    Situation(
        "second_monitor",
        ("mousepad",),
        _two_preferences,
        _only_the_right_one,
        {
            "Show line numbers": Target("check box", "Show line numbers"),
            "Highlight current line": Target("check box", "Highlight current line"),
        },
        screen=(2304, 800),
        monitors=("1280/338x800/211+0+0", "1024/270x768/203+1280+0"),
    ),
    Situation(
        "double_size",
        ("mousepad",),
        _large_editor,
        lambda session, filled: _is_on(session.home / ".config", "word-wrap"),
        {"the Document menu": Target("menu", "Document"), "Word Wrap": Target("menu item", "Word Wrap")},
        screen=(1600, 1000),
        scale=2,
    ),
)
