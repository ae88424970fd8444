"""Rows from JSON lines and parquet, outlines and refusals, groups by a list of classes."""

import io
import json

import pytest
from PIL import Image

from guiground.errors import UsageError
from guiground.evaluation import annotations, check, run, tasks
from guiground.evaluation.journal import Journal
from guiground.geometry import Point


def png(colour):
    file = io.BytesIO()
    Image.new("RGB", (100, 80), colour).save(file, "PNG")
    return {"bytes": file.getvalue(), "path": None}


@pytest.fixture
def parquet(tmp_path):
    arrow = pytest.importorskip("pyarrow", reason="needs pyarrow (extra data)")
    from pyarrow import parquet

    def write(rows, name="data/test-00000-of-00001.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / name, row_group_size=2)
        return tmp_path / name

    return write


def test_the_parquet_copy_of_screenspot_runs_like_the_folder(parquet, tmp_path, fake_locator):
    colours = ["red", "green", "blue"]
    rows = [
        {
            "file_name": f"mobile_{colour}.png",
            "bbox": [0.1, 0.25, 0.4, 0.5],
            "instruction": f"{colour} {number}",
            "data_type": "icon",
            "data_source": "ios",
            "image": png(colour),
        }
        for number in range(2)
        for colour in colours
    ]
    parquet(rows)
    found = tasks.resolve("screenspot", tmp_path)
    samples = annotations.load(found)
    assert [(s.form, s.group) for s in samples] == [("normalised", "mobile/icon")] * 6
    shown = found.pictures.open("mobile_blue.png")
    assert shown.image.getpixel((0, 0)) == (0, 0, 255)
    locator = fake_locator({row["instruction"]: (40, 40) for row in rows})
    with Journal(None) as journal:
        journal.begin("abc", {})
        assert [row["hit"] for row in run.run(samples, found.pictures, locator, journal)] == [True] * 6
    assert check.check(found).wrong == ()


def test_a_parquet_table_in_pixels_without_names_has_names_made_up(parquet, tmp_path):
    row = {"bbox": [60.0, 50.0, 90.0, 70.0], "instruction": "x", "image": png("red")}
    found = tasks.resolve(str(parquet([row], "own.parquet")))
    [sample] = annotations.load(found)
    assert (sample.form, sample.image) == ("xyxy", "own-0.png")


def test_a_broken_parquet_table_is_named(tmp_path, parquet):
    (tmp_path / "t.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(UsageError, match=r"t.parquet' is no parquet table"):
        annotations.load(tasks.resolve(str(tmp_path / "t.parquet")))
    path = parquet([{"file_name": "a.png", "bbox": [1, 1, 9, 9], "instruction": "x", "image": {"bytes": b"no"}}])
    found = tasks.resolve(str(path))
    assert (
        check.check(found, "xyxy").wrong[0].startswith(f"{path.name}, row 1: {path.name}, row 1: image is no picture")
    )


def test_json_lines_are_rows(write_json, target):
    path = write_json("\n".join(json.dumps(target(number)) for number in (1, 2)) + "\n", "own.jsonl")
    write_json([target(1), target(2)])
    assert [sample.row for sample in annotations.load(tasks.resolve(str(path)))] == [1, 2]


OSWORLD = [
    {"id": "a", "box_type": "bbox", "box_coordinates": [10, 20, 30, 10]},
    {"id": "b", "box_type": "polygon", "box_coordinates": [10, 10, 50, 10, 10, 50]},
    {"id": "c", "box_type": "polygon", "box_coordinates": [10, 10, 50, 60]},
    {"id": "d", "box_type": "refusal", "box_coordinates": [-1, -1, -1, -1]},
]


@pytest.fixture
def osworld(write_json, tmp_path, target):
    def write(rows=OSWORLD):
        write_json([target(0)], "unused.json", images="images")
        common = {"image_path": "pc_0.png", "image_size": [100, 80], "GUI_types": ["Icon"]}
        return write_json([common | {"instruction": f"target {row['id']}"} | row for row in rows], "OSWorld-G.json")

    return write


def test_osworld_g_has_boxes_outlines_and_refusals(osworld, tmp_path, fake_locator):
    osworld()
    found = tasks.resolve("osworld-g", tmp_path)
    samples = annotations.load(found)
    assert [sample.form for sample in samples] == ["xywh", "polygon", "xyxy", "refusal"]
    assert [sample.group for sample in samples] == ["target", "target", "target", "refusal"]
    assert samples[1].target().contains(Point(15, 15)) and not samples[1].target().contains(Point(45, 45))
    locator = fake_locator({"target a": (11, 21), "target b": (45, 45), "target c": (45, 45), "target d": "refused"})
    with Journal(None) as journal:
        journal.begin("abc", {})
        rows = run.run(samples, found.pictures, locator, journal)
    assert [row["hit"] for row in rows] == [True, False, True, True]
    assert rows[3]["target"] is None
    json.dumps(rows, allow_nan=False)


def test_a_sample_may_count_in_several_groups(osworld, tmp_path):
    from guiground.evaluation import summary

    osworld()
    classes = {"text_matching": [{"id": "a"}, {"id": "b"}], "refusal": [{"id": "d"}], "layout": [{"id": "b"}]}
    (tmp_path / "classification_result.json").write_text(json.dumps({"classified": classes}))
    samples = annotations.load(tasks.resolve("osworld-g", tmp_path))
    assert [sample.group for sample in samples] == ["text matching", "text matching + layout", "target", "refusal"]
    assert samples[1].groups == ("text matching", "layout")
    kv = dict.fromkeys(("tokens_seen", "tokens_held", "bytes_full", "bytes_held"), 0)
    rows = [
        {
            "group": s.group,
            "groups": list(s.groups),
            "hit": True,
            "status": "found",
            "image": "a",
            "latency_ms": 1,
            "kv": kv,
        }
        for s in samples
    ]
    settings = dict.fromkeys(("model", "method", "budget", "device", "dtype", "versions"), "x")
    measured = summary.summarise("osworld-g", rows, settings, "abc")
    assert {name: group["n"] for name, group in measured["groups"].items()} == {
        "text matching": 2, "layout": 1, "target": 1, "refusal": 1,
    }  # fmt: skip
    assert measured["n"] == 4


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"box_coordinates": [1, 2, 3, 4, 5]}, "not x and y of at least three corners"),
        ({"box_coordinates": [1, 2, "x", 4, 5, 6]}, "not a list of finite numbers"),
        (
            {"box_coordinates": [10, 10, 50, 10, 10, 95]},
            "read as polygon, sticks out of its picture of 100x80 pixels by 15",
        ),
        ({"box_coordinates": [10, 10, 50, 10, 30, 10]}, "has no area"),
    ],
)
def test_a_broken_outline_is_named(osworld, tmp_path, changed, said):
    osworld([OSWORLD[0], OSWORLD[1] | changed])
    [wrong] = check.check(tasks.resolve("osworld-g", tmp_path)).wrong
    assert wrong.startswith("OSWorld-G.json, row 2: ") and said in wrong


def test_another_field_can_hold_the_instruction_and_a_negative_one_asks_for_a_refusal(write_json, target):
    path = write_json([target(1, instruction_cn="目标", negative_instruction="the moon")])
    [sample] = annotations.load(tasks.resolve(str(path), instruction="instruction_cn"))
    assert (sample.instruction, sample.form) == ("目标", "xywh")
    found = tasks.resolve(str(path), instruction="negative_instruction")
    [sample] = annotations.load(found)
    assert (sample.instruction, sample.target()) == ("the moon", None)
    assert found.task.name == "targets:negative_instruction"
