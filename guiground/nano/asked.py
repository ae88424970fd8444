"""A screen with many questions, and what the model answers when only a choice of its cache entries is left.

All that a method may look at is computed once; after that a choice costs little more than the decoding of its answers.
Equal to the packaged model asked one by one inside a `mixkv.compress` block (a test says so).
"""

import random
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from guiground.nano import architecture as arch
from guiground.nano import labels, questions, windows
from guiground.nano.losses import decoded
from guiground.nano.packed import image_positions, rotation
from guiground.nano.scenes import Scene
from guiground.nano.windows import norm, rotate
from mixkv import ImageTokens, Method
from mixkv.methods import Choice, Prompt

DIGITS = 9  # characters of an answer
HEAD = 2  # tokens before the picture
NEAR = (16, 10)  # pixels by which an answer may differ from another in x and y and still agree with it
# Own tokens of a question that are read only after the eviction. None: the paper's protocol, the first character of
# the answer comes from the full cache. One, the answer marker: the strict one. All: the picture's memory.
PROTOCOLS = {"after-prefill": 0, "strict": 1, "memory": None}


@dataclass(slots=True)
class Layer:
    """What one decoder layer computed: of the prefix, which ends with the picture, and of every question.

    Own tokens are padded on the left, so that all questions end in the same column.
    """

    query: Tensor  # [heads, prefix, dim], rotated
    key: Tensor  # [kv_heads, prefix, dim], rotated
    value: Tensor  # [kv_heads, prefix, dim]
    given: Tensor  # [prefix, hidden], what the layer was given
    own_query: Tensor  # [questions, heads, own, dim]
    own_key: Tensor  # [questions, kv_heads, own, dim]
    own_value: Tensor  # [questions, kv_heads, own, dim]
    own_given: Tensor  # [questions, own, hidden]


@dataclass(slots=True)
class Held:
    """What is left of one layer; the entries that were merged lie apart."""

    prefix: Tensor  # [questions or 1, kv_heads, prefix], booleans
    own: Tensor  # [questions or 1, kv_heads, own columns read before the eviction], booleans
    key: Tensor  # [questions or 1, kv_heads, merged, dim]
    value: Tensor  # [questions or 1, kv_heads, merged, dim]
    bias: Tensor  # [questions or 1, kv_heads, merged]; minus infinity where there is no entry


