"""What people call an icon, which file names mean it, and which concepts look alike (icon_words.toml)."""

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Concept:
    """Something icons stand for. `group` holds what looks like it or answers to its words; often only itself."""

    name: str
    phrases: tuple[str, ...]  # as people type them, the primary one first
    files: tuple[str, ...]
    group: str


@functools.cache
def lexicon() -> dict[str, Concept]:
    """All concepts by name. Raises ValueError where icon_words.toml contradicts itself."""
    words = tomllib.loads(Path(__file__).with_name("icon_words.toml").read_text(encoding="utf-8"))
    groups: dict[str, str] = {}
    for group, members in words["confusable"].items():
        for name in members.split("|"):
            if name in groups or name not in words["concepts"]:
                raise ValueError(f"icon_words.toml: '{name}' of the group '{group}' is no concept or in two groups")
            groups[name] = group
    concepts = {}
    for name, entry in words["concepts"].items():
        phrases, files = (tuple(entry[key].split("|")) for key in ("say", "files"))
        concepts[name] = Concept(name, phrases, files, f"{groups[name]} alike" if name in groups else name)
    return concepts


@functools.cache
def groups() -> dict[str, int]:
    """{what icons look like: its number}, in the order of the names."""
    return {name: number for number, name in enumerate(sorted({c.group for c in lexicon().values()}))}


@functools.cache
def meanings() -> tuple[dict[str, str], set[str]]:
    """{file name, or "set:file name": concept}, and the "set:file name" that mean nothing."""
    known: dict[str, str] = {}
    never: set[str] = set()
    for concept in lexicon().values():
        for file in concept.files:
            if file.startswith("!"):
                never.add(file[1:])
            elif known.setdefault(file, concept.name) != concept.name:
                raise ValueError(f"icon_words.toml: '{file}' means both '{known[file]}' and '{concept.name}'")
    return known, never


def meaning(sets: tuple[str, ...], file: str) -> str:
    """The concept of a file name in a set, whose names are given from the narrowest to the widest; "" for none."""
    known, never = meanings()
    own = [f"{name}:{file}" for name in sets]
    if not never.isdisjoint(own):
        return ""
    return next((known[key] for key in [*own, file] if key in known), "")
