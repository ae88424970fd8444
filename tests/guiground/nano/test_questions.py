"""Questions by place, questions for what is not there, and words with a slip."""

import random

import numpy as np
import pytest

from guiground.nano import architecture as arch
from guiground.nano import labels
from guiground.nano.absent import REFUSAL, squeezed, strangers, unseen_icon, written
from guiground.nano.questions import OF_FIELD, ask_scene, fill, trace
from guiground.nano.relations import nearest, numbered, related
from guiground.nano.scenes import Element, Scene, draw
from guiground.nano.scenes.lexicon import groups, lexicon
from guiground.nano.wording import SMALL, instruction, loosely, misspelled

NO_GLYPHS = np.zeros((0, 4), np.float32)


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


def told(digits: np.ndarray) -> np.ndarray:
    """Points from their digits  # [..., 2] pixels."""
    return (digits.reshape(*digits.shape[:-1], 2, 4) * np.array([1000, 100, 10, 1])).sum(-1)


def test_a_token_tells_the_middle_of_what_it_shows_and_else_its_own():
    icon, text, panel = (70.0, 40, 94, 64), (300.0, 100, 340, 114), (0.0, 128, 640, 384)
    digits, marked = labels.places([panel, icon, text], 12, 20)
    points, marked = told(digits).reshape(12, 20, 2), marked.reshape(12, 20)
    assert points[1, 2].tolist() == [82, 52]
    assert points[3, 9].tolist() == [320, 107]
    assert points[0, 5].tolist() == [176, 16]
    assert marked[1, 2] == marked[3, 9] == marked[8, 8] == 1 > marked[0, 5] > 0


def test_no_token_tells_what_lies_out_of_its_reach():
    boxes = [(0.0, 0, 1280, 800), (8.0, 200, 1200, 214)]
    points = told(labels.places(boxes, 25, 40)[0])
    own = np.stack(np.meshgrid(np.arange(40), np.arange(25)), -1).reshape(-1, 2) * 32 + 16
    assert np.abs(points - own).max() == labels.REACH


def test_of_two_boxes_on_a_token_the_smaller_one_is_told():
    for boxes in ([(0, 0, 320, 64), (36, 6, 60, 30)], [(36, 6, 60, 30), (0, 0, 320, 64)]):
        points = told(labels.places([tuple(map(float, box)) for box in boxes], 4, 10)[0]).reshape(4, 10, 2)
        assert points[0, 1].tolist() == [48, 18]
        assert points[0, 4].tolist() == [160, 32]


def test_a_field_is_asked_for_by_its_label_whose_letters_are_followed():
    label = Element("label", "Surname:", (10, 10, 80, 24), (10, 10, 80, 24))
    field = Element("field", "Surname", (100, 4, 300, 30), (100, 4, 300, 30), beside=True, value="Berg")
    asked = ask_scene(random.Random(0), Scene(np.zeros((64, 320, 3), np.uint8), [label, field], NO_GLYPHS), 1.0, 0, 0)
    of_field = [one for one in asked if one.meant == field]
    assert len(of_field) == OF_FIELD and all(one.named == label for one in of_field)
    steps = trace("the Surname field", label, 10)
    assert [place for place, _ in steps] == list(range(4 + 2, 4 + len("Surname")))
    assert {token for _, token in steps} <= {0, 1, 2}  # the label's, not the field's


def test_a_value_that_a_field_shows_may_be_told():
    field = Element("drop-down", "Theme", (0, 0, 99, 20), (0, 0, 99, 20), beside=True, value="Dark")
    said = {instruction(random.Random(seed), field) for seed in range(60)}
    assert any("Dark" in text for text in said) and any("Dark" not in text for text in said)


@pytest.mark.parametrize("name", ["Set as Wallpaper", "Open with another program", "Save all open files"])
def test_a_name_told_loosely_keeps_its_telling_words(name):
    for seed in range(30):
        words = loosely(random.Random(seed), name).split()
        telling = [word for word in name.lower().split() if word not in SMALL]
        assert [word for word in words if word in telling] == telling
        assert words != name.lower().split()
