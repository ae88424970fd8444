"""Where the files of a checkpoint lie: a folder, the package, or the Hugging Face cache."""

from pathlib import Path

from guiground.errors import ModelError

_FILES = ["*.json", "*.safetensors", "*.txt", "*.jinja"]
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def checked(folder: Path) -> Path:
    """The folder, if it holds a configuration and safetensors weights; otherwise ModelError says what is missing."""
    if not folder.is_dir():
        raise ModelError(f"there is no model folder {folder} (give a name from `guiground models` or another folder)")
    if not (folder / "config.json").is_file():
        raise ModelError(f"the folder {folder} has no config.json (give the folder of a transformers checkpoint)")
    if not any(folder.glob("*.safetensors")):
        if any(path for kind in _PICKLES for path in folder.glob(kind)):
            raise ModelError(
                f"the weights in {folder} are pickled files, which can run code (convert them to safetensors)"
            )
        raise ModelError(f"the folder {folder} has no weights (put its *.safetensors files there)")
    return folder


def cached(repo_id: str) -> Path | None:
    """The folder of a Hub repository in the local cache, or None where its files are not all there."""
    import json

    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(repo_id, local_files_only=True, allow_patterns=_FILES))
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        return None
    index = folder / "model.safetensors.index.json"
    weights = {"model.safetensors"}
    if index.is_file():
        try:
            weights = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, AttributeError):
            return None
    complete = (folder / "config.json").is_file() and all((folder / name).is_file() for name in weights)
    return folder if complete else None


def fetched(repo_id: str) -> Path:
    """The folder of a Hub repository, from the cache or else downloaded into it. Raises ModelError with the remedy."""
    if folder := cached(repo_id):
        return folder
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    remedy = f"run `hf download {repo_id}` where there is a network, or give its folder: --model FOLDER"
    try:
        return checked(Path(snapshot_download(repo_id, allow_patterns=_FILES)))
    except GatedRepoError as error:
        raise ModelError(f"{repo_id} wants its licence accepted first (on its page, then `hf auth login`)") from error
    except RepositoryNotFoundError as error:
        raise ModelError(f"the Hub has no repository {repo_id}, or it is private ({remedy})") from error
    except ModelError:
        raise
    except Exception as error:  # offline, cut off, proxy, disk full: many types from several libraries, one remedy
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise ModelError(f"{repo_id} is not in the local cache and cannot be fetched: {reason} ({remedy})") from error
