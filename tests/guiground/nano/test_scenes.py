import difflib
import random

import numpy as np
import pytest

from guiground.nano import labels
from guiground.nano.questions import known_as, pack, visible
from guiground.nano.scenes import draw
from guiground.nano.wording import instruction


@pytest.mark.parametrize("kind", ["rows", "desktop"])
def test_a_seed_draws_the_same_scene_twice_and_another_seed_another(kind):
    first, again, other = (draw(seed, 640, 384, kind) for seed in (5, 5, 6))
    assert np.array_equal(first.image, again.image)
    assert first.elements == again.elements
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("seed", range(12))
def test_every_element_lies_on_the_screen_and_shows_something(seed):
    scene = draw(seed, 640, 384)
    for element in scene.elements:
        left, top, right, bottom = (round(v) for v in element.aim)
        assert 0 <= left < right <= 640
        assert 0 <= top < bottom <= 384
        assert scene.image[top:bottom, left:right].std() > 0, element


@pytest.mark.parametrize("seed", range(6))
def test_what_a_dialog_covers_is_forgotten(seed):
    scene = draw(seed, 800, 512, "desktop")
    for element in scene.elements:
        if element.icon or element.beside:
            continue
        left, top, right, bottom = element.aim
        middle = (top + bottom) / 2
        written = [
            chr(int(code))
            for x0, x1, y, code in scene.glyphs
            if x0 >= left - 1 and x1 <= right + 1 and abs(y - middle) < 2
        ]
        assert "".join(written).rstrip(".\u2026") == element.name.replace(" ", "").rstrip("."), element


def test_the_character_grid_reads_what_was_written():
    scene = draw(3, 256, 128, "rows", level=0)
    grid = labels.character_grid(scene)
    assert (grid != labels.BLANK).any()
    for left, right, middle, code in scene.glyphs:
        if right - left >= labels.COLUMN * 2:
            column = int((left + right) / 2 // labels.COLUMN)
            seen = grid[int(middle // 8), max(0, column - 1) : column + 2]
            assert labels.CODE_TO_CLASS[int(code)] in seen


def test_slots_keep_every_column_of_the_grid():
    grid = np.arange(16 * 64).reshape(16, 64)
    slots = labels.slots(grid)
    assert slots.shape == (4, 8, 32)
    assert set(slots.flatten()) == set(grid.flatten())
    assert slots[1, 2].tolist() == grid[4:8, 16:24].flatten().tolist()


def test_a_boxs_share_of_the_tokens_sums_to_one_and_lies_under_it():
    share = labels.under((30, 10, 70, 30), 4, 8).reshape(4, 8)
    assert share.sum() == pytest.approx(1)
    assert share[0].tolist() == pytest.approx([0.05, 0.8, 0.15, 0, 0, 0, 0, 0])


def test_questions_name_one_element_only():
    scene = draw(1, 640, 384, "rows")
    inside = visible(scene.elements, 128, 128, 512, 384)
    names = [known_as(e) for e in inside]
    assert len(names) == len(set(names)) > 3
    assert all(e.aim[0] >= 0 and e.aim[2] <= 384 and e.aim[3] <= 256 for e in inside)


def test_packed_questions_end_with_the_answer_at_the_elements_middle():
    scene = draw(1, 640, 384, "rows")
    batch = pack(random.Random(0), [visible(scene.elements, 0, 0, 640, 384)], 12, 20, 8)
    decode = dict(enumerate(["?"] * 10 + [chr(c) for c in range(32, 127)]))
    for q in range(batch.questions.shape[1]):
        start = int(batch.answers[0, q]) + 1
        x, y = map(int, "".join(decode[i] for i in batch.questions[0, q, start : start + 9].tolist()).split(","))
        left, top, right, bottom = batch.boxes[0, q].tolist()
        assert left <= x <= right
        assert top <= y <= bottom


def test_most_instructions_hold_the_elements_name_and_the_others_nearly():
    rng, exact = random.Random(0), []
    for element in [e for seed in range(4) for e in draw(seed, 640, 384).elements]:
        name, said = element.name.lower(), instruction(rng, element).lower()
        exact.append(name in said)
        shared = sum(block.size for block in difflib.SequenceMatcher(None, name, said, False).get_matching_blocks())
        assert shared >= 0.6 * len(name)
    assert len(exact) > 60 and 0.85 < sum(exact) / len(exact) < 1
