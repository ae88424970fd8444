import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from guiground.errors import ModelError, UsageError
from guiground.evaluation import annotations, run, tables, targets, tasks
from guiground.evaluation.journal import Journal
from guiground.geometry import Box, Point

INSIDE, OUTSIDE = (15.0, 25.0), (60.0, 60.0)
ANSWERS = {
    "target 1": INSIDE,
    "target 2": OUTSIDE,
    "target 3": "refused",
    "target 4": "unparsable",
    "target 5": "truncated",
    "target 6": INSIDE,
}
ROOT = Path(__file__).parents[3]


@pytest.fixture
def found(write_json, target):
    return tasks.from_file(write_json([target(number) for number in range(1, 7)]))


def measure(found, locator, folder=None, run_hash="abc"):
    with Journal(folder) as journal:
        journal.begin(run_hash, {"model": "fake"})
        return run.run(annotations.load(found), found.pictures, locator, journal)


def lines(folder):
    return (folder / "rows.jsonl").read_bytes().splitlines(keepends=True)


def test_every_sample_has_a_row_and_what_names_no_point_is_a_miss(found, fake_locator):
    rows = measure(found, fake_locator(ANSWERS))
    assert [row["status"] for row in rows] == ["found", "found", "refused", "unparsable", "truncated", "found"]
    assert [row["hit"] for row in rows] == [True, False, False, False, False, True]
    first = rows[0]
    assert first["instruction"] == "target 1"
    assert (first["point"], first["target"], first["distance_px"]) == ([15, 25], [10, 20, 40, 30], 0)
    assert rows[1]["distance_px"] == pytest.approx((20**2 + 30**2) ** 0.5)
    assert rows[2]["distance_px"] is None
    assert first["latency_ms"] == 40  # neither loading nor opening the picture
    assert first["kv"]["tokens_held"] == 64


@pytest.mark.parametrize(
    ("x", "y", "hit"),
    [(10, 20, True), (40, 30, True), (10, 30, True), (9.999, 25, False), (40.001, 25, False), (20, 30.001, False)],
)
def test_edges_belong_to_the_box(x, y, hit):
    assert targets.score(Box.from_xywh(10, 20, 30, 10), Point(x, y))["hit"] is hit


def test_samples_of_one_screenshot_are_asked_together(found, fake_locator, monkeypatch):
    locator = fake_locator(ANSWERS)
    opened = []
    real = tables.open_image
    monkeypatch.setattr(tables, "open_image", lambda path: opened.append(path.name) or real(path))
    measure(found, locator)
    assert opened == ["pc_1.png", "pc_2.png", "pc_0.png"]
    assert locator.asked == [f"target {number}" for number in (1, 4, 2, 5, 3, 6)]


def test_errors_become_rows_and_only_they_are_tried_again(found, fake_locator, tmp_path):
    broken = {"target 1": ModelError("there is not enough memory"), "target 2": ZeroDivisionError("bug")}
    rows = measure(found, fake_locator(ANSWERS | broken), tmp_path / "out")
    assert [row["status"] for row in rows[:3]] == ["error", "error", "refused"]
    assert rows[0]["error"] == {"type": "ModelError", "message": "there is not enough memory"}
    assert "ZeroDivisionError: bug" in rows[1]["error"]["traceback"]
    again = fake_locator(ANSWERS)
    assert measure(found, again, tmp_path / "out") == measure(found, fake_locator(ANSWERS))
    assert again.asked == ["target 1", "target 2"]
    assert len(lines(tmp_path / "out")) == 8  # nothing was rewritten


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bbox": [90, 70, 30, 30]}, "sticks out of its picture"),
        ({"bbox": [10, 20, 0, 5]}, "has no area"),
        ({"img_filename": "gone.png"}, "no such picture"),
        ({"img_filename": "targets.json"}, "is no picture"),
        ({"img_size": [200, 160]}, "img_size says 200x160"),
    ],
)
def test_a_label_that_cannot_be_right_is_a_named_error_row(write_json, target, fake_locator, change, said):
    found = tasks.from_file(write_json([target(1), target(2, **change)]))
    locator = fake_locator(ANSWERS)
    rows = measure(found, locator)
    assert [row["status"] for row in rows] == ["found", "error"]
    assert said in rows[1]["error"]["message"]
    assert rows[1]["place"] == "targets.json, row 2"
    assert rows[1]["hit"] is False
    assert locator.asked == ["target 1"]


