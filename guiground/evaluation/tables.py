"""Annotation files as plain rows: a JSON list, JSON lines, or a parquet table that carries its pictures."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guiground.errors import UsageError
from guiground.geometry import Size
from guiground.screen import open_image

if TYPE_CHECKING:
    from guiground.screen import Screenshot

SUFFIXES = (".json", ".jsonl", ".parquet")
NAMES = ("img_filename", "image_path", "file_name")  # fields that name a row's picture; the first that is there counts
_PICTURE = "image"  # the column of a parquet table that holds {bytes, path}


class Folder:
    """Pictures in a folder, by their path in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __str__(self) -> str:
        return str(self.root)

    def has(self, name: str) -> bool:
        try:
            return (self.root / name).is_file()
        except OSError:  # a name longer than a file system takes
            return False

    def open(self, name: str) -> "Screenshot":
        return open_image(self.root / name)

    def size(self, name: str) -> Size | None:
        """Width and height as the file's head says, without decoding it; None where it is missing or no picture."""
        from PIL import Image

        try:
            with Image.open(self.root / name) as image:
                return Size(*image.size)
        except Exception:
            return None


class Embedded:
    """Pictures in the column `image` of parquet tables, by the name in their rows; read when they are asked for."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = tuple(files)
        self._places: dict[str, tuple[Path, int]] | None = None

    def __str__(self) -> str:
        return str(self.files[0].parent)

    def has(self, name: str) -> bool:
        return name in self._index()

    def size(self, name: str) -> Size | None:
        return None

    def open(self, name: str) -> "Screenshot":
        from PIL import Image

        if name not in self._index():
            raise UsageError(f"no such picture in {self.files[0].name}: '{name}'")
        path, row = self._index()[name]
        content = _parquet(path, [_PICTURE], row)[0][_PICTURE] or {}
        data = content.get("bytes") if isinstance(content, dict) else None
        if not isinstance(data, bytes):
            raise UsageError(f"{path.name}, row {row + 1}: {_PICTURE} holds no picture (download the table again)")
        try:
            with Image.open(io.BytesIO(data)) as image:
                return open_image(image)
        except OSError as error:
            raise UsageError(f"{path.name}, row {row + 1}: {_PICTURE} is no picture: {error}") from None

    def _index(self) -> dict[str, tuple[Path, int]]:
        if self._places is None:
            self._places = {}
            for path in self.files:
                for number, row in enumerate(rows(path)):
                    name = next((row[field] for field in NAMES if row.get(field)), None)
                    self._places.setdefault(name, (path, number))
        return self._places


Pictures = Folder | Embedded


def rows(path: Path) -> list[Any]:
    """The rows of an annotation file, unchecked. Raises UsageError for a file that is no list of rows."""
    try:
        if path.suffix.lower() == ".parquet":
            found = _parquet(path)
        else:
            text = path.read_text(encoding="utf-8-sig")
            lines = path.suffix.lower() == ".jsonl"
            found = [json.loads(line) for line in text.splitlines() if line.strip()] if lines else json.loads(text)
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror or error}") from None
    except json.JSONDecodeError as error:
        raise UsageError(
            f"'{path}' is no JSON: {error.msg} in line {error.lineno}, column {error.colno} (export it again)"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"'{path}' is no JSON: {type(error).__name__} (it must be a list of rows in UTF-8)") from None
    if not isinstance(found, list):
        raise UsageError(f"'{path}' holds {kind(found)}, not a list of rows (see tasks/ for the formats)")
    if not found:
        raise UsageError(f"'{path}' holds no rows (there is nothing to evaluate)")
    return found


def kind(value: Any) -> str:
    """What a JSON value is, in words."""
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def _parquet(path: Path, columns: list[str] | None = None, row: int | None = None) -> list[dict[str, Any]]:
    """All rows without their pictures, or some columns of one row; only the row group that holds it is read."""
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise UsageError(
            f"'{path.name}' is a parquet table, which needs pyarrow: pip install 'guiground[data]'"
        ) from None
    try:
        with parquet.ParquetFile(path) as table:
            if row is None:
                names = [name for name in table.schema_arrow.names if name != _PICTURE]
                named = any(name in names for name in NAMES)
                found = table.read(columns=names).to_pylist()
                return found if named else [{"file_name": f"{path.stem}-{at}.png", **r} for at, r in enumerate(found)]
            group = 0
            while row >= table.metadata.row_group(group).num_rows:
                row, group = row - table.metadata.row_group(group).num_rows, group + 1
            return table.read_row_group(group, columns=columns).slice(row, 1).to_pylist()
    except (ArrowException, KeyError) as error:
        reason = str(error).splitlines()[0][:120]
        raise UsageError(f"'{path}' is no parquet table that can be read: {reason} (download it again)") from None
