"""What a measured row depends on, and its hash: rows of two runs are only ever mixed when the hashes are equal."""

import hashlib
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import guiground

if TYPE_CHECKING:
    from torch import nn

    from guiground.evaluation.tasks import Task
    from guiground.locator import Locator

_VALUES_PER_TENSOR = 64
_BESIDE_WEIGHTS = (".json", ".jinja", ".txt", ".toml")
_ANSWERING = (  # modules that an answer depends on
    *("locator.py", "asking.py", "answering.py", "batching.py", "replaying.py", "reply.py"),
    *("eviction.py", "geometry.py"),
    *("models/**/*.py", "screen/files.py"),
)


def settings(locator: "Locator", task: "Task", batch: int = 1) -> dict[str, Any]:
    """All that decides a row, as plain JSON values: model, weights, prompt, pixels, method, device, dtype, versions.

    batch: how many instructions are answered at once. Loads the model if it is not loaded. The sample itself is not in
    it: a row is known by this and the sample's id.
    """
    import torch

    grounder = locator.load()
    return {
        "task": {"name": task.name, "version": task.version},
        "model": grounder.entry.name,
        "revision": grounder.revision,
        "weights": weights(grounder.model),
        "files": files(grounder.folder),
        "spec": asdict(grounder.spec),
        "max_pixels": locator.max_pixels,
        "method": locator.method,
        "budget": None if locator.budget is None else str(locator.budget),
        "protocol": locator.protocol,
        "method_settings": asdict(locator.eviction),
        **({"method_note": note} if (note := locator.eviction.note) else {}),
        "batch": batch,
        "device": torch.device(grounder.device).type,
        "dtype": str(grounder.dtype).removeprefix("torch."),
        "versions": versions(),
        "code": code(),
    }


def run_hash(settings: dict[str, Any]) -> str:
    """16 hexadecimal digits that change when any setting does."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that an answer depends on."""
    packages = {name: version(name) for name in ("torch", "transformers", "pillow", "numpy")}
    return {"guiground": guiground.__version__, "python": ".".join(map(str, sys.version_info[:3])), **packages}


def weights(model: "nn.Module") -> str:
    """A hash of the loaded weights: name, shape, dtype and 64 evenly spread values of every parameter and buffer.

    Training touches nearly every value, so other weights of the same shape give another hash, without reading all.
    """
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        flat = tensor.detach().reshape(-1)
        count = min(_VALUES_PER_TENSOR, flat.numel())
        places = [place * (flat.numel() - 1) // max(count - 1, 1) for place in range(count)]
        values = flat[torch.tensor(places, dtype=torch.long, device=flat.device)].double().tolist()
        digest.update(json.dumps([name, list(tensor.shape), str(tensor.dtype), values]).encode())
    return digest.hexdigest()[:16]


def files(folder: Path) -> str:
    """A hash of what a checkpoint has beside its weights: configuration, tokenizer, chat template, image processor."""
    return _hash_files(folder, (path for path in folder.iterdir() if path.suffix in _BESIDE_WEIGHTS))


def code() -> str:
    """A hash of the modules that an answer depends on, so that rows made before a change to them are not reused."""
    package = Path(guiground.__file__).parent
    files = [path for pattern in _ANSWERING for path in package.glob(pattern)]
    return _hash_files(package.parent, [*files, *(package.parent / "mixkv").rglob("*.py")])


def _hash_files(root: Path, files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        text = path.read_bytes().replace(b"\r\n", b"\n")  # a checkout on Windows is the same code
        digest.update(f"{path.relative_to(root).as_posix()} {len(text)}\n".encode() + text)
    return digest.hexdigest()[:16]
