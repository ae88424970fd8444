"""One thing that was looked at: how it is, and what to do about it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from guiground.errors import GuigroundError

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """status: "ok", "warn" or "fail". remedy: what to do; never empty for a failure. exit_code: of a failure."""

    name: str
    status: str
    detail: str
    remedy: str = ""
    exit_code: int = 0

    def line(self) -> str:
        remedy = f" ({self.remedy})" if self.remedy else ""
        mark = self.status.upper() if self.status == FAIL else self.status
        return f"{mark:<5} {self.name:<9} {self.detail}{remedy}"

    def to_json(self) -> dict:
        return asdict(self)


def attempt(name: str, look: Callable[[], Check]) -> Check:
    """What `look` says; an error that the user can mend is a failure of this name, with the remedy of its sentence."""
    try:
        return look()
    except GuigroundError as error:
        detail, _, remedy = str(error).partition(" (")
        return Check(name, FAIL, detail, remedy.removesuffix(")") or "see guiground --help", error.exit_code)
