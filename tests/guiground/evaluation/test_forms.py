import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiground.errors import UsageError
from guiground.evaluation import annotations, forms, tasks
from guiground.geometry import Size

SIZE = Size(100, 80)
CORNERS = [(60, 50, 90, 70), (10, 20, 30, 40), (70, 60, 99, 79)]  # read as xywh, two of them leave the picture
SIDES = [(60, 50, 30, 20), (10, 20, 20, 20), (70, 60, 29, 19)]  # the same boxes


def recognise(boxes, expected=None, size=SIZE):
    return forms.recognise("f.json", boxes, [size] * len(boxes), expected)


def test_the_reading_that_fits_every_picture_is_taken():
    assert recognise(CORNERS) == ("xyxy", None)
    assert recognise(SIDES) == ("xywh", None)
    assert recognise([(0.1, 0.2, 0.3, 0.4), (0.5, 0.5, 1.0, 1.0)]) == ("normalised", None)


def test_what_the_benchmark_says_counts_unless_it_is_plainly_wrong():
    both = [(10, 20, 30, 40)]
    assert recognise(both, "xywh") == ("xywh", None)
    assert recognise(both, "xyxy") == ("xyxy", None)
    form, remark = recognise(CORNERS, "xywh")
    assert form == "xyxy"
    assert remark == "f.json: boxes are read as xyxy: as xywh only 33% of them fit"
    one_bad = [(10, 20, 20, 20)] * 19 + [(60, 50, 90, 70)]
    assert recognise(one_bad, "xywh") == ("xywh", None)  # one wrong label does not turn a file


def test_without_sizes_the_order_of_the_numbers_tells():
    assert recognise(SIDES, size=None) == ("xywh", None)
    assert recognise(CORNERS, "xyxy", size=None) == ("xyxy", None)


def test_two_readings_or_none_ask_for_the_form():
    with pytest.raises(UsageError, match=r"f.json: .* could be xywh as well as xyxy.*--bbox-format"):
        recognise([(10, 20, 30, 40)])
    with pytest.raises(UsageError, match=r"too few .* fit their pictures: 0% as xywh, 0% as xyxy .*--bbox-format"):
        recognise([(90, 70, 50, 50)])


@given(
    st.lists(st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(2, 40)] * 2), min_size=1),
    st.sampled_from(["xywh", "xyxy"]),
)
def test_a_right_file_is_never_read_wrongly(boxes, form):
    """Whatever the boxes: the answer is the truth or a question, never the other form."""
    if form == "xyxy":
        boxes = [(x, y, x + w, y + h) for x, y, w, h in boxes]
    try:
        found, _ = recognise(boxes)
    except UsageError:
        return
    assert found == form


ROWS = {
    "ScreenSpot": ({"data_type": "text", "data_source": "ios"}, "xywh"),
    "ScreenSpot-Pro": ({"ui_type": "text", "group": "CAD"}, "xyxy"),
    "UI-Vision": ({"element_type": "icon"}, "xyxy"),
    "MMBench-GUI": ({"grounding_type": "basic"}, "xyxy"),
    "OSWorld-G": ({"box_type": "bbox", "GUI_types": ["Icon"]}, "xywh"),
}


@pytest.mark.parametrize("name", ROWS)
def test_the_fields_of_a_file_of_ones_own_tell_its_form(write_json, target, name):
    fields, form = ROWS[name]
    row = {key: value for key, value in target(1, bbox=[10, 20, 30, 40]).items() if not key.startswith("data_")}
    [sample] = annotations.load(tasks.from_file(write_json([row | fields])))
    assert sample.form == form


def test_a_file_that_does_not_tell_is_asked_about_and_the_answer_counts(write_json, target):
    row = target(1, bbox=[10, 20, 30, 40], data_type=None, data_source=None)
    found = tasks.from_file(write_json([row]))
    with pytest.raises(UsageError, match=r"targets.json: .*--bbox-format"):
        annotations.load(found)
    assert annotations.load(found, "xyxy")[0].target().to_json() == [10, 20, 30, 40]
    assert annotations.load(found, "xywh")[0].target().to_json() == [10, 20, 40, 60]


def test_sizes_come_from_the_pictures_where_the_rows_have_none(write_json, target):
    rows = [target(n, bbox=[60, 50, 90, 70], data_type=None, data_source=None) for n in (1, 2)]
    [sample, _] = annotations.load(tasks.from_file(write_json(rows)))
    assert sample.form == "xyxy"


def test_single_shares_among_pixels_are_taken_as_such(write_json, target):
    """MMBench-GUI has both, and -1 for the edge."""
    rows = [target(n, bbox=[60, 50, 90, 70], grounding_type="basic", data_type=None) for n in range(1, 200)]
    rows.append(target(500, bbox=[-1, 0.5, 0.5, 1], grounding_type="basic", data_type=None))
    samples = annotations.load(tasks.from_file(write_json(rows)))
    assert {sample.form for sample in samples[:-1]} == {"xyxy"}
    assert samples[-1].target(SIZE).to_json() == [0, 40, 50, 80]
