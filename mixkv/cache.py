"""The key/value pairs a model holds of one conversation: when its prompt ends, what is held then, copies of it."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from transformers import Cache, PreTrainedModel

from mixkv.images import Images, ImageTokens, ordered
from mixkv.layer_types import branch_of, full_attention_layers, new_layers, stores_of
from mixkv.layers import CompressedLayer
from mixkv.methods import Choice, InPrefill, Method, make_method
from mixkv.recall import compressed
from mixkv.tail import Read, Tail, choices


class Block:
    """The compress block that a cache is filled in."""

    def __init__(self, model: PreTrainedModel, method: Method):
        self.model, self.method, self.config = model, method, model.get_decoder().config
        self.numbers = full_attention_layers(self.config)  # of the layers that are compressed
        self.num_layers = len(self.numbers)
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
        self.residuals = False  # whether an open prompt remembers what layers are given
        self.kept: dict[int, Tensor] | None = None  # by layer [batch, kv_heads, tokens], if `note_kept` was called

    @property
    def prompt_ended(self) -> bool:
        return any(layer.prompt_ended for layer in self.ours)

    @property
    def ours(self) -> list[CompressedLayer]:
        """The layers with full attention; the others hold a window or a state, and are left alone."""
        return [layer for layer in self.layers if isinstance(layer, CompressedLayer) and layer.is_initialized]

    def prepare(self, block: Block) -> None:
        """Makes ready for a forward in a compress block."""
        self.block = block
        if not self.layers and block.num_layers < block.config.num_hidden_layers:
            self.layers = new_layers(block.config, self.layer_class_to_replicate)

    @property
    def remembers_residuals(self) -> bool:
        """Whether what layers are given is looked at, or remembered for a method that will."""
        return self.residuals or (self.block is not None and self.block.method.reads_residual)

    @contextmanager
    def open_prompt(self, remember: int = 0, residuals: bool = False) -> Iterator[None]:
        """Forwards inside the block read a part of the prompt each: nothing is evicted yet, because more follows.

        The prompt ends with the next forward after the block, and what is held then is what a single forward over all
        parts would have left; or it ends with `compress_now`. The last queries are remembered until then: as many as
        the method of the compress block reads, or `remember` tokens, for methods that read more; with `residuals` also
        what each layer was given, which takes more than the cache itself. Raises RuntimeError if the prompt has ended,
        or if parts of it were read without remembering that.
        """
        if self.prompt_ended:
            raise RuntimeError("the prompt of this cache has ended: open that of a new mixkv.CompressedCache()")
        if residuals and any(layer.tail is not None and layer.tail.residual is None for layer in self.ours):
            raise RuntimeError("a part of this prompt was read without residuals=True: remember them from the start")
        self.remembered, self.residuals = max(self.remembered, remember), self.residuals or residuals
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
        if not self.ours or self.prompt_ended or self.ours[-1].tail is None:
            raise RuntimeError("this cache has no open prompt: read one inside `with cache.open_prompt():`")
        method = make_method(self.block.method if method is None else method, **settings).for_model(self.block.model)
        if isinstance(method, InPrefill):
            raise ValueError(f"method {method.name!r} shortens a prompt while it is read, not afterwards")
        self._compress(self.block.numbers, method)

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

    def note_kept(self) -> None:
        """From now on `kept` holds, layer by layer, which tokens of the prompt its end leaves.

        It is a dict: layer -> booleans [batch, kv_heads, tokens of the prompt], padding included and false.
        """
        self.kept = {}

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
        other.layers = [
            layer.branch() if isinstance(layer, CompressedLayer) else branch_of(layer) for layer in self.layers
        ]
        other.more_follows = False
        other.kept = None if self.kept is None else dict(self.kept)
        return other

    def read_prompt(
        self,
        number: int,
        query: Tensor,
        attention_mask: Tensor | None,
        scaling: float,
        residual: Tensor | None = None,
        columns: Tensor | None = None,
        softcap: float | None = None,
        places: Tensor | None = None,
    ) -> None:
        """Takes note of a part of the prompt that a layer has read, and compresses the layer if it was the last part.

        `query` [batch, query_heads, tokens, dim]; `attention_mask` booleans [batch, 1, tokens, all tokens] or None;
        `residual` [batch, tokens, hidden], what the layer was given; `columns` [batch, tokens], where these tokens
        stood in a prompt that was made shorter on the way, and `places` the same without padding; `softcap`, the bound
        of its logits. A method that looks at all layers before it chooses compresses them when the last has been read.
        """
        layer, method = self.layers[number], self.block.method
        layer.columns = columns
        real = None if attention_mask is None else attention_mask[:, 0, -1, -layer.appended :].clone()
        tail = Tail(query, real, scaling, residual if self.remembers_residuals else None, softcap, places)
        tail = tail if layer.tail is None else layer.tail.followed_by(tail)
        layer.tail = tail.last(max(method.reads, self.remembered))
        if self.more_follows:
            return
        if not method.joint:
            self._compress([number], method)
        elif number == self.block.numbers[-1]:
            self._compress(self.block.numbers, method)

    def _compress(self, numbers: Sequence[int], method: Method) -> None:
        """Ends the prompt of these layers with what `method` keeps of them."""
        read = [
            Read(self.block.numbers.index(number), (one := self.layers[number]).tail, one.keys, one.values, one.places)
            for number in numbers
        ]
        images = self.images_of_rows(len(read[0].key))
        made = choices(method, read, images, self.block.num_layers)
        for number, layer, choice in zip(numbers, read, made, strict=True):
            stored = self.layers[number]
            if self.kept is not None:
                self.kept[number] = self._noted(layer, choice, stored.columns)
            if stored.cumulative_length < self.get_seq_length():  # shortened in the prefill: no longer what masks cover
                stored.cumulative_length = self.get_seq_length()
                choice = choice or Choice(layer.real.unsqueeze(1).expand(layer.key.shape[:-1]))
            self.layers[number] = compressed(stored, choice)

    def _noted(self, layer: Read, choice: Choice | None, columns: Tensor | None) -> Tensor:
        """What a layer keeps of all tokens of the prompt: booleans [batch, kv_heads, tokens]."""
        held = layer.real.unsqueeze(1).expand(layer.key.shape[:-1]) if choice is None else choice.keep
        if columns is None and layer.places is None:
            return held.clone()
        noted = held.new_zeros(*held.shape[:-1], self.get_seq_length())
        if layer.places is not None:
            return noted.scatter(-1, layer.places, held)
        return noted.scatter(-1, columns.unsqueeze(1).expand(held.shape), held & layer.real.unsqueeze(1))

    @property
    def tokens_seen(self) -> int:
        """Tokens the model has read, padding included."""
        return self.get_seq_length()

    @property
    def tokens_held(self) -> float:
        """Entries per kv head, on the mean over the layers with full attention, rows and heads."""
        return sum(layer.tokens_held for layer in self.ours) / max(len(self.ours), 1)

    @property
    def bytes_held(self) -> int:
        """Memory of the stored keys and values, free room included, and of what an open prompt remembers beside them.

        What is shared with a branch counts in both, and what lies in the memory of the host is not counted.
        """
        return self.bytes_untouched + sum(_bytes(layer.stores) for layer in self.ours)

    @property
    def bytes_untouched(self) -> int:
        """The part of that in layers with a sliding window or linear attention, which no method makes smaller."""
        return sum(_bytes(stores_of(layer)) for layer in self.layers if not isinstance(layer, CompressedLayer))

    @property
    def bytes_offloaded(self) -> int:
        """Memory of the host that holds what a method may recall."""
        return sum(_bytes(layer.host_stores) for layer in self.ours)

    @property
    def bytes_full(self) -> int:
        """Memory that the same tokens would take uncompressed."""
        return self.bytes_untouched + sum(
            layer.segments * layer.cumulative_length * store.shape[-1] * store.element_size()
            for layer in self.ours
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
        if layer_idx < len(self.layers) and self.is_sliding[layer_idx]:
            return self.layers[layer_idx].get_mask_sizes(query_length)
        return max((layer.get_mask_sizes(query_length) for layer in self.ours), default=(query_length, 0))

    def require_full_attention(self, done: str) -> None:
        """Raises ValueError where a layer holds something else than what it has read: it cannot be `done`."""
        if any(not isinstance(layer, CompressedLayer) for layer in self.layers):
            raise ValueError(
                f"caches of models with sliding windows or linear attention cannot be {done}: go one by one"
            )

    def batch_select_indices(self, indices: Tensor) -> None:
        """These rows of the batch, in this order."""
        for layer in self.layers:
            if isinstance(layer, CompressedLayer):
                layer.batch_select_indices(indices)
            else:
                layer.reorder_cache(indices)

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Every row `repeats` times."""
        for layer in self.layers:
            if isinstance(layer, CompressedLayer):
                layer.batch_repeat_interleave(repeats)
            else:
                rows = torch.arange(len(stores_of(layer)[0]), device=stores_of(layer)[0].device)
                layer.reorder_cache(rows.repeat_interleave(repeats))

    def activate_past_recording(self) -> None:
        """Called by `generate` to start assisted decoding, whose first forward reads guesses as part of the prompt."""
        raise ValueError(
            "assisted decoding (assistant_model, prompt_lookup_num_tokens) would compress guesses along with the "
            "prompt: generate without it"
        )

    def reset(self) -> None:
        """Back to empty: the next forward is a prefill again."""
        self.layers.clear()
        self.block = self.prompt_positions = self.images = self.kept = None


def _bytes(stores: Iterable[Tensor]) -> int:
    return sum(store.untyped_storage().nbytes() for store in stores)
