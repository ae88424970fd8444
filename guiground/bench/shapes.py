"""Random decoders in the shapes of Qwen2.5-VL."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Shape:
    """A text decoder: sizes of its layers, and how many it has."""

    hidden: int
    intermediate: int
    query_heads: int
    kv_heads: int
    layers: int

    @property
    def dim(self) -> int:
        return self.hidden // self.query_heads

    def config(self, layers: int | None = None) -> dict[str, int | None]:
        """What a transformers configuration of this shape says; layers: fewer than it has."""
        return {
            "hidden_size": self.hidden,
            "intermediate_size": self.intermediate,
            "num_attention_heads": self.query_heads,
            "num_key_value_heads": self.kv_heads,
            "num_hidden_layers": layers or self.layers,
            "vocab_size": 128,
            "bos_token_id": None,
            "eos_token_id": None,
            "max_position_embeddings": 1 << 17,
        }

    def to_json(self) -> dict[str, int]:
        return asdict(self)


SHAPES = {
    "tiny": Shape(64, 128, 4, 2, 2),
    "qwen2.5-vl-3b": Shape(2048, 11008, 16, 2, 36),
    "qwen2.5-vl-7b": Shape(3584, 18944, 28, 4, 28),
    "qwen2.5-vl-32b": Shape(5120, 27648, 40, 8, 64),
}


def build(shape: Shape, layers: int, device: str, dtype: str) -> Any:
    """A random Qwen2.5-VL text decoder, without tower and head, which compression does not touch."""
    import torch
    from transformers import Qwen2_5_VLTextConfig, Qwen2_5_VLTextModel

    half = shape.dim // 2
    sections = [half - 2 * (half * 3 // 8), half * 3 // 8, half * 3 // 8]
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": sections}
    config = Qwen2_5_VLTextConfig(**shape.config(layers), rope_parameters=rope, attn_implementation="sdpa")
    torch.manual_seed(0)
    previous = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with torch.device(device):
            return Qwen2_5_VLTextModel(config).eval()
    finally:
        torch.set_default_dtype(previous)


def grid(tokens: int) -> tuple[int, int]:
    """Rows and columns of a picture with so many tokens, not far from 3 to 4."""
    rows = next(rows for rows in range(max(1, int((0.75 * tokens) ** 0.5)), 0, -1) if tokens % rows == 0)
    return rows, tokens // rows
