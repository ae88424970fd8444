"""One run of a script in a fresh session, by words or with the accessibility tree, and what came of it."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from session import NEEDED, ROOT, Session, until
from situations import HERE, Situation

SETTLE_SECONDS = 5  # until what a script did must be found outside
SHIFTS = ((0, 0), (40, 30), (15, 75), (80, 10), (60, 100))  # where the windows of the repetitions stand
TREE_READER = "import gi; gi.require_version('Atspi', '2.0'); from gi.repository import Atspi; import Xlib"


@dataclass(frozen=True, slots=True)
class Trial:
    """How a run went. code: of guiground run. wrong: what is wrong outside afterwards, None if nothing is.

    steps: as guiground run --json tells them; total: how many steps the script has.
    """

    name: str
    repetition: int
    code: int
    wrong: str | None
    steps: list[dict]
    total: int
    seconds: float

    @property
    def succeeded(self) -> bool:
        return self.code == 0 and self.wrong is None

    def to_json(self) -> dict:
        return {**asdict(self), "succeeded": self.succeeded}


def missing(situation: Situation) -> list[str]:
    """What the session or the situation needs and is not installed; tkinter is what pyautogui cannot do without."""
    tkinter = ["python3-tk"] if find_spec("_tkinter") is None else []
    return [name for name in (*NEEDED, *situation.programs) if shutil.which(name) is None] + tkinter


def no_tree() -> str | None:
    """Why the accessibility tree cannot be read here, or None if it can."""
    if shutil.which("gdbus") is None or not Path("/usr/bin/python3").exists():
        return "needs gdbus and Debian's Python: apt-get install libglib2.0-bin python3"
    read = subprocess.run(["/usr/bin/python3", "-c", TREE_READER], capture_output=True)
    packages = "at-spi2-core python3-gi gir1.2-atspi-2.0 python3-xlib"
    return None if read.returncode == 0 else f"the accessibility tree needs: apt-get install {packages}"


def run(
    situation: Situation, repetition: int = 0, *, record: Path, by_words: bool = True, arguments: tuple[str, ...] = ()
) -> Trial:
    """Arranges the situation, lets guiground run its script, and looks outside at what it did.

    by_words: ask the embedded model, else the accessibility tree. record: a folder to be made. arguments: more of
    guiground run. Raises RuntimeError if the command did not get as far as its first step.
    """
    from guiground.script.steps import read

    began = time.monotonic()
    shift = SHIFTS[repetition % len(SHIFTS)]
    with situation.session() as session, situation.arrange(session, shift) as filled:
        total = len(read(situation.script, filled))
        pairs = [word for name, value in filled.items() for word in ("--set", f"{name}={value}")]
        ran = subprocess.run(
            [*_command(situation, by_words), "--json", "--record", str(record), *pairs, *arguments],
            env=_environment(session, by_words),
            cwd=session.home,
            capture_output=True,
            text=True,
            timeout=600,
        )
        try:
            steps = json.loads(ran.stdout)["steps"]
        except ValueError:
            raise RuntimeError(f"guiground run ended with {ran.returncode}: {ran.stderr.strip()[-1000:]}") from None
        wrong = _wrong(situation, session, filled)
    return Trial(situation.name, repetition, ran.returncode, wrong, steps, total, time.monotonic() - began)


def _command(situation: Situation, by_words: bool) -> list[str]:
    if by_words:
        return [sys.executable, "-m", "guiground", "run", str(situation.script)]
    return [sys.executable, str(HERE / "oracle.py"), json.dumps(situation.meaning), str(situation.script)]


def _environment(session: Session, by_words: bool) -> dict[str, str]:
    """The tree is read in the session's own environment; the model is asked in that of whoever runs this."""
    mine = {name: value for name, value in os.environ.items() if name not in ("WAYLAND_DISPLAY", "XAUTHORITY")}
    own = {"DISPLAY": session.display} if by_words else session.environment
    return {**mine, **own, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}


def _wrong(situation: Situation, session: Session, filled: dict[str, str]) -> str | None:
    try:
        until(lambda: situation.wrong(session, filled) is None, "what the script does", SETTLE_SECONDS)
    except TimeoutError:
        return situation.wrong(session, filled)
    return None
