"""Fetching a benchmark from the Hugging Face Hub, and unpacking what is packed."""

import zipfile
from collections.abc import Callable
from pathlib import Path

from guiground.errors import UsageError
from guiground.evaluation.tasks import Hub, Task


def download(task: Task, folder: Path, say: Callable[[str], None] = lambda line: None) -> Path:
    """The folder that now holds the task's files; what is there already is not fetched again.

    Raises UsageError, one sentence with another way, for a benchmark that is not on the Hub and where there is no
    network.
    """
    if task.hub is None:
        raise UsageError(f"{task.name} is not fetched from the Hugging Face Hub (to get it: {task.get})")
    say(f"fetching {task.hub.repository}")
    _fetch(task, task.hub, folder)
    for name in task.hub.unpack:
        say(f"unpacking {name}")
        _unpack(folder / name, folder)
    return folder


def _fetch(task: Task, hub: Hub, folder: Path) -> None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    command = f"hf download {hub.repository} --repo-type dataset --local-dir {task.name}"
    instead = f"where there is a network, run: {command}, and give that folder with --data"
    try:
        snapshot_download(hub.repository, repo_type="dataset", local_dir=folder, allow_patterns=list(hub.files) or None)
    except GatedRepoError:
        raise UsageError(
            f"{hub.repository} asks for its terms to be accepted (open https://huggingface.co/datasets/{hub.repository},"
            " accept them, and log in with: hf auth login)"
        ) from None
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, ConnectionError, TimeoutError) as error:
        raise UsageError(f"{task.name} cannot be fetched: huggingface.co does not answer ({instead})") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(f"{task.name} cannot be fetched into '{folder}': {reason} ({instead})") from error


def _unpack(path: Path, folder: Path) -> None:
    """Unpacks a zip once: a file that is there with the right size is left alone. No member leaves the folder."""
    root = folder.resolve()
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                target = (root / member.filename).resolve()
                if not target.is_relative_to(root):
                    raise UsageError(f"'{path}' has a member '{member.filename}' outside its folder (do not use it)")
                if not (target.is_file() and target.stat().st_size == member.file_size):
                    archive.extract(member, root)
    except (OSError, zipfile.BadZipFile) as error:
        raise UsageError(f"'{path}' cannot be unpacked: {error} (delete it and fetch it again)") from None
