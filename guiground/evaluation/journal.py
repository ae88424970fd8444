"""The file of rows that a run appends to and a second run resumes from."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from guiground.errors import UsageError

try:
    import fcntl
except ImportError:  # not on Windows, where nothing keeps two runs from one folder
    fcntl = None

ROWS = "rows.jsonl"


class Journal:
    """Rows by sample id, kept in FOLDER/rows.jsonl, or only in memory without a folder.

    The file holds one JSON object a line, of any number of runs, and is only ever appended to. The one exception is a
    last line without an end, which a kill leaves behind: it is cut off. Of several rows with the same run and id the
    last one counts. Open it with `with`, then `begin` a run. Raises UsageError when the folder cannot be written, when
    another process is writing there, and when a line inside the file is damaged.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.run = ""
        self.rows: dict[str, dict] = {}
        self._runs: dict[str, dict[str, dict]] = {}
        self._file: BinaryIO | None = None

    @property
    def path(self) -> Path | None:
        return self.folder and self.folder / ROWS

    def __enter__(self) -> "Journal":
        if self.path is not None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._file = self.path.open("a+b")
                self._lock()
                self._read()
            except OSError as error:
                self._close()
                raise self._unwritable(error) from None
            except UsageError:
                self._close()
                raise
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):
            if self._file is not None and self._file.seek(0, os.SEEK_END) == 0:
                self.path.unlink()  # nothing was measured, so nothing is left behind
        self._close()

    def begin(self, run: str, settings: dict[str, Any], about: dict[str, Any] | None = None) -> None:
        """Takes up the run with that hash, new or old; its settings are kept beside the rows, in run-HASH.json.

        about: what is kept there beside the settings without deciding any row: the command, where the pictures are.
        """
        self.turn_to(run)
        if self.folder is not None:
            path = self.folder / f"run-{run}.json"
            partial = path.with_suffix(".partial")
            record = {"run": run, "settings": settings, "about": about or {}}
            try:
                partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
                os.replace(partial, path)
            except OSError as error:
                raise self._unwritable(error) from None

    def turn_to(self, run: str) -> None:
        """Goes on with a run that was begun already."""
        self.run, self.rows = run, self._runs.setdefault(run, {})

    def others(self) -> int:
        """How many other runs the file has rows of."""
        return len(self._runs.keys() - {self.run})

    def append(self, row: dict) -> None:
        """Adds a row with "run" and "id"; it is on the disk when this returns."""
        line = json.dumps(row, allow_nan=False).encode() + b"\n"
        if self._file is not None:
            try:
                self._file.write(line)
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError as error:
                raise self._unwritable(error) from None
        self.rows[row["id"]] = json.loads(line)

    def finished(self, sample_id: str) -> bool:
        """Whether the sample has its final row: an error is tried again, an answer that names no point is not."""
        row = self.rows.get(sample_id)
        return row is not None and row["status"] != "error"

    def _close(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # on a full disk, where append has told it
                self._file.close()  # frees the lock
            self._file = None

    def _lock(self) -> None:
        if fcntl is not None:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    f"another run is writing '{self.path}' (wait for it, or give another folder with --out)"
                ) from None

    def _read(self) -> None:
        self._file.seek(0)
        whole = 0  # bytes of complete lines
        for number, line in enumerate(self._file, 1):
            if not line.endswith(b"\n"):
                self._file.truncate(whole)
                break
            whole += len(line)
            row = self._row(line, number)
            self._runs.setdefault(row["run"], {})[row["id"]] = row

    def _row(self, line: bytes, number: int) -> dict:
        try:
            row = json.loads(line)
            if all(isinstance(row[key], str) for key in ("run", "id", "status")):
                return row
        except (ValueError, TypeError, KeyError):
            pass
        raise UsageError(f"'{self.path}', line {number} is no row of a run (take the line out, or give another --out)")

    def _unwritable(self, error: OSError) -> UsageError:
        return UsageError(f"'{self.path}' cannot be written: {error.strerror} (give another folder with --out)")
