"""Published experiments to run again: the paper's task, weights, prompt and settings, and its numbers beside ours."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guiground.errors import ModelError, UsageError
from guiground.evaluation.tasks import folder as task_folder
from guiground.models.catalogue import OWN_FILE


@dataclass(frozen=True, slots=True)
class Setting:
    """One cell of the paper's table; paper: its number in percent, None where no public source gives it.

    more: settings of the method beside its budget. groups: the paper's numbers by group, where it gives them.
    """

    method: str
    budget: str | None = None
    paper: float | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipe:
    """An experiment.

    weights: repository on the Hub. record: the checkpoint of the catalogue whose prompt, pixels and answer form are
    used with these weights; max_new_tokens: in the place of the record's. headline: "micro" or "macro", what the
    paper's numbers are.
    """

    name: str
    title: str
    paper: str
    task: str
    headline: str
    weights: str
    record: str
    max_new_tokens: int
    dtype: str
    about: str
    settings: tuple[Setting, ...]


def names() -> list[str]:
    """The recipes that `find` knows, sorted."""
    return sorted(path.stem for path in (task_folder() / "recipes").glob("*.toml"))


def find(name: str) -> Recipe:
    """The recipe of that name. Raises UsageError with the nearest names."""
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name.lower(), known, n=2, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UsageError(f"unknown recipe '{name}' ({hint}choose from: {', '.join(known)})")
    record = tomllib.loads((task_folder() / "recipes" / f"{name}.toml").read_text(encoding="utf-8"))
    settings = tuple(Setting(**setting) for setting in record.pop("settings"))
    return Recipe(name, settings=settings, **record)


def model_folder(recipe: Recipe, weights: Path | None, out: Path) -> Path:
    """A folder with the recipe's weights under the recipe's record: links to the files, and a file that names it.

    weights: a folder that has them already, else they are fetched from the Hub. Raises UsageError for a folder without
    a model, ModelError where the weights cannot be fetched.
    """
    if weights is None:
        weights = _fetch(recipe)
    if not (weights / "config.json").is_file():
        raise UsageError(f"'{weights}' holds no model: there is no config.json (give the folder of {recipe.weights})")
    folder = out / "model"
    folder.mkdir(parents=True, exist_ok=True)
    for path in weights.iterdir():
        link = folder / path.name
        if path.name != OWN_FILE and path.is_file() and not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(path.resolve())
    lines = [f'like = "{recipe.record}"', "", "[generation]", f"max_new_tokens = {recipe.max_new_tokens}", ""]
    (folder / OWN_FILE).write_text("\n".join(lines), encoding="utf-8")
    return folder


def _fetch(recipe: Recipe) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        return Path(snapshot_download(recipe.weights))
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
        raise ModelError(
            f"{recipe.weights} is not on this machine and huggingface.co does not answer (where there is a network, "
            f"run: hf download {recipe.weights}, or give its folder with --weights)"
        ) from error


def beside(setting: Setting, measured: dict[str, Any], headline: str) -> dict[str, Any]:
    """One line of the table: the setting, our number with its interval, and the paper's, all in percent."""
    ours, interval = (
        (measured["macro"], measured["macro_ci95"]) if headline == "macro" else (measured["accuracy"], measured["ci95"])
    )
    low, high = (100 * edge for edge in interval)
    return {
        "method": setting.method,
        "budget": setting.budget,
        "n": measured["n"],
        "ours": 100 * ours,
        "ci95": [low, high],
        "paper": setting.paper,
        "agrees": None if setting.paper is None else low <= setting.paper <= high,
        "groups": {
            name: {"ours": 100 * share["accuracy"], "n": share["n"], "paper": setting.groups.get(name)}
            for name, share in measured["groups"].items()
        },
        "run": measured["run"],
    }
