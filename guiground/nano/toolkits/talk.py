"""What the drawn windows say: names, subjects, products, settings, sentences, beside the words of scenes/words.py."""

import functools
import random
import re
import tomllib
from pathlib import Path

from guiground.nano.scenes import words


@functools.cache
def lists() -> dict[str, list[str]]:
    """The lists of vocabulary.toml."""
    text = Path(__file__).with_name("vocabulary.toml").read_text(encoding="utf-8")
    return {kind: entries.split("|") for kind, entries in tomllib.loads(text).items()}


def say(rng: random.Random, kind: str) -> str:
    """One entry of a list, its words in braces drawn too; a quarter from the dictionary where names are asked for."""
    text = rng.choice(lists()[kind])
    for _ in range(3):
        text = re.sub(r"\{(\w+)\}", lambda match: rng.choice(lists()[match[1]]), text)
    text = re.sub(r"(?<=\S )(Review|Update|Prepare|Check|Plan|Fix|Finish|Move|Send)(?= the| a )", lower, text)
    return text[0].upper() + text[1:] if kind not in ("channel", "product", "thing", "folder") else text


def lower(match: re.Match) -> str:
    """The match in small letters."""
    return match[0].lower()


def either(rng: random.Random, kind: str, role: str = "label", share: float = 0.6) -> str:
    """An entry of a list or, for what cannot be guessed, any phrase for that role."""
    return say(rng, kind) if rng.random() < share else words.phrase(rng, role)


def person(rng: random.Random) -> str:
    """A full name."""
    if rng.random() < 0.3:
        return f"{say(rng, 'first')} {words.word(rng).capitalize()}"
    return f"{say(rng, 'first')} {say(rng, 'last')}"


def mail(rng: random.Random) -> str:
    """An e-mail address."""
    first, last = say(rng, "first").lower(), say(rng, "last").lower()
    host = re.sub(r"\W+", "", say(rng, "company").lower())
    return rng.choice([f"{first}@{host}.com", f"{first}.{last}@{host}.org", f"{first[0]}{last}@mail.com"])


def price(rng: random.Random) -> str:
    """An amount of money."""
    amount = f"{rng.randint(1, 999)}.{rng.choice(['00', '50', '90', '95', '99', str(rng.randint(10, 99))])}"
    return rng.choice([f"${amount}", f"${amount}", f"{amount} USD", f"EUR {amount}", f"${rng.randint(5, 2000)}"])


def clock(rng: random.Random) -> str:
    """A time, a date or how long ago."""
    return rng.choice(
        [
            f"{rng.randint(0, 23)}:{rng.randint(0, 59):02}",
            f"{rng.randint(2, 59)} min ago",
            f"{rng.randint(2, 23)} hours ago",
            "Yesterday",
            f"{rng.choice(words.MONTHS)[:3]} {rng.randint(1, 28)}",
            f"{rng.randint(1, 28)} {rng.choice(words.MONTHS)[:3]} {rng.randint(2009, 2026)}",
            f"2{rng.randint(0, 9)}/{rng.randint(1, 12):02}/{rng.randint(10, 29)}",
        ]
    )


def product(rng: random.Random) -> str:
    """Something to buy."""
    name = f"{say(rng, 'adjective')} {say(rng, 'product')}"
    return rng.choice(
        [name, name, name.title(), f"{say(rng, 'company')} {name.split()[-1]}", f"{name} {words.code(rng)}"]
    )


def paragraph(rng: random.Random, sentences: int = 3) -> str:
    """Running text."""
    return " ".join(
        say(rng, "paragraph") if rng.random() < 0.6 else words.sentence(rng, rng.randint(6, 14))
        for _ in range(sentences)
    )


def file_name(rng: random.Random) -> str:
    """A file as people name them."""
    if rng.random() < 0.5:
        return words.file_name(rng)
    stem = rng.choice([say(rng, "thing"), say(rng, "city"), say(rng, "product"), say(rng, "song")])
    stem += rng.choice(["", "", f" {rng.randint(1, 40)}", f"-{rng.randint(2019, 2026)}", "_final", " (copy)", "_v2"])
    stem = rng.choice([stem, stem.replace(" ", "_"), stem.lower(), stem.title()])
    return f"{stem}.{rng.choice(words.USUAL['extension'])}"
