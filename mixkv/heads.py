"""Visual heads: which attention heads of a model look at the part of the picture that the answer is about.

Measured once for a model on a handful of pictures and stored, then read by methods whose budgets depend on it. Source:
SparseMM, arXiv 2506.05344.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor
from transformers import PreTrainedModel

from mixkv.attach import compress
from mixkv.head_scores import HeadScores, head_scores
from mixkv.importance import window_attention
from mixkv.methods.method import Method, Prompt


@dataclass(frozen=True)
class Sample:
    """A picture and an answer with the place that it is about.

    `inputs` are those of the model for one prompt. It may end with the answer's tokens: those that attend to the
    target, the last `answer` of them, are the ones looked at.
    """

    inputs: Mapping[str, Tensor]
    positions: Sequence[int]  # in the prompt, of the image tokens on the target
    answer: int = 1  # last tokens of the prompt whose attention counts


@dataclass(frozen=True)
class _Watch(Method):
    """Holds everything and notes how each query head's attention meets the target."""

    name: ClassVar[str] = "watch"

    sample: Sample
    mode: str
    scores: dict[int, Tensor] = field(default_factory=dict)  # layer -> [query_heads]

    @property
    def reads(self) -> int:
        return self.sample.answer

    def keep(self, prompt: Prompt) -> Tensor:
        states = (prompt.query, prompt.key, self.sample.answer, prompt.scaling, prompt.softcap)
        paid = window_attention(*states)[0].flatten(0, 1)
        target = torch.zeros(prompt.tokens, dtype=torch.bool, device=paid.device)
        target[list(self.sample.positions)] = True  # paid [query_heads, answer, tokens]
        met = target[paid.argmax(-1)].double() / target.sum() if self.mode == "hit" else paid[..., target].sum(-1)
        self.scores[prompt.layer] = met.sum(-1).double().cpu()
        return prompt.all_entries()


def measure(model: PreTrainedModel, samples: Iterable[Sample], mode: str = "hit") -> HeadScores:
    """The visual score of each query head, [layers][query_heads], on the mean over `samples`.

    "hit", the source's rule: an answer token adds one over the target's size in tokens to every head whose most
    attended token lies on the target. "mass" adds the attention that falls on the target, which needs fewer samples.
    Raises ValueError for a sample whose target or answer does not lie inside its prompt, or where there is none.
    """
    if mode not in ("hit", "mass"):
        raise ValueError(f"unknown mode {mode!r} (choose from: hit, mass)")
    total, count = None, 0
    for sample in samples:
        tokens = sample.inputs["input_ids"].shape[-1]
        inside = len(sample.positions) > 0 and min(sample.positions) >= 0 and max(sample.positions) < tokens
        if not inside or not 0 < sample.answer < tokens or len(sample.inputs["input_ids"]) != 1:
            raise ValueError(
                f"a sample needs one prompt, target positions within its {tokens} tokens and an answer shorter than it"
            )
        watch = _Watch(sample, mode)
        with compress(model, watch) as cache, torch.no_grad():
            model(**sample.inputs, past_key_values=cache)
        scores = torch.stack([watch.scores[layer] for layer in sorted(watch.scores)])
        total, count = scores if total is None else total + scores, count + 1
    if total is None:
        raise ValueError("visual heads cannot be measured without samples: give at least one")
    return head_scores((total / count).tolist())
