"""Rows in classes: what the model card's tables are made of, and what a large run would take."""

import json
from pathlib import Path

import pytest

from guiground.errors import UsageError
from guiground.evaluation import annotations, estimate, tasks
from guiground.evaluation.breakdown import BY, broken_down, wording

DATA = Path(__file__).parents[3] / "../shared/data"


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("Save", "name"),
        ("Save changes", "action"),
        ("open Table", "action"),
        ("click the search bar", "action"),
        ("Insert menu", "role"),
        ("the Save button", "role"),
        ("the check box next to Remember me", "relation"),
        ("second tab", "relation"),
        ("设置", "name"),
        ("", "name"),
    ],
)
def test_how_a_target_is_called(instruction, expected):
    assert wording(instruction) == expected


def rows():
    sizes = [[1280, 800], [1280, 800], [2560, 1440], None]
    return [
        {"image_size": size, "hit": number % 2 == 0, "kind": "icon" if number else "text", "instruction": "Save",
         "source": "gimp" if number < 2 else "", **({} if size is None else {"target": [0, 0, 10 * number + 10, 50]})}
        for number, size in enumerate(sizes)
    ]  # fmt: skip


def test_rows_are_counted_in_the_class_they_belong_to():
    assert broken_down(rows(), "kind") == {"icon": [False, True, False], "text": [True]}
    assert broken_down(rows(), "screen") == {"1280x800": [True, False], "2560x1440": [True]}
    assert list(broken_down(rows(), "target")) == ["under 16 px", "16 - 32 px"]
    assert broken_down(rows(), "source") == {"gimp": [True, False]}
    assert broken_down(rows(), "wording") == {"name": [True, False, True, False]}
    assert set(BY) == {"kind", "target", "screen", "source", "wording"}


def test_many_sizes_of_screens_are_told_in_classes_and_every_row_is_in_one():
    many = [{"image_size": [100 * number, 500], "hit": True} for number in range(1, 100)]
    found = broken_down(many, "screen")
    assert list(found) == ["up to 1.1 MP", "1.1 - 2.1 MP", "2.1 - 4 MP", "over 4 MP"]
    assert sum(map(len, found.values())) == 99


def test_what_a_row_says_of_kind_and_program_is_taken_over(write_json, target):
    found = tasks.from_file(write_json([target(1, application="gimp", data_type="icon"), target(2)]))
    kinds = [(sample.kind, sample.source) for sample in annotations.load(found)]
    assert kinds == [("icon", "gimp"), ("icon", "windows")]


def test_an_estimate_is_the_arithmetic_of_the_measured_rows():
    spent = {"capture": 99.0, "load": 9e6, "total": 9e6, "prepare": 10.0, "generate": 400.0, "parse": 0.0}
    measured = [
        {"image": image, "status": "found", "batch": 4, "timing_ms": spent | {"read": read, "shared": shared}}
        for image, read, shared in (("a", 500.0, 0.0), ("a", 0.0, 500.0), ("b", 300.0, 0.0), ("c", 400.0, 0.0))
    ]
    found = estimate.estimate([*measured, {"image": "d", "status": "error"}], 300)
    assert found["instructions"] == 400  # 4 instructions on 3 screenshots
    assert (found["read_seconds"], found["answer_seconds"]) == pytest.approx((0.4, 0.11))
    assert found["worker_days"] * 86400 == pytest.approx(300 * 0.4 + 400 * 0.11)
    assert found["rows_bytes"] == sum(len(json.dumps(row)) + 1 for row in measured) * 100
    assert "300 screenshots x 0.400 s + 400 instructions x 0.110 s" in estimate.told(found)[0]
    assert estimate.told(estimate.estimate([], 5)) == ["nothing was answered, so nothing can be estimated"]


def test_a_folder_of_annotation_files_is_a_task_of_its_own(write_json, target, tmp_path):
    for name in ("one.json", "two.json"):
        write_json([target(1, instruction=name)], name, tmp_path / "labels", images="..")
    found = tasks.resolve(str(tmp_path / "labels"), images=tmp_path)
    assert (found.task.name, [path.name for path in found.files]) == ("labels", ["one.json", "two.json"])
    assert [sample.instruction for sample in annotations.load(found)] == ["one.json", "two.json"]
    with pytest.raises(UsageError, match="no such annotation file"):
        tasks.resolve(str(tmp_path / "labels" / ".."))


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the real screens in ../shared/data")
def test_the_joined_index_of_real_screens_is_read_as_it_lies():
    found = tasks.resolve(str(DATA / "all"), images=DATA)
    samples = annotations.load(found)
    assert (len(samples), len({sample.image for sample in samples})) == (551, 126)
    assert {sample.kind for sample in samples} == {"text", "icon"} and all(sample.source for sample in samples)
