"""The key/value pairs a model holds of one conversation: when its prompt ends, what is held then, copies of it."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor
from transformers import Cache, PreTrainedModel

from mixkv.images import Images, ImageTokens, ordered
from mixkv.layers import CompressedLayer
from mixkv.methods import InPrefill, Joint, Method, make_method
from mixkv.tail import Read, Tail, kept_entries


class Block:
    """The compress block that a cache is filled in."""

    def __init__(self, model: PreTrainedModel, method: Method):
        self.model, self.method = model, method
        self.num_layers = model.get_decoder().config.num_hidden_layers
        self.is_open = True

    def __deepcopy__(self, _) -> "Block":
        return self  # a copy of a cache is in the same block


class CompressedCache(Cache):
    """What a model holds of one conversation, or one batch of them: filled and compressed by its prompt.

    The prompt is what the first forward reads, unless `open_prompt` says that more follows.
    """

    is_croppable = False  # not back into a compressed prompt

    def __init__(self):
        super().__init__(layer_class_to_replicate=CompressedLayer)
        self.block: Block | None = None  # of the last forward
        self.prompt_positions: Tensor | None = None  # of the forward that ended the prompt, until the next one
        self.more_follows = False  # whether the present forward leaves the prompt open
        self.images: list[Images] | None = None  # of each row of the prompt, or of all rows alike
        self.remembered = 0  # queries that an open prompt remembers, if the method of the block reads fewer

    @property
    def prompt_ended(self) -> bool:
        return any(layer.prompt_ended for layer in self.layers)

    @contextmanager
    def open_prompt(self, remember: int = 0) -> Iterator[None]:
        """Forwards inside the block read a part of the prompt each: nothing is evicted yet, because more follows.

        The prompt ends with the next forward after the block, and what is held then is what a single forward over all
        parts would have left; or it ends with `compress_now`. The last queries are remembered until then: as many as
        the method of the compress block reads, or `remember` tokens, for methods that read more. Raises RuntimeError
        if the prompt has ended.
        """
        if self.prompt_ended:
            raise RuntimeError("the prompt of this cache has ended: open that of a new mixkv.CompressedCache()")
        self.remembered = max(self.remembered, remember)
        self.more_follows = True
        try:
            yield
        finally:
            self.more_follows = False

    def compress_now(self, method: str | Method | None = None, **settings) -> None:
        """Ends an open prompt without a further forward: what the next one reads comes after the eviction.

        `method` is as in `compress`, by default that of the compress block. Raises RuntimeError if no prompt is open,
        ValueError for a method that reads more queries than are remembered; the prompt is then still open.
        """
        if not self.layers or self.prompt_ended:
            raise RuntimeError("this cache has no open prompt: read one inside `with cache.open_prompt():`")
        method = make_method(self.block.method if method is None else method, **settings).for_model(self.block.model)
        if isinstance(method, InPrefill):
            raise ValueError(f"method {method.name!r} shortens a prompt while it is read, not afterwards")
        self._compress(range(len(self.layers)), method)

    def describe(self, images: Iterable[ImageTokens] | Iterable[Iterable[ImageTokens]]) -> None:
        """Says where in the prompt the image tokens stand, for the methods that must know.

        `images` are those of every row of the batch, or one collection of them for each row; positions do not count
        padding. Raises RuntimeError if the prompt has ended.
        """
        if self.prompt_ended:
            raise RuntimeError("the prompt of this cache has ended: describe the images of a new CompressedCache()")
        images = list(images)
        of_all = all(isinstance(image, ImageTokens) for image in images)
        self.images = [ordered(row) for row in ([images] if of_all else images)]

    def images_of_rows(self, rows: int) -> list[Images] | None:
        """The images of each of `rows` rows, several in a row of the same description; None if nobody said."""
        if self.images is None:
            return None
        if rows % len(self.images):
            raise ValueError(f"the images of {len(self.images)} rows were described, but the batch has {rows}")
        return [images for images in self.images for _ in range(rows // len(self.images))]

    def branch(self) -> "CompressedCache":
        """A copy that goes on by itself. What both hold uncompressed, or in equal numbers per head, is not copied."""
        other = copy.copy(self)
        other.layers, other.more_follows = [layer.branch() for layer in self.layers], False
        return other

    def read_prompt(
        self,
        number: int,
        query: Tensor,
        attention_mask: Tensor | None,
        scaling: float,
        residual: Tensor | None = None,
    ) -> None:
        """Takes note of a part of the prompt that a layer has read, and compresses the layer if it was the last part.

        `query` [batch, query_heads, tokens, dim]; `attention_mask` booleans [batch, 1, tokens, all tokens] or None;
        `residual` [batch, tokens, hidden], what the layer was given. A method that looks at all layers before it
        chooses compresses them when the last one has been read.
        """
        layer, method = self.layers[number], self.block.method
        real = None if attention_mask is None else attention_mask[:, 0, -1, -layer.appended :].clone()
        tail = Tail(query, real, scaling, residual if method.reads_residual else None)
        tail = tail if layer.tail is None else layer.tail.followed_by(tail)
        layer.tail = tail.last(max(method.reads, self.remembered))
        if self.more_follows:
            return
        if not isinstance(method, Joint):
            self._compress([number], method)
        elif number == self.block.num_layers - 1:
            self._compress(range(len(self.layers)), method)

    def _compress(self, numbers: Sequence[int], method: Method) -> None:
        """Ends the prompt of these layers with what `method` keeps of them."""
        read = [Read(number, (layer := self.layers[number]).tail, layer.keys, layer.values) for number in numbers]
        images = self.images_of_rows(len(read[0].key))
        for layer, keep in zip(read, kept_entries(method, read, images, self.block.num_layers), strict=True):
            stored = self.layers[layer.number]
            if stored.cumulative_length < self.get_seq_length():  # shortened in the prefill: no longer what masks cover
                stored.cumulative_length = self.get_seq_length()
                keep = layer.real.unsqueeze(1).expand(layer.key.shape[:-1]) if keep is None else keep
            self.layers[layer.number] = stored.compressed(keep)

    @property
    def tokens_seen(self) -> int:
        """Tokens the model has read, padding included."""
        return self.get_seq_length()

    @property
    def tokens_held(self) -> float:
        """Entries per kv head, on the mean over layers, rows and heads."""
        return sum(layer.tokens_held for layer in self.layers) / max(len(self.layers), 1)

    @property
    def bytes_held(self) -> int:
        """Memory of the stored keys and values, free room included, and of what an open prompt remembers beside them.

        What is shared with a branch counts in both.
        """
        stores = [store for layer in self.layers for store in (layer.keys, layer.values)]
        tails = [layer.tail for layer in self.layers if layer.tail is not None]
        stores += [tail.query for tail in tails] + [tail.residual for tail in tails if tail.residual is not None]
        return sum(store.untyped_storage().nbytes() for store in stores)

    @property
    def bytes_full(self) -> int:
        """Memory that the same tokens would take uncompressed."""
        return sum(
            layer.segments * layer.cumulative_length * store.shape[-1] * store.element_size()
            for layer in self.layers
            for store in (layer.keys, layer.values)
        )

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args, **kwargs
    ) -> tuple[Tensor, Tensor]:
        """Stores new pairs and returns those to attend to. Raises RuntimeError once the compress block is over."""
        if self.block is not None and not self.block.is_open:
            raise RuntimeError("this cache was filled in a compress block that is over: continue it inside a new one")
        return super().update(key_states, value_states, layer_idx, *args, **kwargs)

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        """Sizes for the layer that needs the widest mask; the attention function cuts it for the others."""
        return max((layer.get_mask_sizes(query_length) for layer in self.layers), default=(query_length, 0))

    def activate_past_recording(self) -> None:
        """Called by `generate` to start assisted decoding, whose first forward reads guesses as part of the prompt."""
        raise ValueError(
            "assisted decoding (assistant_model, prompt_lookup_num_tokens) would compress guesses along with the "
            "prompt: generate without it"
        )

    def reset(self) -> None:
        """Back to empty: the next forward is a prefill again."""
        self.layers.clear()
        self.block = self.prompt_positions = self.images = None
