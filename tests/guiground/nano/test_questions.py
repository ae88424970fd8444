"""Questions by place, questions for what is not there, and words with a slip."""

import random

import numpy as np
import pytest

from guiground.nano import architecture as arch
from guiground.nano import labels
from guiground.nano.absent import REFUSAL, squeezed, strangers, unseen_icon, written
from guiground.nano.questions import ask_scene, fill
from guiground.nano.relations import nearest, numbered, related
from guiground.nano.scenes import Element, Scene, draw
from guiground.nano.scenes.lexicon import groups, lexicon
from guiground.nano.wording import misspelled


def element(name: str, left: float, top: float, role: str = "button") -> Element:
    box = (left, top, left + 40, top + 20)
    return Element(role, name, box, box)


@pytest.fixture(scope="module")
def scene():
    return draw(11, 640, 384)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_asked_for_in_vain_is_nowhere_on_the_screen(seed):
    scene = draw(seed, 640, 384)
    shown = {e.name.lower() for e in scene.elements}
    asked = strangers(random.Random(seed), scene, 12)
    assert len(asked) > 6
    for text in asked:
        assert text.lower() not in shown


def test_written_text_is_known_even_where_it_is_no_element():
    glyphs = np.array([[i * 8.0, i * 8.0 + 7, 20, ord(c)] for i, c in enumerate("Mixedcase")], dtype=np.float32)
    scene = Scene(np.zeros((64, 128, 3), np.uint8), [element("Other name", 0, 0)], glyphs)
    assert squeezed("Mixed Case") in written(scene)
    assert squeezed("other name") in written(scene)


def test_an_unseen_icon_neither_looks_nor_is_called_like_one_on_the_screen():
    concepts = list(lexicon().values())
    icons = [(c.group, (0, 0, 16, 16)) for c in concepts[: len(concepts) // 2]]
    scene = Scene(np.zeros((64, 64, 3), np.uint8), [], np.zeros((0, 4), np.float32), icons)
    seen = {group for group, _ in icons}
    phrases = {phrase for c in concepts if c.group in seen for phrase in c.phrases}
    found = [unseen_icon(random.Random(i), scene, "") for i in range(200)]
    names = [e.name for e in found if e]
    assert names
    assert phrases.isdisjoint(names)


def test_the_nearest_element_on_a_side_is_meant_and_doubt_means_none():
    middle, right, far = element("Anchor", 100, 100), element("Right", 150, 100), element("Far", 200, 102)
    below, other = element("Below", 95, 130), element("Twin", 105, 131)
    elements = [middle, right, far, below]
    assert nearest(middle, elements, "right") is right
    assert nearest(middle, elements, "below") is below
    assert nearest(middle, elements, "left") is None
    assert nearest(middle, [*elements, other], "below") is None  # two are equally near


@pytest.mark.parametrize("seed", range(4))
def test_questions_by_place_name_a_unique_neighbour(seed):
    elements = draw(seed, 640, 384).elements
    for text, meant, named in related(random.Random(seed), elements, 20):
        assert meant in elements
        if named:
            assert named.name in text
            assert [e.name.lower() for e in elements].count(named.name.lower()) == 1


def test_ordinals_count_from_the_left():
    tabs = [element(name, x, 10, "tab") for name, x in (("C", 200), ("A", 10), ("B", 100))]
    for text, meant, _ in numbered(random.Random(0), tabs):
        order = {"first": "A", "second": "B", "third": "C", "last": "C"}
        assert meant.name == order[text.split()[1]]
    assert numbered(random.Random(0), tabs[:2]) == []


def test_a_refusal_is_packed_without_a_place(scene):
    asked = [a for a in ask_scene(random.Random(0), scene, 1.0, 0, 6) if a.meant is None]
    assert asked
    batch = fill(random.Random(0), [asked], 12, 20, 8)
    assert batch.shares.sum() == 0
    start = int(batch.answers[0, 0]) + 1
    reply = batch.questions[0, 0, start : start + len(REFUSAL) + 1].tolist()
    assert reply == [*arch.encode(REFUSAL), arch.END]
    assert (batch.questions[0, 0, start + len(REFUSAL) + 1 :] == arch.PAD).all()


def test_icons_are_labelled_where_they_lie():
    name = next(iter(groups()))
    pairs = labels.icon_tokens([(name, (32, 0, 64, 32)), ("no such group", (0, 0, 32, 32))], 2, 4)
    assert pairs.tolist() == [[1.0, 0.0, 1.0]]
    halves = labels.icon_tokens([(name, (16, 0, 48, 32))], 2, 4)
    assert halves[:, 0].tolist() == [0, 1]
    assert halves[:, 2].tolist() == [0.5, 0.5]


def test_sheets_hold_many_icons_inside_the_picture():
    sheets = [draw(seed, 256, 128, "sheet") for seed in range(6)]
    icons = [icon for sheet in sheets for icon in sheet.icons]
    assert len(icons) > 60
    for group, (left, top, right, bottom) in icons:
        assert group in groups()
        assert 0 <= left < right <= 256
        assert 0 <= top < bottom <= 128


def test_a_slip_changes_one_letter_and_keeps_the_first():
    rng = random.Random(0)
    for _ in range(200):
        word = misspelled(rng, "Preferences")
        assert word[0] == "P"
        assert abs(len(word) - len("Preferences")) <= 1
