"""Benchmarks by name: each is a small data file in tasks/ that says what it is and how it lies on disk."""

import difflib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from guiground.errors import UsageError
from guiground.evaluation.tables import SUFFIXES, Embedded, Folder, Pictures

_PACKAGE = Path(__file__).resolve().parents[1]
SOURCE_TREE = _PACKAGE.parent


@dataclass(frozen=True, slots=True)
class Group:
    """One part of a sample's group name.

    It is the value of the first of `fields` that the row has; without fields, the names of the annotation file and the
    picture are looked at. words: the part that a word in there stands for; otherwise: the part where none is found.
    """

    name: str
    words: dict[str, str] = field(default_factory=dict)
    otherwise: str = ""
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts lie on disk, and how a box is written.

    folders: usual names of the benchmark's folder; annotations: file names or globs in it; images: picture folders, the
    first one that exists. tables: globs of parquet tables that hold pictures and annotations, taken where the
    annotations are not found. box: how they write boxes, one of forms.FORMS, or empty: as the rows' fields tell.
    instruction: the field with the instruction, where it is not the usual one; in one that begins with "negative_" the
    target is not in the picture. classes: a file beside the annotations that lists samples, by `id`, under groups.
    """

    annotations: tuple[str, ...]
    images: tuple[str, ...] = (".",)
    folders: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    box: str = ""
    instruction: str = ""
    classes: str = ""
    in_source_tree: bool = False


@dataclass(frozen=True, slots=True)
class Hub:
    """Where a benchmark lies on the Hugging Face Hub: repository of a data set, patterns of files, zips to unpack."""

    repository: str
    files: tuple[str, ...] = ()
    unpack: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """A benchmark.

    samples: how many targets the whole of it has. headline: the number that its paper gives, "micro" or "macro". get:
    how to come by it, where `hub` is not enough. instead: a kindred task that is run in its place where only that one's
    files are found. classes: groups by the `id` of a row, as read from the file that the layout names.
    """

    name: str
    layout: Layout
    title: str = ""
    about: str = ""
    version: int = 1
    source: str = ""
    paper: str = ""
    licence: str = ""
    metric: str = ""
    headline: str = "micro"
    get: str = ""
    hub: Hub | None = None
    samples: int | None = None
    instead: str = ""
    groups: tuple[Group, ...] = ()
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """A task on this disk: the annotation files and the folder that picture names are relative to."""

    task: Task
    files: tuple[Path, ...]
    images: Path

    @property
    def pictures(self) -> Pictures:
        """Where the pictures are opened: in the tables, if that is what the files are, else in the folder."""
        return Embedded(self.files) if self.files[0].suffix.lower() == ".parquet" else Folder(self.images)


def names() -> list[str]:
    """The names that `find` knows, sorted."""
    return sorted(path.stem for path in folder().glob("*.toml"))


def find(name: str) -> Task:
    """The benchmark of that name. Raises UsageError with the nearest names."""
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UsageError(
            f"unknown task '{name}' ({hint}choose from: {', '.join(known)}, or give a .json, .jsonl or .parquet file)"
        )
    return _read(folder() / f"{name}.toml")


def resolve(name: str, data: Path | None = None, images: Path | None = None, instruction: str | None = None) -> Found:
    """A benchmark by its name, or an annotation file by its path, on this disk. Raises UsageError.

    instruction: the field with the instruction, where it is not the task's own; the task is then named after it too.
    """
    if name.lower().endswith(SUFFIXES) or (name not in names() and Path(name).exists()):
        found = from_file(Path(name), images)
    else:
        found = locate(find(name), data, images)
    if instruction is None:
        return found
    task = found.task
    layout = replace(task.layout, instruction=instruction)
    return replace(found, task=replace(task, name=f"{task.name}:{instruction}", layout=layout))


def locate(task: Task, data: Path | None, images: Path | None = None) -> Found:
    """The task's files below `data`, and in the source tree for a task that lies there.

    Looks in the folder itself and in the usual folder names inside it. images: the picture folder, where it is not one
    of the usual ones. Raises UsageError, one sentence with the way to get the data.
    """
    bases = [data] if data is not None else []
    if task.layout.in_source_tree:
        bases.append(SOURCE_TREE)
    for candidate in (task, *((find(task.instead),) if task.instead else ())):
        for base in bases:
            found = _locate_in(candidate, base, images)
            if found:
                return found
    raise UsageError(_not_found(task, data))


def from_file(path: Path, images: Path | None = None) -> Found:
    """An annotation file, or a folder with several, as a task of its own, named after it.

    It is grouped as the benchmark screenspot is; names of pictures are relative to `images`, else to the file's folder.
    """
    files = _files(path, [f"*{suffix}" for suffix in SUFFIXES]) if path.is_dir() else (path,)
    if not files or not files[0].is_file():
        raise UsageError(
            f"no such annotation file: '{path}' (give a .json, .jsonl or .parquet file, a folder of these, or a task)"
        )
    if len({file.suffix for file in files}) > 1:
        raise UsageError(
            f"'{path}' holds {', '.join(file.name for file in files)}: name one (they are of several kinds)"
        )
    style = find("screenspot")
    layout = Layout(annotations=tuple(file.name for file in files))
    task = Task(path.resolve().stem, layout, title=path.name, metric=style.metric, groups=style.groups)
    return Found(task, files, _picture_folder(images) if images else files[0].parent)


def folder() -> Path:
    """tasks/ beside the modules of an installed package, else at the root of the source tree."""
    installed = _PACKAGE / "tasks"
    return installed if installed.is_dir() else SOURCE_TREE / "tasks"


def _read(path: Path) -> Task:
    record = tomllib.loads(path.read_text(encoding="utf-8"))
    groups = tuple(Group(**_tuples(group)) for group in record.pop("groups"))
    hub = Hub(**_tuples(record.pop("hub"))) if "hub" in record else None
    return Task(path.stem, Layout(**_tuples(record.pop("layout"))), groups=groups, hub=hub, **record)


def _tuples(record: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}


def _locate_in(task: Task, base: Path, images: Path | None) -> Found | None:
    for root in (base, *(base / name for name in task.layout.folders)):
        files = _files(root, task.layout.annotations)
        if files:
            return Found(_classified(task, files[0].parent), files, _picture_folder(images, root, task.layout.images))
        files = _files(root, task.layout.tables)
        if files:
            return Found(task, files, root)
    return None


def _files(root: Path, patterns: Sequence[str]) -> tuple[Path, ...]:
    return tuple(path for pattern in patterns for path in sorted(root.glob(pattern)) if path.is_file())


def _classified(task: Task, folder: Path) -> Task:
    """The task with the groups that a file of classes lists: {"classified": {group: [{"id": ...}, ...]}}."""
    path = folder / task.layout.classes
    if not task.layout.classes or not path.is_file():
        return task
    classes: dict[str, tuple[str, ...]] = {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        for name, members in record.get("classified", record).items():
            for member in members:
                identity = str(member["id"] if isinstance(member, dict) else member)
                classes[identity] = (*classes.get(identity, ()), " ".join(name.lower().replace("_", " ").split()))
    except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
        raise UsageError(
            f"'{path}' does not say which samples belong to which group: {type(error).__name__} (download it again)"
        ) from None
    return replace(task, classes=classes)


def _picture_folder(given: Path | None, root: Path = Path(), usual: Sequence[str] = ()) -> Path:
    if given is not None:
        if not given.is_dir():
            raise UsageError(f"--images '{given}' is no folder (give the folder that holds the pictures)")
        return given
    for name in usual:
        if (root / name).is_dir():
            return root / name
    raise UsageError(
        f"'{root}' has the annotations but none of the picture folders {', '.join(usual)} "
        "(unpack the pictures there, or name their folder with --images)"
    )


def _not_found(task: Task, data: Path | None) -> str:
    if data is None and not task.layout.in_source_tree:
        return f"{task.name} needs its data: {task.get}, then give that folder with --data DIR or GUIGROUND_DATA"
    where = f"'{data}'" if data is not None else f"'{SOURCE_TREE}'"
    wanted = ", ".join(task.layout.annotations)
    if data is not None and not data.is_dir():
        return f"--data {where} is no folder (to get {task.name}: {task.get})"
    return f"no {task.name} in {where}: there is no {wanted} (to get it: {task.get})"
