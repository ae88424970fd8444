"""The visual head scores of a model: what they may be, and where they are stored.

`mixkv.heads` measures them; methods whose budgets depend on them read them from beside the model's weights.
"""

import json
import math
from pathlib import Path

from huggingface_hub.constants import HF_HUB_CACHE
from transformers import PreTrainedModel

FILE_NAME = "mixkv_visual_heads.json"

HeadScores = tuple[tuple[float, ...], ...]  # [layers][query_heads]


def head_scores(scores) -> HeadScores:
    """`scores` [layers, query_heads] as plain numbers, so that settings compare, hash and print.

    Raises ValueError unless they are finite, not negative, not all zero and equally many in every layer.
    """
    try:
        rows = tuple(tuple(float(head) for head in layer) for layer in scores)
    except (TypeError, ValueError):
        rows = ()
    flat = [head for layer in rows for head in layer]
    regular = len({len(layer) for layer in rows}) == 1
    if not regular or not any(flat) or not all(math.isfinite(head) and head >= 0 for head in flat):
        raise ValueError(
            "visual head scores must be numbers [layers, query_heads] of at least 0, not all of them zero (if they "
            "were measured: no head met a target, so give more samples or mode='mass')"
        )
    return rows


def head_scores_file(model: PreTrainedModel) -> Path:
    """Where the visual head scores of `model` are stored: in its folder, or in its place in the Hugging Face cache.

    Raises ValueError for a model that was not loaded from either.
    """
    origin = model.name_or_path
    if not origin:
        raise ValueError("this model was not loaded from a folder or a repository: pass visual_heads=... instead")
    folder = Path(origin)
    return (folder if folder.is_dir() else Path(HF_HUB_CACHE) / f"models--{origin.replace('/', '--')}") / FILE_NAME


def save_head_scores(model: PreTrainedModel, scores, path: str | Path | None = None) -> Path:
    """Stores `scores` [layers, query_heads] beside the model, or at `path`; returns the file written."""
    path = head_scores_file(model) if path is None else Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {"model": model.name_or_path, "scores": head_scores(scores)}
    path.write_text(json.dumps(facts) + "\n", encoding="utf-8")
    return path


def load_head_scores(model: PreTrainedModel, path: str | Path | None = None) -> HeadScores:
    """The scores stored beside the model, or at `path`. Raises ValueError where there are none or no such scores."""
    path = head_scores_file(model) if path is None else Path(path)
    if not path.is_file():
        raise ValueError(
            f"there are no visual head scores in {path}: measure them with mixkv.heads.measure and store them with "
            "mixkv.head_scores.save_head_scores, or pass visual_heads=..."
        )
    try:
        return head_scores(json.loads(path.read_text(encoding="utf-8"))["scores"])
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError):
        raise ValueError(f"{path} holds no visual head scores: measure and store them again") from None
