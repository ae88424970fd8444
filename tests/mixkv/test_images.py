"""Where the image tokens stand."""

import pytest
import torch

from mixkv.images import ImageTokens, find_images, ordered


def test_images_are_found_by_their_tokens(prompt, left_padded):
    rows = [prompt(1, 20, [(8, 12), (4, 4)]), prompt(2, 9), prompt(3, 7, [(6, 4)])]
    batch = left_padded(rows)
    grids = batch["image_grid_thw"][:, 1:] // 2
    found = find_images(batch["input_ids"], 90, grids, batch["attention_mask"])
    assert found == [(ImageTokens(6, 2, 2), ImageTokens(12, 4, 6)), (), (ImageTokens(6, 3, 2),)]
    assert found[0][1].count == 24 and found[0][1].stop == 36


def test_images_that_touch_are_told_apart_by_their_grids():
    assert find_images(torch.tensor([[1, 9, 9, 9, 9, 2]]), 9, [(1, 2), (2, 1)]) == [
        (ImageTokens(1, 1, 2), ImageTokens(3, 2, 1))
    ]


@pytest.mark.parametrize(
    ("grids", "message"),
    [
        (
            [(2, 3)],
            "a grid of 2 x 3 does not fit the run of image tokens at 1 in row 0: give .rows, col",
        ),
        ([(2, 1)], "row 0 has 2 image tokens left but no grid is"),
        ([(2, 2), (1, 1)], "1 grids are left without image tokens"),
    ],
)
def test_grids_that_do_not_fit(grids, message):
    with pytest.raises(ValueError, match=message):
        find_images(torch.tensor([[1, 9, 9, 9, 9, 2]]), 9, grids)


def test_images_are_put_in_order_and_may_not_overlap():
    one, two = ImageTokens(2, 2, 3), ImageTokens(8, 1, 1)
    assert ordered([two, one]) == (one, two)
    with pytest.raises(ValueError, match="cannot share tokens"):
        ordered([one, ImageTokens(7, 1, 1)])
    for wrong in ((-1, 1, 1), (0, 0, 1), (0, 1, 0)):
        with pytest.raises(ValueError, match="an image needs a start of at least 0 and a grid of at least 1 by 1"):
            ImageTokens(*wrong)