def test_a_run_cut_off_at_any_byte_ends_as_an_undisturbed_one(found, fake_locator, tmp_path):
    expected = measure(found, fake_locator(ANSWERS), tmp_path / "whole")
    content = (tmp_path / "whole" / "rows.jsonl").read_bytes()

    @limits(deadline=None)
    @given(st.integers(0, len(content)))
    def check(cut):
        out = tmp_path / "cut"
        out.mkdir(exist_ok=True)
        (out / "rows.jsonl").write_bytes(content[:cut])
        locator = fake_locator(ANSWERS)
        assert measure(found, locator, out) == expected
        assert (out / "rows.jsonl").read_bytes() == content
        assert len(locator.asked) == 6 - content[:cut].count(b"\n")

    check()


def test_an_interrupt_keeps_the_rows_and_leaves_no_empty_file(found, fake_locator, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        measure(found, fake_locator(ANSWERS | {"target 1": KeyboardInterrupt()}), tmp_path / "none")
    assert not (tmp_path / "none" / "rows.jsonl").exists()
    with pytest.raises(KeyboardInterrupt):
        measure(found, fake_locator(ANSWERS | {"target 5": KeyboardInterrupt()}), tmp_path / "out")
    assert len(lines(tmp_path / "out")) == 3


def test_a_process_killed_in_the_middle_loses_nothing(found, fake_locator, tmp_path):
    out = tmp_path / "out"
    script = textwrap.dedent(f"""
        import sys, time
        sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(ROOT)!r}]
        from conftest import FakeLocator
        from test_run import ANSWERS, measure
        from guiground.evaluation import tasks
        from pathlib import Path
        class Slow(FakeLocator):
            def locate(self, *arguments):
                time.sleep(0.05 if len(self.asked) < 3 else 60)
                return super().locate(*arguments)
        measure(tasks.from_file(Path({str(found.files[0])!r})), Slow(ANSWERS), Path({str(out)!r}))
    """)
    process = subprocess.Popen([sys.executable, "-c", script])
    try:
        deadline = time.monotonic() + 60
        while not (out / "rows.jsonl").exists() or len(lines(out)) < 3:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with pytest.raises(UsageError, match=r"another run is writing .*rows.jsonl' \(wait for it"):
            measure(found, fake_locator(ANSWERS), out)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    locator = fake_locator(ANSWERS)
    assert measure(found, locator, out) == measure(found, fake_locator(ANSWERS))
    assert locator.asked == ["target 5", "target 3", "target 6"]


def test_rows_of_other_settings_are_kept_and_not_counted(found, fake_locator, tmp_path):
    measure(found, fake_locator(dict.fromkeys(ANSWERS, OUTSIDE)), tmp_path, "old")
    with Journal(tmp_path) as journal:
        journal.begin("new", {})
        assert journal.others() == 1
        rows = run.run(annotations.load(found), found.pictures, fake_locator(ANSWERS), journal)
    assert [row["hit"] for row in rows].count(True) == 2
    assert len(lines(tmp_path)) == 12
    assert json.loads((tmp_path / "run-old.json").read_text())["settings"] == {"model": "fake"}
    untouched = fake_locator({})
    assert not any(row["hit"] for row in measure(found, untouched, tmp_path, "old"))
    assert untouched.asked == []


@pytest.mark.parametrize("line", [b"{}\n", b"[1]\n", b"\n", b"\xff\n", b'{"run": 1, "id": "a", "status": "found"}\n'])
def test_a_damaged_line_inside_the_file_is_named_and_left_alone(found, fake_locator, tmp_path, line):
    measure(found, fake_locator(ANSWERS), tmp_path)
    content = b"".join([*lines(tmp_path)[:2], line, *lines(tmp_path)[2:]])
    (tmp_path / "rows.jsonl").write_bytes(content)
    with pytest.raises(UsageError, match=r"rows.jsonl', line 3 is no row of a run"):
        measure(found, fake_locator(ANSWERS), tmp_path)
    assert (tmp_path / "rows.jsonl").read_bytes() == content


def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_room(found, fake_locator, tmp_path):
    resource = pytest.importorskip("resource")
    expected = measure(found, fake_locator(ANSWERS), tmp_path / "whole")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(b"".join(lines(tmp_path / "whole")[:3])) + 100, before[1]))
    try:
        with pytest.raises(UsageError, match=r"rows.jsonl' cannot be written: File too large"):
            measure(found, fake_locator(ANSWERS), tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not lines(tmp_path / "out")[-1].endswith(b"\n")
    locator = fake_locator(ANSWERS)
    assert measure(found, locator, tmp_path / "out") == expected
    assert len(locator.asked) == 3


def test_a_folder_that_cannot_be_written_is_named(found, fake_locator, tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(UsageError, match=r"rows.jsonl' cannot be written: .* \(give another folder with --out\)"):
            measure(found, fake_locator(ANSWERS), folder)
