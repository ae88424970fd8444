"""The vision tower's forward pass, window by window, on the weights of the stock model: equal to it, faster to train.

All windows of one shape are one batch, and the patches of an image are cut straight into the order the tower wants.
"""

import functools

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from guiground.nano.architecture import IMAGE_MEAN, IMAGE_STD, MERGE, PATCH, TOKEN, WINDOW

SIDE = WINDOW // TOKEN  # tokens a side of a full window


def cut(image: np.ndarray) -> dict[tuple[int, int], tuple[Tensor, Tensor]]:
    """The windows of a picture whose sides are multiples of 32 pixels, grouped by shape.

    image: [height, width, 3] uint8. Gives {(rows, columns) in tokens: (patches, index)} with
    patches  # [windows, rows * columns * 16, 192] float, normalised, and
    index    # [windows, rows * columns] place of each token in the picture's raster of tokens.
    """
    rows, columns = image.shape[0] // TOKEN, image.shape[1] // TOKEN
    pixels = torch.from_numpy(np.array(image)).float().div_(255)
    pixels = (pixels - torch.tensor(IMAGE_MEAN)) / torch.tensor(IMAGE_STD)
    # [token row, token column, patch row, patch column, channel, y, x]
    patches = pixels.view(rows, MERGE, PATCH, columns, MERGE, PATCH, 3).permute(0, 3, 1, 4, 6, 2, 5)
    patches = patches.reshape(rows, columns, MERGE * MERGE, 3 * PATCH * PATCH)
    raster = torch.arange(rows * columns).view(rows, columns)
    groups: dict[tuple[int, int], tuple[list[Tensor], list[Tensor]]] = {}
    for top in range(0, rows, SIDE):
        for left in range(0, columns, SIDE):
            window = patches[top : top + SIDE, left : left + SIDE]
            shape = (window.shape[0], window.shape[1])
            places = raster[top : top + SIDE, left : left + SIDE]
            group = groups.setdefault(shape, ([], []))
            group[0].append(window.reshape(-1, patches.shape[-1]))
            group[1].append(places.reshape(-1))
    return {shape: (torch.stack(p), torch.stack(i)) for shape, (p, i) in groups.items()}


@functools.cache
def rotation(rows: int, columns: int, dim: int, device: str) -> tuple[Tensor, Tensor]:
    """Cosine and sine for the patches of one window  # [patches, dim]; only differences matter inside a window."""
    y, x = torch.meshgrid(torch.arange(rows * MERGE), torch.arange(columns * MERGE), indexing="ij")
    order = [grid.view(rows, MERGE, columns, MERGE).permute(0, 2, 1, 3).reshape(-1, 1).float() for grid in (y, x)]
    frequency = 1.0 / 10000 ** (torch.arange(0, dim // 2, 2).float() / (dim // 2))
    angle = torch.cat([position * frequency for position in order], dim=-1)
    angle = torch.cat([angle, angle], dim=-1).to(device)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding of the last axis."""
    half = x.shape[-1] // 2
    turned = torch.cat([-x[..., half:], x[..., :half]], dim=-1)
    return x * cos + turned * sin


def norm(x: Tensor, weight: Tensor, eps: float = 1e-6) -> Tensor:
    """Root-mean-square normalisation."""
    return F.rms_norm(x, (x.shape[-1],), weight.to(x.dtype), eps)


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention inside each window  # [windows, heads, patches, dim].

    In half precision on a CPU three plain operations take half the time of torch's kernel, backward above all: a
    window's scores are few.
    """
    if query.dtype == torch.bfloat16 and query.device.type == "cpu":
        return (query * query.shape[-1] ** -0.5 @ key.transpose(-1, -2)).softmax(-1) @ value
    return F.scaled_dot_product_attention(query, key, value)


def see(visual, patches: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Merged tokens  # [windows, tokens, 256] and patch states  # [windows, patches, 128] of windows of one shape."""
    heads = visual.config.num_heads
    x = F.linear(patches, visual.patch_embed.proj.weight.flatten(1))
    windows, count, dim = x.shape
    cos, sin = rotation(*shape, dim // heads, str(x.device))
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    for block in visual.blocks:
        qkv = block.attn.qkv(norm(x, block.norm1.weight)).view(windows, count, 3, heads, dim // heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        mixed = attend(rotate(query, cos, sin), rotate(key, cos, sin), value)
        x = x + block.attn.proj(mixed.transpose(1, 2).reshape(windows, count, dim))
        x = x + block.mlp(norm(x, block.norm2.weight))
    merged = visual.merger.mlp(norm(x, visual.merger.ln_q.weight).view(windows, -1, dim * MERGE * MERGE))
    return merged, x


def features(visual, image: np.ndarray, device="cpu") -> Tensor:
    """All visual tokens of a picture in raster order  # [rows, columns, 256]."""
    rows, columns = image.shape[0] // TOKEN, image.shape[1] // TOKEN
    tokens = torch.empty(rows * columns, visual.config.out_hidden_size, device=device)
    for shape, (patches, index) in cut(image).items():
        tokens[index.to(device)] = see(visual, patches.to(device), shape)[0].to(tokens.dtype)
    return tokens.view(rows, columns, -1)
