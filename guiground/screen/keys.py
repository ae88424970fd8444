"""Names of keys, as people write them: ctrl+s, alt+f4, enter."""

from guiground.errors import UsageError

MODIFIERS = ("ctrl", "alt", "shift", "win")
NAMED = (
    *("enter", "tab", "esc", "space", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown"),
    *("up", "down", "left", "right", "capslock", "numlock", "scrolllock", "pause", "printscreen", "apps"),
    *(f"f{number}" for number in range(1, 25)),
)
ALIASES = {
    "control": "ctrl",
    "option": "alt",
    "super": "win",
    "meta": "win",
    "windows": "win",
    "command": "cmd",
    "return": "enter",
    "escape": "esc",
    "del": "delete",
    "ins": "insert",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "menu": "apps",
    "plus": "+",
}


def parse(keys: str) -> tuple[str, ...]:
    """The keys to hold and press together, each by its one name. Raises UsageError for a name that is none."""
    text = keys.strip()
    ends_with_plus = len(text) > 1 and text.endswith("+")
    parts = (text[:-1].rstrip("+") + "+plus" if ends_with_plus else text).split("+") if text != "+" else ["plus"]
    named = tuple(ALIASES.get(part.strip().casefold(), part.strip().casefold()) for part in parts)
    for name in named:
        if name not in (*MODIFIERS, *NAMED, "cmd") and not (len(name) == 1 and "!" <= name <= "~"):
            allowed = ", ".join((*MODIFIERS, "cmd", "f1 to f24", *NAMED[: NAMED.index("f1")]))
            raise UsageError(f"unknown key '{name}' in '{keys}' (choose from: {allowed}, or one ASCII character)")
    return named
