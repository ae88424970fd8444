"""What programs write on their screens: menus, labels, names, dates, numbers, sentences."""

import functools
import random
import string
import tomllib
from pathlib import Path

USUAL = {
    kind: names.split("|")
    for kind, names in tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8")).items()
}


@functools.cache
def dictionary() -> list[str]:
    """English words (Debian: wamerican), or a small list of our own where they are missing."""
    path = Path("/usr/share/dict/words")
    if path.exists():
        words = [w for w in path.read_text(encoding="utf-8").split() if w.isascii() and w.isalpha() and 2 < len(w) < 12]
        if words:
            return words
    return [word for names in USUAL.values() for phrase in names for word in phrase.split() if word.isalpha()]


def word(rng: random.Random) -> str:
    """One dictionary word."""
    return rng.choice(dictionary())


def title(rng: random.Random, most: int = 3) -> str:
    """One to `most` words, in one of the usual capitalisations."""
    text = " ".join(word(rng) for _ in range(rng.randint(1, most)))
    return rng.choice([text, text.capitalize(), text.title(), text.lower(), text.title()])


def sentence(rng: random.Random, words: int = 9) -> str:
    """Running text."""
    return " ".join(word(rng) for _ in range(words)).lower().capitalize() + rng.choice([".", ".", "", ",", ":"])


def file_name(rng: random.Random) -> str:
    """A file with an extension."""
    stem = rng.choice(
        [title(rng, 2), title(rng, 2).replace(" ", "_").lower(), title(rng, 2).replace(" ", "-"), word(rng)]
    )
    return f"{stem}{rng.choice(['', '', rng.randint(1, 2026)])}.{rng.choice(USUAL['extension'])}"


MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905


def number(rng: random.Random) -> str:
    """Dates, times, prices, sizes, counts."""
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1998, 2027)
    return rng.choice(
        [
            f"{year}-{month:02}-{day:02}",
            f"{day}.{month}.{year}",
            f"{month}/{day}/{year % 100:02}",
            f"{rng.choice(MONTHS)[:3]} {day}",
            f"{day} {rng.choice(MONTHS)} {year}",
            f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}",
            f"{rng.randint(1, 12)}:{rng.randint(0, 59):02} {rng.choice(['AM', 'PM'])}",
            f"${rng.randint(1, 9999)}.{rng.randint(0, 99):02}",
            f"{rng.randint(1, 999)}.{rng.randint(0, 9)} {rng.choice(['KB', 'MB', 'GB', 'kB', 'bytes'])}",
            f"{rng.randint(0, 100)}%",
            f"{rng.randint(0, 99999)}",
            f"{rng.randint(1, 99)} {rng.choice(['items', 'files', 'messages', 'pages', 'px', 'pt', 'min'])}",
            f"{rng.randint(1, 12)}.{rng.randint(0, 20)}.{rng.randint(0, 30)}",
        ]
    )


def code(rng: random.Random) -> str:
    """Random characters: what cannot be guessed must be read."""
    alphabet = rng.choice([string.ascii_letters + string.digits, string.ascii_lowercase, string.printable[:94]])
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(2, 10)))


def person(rng: random.Random) -> str:
    """A name or an e-mail address."""
    first, last = word(rng).capitalize(), word(rng).capitalize()
    return rng.choice(
        [f"{first} {last}", f"{first.lower()}@{last.lower()}.org", f"{first.lower()}.{last.lower()}@mail.com"]
    )


KINDS = {
    "menu": ["menu"],
    "menu item": ["menu item"],
    "button": ["button"],
    "check box": ["setting"],
    "radio button": ["setting", "place"],
    "switch": ["setting"],
    "sidebar": ["place"],
    "tab": ["place", "label"],
    "header": ["header"],
    "label": ["label"],
    "link": ["button", "place", "menu item"],
}


def phrase(rng: random.Random, role: str) -> str:
    """A text for an element of that role: a third from the usual words of programs, the rest endlessly varied."""
    usual = [name for kind in KINDS.get(role, ()) for name in USUAL[kind]]
    chance = rng.random()
    if usual and chance < 0.5:
        return rng.choice(usual)
    if chance < 0.8:
        return title(rng, 3)
    if chance < 0.87:
        return code(rng)
    return rng.choice([number, file_name, person, title])(rng)


def titled(rng: random.Random, _: str) -> str:
    """A text of one or two words that no other element of a screen is likely to bear."""
    return title(rng, 2)


def cell(rng: random.Random, kind: str) -> str:
    """A text for a table column of that kind."""
    if kind == "file":
        return file_name(rng)
    if kind == "number":
        return number(rng)
    if kind == "person":
        return person(rng)
    return title(rng, 4)