class Asked:
    """A screen that was read, questions about it, and the answers with the full cache."""

    @torch.no_grad()
    def __init__(self, model, scene: Scene, rng: random.Random, most: int = 24, icons: bool = False):
        """Draws at most `most` questions about the elements with text, or those without; `count` may be 0."""
        self.text = model.model.language_model
        height, width = scene.image.shape[:2]
        picture = windows.features(model.model.visual, labels.padded(scene.image))
        self.grid = tuple(picture.shape[:2])
        inside = [e for e in questions.visible(scene.elements, 0, 0, width, height) if e.icon == icons]
        batch = questions.pack(rng, [inside], *self.grid, most)
        self.count = 0 if batch is None else batch.questions.shape[1]
        if self.count:
            self.boxes = batch.boxes[0]  # [questions, 4] pixels
            rows = zip(batch.questions[0], batch.answers[0], strict=True)
            self.texts = [row[: int(end)].tolist() for row, end in rows]  # token ids of each instruction
            self._read(picture)

    def _read(self, picture: Tensor) -> None:
        own = [[arch.VISION_END, arch.GROUND, *text, arch.ANSWER] for text in self.texts]
        lengths = torch.tensor([len(row) for row in own])
        self.own = int(lengths.max())  # columns
        self.ids = torch.tensor([[arch.PAD] * (self.own - len(row)) + row for row in own])
        self.real = torch.arange(self.own) >= (self.own - lengths)[:, None]  # [questions, own]
        self.images = (ImageTokens(HEAD, *self.grid),)
        positions = image_positions(*self.grid)
        places = (torch.arange(self.own + DIGITS) - (self.own - lengths)[:, None]).clamp_min(0)
        turns = [rotation(self.text.config, (row + positions[0, -2]).expand(3, -1)) for row in places]
        self.turns = tuple(torch.stack(part)[:, None] for part in zip(*turns, strict=True))
        before = self.text.embed_tokens(torch.tensor([arch.START, arch.VISION_START]))
        prefix = torch.cat([before, picture.flatten(0, 1)])[None]
        states, self.layers = self.text.embed_tokens(self.ids), []
        for layer in self.text.layers:
            of_prefix = self._project(layer, prefix, rotation(self.text.config, positions[:, :-2]))
            of_own = self._project(layer, states, tuple(turn[:, :, : self.own] for turn in self.turns))
            self.layers.append(Layer(*(t[0] for t in of_prefix), prefix[0], *of_own, states))
            mixed = scaled_dot_product_attention(*of_prefix, is_causal=True, enable_gqa=True)
            prefix = self._finish(layer, prefix, mixed)
            states = self._finish(layer, states, attend(of_own[0], self.layers[-1], *of_own[1:], self._visible(0)))
        self.first = self._logits(states)  # [questions, vocabulary] of the answer's first character
        self.full = self.answers(None, "after-prefill")  # [questions, 2]

    @property
    def prefix(self) -> int:
        """Tokens up to the picture's end."""
        return self.layers[0].key.shape[1]

    def prompt(self, question: int, number: int, protocol: str, reads: int) -> Prompt:
        """What a method sees of a question in a layer, with its last `reads` queries, if there are so many."""
        layer, own = self.layers[number], self._before(protocol)
        own = own[self.real[question, own]]
        key, value = (
            torch.cat([shared, of_own[question][:, own]], 1)[None]
            for shared, of_own in ((layer.key, layer.own_key), (layer.value, layer.own_value))
        )
        query = torch.cat(
            [layer.query[:, -reads:] if reads else layer.query[:, :0], layer.own_query[question][:, own]], 1
        )
        query = query[None, :, max(0, query.shape[1] - reads) :]
        given = torch.cat([layer.given, layer.own_given[question, own]])[None]
        return Prompt(query, key, value, key.shape[-1] ** -0.5, number, len(self.layers), self.images, given)

    @torch.no_grad()
    def choose(self, method: Method, protocol: str) -> tuple[list[Held], float]:
        """What `method` leaves in each layer, and how many entries that is for a head, on the mean over everything."""
        rows = []
        for question in range(1 if protocol == "memory" else self.count):
            prompts = [self.prompt(question, number, protocol, method.reads) for number in range(len(self.layers))]
            rows.append(method.choose_layers(prompts))
        held = [float(choice.keep.float().sum(-1).mean()) for row in rows for choice in row]
        return [self._held(layer, protocol) for layer in zip(*rows, strict=True)], sum(held) / len(held)

    def _held(self, choices: tuple[Choice, ...], protocol: str) -> Held:
        own, kept, apart = self._before(protocol), [], []
        for question, choice in enumerate(choices):
            keep = choice.keep[0]
            merged = torch.zeros_like(keep) if choice.merged is None else keep & (choice.merged.bias[0] != 0)
            kept.append(torch.zeros(keep.shape[0], self.prefix + len(own), dtype=torch.bool))
            places = torch.cat([torch.ones(self.prefix, dtype=torch.bool), self.real[question, own]])
            kept[-1][:, places] = keep & ~merged
            apart.append((choice.merged, merged))
        most = max(1, max(int(merged.sum(-1).max()) for _, merged in apart))
        stored = [set_apart(*one, most, self.layers[0].key) for one in apart]
        kept = torch.stack(kept)
        return Held(kept[..., : self.prefix], kept[..., self.prefix :], *map(torch.stack, zip(*stored, strict=True)))

    def _before(self, protocol: str) -> Tensor:
        """The columns of own tokens that are read before the eviction."""
        later = PROTOCOLS[protocol]
        return torch.arange(0 if later is None else self.own - later)

    def _visible(self, column: int, new: int | None = None) -> Tensor:
        """What `new` own tokens from this column on see of own tokens: [questions, 1, new, column + new]."""
        new = self.own - column if new is None else new
        real = pad(self.real, (0, DIGITS), value=True)[:, None, None, : column + new]
        return real & torch.ones(new, column + new, dtype=torch.bool).tril(column)

    @torch.no_grad()
    def answers(self, held: list[Held] | None, protocol: str) -> Tensor:
        """The points answered, [questions, 2] pixels, when only this is left; None leaves everything."""
        return decoded(self.logits(held, protocol)[None])[0]

    @torch.no_grad()
    def logits(self, held: list[Held] | None, protocol: str) -> Tensor:
        """What the characters of these answers were chosen from: [questions, 9, vocabulary]."""
        start, room = len(self._before(protocol)), self.own + DIGITS
        stores = [
            [pad(states[:, :, :start], (0, 0, 0, room - start)) for states in (layer.own_key, layer.own_value)]
            for layer in self.layers
        ]
        embed = self.text.embed_tokens
        logits = [self.first if start == self.own else self._step(embed(self.ids[:, start:]), start, stores, held)]
        for column in range(self.own, room - 1):
            states = embed(logits[-1].argmax(-1))[:, None]
            logits.append(self._step(states, column, stores, held))
        return torch.stack(logits, dim=1)

    def _step(self, states: Tensor, column: int, stores: list[list[Tensor]], held: list[Held] | None) -> Tensor:
        """Logits after the last of new own tokens [questions, new, hidden] that begin at this column."""
        end = column + states.shape[1]
        turn = tuple(turn[:, :, column:end] for turn in self.turns)
        visible = self._visible(column, states.shape[1])
        for number, layer in enumerate(self.text.layers):
            query, key, value = self._project(layer, states, turn)
            own_key, own_value = stores[number]
            own_key[:, :, column:end], own_value[:, :, column:end] = key, value
            left = None if held is None else held[number]
            mixed = attend(query, self.layers[number], own_key[:, :, :end], own_value[:, :, :end], visible, left)
            states = self._finish(layer, states, mixed)
        return self._logits(states)

    def _project(self, layer, states: Tensor, turn: tuple[Tensor, Tensor]) -> list[Tensor]:
        attention, dim = layer.self_attn, self.text.config.hidden_size // self.text.config.num_attention_heads
        states = norm(states, layer.input_layernorm.weight)
        query, key, value = (
            project(states).unflatten(-1, (-1, dim)).transpose(1, 2)
            for project in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        return [rotate(query, *turn), rotate(key, *turn), value]

    def _finish(self, layer, states: Tensor, mixed: Tensor) -> Tensor:
        states = states + layer.self_attn.o_proj(mixed.transpose(1, 2).flatten(2))
        return states + layer.mlp(norm(states, layer.post_attention_layernorm.weight))

    def _logits(self, states: Tensor) -> Tensor:
        return norm(states[:, -1], self.text.norm.weight) @ self.text.embed_tokens.weight.T

    def hits(self, points: Tensor) -> Tensor:
        """Whether each answer lies in its element's box: [questions]."""
        x, y = points.T
        left, top, right, bottom = self.boxes.T
        return (left <= x) & (x <= right) & (top <= y) & (y <= bottom)

    def agrees(self, points: Tensor) -> Tensor:
        """Whether each answer is that of the full cache, but for a few pixels: [questions]."""
        return ((points - self.full).abs() <= torch.tensor(NEAR)).all(-1)


def set_apart(merged, places: Tensor, most: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The merged entries at `places` [kv_heads, tokens] as keys, values [kv_heads, most, dim] and bias."""
    heads, dim = like.shape[0], like.shape[-1]
    key, value = like.new_zeros(heads, most, dim), like.new_zeros(heads, most, dim)
    bias = like.new_full((heads, most), float("-inf"))
    for head in range(heads):
        found = places[head].nonzero().flatten()
        if len(found):
            key[head, : len(found)], value[head, : len(found)] = (
                merged.key[0, head, found],
                merged.value[0, head, found],
            )
            bias[head, : len(found)] = merged.bias[0, head, found]
    return key, value, bias


def attend(query: Tensor, layer: Layer, own_key: Tensor, own_value: Tensor, visible: Tensor, held: Held | None = None):
    """What questions read from the shared prefix and from themselves: [questions, heads, new, dim].

    `query` [questions, heads, new, dim]; `own_key`, `own_value` [questions, kv_heads, own, dim]; `visible` [questions,
    1, new, own].
    """
    count, heads, new, dim = query.shape
    kv_heads, prefix = own_key.shape[1], layer.key.shape[1]
    grouped = (query * dim**-0.5).unflatten(1, (kv_heads, -1)).flatten(2, 3)  # [questions, kv_heads, group * new, dim]
    flat = grouped.transpose(0, 1).flatten(1, 2)
    logits = [(flat @ layer.key.transpose(-1, -2)).unflatten(1, (count, -1)).transpose(0, 1)]
    visible = visible.repeat(1, 1, heads // kv_heads, 1)
    if held is not None:
        logits[0] = logits[0].masked_fill(~held.prefix[:, :, None], float("-inf"))
        later = visible.shape[-1] - held.own.shape[-1]
        visible = visible & pad(held.own, (0, later), value=True)[:, :, None]
    logits.append((grouped @ own_key.transpose(-1, -2)).masked_fill(~visible, float("-inf")))
    if held is not None:
        logits.append(grouped @ held.key.transpose(-1, -2) + held.bias[:, :, None])
    shares = torch.cat(logits, -1).softmax(-1).nan_to_num()  # rows of padding see nothing
    of_prefix, of_own, of_merged = shares.tensor_split([prefix, prefix + own_key.shape[2]], -1)
    read = (of_prefix.transpose(0, 1).flatten(1, 2) @ layer.value).unflatten(1, (count, -1)).transpose(0, 1)
    read = read + of_own @ own_value
    if held is not None:
        read = read + of_merged @ held.value
    return read.unflatten(2, (-1, new)).flatten(1, 2)
