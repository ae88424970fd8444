"""The visual head scores of a model: what they may be, and where they are stored.

`mixkv.heads` measures them; methods whose budgets depend on them read them from the user's data folder, where a model
is known by its weights, wherever these lie.
"""

import json
import math
from hashlib import blake2b
from pathlib import Path

import torch
from platformdirs import user_data_path
from transformers import PreTrainedModel

HeadScores = tuple[tuple[float, ...], ...]  # [layers][query_heads]


class MissingHeadScores(ValueError):
    """The visual heads of this model were not measured yet."""


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


def fingerprint(model: PreTrainedModel) -> str:
    """32 hexadecimal digits that tell models by their weights: names, shapes and the first values of each tensor.

    A model loaded as bfloat16 and as float32 is the same.
    """
    weights = list(model.named_parameters())
    shapes = ";".join(f"{name}{list(weight.shape)}" for name, weight in weights)
    first = torch.cat([weight.detach().reshape(-1)[:64].bfloat16() for _, weight in weights])
    return blake2b(shapes.encode() + first.cpu().view(torch.int16).numpy().tobytes(), digest_size=16).hexdigest()


def head_scores_file(model: PreTrainedModel) -> Path:
    """Where the visual head scores of these very weights are stored."""
    return user_data_path("mixkv", appauthor=False) / "visual_heads" / f"{fingerprint(model)}.json"


def save_head_scores(model: PreTrainedModel, scores, path: str | Path | None = None, **facts) -> Path:
    """Stores `scores` [layers, query_heads] where they are looked for, or at `path`; returns the file written.

    `facts` are written beside them: how they were measured.
    """
    path = head_scores_file(model) if path is None else Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"model": model.name_or_path, **facts, "scores": head_scores(scores)}
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    return path


def load_head_scores(model: PreTrainedModel, path: str | Path | None = None) -> HeadScores:
    """The stored scores of the model, or those at `path`.

    Raises MissingHeadScores, a ValueError, where there are none, ValueError for a file that holds none.
    """
    path = head_scores_file(model) if path is None else Path(path)
    if not path.is_file():
        raise MissingHeadScores(
            f"there are no visual head scores in {path}: measure them with mixkv.heads.measure and store them with "
            "mixkv.head_scores.save_head_scores, or pass visual_heads=..."
        )
    try:
        return head_scores(json.loads(path.read_text(encoding="utf-8"))["scores"])
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError):
        raise ValueError(f"{path} holds no visual head scores: measure and store them again") from None
