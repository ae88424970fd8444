"""A conversation of many prompts, such as a desktop loop with its screenshots, in a bounded number of entries."""

from collections.abc import Iterable

import torch
from torch import Tensor

from mixkv.cache import CompressedCache
from mixkv.images import ImageTokens, ordered
from mixkv.layers import CompressedLayer
from mixkv.methods import METHODS, InPrefill, Merged, Method
from mixkv.methods.method import ALL_QUERIES


class HistoryLayer(CompressedLayer):
    """One decoder layer that knows where in the conversation the entries stood that are left of its prompts."""

    def __init__(self):
        super().__init__()
        self.left: Tensor | None = None  # [batch, kv_heads, prompt_held], 32-bit numbers

    @property
    def stores(self) -> list[Tensor]:
        return super().stores + ([] if self.left is None else [self.left])

    @property
    def places(self) -> Tensor | None:
        if self.left is None:
            return None
        new = torch.arange(self.cumulative_length - self.appended, self.cumulative_length, device=self.keys.device)
        return torch.cat([self.left, new.int().expand(*self.left.shape[:2], -1)], -1).long()

    def compressed(self, keep: Tensor | None, merged: Merged | None = None) -> CompressedLayer:
        if keep is not None:
            lengths = keep.sum(-1)
            if lengths.amin() == lengths.amax():
                places = self.places
                if places is None:
                    places = torch.arange(self.cumulative_length, device=keep.device).expand(keep.shape)
                self.left = places[keep].int().unflatten(0, (*lengths.shape, -1))
        return super().compressed(keep, merged)

    def reopen(self) -> None:
        """What is appended from now on is a prompt again."""
        self.prompt_ended = False

    def batch_select_indices(self, indices: Tensor) -> None:
        super().batch_select_indices(indices)
        self.left = None if self.left is None else self.left[indices]

    def reorder_cache(self, beam_idx: Tensor) -> None:
        self.batch_select_indices(beam_idx)


class History(CompressedCache):
    """A cache for one conversation, or several of equal length, in which every prompt is compressed with those before.

    `next_prompt` says that what follows is a prompt, say a new screenshot and an instruction: when it ends, the method
    of the compress block chooses again, among all that is still held, the last answer and the new tokens. So no more
    than the budget is held at the end of a prompt, however many there were, and beside it the newest prompt while it is
    read. A budget that is a share counts these tokens too. What was evicted stays evicted.

    ```python
    with mixkv.compress(model, "mixkv-frames", budget=256):
        history = mixkv.History()
        for frame in frames:
            history.next_prompt([ImageTokens(history.tokens_seen + 1, rows, columns)])
            model(**frame, position_ids=..., past_key_values=history)
    ```
    """

    def __init__(self):
        super().__init__()
        self.layer_class_to_replicate = HistoryLayer

    def next_prompt(self, images: Iterable[ImageTokens] = ()) -> None:
        """What is read from now on is a prompt, up to the end of the next forward; `images` stand in it, in all rows.

        Their positions count all tokens of the conversation, whether still held or not. Raises ValueError where the
        method of the compress block cannot choose again, RuntimeError while a prompt is open.
        """
        if self.ours and not self.prompt_ended:
            raise RuntimeError("the last prompt of this history is still open: read it to its end first")
        if self.ours:
            require_repeatable(self.block.method)
            if not all(isinstance(layer, HistoryLayer) and layer.bias is None for layer in self.ours):
                raise ValueError(
                    f"method {self.block.method.name!r} left heads with different numbers of entries, or merged some, "
                    f"from which nobody can choose again: take {_others(self.block.method)}"
                )
            for layer in self.ours:
                layer.reopen()
        known = [self._still_held(row) for row in self.images or [()]]
        self.images = [ordered((*row, *images)) for row in known]

    def read_prompt(self, number: int, query: Tensor, attention_mask: Tensor | None, *others, **given) -> None:
        appended = self.layers[number].appended
        if attention_mask is not None and not attention_mask[:, 0, -1, -appended:].all():
            raise ValueError("the prompts of a history are not padded: hold conversations of one length in a history")
        super().read_prompt(number, query, None, *others, **given)

    def require_full_attention(self, done: str) -> None:
        raise ValueError(f"a history cannot be {done}: hold each conversation in one of its own")

    def _still_held(self, images: tuple[ImageTokens, ...]) -> tuple[ImageTokens, ...]:
        """Those images of which a layer holds any token."""
        left = [layer.left for layer in self.ours if layer.left is not None]
        if len(left) < len(self.ours) or not left:
            return images
        held = torch.zeros(self.tokens_seen, dtype=torch.bool, device=left[0].device)
        for places in left:
            held[places.flatten().long()] = True
        for layer in self.ours:
            held[self.tokens_seen - layer.appended :] = True
        return tuple(image for image in images if held[image.start : image.stop].any())


def require_repeatable(method: Method) -> None:
    """Raises ValueError for a method that cannot choose among what an earlier choice has left."""
    if not _is_repeatable(type(method)):
        raise ValueError(
            f"method {method.name!r} must see a prompt whole, so it cannot choose again among what it has held: take "
            f"{_others(method)}"
        )


def repeatable() -> list[str]:
    """The names of the methods that may serve a history."""
    return [name for name, method in METHODS.items() if _is_repeatable(method)]


def _others(method: Method) -> str:
    return f"one of {', '.join(name for name in repeatable() if name != method.name)}"


def _is_repeatable(method: type[Method]) -> bool:
    return (
        not issubclass(method, InPrefill)
        and (method.reads_places or not (method.reads_images or method.reads_residual))
        and method.reads != ALL_QUERIES
        and not method.per_head
    )
