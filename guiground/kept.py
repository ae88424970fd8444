"""Which parts of a screenshot the cache still holds after eviction."""

import base64
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guiground.geometry import Size
    from guiground.models.load import Inputs
    from mixkv import CompressedCache


@dataclass(frozen=True, slots=True)
class KeptTokens:
    """The image tokens of one screenshot and how much of each is held.

    columns, rows: of the grid of tokens. shares: for each token, line by line, the share of all layers and kv heads
    that hold it, from 0 (none) to 255 (all). cell: width and height of what one token stands for, in pixels of the
    screenshot; the grid begins at its top left corner and may stick out of it where the picture was padded.
    """

    columns: int
    rows: int
    shares: bytes
    cell: tuple[float, float]

    @property
    def held(self) -> int:
        """How many tokens at least one head of one layer holds."""
        return len(self.shares) - self.shares.count(0)

    def to_json(self) -> dict[str, Any]:
        """Plain values; the shares are deflated and in base64, a few hundred letters for a whole screen."""
        packed = base64.b64encode(zlib.compress(self.shares, 9)).decode()
        return {"columns": self.columns, "rows": self.rows, "shares": packed, "cell": list(self.cell)}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "KeptTokens":
        """What `to_json` made. Raises ValueError where it does not fit together."""
        columns, rows = int(record["columns"]), int(record["rows"])
        unpacking = zlib.decompressobj()
        shares = unpacking.decompress(base64.b64decode(record["shares"]), max(columns * rows, 0) + 1)
        if len(shares) != columns * rows or columns < 1:
            raise ValueError(f"{len(shares)} shares do not fill a grid of {columns} by {rows}")
        width, height = map(float, record["cell"])
        return cls(columns, rows, shares, (width, height))


def kept_tokens(
    cache: "CompressedCache", inputs: "Inputs", size: "Size", row: int = 0, first: int = 0
) -> KeptTokens | None:
    """What is held of the picture in a row of a cache that noted it (`note_kept`); None where nothing was evicted.

    inputs: the prompt of that row alone. size: of the screenshot in pixels. first: the column of the row's first token.
    """
    import torch

    prompt, layers = inputs.tensors["input_ids"].shape[1], list((cache.kept or {}).values())
    if not layers or all(bool((layer[row].sum(-1) == prompt).all()) for layer in layers):
        return None
    start = first + inputs.image_start[0]
    heads = torch.cat([layer[row, :, start : start + inputs.image_tokens].cpu() for layer in layers])
    shares = (heads.float().mean(0) * 255).ceil().to(torch.uint8)  # upwards: what one head holds is not nothing
    grid, cell = inputs.token_grid, inputs.grid_on(size).cell(0, 0)
    return KeptTokens(grid.width, grid.height, bytes(shares.tolist()), (cell.width, cell.height))
