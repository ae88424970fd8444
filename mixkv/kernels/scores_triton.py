"""The two kernels of scores.py. One program works on one block of tokens of one row and kv head."""

import triton
import triton.language as tl


def sizes(window: int, dim: int) -> dict[str, int]:
    """Sizes of the tiles: tokens at once, and window and dim rounded up to what a matrix product takes."""
    return {
        "BLOCK": 64,
        "WINDOW": max(16, triton.next_power_of_2(window)),
        "DIM": max(16, triton.next_power_of_2(dim)),
    }


@triton.jit
def _logits(
    query,
    keys,
    pair,
    member,
    token,
    heads,
    group,
    window,
    tokens,
    dim,
    scaling,
    WINDOW: tl.constexpr,
    DIM: tl.constexpr,
):
    """Of one query head of the group: [WINDOW, BLOCK], -inf where a token lies in the future or beyond the prompt."""
    row = tl.arange(0, WINDOW)
    column = tl.arange(0, DIM)
    head = (pair // heads) * heads * group + (pair % heads) * group + member
    place = (head * window + row[:, None]) * dim + column[None, :]
    inside = (row[:, None] < window) & (column[None, :] < dim)
    queries = tl.load(query + place, mask=inside, other=0.0).to(tl.float32)
    logits = tl.dot(queries, tl.trans(keys), input_precision="ieee") * scaling
    visible = (token[None, :] <= tokens - window + row[:, None]) & (token[None, :] < tokens)
    return tl.where(visible, logits, float("-inf"))


@triton.jit
def _tile(states, pair, heads, token, tokens, dim, of_batch, of_head, of_token, DIM: tl.constexpr):
    """A block of keys or values in float32, zeros beyond the prompt: [BLOCK, DIM]."""
    column = tl.arange(0, DIM)
    base = (pair // heads).to(tl.int64) * of_batch + (pair % heads).to(tl.int64) * of_head
    place = token[:, None].to(tl.int64) * of_token + column[None, :]
    inside = (token[:, None] < tokens) & (column[None, :] < dim)
    return tl.load(states + base + place, mask=inside, other=0.0).to(tl.float32)


@triton.jit
def first_pass(
    query, key, value, highest, summed, directions, inverse, value_norm,
    tokens, heads, group, window, dim, scaling,
    key_batch, key_head, key_token, value_batch, value_head, value_token,
    BLOCK: tl.constexpr, WINDOW: tl.constexpr, DIM: tl.constexpr,
):  # fmt: skip
    """Per block: each window query's highest logit and its sum of exponentials, the sum of unit keys; the norms."""
    block, pair = tl.program_id(0), tl.program_id(1)
    blocks = tl.num_programs(0)
    token = block * BLOCK + tl.arange(0, BLOCK)
    inside = token < tokens
    place = pair.to(tl.int64) * tokens + token
    values = _tile(value, pair, heads, token, tokens, dim, value_batch, value_head, value_token, DIM)
    tl.store(value_norm + place, tl.sqrt(tl.sum(values * values, 1)), mask=inside)
    keys = _tile(key, pair, heads, token, tokens, dim, key_batch, key_head, key_token, DIM)
    lengths = tl.sqrt(tl.sum(keys * keys, 1))
    of_length = 1.0 / tl.maximum(lengths, 1e-12)
    tl.store(inverse + place, of_length, mask=inside)
    column = tl.arange(0, DIM)
    direction = tl.sum(keys * of_length[:, None], 0)
    tl.store(directions + (pair * blocks + block) * dim + column, direction, mask=column < dim)
    row = tl.arange(0, WINDOW)
    for member in range(group):
        logits = _logits(
            query, keys, pair, member, token, heads, group, window, tokens, dim, scaling, WINDOW, DIM
        )  # fmt: skip
        most = tl.max(logits, 1)
        safe = tl.where(most == float("-inf"), 0.0, most)  # a block all of whose tokens lie in the future
        total = tl.sum(tl.exp(logits - safe[:, None]), 1)
        slot = ((pair * blocks + block) * group + member) * window + row
        tl.store(highest + slot, most, mask=row < window)
        tl.store(summed + slot, total, mask=row < window)


@triton.jit
def second_pass(
    query, key, most, share, mean, inverse, attention, alike,
    tokens, heads, group, window, dim, scaling,
    key_batch, key_head, key_token,
    BLOCK: tl.constexpr, WINDOW: tl.constexpr, DIM: tl.constexpr,
):  # fmt: skip
    """What the window pays to each token of the block, and how much its key is like the mean direction."""
    block, pair = tl.program_id(0), tl.program_id(1)
    token = block * BLOCK + tl.arange(0, BLOCK)
    inside = token < tokens
    place = pair.to(tl.int64) * tokens + token
    keys = _tile(key, pair, heads, token, tokens, dim, key_batch, key_head, key_token, DIM)
    column = tl.arange(0, DIM)
    middle = tl.load(mean + pair * dim + column, mask=column < dim, other=0.0)
    along = tl.sum(keys * middle[None, :], 1) * tl.load(inverse + place, mask=inside, other=0.0)
    tl.store(alike + place, along, mask=inside)
    row = tl.arange(0, WINDOW)
    paid = tl.zeros([BLOCK], dtype=tl.float32)
    for member in range(group):
        logits = _logits(
            query, keys, pair, member, token, heads, group, window, tokens, dim, scaling, WINDOW, DIM
        )  # fmt: skip
        slot = (pair * group + member) * window + row
        top = tl.load(most + slot, mask=row < window, other=0.0)
        weight = tl.load(share + slot, mask=row < window, other=0.0)
        paid += tl.sum(tl.exp(logits - top[:, None]) * weight[:, None], 0)
    tl.store(attention + place, paid, mask=inside)
