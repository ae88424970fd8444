"""What is held whatever its rank: the ends of a prompt's parts, and the surroundings of a place in an image."""

import torch
from torch import Tensor

from mixkv.images import Images


def landmarks(first: int, images: Images, before: int) -> list[int]:
    """The `first` tokens of a prompt and those right before and right after each of `images`: positions, in order.

    Only those less than `before`. Two images with no token between them have no landmark there.
    """
    beside = {place for image in images for place in (image.start - 1, image.stop)}
    inside = {place for place in beside for image in images if image.start <= place < image.stop}
    return sorted(place for place in {*range(min(first, before)), *(beside - inside)} if 0 <= place < before)


def surroundings(scores: Tensor, images: Images, count: int, held: Tensor) -> Tensor:
    """The `count` image cells of each head nearest to its best one, that one included: booleans like `scores`.

    `scores` and `held` [batch, kv_heads, tokens]. The best cell is the one with the highest score in any of `images`;
    near is what is near on the grid of its image, by Euclidean distance. Of equally near cells the one with the higher
    score is taken, then the earlier. Cells `held` already are passed over; fewer than `count` if there are no more.
    """
    image, row, column = torch.full((3, scores.shape[-1]), -1)  # of each token
    for number, one in enumerate(images):
        index = torch.arange(one.count)
        image[one.start : one.stop] = number
        row[one.start : one.stop], column[one.start : one.stop] = index // one.columns, index % one.columns
    image, row, column = (of_token.to(scores.device) for of_token in (image, row, column))
    best = scores.masked_fill(image < 0, float("-inf")).argmax(-1, keepdim=True)  # [batch, kv_heads, 1]
    apart = (row - row[best]).square() + (column - column[best]).square()  # [batch, kv_heads, tokens]
    closed = held | (image != image[best])
    order = scores.argsort(dim=-1, descending=True, stable=True)
    by_distance = apart.masked_fill(closed, torch.iinfo(apart.dtype).max).gather(-1, order).argsort(dim=-1, stable=True)
    nearest = order.gather(-1, by_distance[..., :count])
    return torch.zeros_like(closed).scatter(-1, nearest, True) & ~closed
