"""The language side's forward pass with many questions behind one picture, equal to the stock model asked one by one.

Every question sees the picture and itself, and starts at the same rotary position.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from guiground.nano import architecture as arch
from guiground.nano.shared_prefix import attend, attend_some
from guiground.nano.windows import norm, rotate

# Heads that are taught where to look, by layer: from the answer to the target, and from each character of a name to
# where the screen shows it. A matching head needs many dimensions: a token holds some nine characters.
POINTERS = {2: slice(0, 2), 3: slice(0, 2)}
TRACES = {1: slice(0, 2), 2: slice(2, 4)}
PLACES_LAYER = 2  # before it, the picture's states tell their places


def image_positions(rows: int, columns: int) -> Tensor:
    """Rotary positions of `<start> <vision start> image <vision end> <ground>`  # [3, rows * columns + 4]."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    image = torch.stack([torch.zeros_like(y), y, x]).reshape(3, -1) + 2
    head, tail = torch.tensor([0, 1]), torch.tensor([0, 1]) + 2 + max(rows, columns)
    return torch.cat([head.expand(3, 2), image, tail.expand(3, 2)], dim=1)


def rotation(config, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine for positions [3, tokens]  # [tokens, head dim]; the three axes share the frequencies."""
    dim = config.hidden_size // config.num_attention_heads
    rope = config.rope_parameters
    frequency = 1.0 / rope["rope_theta"] ** (torch.arange(0, dim, 2).float() / dim)
    angle = positions.float()[:, :, None] * frequency  # [3, tokens, dim / 2]
    axis = torch.repeat_interleave(torch.arange(3), torch.tensor(rope["mrope_section"]))
    angle = angle[axis, :, torch.arange(dim // 2)].T
    angle = torch.cat([angle, angle], dim=-1)
    return angle.cos(), angle.sin()


class Packed:
    """One forward pass over pictures [pictures, rows, columns, dim] with questions [pictures, questions, length]."""

    def __init__(self, text_model, pictures: Tensor, questions: Tensor):
        self.model, self.config = text_model, text_model.config
        self.rows, self.columns = pictures.shape[1:3]
        self.tokens = self.rows * self.columns
        batch, count, length = questions.shape
        embed, device = text_model.embed_tokens, pictures.device
        ids = torch.tensor([arch.START, arch.VISION_START, arch.VISION_END, arch.GROUND], device=device)
        frame = embed(ids).to(pictures.dtype).expand(batch, 4, -1)
        self.prefix = torch.cat([frame[:, :2], pictures.flatten(1, 2), frame[:, 2:]], dim=1)
        self.query = embed(questions).flatten(1, 2)  # [pictures, questions * length, dim]
        self.count, self.length = count, length
        positions = image_positions(self.rows, self.columns)
        start = int(positions.max()) + 1
        self.prefix_rotation = tuple(t.to(device) for t in rotation(self.config, positions))
        own = (torch.arange(length) + start).expand(3, length)
        self.query_rotation = tuple(t.repeat(count, 1).to(device) for t in rotation(self.config, own))

    def run(self, answers: Tensor, traces: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """What the answers come from; `answers` [pictures, questions]: where `<answer>` stands.

        Hidden states that predict the nine characters and `<end>`  # [pictures, questions, 10, dim]; the logits of
        all pointing heads over the picture at the first nine  # [pictures, questions, 9, heads, tokens]; the picture's
        states that tell their places  # [pictures, tokens, dim]. `self.meant` are the states at `<answer>` there
        # [pictures, questions, dim]. With `traces` [pictures, questions, length],
        `self.traced` holds the logits of the characters that have a trace  # [characters, heads, tokens].
        """
        steps = answers[..., None] + torch.arange(10, device=answers.device)  # [pictures, questions, 10]
        prefix, query, pointers, traced, states = self.prefix, self.query, [], [], None
        for index, layer in enumerate(self.model.layers):
            attention = layer.self_attn
            if index == PLACES_LAYER:
                states = prefix[:, 2:-2]
                self.meant = self.chosen(query, answers[..., None])
            normed = norm(query, layer.input_layernorm.weight)
            picture = norm(prefix, layer.input_layernorm.weight)
            if index == len(self.model.layers) - 1:
                pk, pv = self.keys(attention, picture, self.prefix_rotation)
                query, qq, qk, qv = self.narrow(attention, query, normed, steps)
                pointers.append(self.point(qq, pk, POINTERS[index]))
                query = self.finish(layer, query, attend_some(qq, pk, pv, qk, qv, steps, self.count))
                break
            pq, pk, pv = self.project(attention, picture, self.prefix_rotation)
            qq, qk, qv = self.project(attention, normed, self.query_rotation)
            if index in TRACES and traces is not None:
                traced.append(self.follow(qq, pk, traces >= 0, TRACES[index]))
            if index in POINTERS:
                pointers.append(self.point(self.at(qq, steps), pk, POINTERS[index]))
            mixed = F.scaled_dot_product_attention(pq, pk, pv, is_causal=True)
            prefix = self.finish(layer, prefix, mixed)
            query = self.finish(layer, query, attend(qq, pk, pv, qk, qv, self.count))
        query = query.unflatten(1, (self.count, -1))
        self.traced = torch.cat(traced, dim=1) if traced else None
        return norm(query, self.model.norm.weight), torch.cat(pointers, dim=3), states

    def project(self, attention, x: Tensor, turn) -> list[Tensor]:
        """Queries, keys and values  # [pictures, heads, tokens, dim], keys and values repeated for their group."""
        key, value = self.keys(attention, x, turn)
        query = attention.q_proj(x).view(*x.shape[:2], self.config.num_attention_heads, -1).transpose(1, 2)
        return [rotate(query, *(t.to(x.dtype) for t in turn)).to(value.dtype), key, value]

    def keys(self, attention, x: Tensor, turn) -> tuple[Tensor, Tensor]:
        """Keys and values as `project` gives them."""
        groups = self.config.num_key_value_heads
        key = attention.k_proj(x).view(*x.shape[:2], groups, -1).transpose(1, 2)
        value = attention.v_proj(x).view(*x.shape[:2], groups, -1).transpose(1, 2)
        repeat = self.config.num_attention_heads // groups
        key = rotate(key, *(t.to(x.dtype) for t in turn)).to(value.dtype)
        return key.repeat_interleave(repeat, 1), value.repeat_interleave(repeat, 1)

    def narrow(self, attention, query: Tensor, normed: Tensor, steps: Tensor):
        """In the last layer only the answer's positions matter: their states and queries, and all keys and values."""
        key, value = self.keys(attention, normed, self.query_rotation)
        some = self.chosen(normed, steps)
        own = attention.q_proj(some).view(*some.shape[:2], self.config.num_attention_heads, -1).transpose(1, 2)
        cos, sin = (t[: self.length][steps.flatten(1)][:, None].to(own.dtype) for t in self.query_rotation)
        return self.chosen(query, steps), rotate(own, cos, sin).to(value.dtype), key, value

    def chosen(self, x: Tensor, places: Tensor) -> Tensor:
        """Some positions of each question: x [pictures, questions * length, dim], places [..., questions, some]."""
        own = x.unflatten(1, (self.count, self.length))
        return own.gather(2, places[..., None].expand(-1, -1, -1, own.shape[-1])).flatten(1, 2)

    def at(self, query: Tensor, places: Tensor) -> Tensor:
        """The same of queries [pictures, heads, questions * length, dim]."""
        own = query.unflatten(2, (self.count, self.length))
        place = places[:, None, :, :, None].expand(-1, own.shape[1], -1, -1, own.shape[-1])
        return own.gather(3, place).flatten(2, 3)

    def finish(self, layer, x: Tensor, mixed: Tensor) -> Tensor:
        """Output projection and feed-forward part of a layer."""
        x = x + layer.self_attn.o_proj(mixed.transpose(1, 2).flatten(2))
        return x + layer.mlp(norm(x, layer.post_attention_layernorm.weight))

    def point(self, query: Tensor, key: Tensor, heads: slice) -> Tensor:
        """Attention logits of the pointing heads over the picture, from nine of the answer's ten positions."""
        query = query[:, heads].unflatten(2, (self.count, -1))[..., :9, :].flatten(2, 3)
        logits = query @ key[:, heads, 2:-2].transpose(-1, -2) / query.shape[-1] ** 0.5
        return logits.float().unflatten(2, (self.count, -1)).permute(0, 2, 3, 1, 4)

    def follow(self, query: Tensor, key: Tensor, wanted: Tensor, heads: slice) -> Tensor:
        """Attention logits of the tracing heads from the wanted characters to the picture's tokens."""
        rows = []
        for one, keys, chosen in zip(query, key, wanted.flatten(1), strict=True):
            characters = one[heads][:, chosen]  # [heads, characters, dim]
            rows.append((characters @ keys[heads, 2:-2].transpose(-1, -2)).transpose(0, 1))
        return torch.cat(rows).float() / query.shape[-1] ** 0.5
