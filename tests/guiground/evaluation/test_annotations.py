import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiground.errors import UsageError
from guiground.evaluation import annotations, tasks
from guiground.evaluation.annotations import Sample
from guiground.geometry import Point, Size


def sample(numbers, form="xywh", size=None):
    return Sample("id", "f.json", 3, "a.png", "Save", tuple(numbers), form, "text", size)


def load(path):
    return annotations.load(tasks.from_file(path))


def test_a_row_becomes_a_sample(write_json, target):
    [first] = load(write_json([target(img_size=[100, 80])]))
    assert (first.image, first.instruction, first.group, first.row) == ("pc_1.png", "target 1", "desktop/text", 1)
    assert first.size == Size(100, 80)
    assert first.target().to_json() == [10, 20, 40, 30]


BROKEN = {
    "img_filename is missing": {"img_filename": None},
    "instruction is missing": {"instruction": None},
    "bbox is missing": {"bbox": None},
    "bbox is [1, 2, 3], not a list of 4 finite numbers": {"bbox": [1, 2, 3]},
    'bbox is "10 20 30 40"': {"bbox": "10 20 30 40"},
    'bbox is [1, 2, "3", 4]': {"bbox": [1, 2, "3", 4]},
    "bbox is [1, 2, true, 4]": {"bbox": [1, 2, True, 4]},
    "bbox is [1, 2, NaN, 4]": {"bbox": [1, 2, float("nan"), 4]},
    "bbox is [1, 2, Infinity, 4]": {"bbox": [1, 2, float("inf"), 4]},
    "bbox is [1, 2, 3, 1000": {"bbox": [1, 2, 3, 10**400]},
    'instruction is " "': {"instruction": " "},
    "instruction is 7": {"instruction": 7},
    "img_filename is {}": {"img_filename": {}},
    "data_type is 5": {"data_type": 5},
    "img_size is [0, 80]": {"img_size": [0, 80]},
    "img_size is [100.5, 80]": {"img_size": [100.5, 80]},
    "img_size is 100": {"img_size": 100},
}


@pytest.mark.parametrize("said", BROKEN)
def test_a_broken_field_is_named_with_its_file_row_and_value(write_json, target, said):
    path = write_json([target(1), target(2), target(3, **BROKEN[said])])
    with pytest.raises(UsageError) as error:
        load(path)
    assert str(error.value).startswith(f"targets.json, row 3: {said}")
    assert len(str(error.value)) < 300
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no JSON: Expecting value in line 1, column 1"),
        ('[{"img_filename": ', "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[" + "9" * 5000 + "]", "is no JSON"),
        ('{"rows": []}', "holds an object, not a list of rows"),
        ("[]", "holds no rows"),
        ("[3]", "row 1: is a number, not an object"),
        ("[null]", "row 1: is null, not an object"),
    ],
)
def test_a_file_that_is_no_list_of_rows_says_so(write_json, text, said):
    with pytest.raises(UsageError) as error:
        load(write_json(text))
    assert said in str(error.value)


def test_a_file_that_is_not_utf8_says_so_and_a_byte_order_mark_does_no_harm(tmp_path, write_json, target):
    path = write_json([target()])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(load(path)) == 1
    path.write_bytes(b'["\xff"]')
    with pytest.raises(UsageError, match="is no JSON: UnicodeDecodeError"):
        load(path)


@pytest.mark.parametrize(
    "name",
    ["../secret.png", "a/../../secret.png", "/etc/passwd", "C:\\secret.png", "..\\secret.png", "\\\\host\\a.png",
     "https://host/a.png", "file:///etc/passwd", "data:image/png;base64,AA", "a\0.png", "a\n.png"],
)  # fmt: skip
def test_a_picture_name_that_leaves_the_folder_is_refused(write_json, target, name):
    with pytest.raises(UsageError, match=r"row 2: img_filename is .* does not stay inside the picture folder"):
        load(write_json([target(), target(img_filename=name)]))


