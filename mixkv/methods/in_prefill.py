"""What a method is that shortens the prompt inside the prefill: between two layers, tokens are merged or dropped."""

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from mixkv.images import Images, ImageTokens
from mixkv.methods.method import Method, Prompt


@dataclass(frozen=True, slots=True)
class Remaining:
    """The tokens of one prompt that are left between two layers."""

    places: Tensor  # [tokens], their positions in the whole prompt, rising
    images: Images  # of the whole prompt
    layer: int  # the layer before
    num_layers: int

    def of(self, image: ImageTokens) -> Tensor:
        """Which of the remaining tokens are of this image: their indices [image tokens]."""
        return ((self.places >= image.start) & (self.places < image.stop)).nonzero().flatten()

    def text(self) -> Tensor:
        """The indices of the tokens that are of no image."""
        of_image = torch.zeros_like(self.places, dtype=torch.bool)
        for image in self.images:
            of_image[self.of(image)] = True
        return (~of_image).nonzero().flatten()

    def after_images(self) -> int:
        """How many tokens follow the last image; at least one, the last token."""
        return max(1, int((self.places >= self.images[-1].stop).sum()))


class InPrefill(Method):
    """A method that makes the sequence shorter inside the prefill. Deeper layers neither see nor store what is gone.

    The tokens that stay keep their positions. Because it changes what the layers compute, even the first token of the
    answer differs from the uncompressed model's.
    """

    in_pieces = False
    reads_images = True

    @abstractmethod
    def shortens_after(self, layer: int, num_layers: int) -> bool:
        """Whether the sequence becomes shorter between this layer and the next."""

    @abstractmethod
    def guide(self, remaining: Remaining, query: Tensor, key: Tensor, scaling: float) -> Tensor:
        """What the attention of this layer says about its tokens, one number each: [tokens].

        `query` [query_heads, tokens, dim] and `key` [kv_heads, tokens, dim], rotated.
        """

    @abstractmethod
    def shorten(self, remaining: Remaining, hidden: Tensor, guidance: Tensor) -> tuple[Tensor, Tensor]:
        """The states that go on, [tokens, hidden], and which of the tokens do, booleans [tokens].

        `hidden` [tokens, hidden] is what the layer gave; the states of tokens that do not go on are of no matter.
        """

    def keep(self, prompt: Prompt) -> Tensor:
        return prompt.all_entries()
