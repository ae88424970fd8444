"""GUI-KV (Huang et al. 2025, arXiv 2510.00536): attention, salient patches of the newest screenshot, no repetitions.

A re-implementation from the formulas. Where the paper and its release differ, the release's constants are used.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mixkv.images import ImageTokens
from mixkv.methods.method import Prompt, require_choice, require_whole
from mixkv.methods.snapkv import SnapKV


@dataclass(frozen=True)
class GUIKV(SnapKV):
    """SnapKV's importance plus the saliency of the last image; of earlier images only what it does not repeat.

    Saliency is a softmax over the norms of what the layer was given, standardised over the image. A token of an earlier
    image repeats the last one if its key nearly lies in a subspace of the last one's keys: "qr" spans the first `rank`
    of them, as the source's factorisation without pivoting does; "principal" is their true principal subspace.
    """

    name: ClassVar[str] = "guikv"
    note: ClassVar[str] = "re-implementation"
    reads_images: ClassVar[bool] = True
    reads_residual: ClassVar[bool] = True

    window: int = 8  # tokens
    alpha: float = 2.0  # mass of the saliency, where the attention of the window has `window`
    temperature: float = 3.5  # of the saliency's softmax
    rank_of_keys: int = 32  # dimensions of the subspace
    subspace: str = "qr"  # or "principal"

    def __post_init__(self):
        super().__post_init__()
        require_whole("rank_of_keys", self.rank_of_keys)
        require_choice("subspace", self.subspace, ("qr", "principal"))
        if not self.temperature > 0 or not self.alpha >= 0:
            raise ValueError(
                f"temperature must be above 0 and alpha at least 0, not {self.temperature!r} and {self.alpha!r}"
            )

    def rank(self, prompt: Prompt, window: int, entries: int) -> tuple[Tensor, int]:
        attention, _ = super().rank(prompt, window, entries)
        scores, images = window * attention, prompt.known_images(self.name)
        if images:
            *earlier, last = images
            visible = scores[:, :, last.start : last.stop]  # that part of the image that is not in the window
            salient = self.alpha * saliency(
                prompt.known_residual(self.name)[:, last.start : last.stop], self.temperature
            )
            visible += salient[:, None, : visible.shape[-1]]
            if earlier:
                evicted_share = 1 - (entries + window) / prompt.tokens
                self._drop_repetitions(scores, prompt.key, earlier, last, evicted_share)
        return scores, entries

    def _drop_repetitions(
        self, scores: Tensor, key: Tensor, earlier: list[ImageTokens], last: ImageTokens, share: float
    ) -> None:
        """Sets the scores of this share of the earlier images' tokens to zero: those the last image repeats."""
        places = torch.cat([torch.arange(image.start, image.stop, device=key.device) for image in earlier])
        basis = key_subspace(key[:, :, last.start : last.stop], self.rank_of_keys, self.subspace)
        rest = distance_to(basis, key[:, :, places])
        order = rest.argsort(dim=-1, stable=True)[..., : int(share * len(places))]
        zeroed = places[order]  # [batch, kv_heads, repeated]
        padded = torch.cat([scores, scores.new_zeros(*key.shape[:2], key.shape[-2] - scores.shape[-1])], -1)
        scores.copy_(padded.scatter(-1, zeroed, 0.0)[..., : scores.shape[-1]])


def saliency(residual: Tensor, temperature: float) -> Tensor:
    """How much the norm of each token of an image stands out: [batch, tokens] from [batch, tokens, hidden]; sums to 1.

    The standard deviation is that of a sample (n - 1), 0 for a single token.
    """
    norms = residual.float().norm(dim=-1)
    spread = norms.std(-1, keepdim=True) if norms.shape[-1] > 1 else torch.zeros_like(norms)
    standardised = (norms - norms.mean(-1, keepdim=True)) / (spread + 1e-8)
    return (standardised / temperature).softmax(-1)


def key_subspace(key: Tensor, rank: int, kind: str) -> Tensor:
    """An orthonormal basis [batch, kv_heads, dim, up to rank] of a part of the span of `key` [..., tokens, dim]."""
    columns = key.float().transpose(-1, -2)
    directions = torch.linalg.qr(columns)[0] if kind == "qr" else torch.linalg.svd(columns, full_matrices=False)[0]
    return directions[..., :rank]


def distance_to(basis: Tensor, key: Tensor) -> Tensor:
    """The length of what is left of each of `key` [..., tokens, dim] after its projection on `basis`: [..., tokens]."""
    key = key.float()
    return (key - key @ basis @ basis.transpose(-1, -2)).norm(dim=-1)
