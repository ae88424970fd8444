"""The checkpoints that are known by name: one TOML file each, in this folder.

A file may build on another with `like = "name"`. A prompt too long for its file is named instead: { file = "x.txt" },
a text in prompts/ whose last newline is not part of it; further keys of that table replace {key} in the text.
"""

import difflib
import json
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from guiground.errors import UsageError
from guiground.models.spec import Generation, ModelSpec, Pixels, Prompt

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe")
OWN_FILE = "guiground.toml"
_HERE = Path(__file__).parent
_PACKAGE = _HERE.parents[1]
_FACTS = ("title", "family", "parameters", "licence", "source", "verified")
_SPEC = ("repo_id", "factor", "grammar", "space", "answer", "refusal", "prompt", "pixels", "generation")
_NEEDED = ("title", "family", "parameters", "licence", "source", "repo_id", "factor", "grammar", "space", "pixels")


@dataclass(frozen=True, slots=True)
class Entry:
    """A checkpoint of the catalogue.

    family: the model_type in its config.json. parameters: their number, as text. source: where prompt and limits come
    from; verified: whether the prompt was compared with that original. folder: where its files lie if not on the Hub.
    """

    name: str
    title: str
    family: str
    parameters: str
    licence: str
    source: str
    spec: ModelSpec
    aliases: tuple[str, ...] = ()
    verified: bool = False
    folder: Path | None = None


@cache
def entries() -> dict[str, Entry]:
    """Every checkpoint by its name, in alphabetical order, the embedded one first."""
    found = {path.stem: _entry(path.stem, path) for path in sorted(_HERE.glob("*.toml"))}
    return {"nano": found.pop("nano"), **found}


def find(name: str) -> Entry:
    """The checkpoint of this name, alias or Hub repository. Raises UsageError with the nearest names."""
    names = _names()
    if entry := names.get(name.casefold()):
        return entry
    near = difflib.get_close_matches(name.casefold(), names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose from: {', '.join(entries())}"
    raise UsageError(f"unknown model '{name}' ({hint} or give the folder of a checkpoint)")


def find_folder(folder: Path) -> Entry:
    """The checkpoint in a folder: by its guiground.toml, else by the name of the folder or the one in its config.json.

    Raises UsageError if nothing tells what the model is asked and answers.
    """
    if (folder / OWN_FILE).is_file():
        return _entry(folder.resolve().name, folder / OWN_FILE)
    names = _names()
    for name in _folder_names(folder):
        if entry := names.get(name.casefold()):
            return entry
    raise UsageError(
        f"nothing says which model lies in {folder} (put a file {OWN_FILE} there with a line such as"
        ' like = "qwen2.5-vl-7b", a name from `guiground models`)'
    )


def _names() -> dict[str, Entry]:
    names = {}
    for entry in entries().values():
        repo_id = entry.spec.repo_id.casefold()
        for name in (entry.name, *entry.aliases, repo_id, repo_id.rpartition("/")[2]):
            if name:
                names[name.casefold()] = entry
    return names


def _folder_names(folder: Path) -> list[str]:
    folder = folder.resolve()
    names = [folder.name]
    if len(folder.parents) > 1:  # a snapshot in the Hub cache: models--ORGANISATION--NAME/snapshots/REVISION
        names.append(folder.parents[1].name.removeprefix("models--").replace("--", "/"))
    try:
        said = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("_name_or_path")
    except (OSError, ValueError, AttributeError):
        said = None
    return [*names, said] if isinstance(said, str) else names


def _entry(name: str, path: Path) -> Entry:
    table = _table(path)
    try:
        _check_keys(table, {*_FACTS, *_SPEC, "like", "aliases", "folder"})
        if lacking := [key for key in _NEEDED if key not in table]:
            raise UsageError(f"it lacks {', '.join(lacking)}")
        spec = {key: table[key] for key in _SPEC if key in table}
        spec["refusal"] = tuple(spec.get("refusal", ()))
        for key, record in (("prompt", Prompt), ("pixels", Pixels), ("generation", Generation)):
            _check_keys(spec.get(key, {}), record.__dataclass_fields__)
            spec[key] = record(**{name: _value(value, path) for name, value in spec.get(key, {}).items()})
        facts = {key: table[key] for key in _FACTS if key in table}
        if facts["family"] not in FAMILIES:
            raise UsageError(f"unknown family '{facts['family']}' (choose from: {', '.join(FAMILIES)})")
        folder = _PACKAGE / table["folder"] if "folder" in table else None
        return Entry(name, aliases=tuple(table.get("aliases", ())), folder=folder, spec=ModelSpec(**spec), **facts)
    except (UsageError, KeyError, TypeError, AttributeError, OSError) as error:
        raise UsageError(f"the model file {path} cannot be used: {error}") from error


def _check_keys(table: dict, allowed: Collection[str]) -> None:
    if unknown := sorted(set(table) - set(allowed)):
        raise UsageError(f"unknown key '{unknown[0]}' (choose from: {', '.join(sorted(allowed))})")


def _table(path: Path) -> dict[str, Any]:
    """The file's table on top of the one that it is like."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"the model file {path} cannot be read: {error}") from error
    if "like" not in table:
        return table
    other = _HERE / f"{table['like']}.toml"
    if other.parent != _HERE or not other.is_file() or other == path:
        raise UsageError(f"the model file {path} is like an unknown model '{table['like']}' (see `guiground models`)")
    merged = {key: value for key, value in _table(other).items() if key not in ("aliases", "folder")}
    for key, value in table.items():
        merged[key] = {**merged.get(key, {}), **value} if isinstance(value, dict) else value
    return merged


def _value(value: Any, path: Path) -> Any:
    """A TOML value as the records want it: lists as tuples, { file = ... } as the text of that file."""
    if isinstance(value, list):
        return tuple(_value(item, path) for item in value)
    if not isinstance(value, dict):
        return value
    name = value["file"]
    if Path(name).name != name:
        raise UsageError(f"a prompt file must be a bare name, got '{name}'")
    beside = path.parent / name
    source = beside if path.name == OWN_FILE and beside.is_file() else _HERE / "prompts" / name
    text = source.read_text(encoding="utf-8").removesuffix("\n")
    for key, replacement in value.items():
        text = text.replace(f"{{{key}}}", str(replacement))
    return text
