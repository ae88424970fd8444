"""Where in a prompt the image tokens stand, and the grid they form: what a model does not tell its attention."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor


@dataclass(frozen=True, slots=True)
class ImageTokens:
    """The tokens of one image: `rows` times `columns`, line by line, in one run.

    `start` is the position of the first in its prompt, padding not counted.
    """

    start: int
    rows: int
    columns: int

    def __post_init__(self):
        if self.start < 0 or self.rows < 1 or self.columns < 1:
            raise ValueError(f"an image needs a start of at least 0 and a grid of at least 1 by 1, not {self}")

    @property
    def count(self) -> int:
        return self.rows * self.columns

    @property
    def stop(self) -> int:
        """Position after the last token."""
        return self.start + self.count


Images = tuple[ImageTokens, ...]  # of one prompt, in order


def ordered(images: Iterable[ImageTokens]) -> Images:
    """The images in the order of their tokens. Raises ValueError where two overlap."""
    images = tuple(sorted(images, key=lambda image: image.start))
    for one, next_one in pairwise(images):
        if one.stop > next_one.start:
            raise ValueError(f"two images cannot share tokens, as {one} and {next_one} would")
    return images


def find_images(
    input_ids: Tensor, image_token: int, grids: Iterable[Sequence[int]], attention_mask: Tensor | None = None
) -> list[Images]:
    """The images of each row of `input_ids` [batch, tokens], known by the id of their tokens.

    `grids` are the (rows, columns) of all images in tokens, in the order of the rows and of their place in them;
    `attention_mask` [batch, tokens] is 0 for padding. Raises ValueError where grids and tokens do not fit together.
    """
    remaining, found = [tuple(int(side) for side in grid) for grid in grids], []
    for number, row in enumerate(input_ids):
        real = row if attention_mask is None else row[attention_mask[number].bool()]
        places, images = (real == image_token).nonzero().flatten().tolist(), []
        while places:
            if not remaining:
                raise ValueError(f"row {number} has {len(places)} image tokens left but no grid is: give one per image")
            image = ImageTokens(places[0], *remaining.pop(0))
            if places[: image.count] != list(range(image.start, image.stop)):
                raise ValueError(
                    f"a grid of {image.rows} x {image.columns} does not fit the run of image tokens at {image.start} "
                    f"in row {number}: give (rows, columns) in tokens, not in patches"
                )
            images.append(image)
            places = places[image.count :]
        found.append(tuple(images))
    if remaining:
        raise ValueError(f"{len(remaining)} grids are left without image tokens: give one per image")
    return found
