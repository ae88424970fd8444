"""The kernel of ragged.py: one program reads one segment, block after block, with a running softmax."""

import triton
import triton.language as tl


def sizes(rows: int, dim: int) -> dict[str, int]:
    """Sizes of the tiles: entries at once, and rows and dim rounded up to what a matrix product takes."""
    return {"BLOCK": 64, "ROWS": max(16, triton.next_power_of_2(rows)), "DIM": max(16, triton.next_power_of_2(dim))}


@triton.jit
def attend(
    query, key, value, output, start, length, rows, dim, scaling, of_key, of_value,
    BLOCK: tl.constexpr, ROWS: tl.constexpr, DIM: tl.constexpr,
):  # fmt: skip
    """Exact attention of the rows of one segment."""
    pair = tl.program_id(0)
    first = tl.load(start + pair).to(tl.int64)
    entries = tl.load(length + pair)
    row, column, slot = tl.arange(0, ROWS), tl.arange(0, DIM), tl.arange(0, BLOCK)
    place = (pair * rows + row[:, None]) * dim + column[None, :]
    asked = (row[:, None] < rows) & (column[None, :] < dim)
    queries = tl.load(query + place, mask=asked, other=0.0).to(tl.float32)
    most = tl.full([ROWS], float("-inf"), dtype=tl.float32)
    total = tl.zeros([ROWS], dtype=tl.float32)
    read = tl.zeros([ROWS, DIM], dtype=tl.float32)
    for done in range(0, entries, BLOCK):
        inside = done + slot < entries
        filled = inside[:, None] & (column[None, :] < dim)
        entry = (first + done + slot)[:, None]
        keys = tl.load(key + entry * of_key + column[None, :], mask=filled, other=0.0).to(tl.float32)
        logits = tl.dot(queries, tl.trans(keys), input_precision="ieee") * scaling
        logits = tl.where(inside[None, :], logits, float("-inf"))
        higher = tl.maximum(most, tl.max(logits, 1))
        weights = tl.exp(logits - higher[:, None])
        faded = tl.exp(most - higher)
        values = tl.load(value + entry * of_value + column[None, :], mask=filled, other=0.0).to(tl.float32)
        read = read * faded[:, None] + tl.dot(weights, values, input_precision="ieee")
        total = total * faded + tl.sum(weights, 1)
        most = higher
    tl.store(output + place, (read / total[:, None]).to(output.dtype.element_ty), mask=asked)
