"""Benchmarks by name: each is a small data file in tasks/ that says what it is and how it lies on disk."""

import difflib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from guiground.errors import UsageError

_PACKAGE = Path(__file__).resolve().parents[1]
SOURCE_TREE = _PACKAGE.parent


@dataclass(frozen=True, slots=True)
class Group:
    """One part of a sample's group name.

    It is the value of the row's `field`; without one, the names of the annotation file and the picture are looked at.
    words: the part that a word in there stands for; otherwise: the part where none of them is found.
    """

    name: str
    words: dict[str, str] = field(default_factory=dict)
    otherwise: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts lie on disk, and how a box is written.

    folders: usual names of the benchmark's folder; annotations: file names or globs in it; images: picture folders, the
    first one that exists. box: "xywh" or "xyxy" in pixels, or "normalised" (xyxy as shares of the picture's sides).
    """

    annotations: tuple[str, ...]
    images: tuple[str, ...] = (".",)
    folders: tuple[str, ...] = ()
    box: str = "xywh"
    in_source_tree: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """A benchmark. samples: how many targets the whole of it has; get: how to come by it; instead: a kindred task that
    is run in its place where only that one's files are found."""

    name: str
    layout: Layout
    title: str = ""
    about: str = ""
    version: int = 1
    source: str = ""
    paper: str = ""
    licence: str = ""
    metric: str = ""
    get: str = ""
    samples: int | None = None
    instead: str = ""
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A task on this disk: the annotation files and the folder that picture names are relative to."""

    task: Task
    files: tuple[Path, ...]
    images: Path


def names() -> list[str]:
    """The names that `find` knows, sorted."""
    return sorted(path.stem for path in _folder().glob("*.toml"))


def find(name: str) -> Task:
    """The benchmark of that name. Raises UsageError with the nearest names."""
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UsageError(
            f"unknown task '{name}' ({hint}choose from: {', '.join(known)}, or give a ScreenSpot-style .json file)"
        )
    return _read(_folder() / f"{name}.toml")


def resolve(name: str, data: Path | None = None, images: Path | None = None) -> Found:
    """A benchmark by its name, or a ScreenSpot-style JSON file by its path, on this disk. Raises UsageError."""
    if name.lower().endswith(".json") or (name not in names() and Path(name).is_file()):
        return from_file(Path(name), images)
    return locate(find(name), data, images)


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
    """A ScreenSpot-style JSON file as a task of its own, named after the file.

    It is read as the benchmark screenspot is; names of pictures are relative to `images`, else to the file's folder.
    """
    if not path.is_file():
        raise UsageError(f"no such annotation file: '{path}' (give a ScreenSpot-style .json file, or a task's name)")
    style = find("screenspot")
    layout = Layout(annotations=(path.name,), box=style.layout.box)
    task = Task(path.stem, layout, title=path.name, metric=style.metric, groups=style.groups)
    return Found(task, (path,), _picture_folder(images) if images else path.parent)


def _folder() -> Path:
    """tasks/ beside the modules of an installed package, else at the root of the source tree."""
    installed = _PACKAGE / "tasks"
    return installed if installed.is_dir() else SOURCE_TREE / "tasks"


def _read(path: Path) -> Task:
    record = tomllib.loads(path.read_text(encoding="utf-8"))
    layout = {key: tuple(value) if isinstance(value, list) else value for key, value in record.pop("layout").items()}
    groups = tuple(Group(**group) for group in record.pop("groups"))
    return Task(path.stem, Layout(**layout), groups=groups, **record)


def _locate_in(task: Task, base: Path, images: Path | None) -> Found | None:
    for root in (base, *(base / name for name in task.layout.folders)):
        files = [path for pattern in task.layout.annotations for path in sorted(root.glob(pattern)) if path.is_file()]
        if files:
            return Found(task, tuple(files), _picture_folder(images, root, task.layout.images))
    return None


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