@pytest.mark.parametrize("name", ["a.png", "sub/a.png", "Screenshot 2024-12-07 11:54.png", "..a.png", "\ud800.png"])
def test_any_other_picture_name_is_taken(write_json, target, name):
    assert load(write_json([target(), target(img_filename=name)]))[1].image == name


def test_no_picture_at_all_is_told_before_anything_is_loaded(write_json, target):
    with pytest.raises(UsageError, match=r"none of the 1 pictures named in targets.json is in .*'x.png'.*--images"):
        load(write_json([target(img_filename="x.png")]))
    with pytest.raises(UsageError, match="none of the 1 pictures"):
        load(write_json([target(img_filename="x" * 5000)]))


def test_ids_follow_the_content_not_the_place_and_twins_differ(write_json, target):
    rows = [target(1), target(2), target(1)]
    ids = [sample.id for sample in load(write_json(rows))]
    assert len(set(ids)) == 3
    assert [sample.id for sample in load(write_json(rows[1:]))] == [ids[1], ids[0]]
    for change in ({"bbox": [10, 20, 30, 11]}, {"instruction": "other"}, {"img_filename": "pc_9.png"}):
        assert load(write_json([target(1, **change)]))[0].id not in ids
    assert load(write_json([target(1, data_type="icon", extra=1)]))[0].id == ids[0]


@pytest.mark.parametrize(
    ("numbers", "form", "box"),
    [
        ([10, 20, 30, 40], "xywh", [10, 20, 40, 60]),
        ([10, 20, 30, 40], "xyxy", [10, 20, 30, 40]),
        ([0.1, 0.25, 0.5, 1], "normalised", [10, 20, 50, 80]),
        ([-1, -1, 102, 82], "xywh", [-1, -1, 101, 81]),
        ([-3, 0, 106, 83], "xywh", [-3, 0, 103, 83]),
    ],
)
def test_every_form_of_box_becomes_edges_in_pixels(numbers, form, box):
    assert sample(numbers, form).target(Size(100, 80)).to_json() == box


@pytest.mark.parametrize(
    ("numbers", "form", "said"),
    [
        ([10, 20, 0, 10], "xywh", "has no area"),
        ([10, 20, 5, -10], "xywh", "has no area"),
        ([50, 20, 40, 30], "xyxy", "has no area"),
        ([90, 20, 14, 10], "xywh", "sticks out of its picture of 100x80 pixels by 4"),
        ([-3.5, 20, 30, 10], "xywh", "sticks out of its picture of 100x80 pixels by 3.5"),
        ([0.1, 0.2, 1.5, 0.9], "normalised", "sticks out"),
    ],
)
def test_an_impossible_box_is_named(numbers, form, said):
    with pytest.raises(UsageError) as error:
        sample(numbers, form).target(Size(100, 80))
    assert str(error.value).startswith(f"f.json, row 3: bbox {json.dumps(numbers)}, read as {form}, {said}")


def test_a_picture_of_another_size_than_labelled_is_named():
    with pytest.raises(UsageError, match=r"row 3: img_size says 100x80 but 'a.png' has 50x40 pixels"):
        sample([1, 1, 2, 2], size=Size(100, 80)).target(Size(50, 40))


@given(st.tuples(*[st.integers(0, 50)] * 2), st.tuples(*[st.integers(1, 30)] * 2), st.tuples(*[st.integers(0, 80)] * 2))
def test_the_three_forms_of_one_box_agree_on_every_point(corner, sides, at):
    (x, y), (w, h), size = corner, sides, Size(128, 128)  # a power of two: shares are exact
    forms = {
        "xywh": [x, y, w, h],
        "xyxy": [x, y, x + w, y + h],
        "normalised": [x / 128, y / 128, (x + w) / 128, (y + h) / 128],
    }
    hits = {sample(numbers, form).target(size).contains(Point(*at)) for form, numbers in forms.items()}
    assert hits == {x <= at[0] <= x + w and y <= at[1] <= y + h}
