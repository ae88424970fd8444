"""Many settings from one reading of each screenshot: the rows are those of plain runs, and little more is computed."""

import json

import pytest
from click.testing import CliRunner
from PIL import Image

from guiground import answering
from guiground.cli import group
from guiground.errors import UsageError
from guiground.evaluation import sweep

_TIMES = ("timing_ms", "latency_ms", "memory")


@pytest.fixture
def targets(write_json, target, tmp_path):
    path = write_json([target(number) for number in range(1, 5)])
    for number, picture in enumerate(sorted(tmp_path.glob("pc_*.png"))):
        Image.radial_gradient("L").rotate(40 * number).resize((100, 80)).convert("RGB").save(picture)
    return path


def call(*arguments):
    ran = CliRunner().invoke(group, [str(argument) for argument in arguments], standalone_mode=False)
    if ran.exception:
        raise ran.exception
    return ran.stdout, ran.stderr


def kept(folder):
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    return {(row["run"], row["id"]): {k: v for k, v in row.items() if k not in _TIMES} for row in rows}


def test_a_sweep_makes_the_rows_of_plain_runs_and_reads_each_screenshot_once(
    tiny_checkpoint, targets, tmp_path, monkeypatch
):
    reads = []
    real = answering.read
    monkeypatch.setattr(answering, "read", lambda *arguments: reads.append(1) or real(*arguments))
    model = ("-m", tiny_checkpoint("nano"), "--device", "cpu")
    grid = ("--methods", "full,snapkv,mixkv,mixkv-adakv", "--budgets", "16,40")
    out, _ = call("sweep", targets, *model, *grid, "--check", 0, "--out", tmp_path / "sweep", "--json")
    assert len(reads) == 3  # screenshots, for 4 targets and 7 settings
    found = json.loads(out)["runs"]
    cells = [("full", None), *((name, size) for name in ("snapkv", "mixkv", "mixkv-adakv") for size in ("16", "40"))]
    assert [(run["kv"]["method"], run["kv"]["budget"]) for run in found] == cells
    for method, budget in (("full", None), ("mixkv", 16), ("mixkv-adakv", 40)):
        settings = ("--method", method) if budget is None else ("--method", method, "--budget", budget)
        call("eval", targets, *model, *settings, "--out", tmp_path / "plain")
    plain, swept = kept(tmp_path / "plain"), kept(tmp_path / "sweep")
    assert len(plain) == 12 and len(swept) == 28
    assert {key: swept[key] for key in plain} == plain
    reads.clear()
    again, _ = call("sweep", targets, *model, *grid, "--check", 0, "--out", tmp_path / "sweep", "--json")
    assert reads == [] and json.loads(again) == json.loads(out)


def test_a_setting_that_answers_otherwise_is_found_and_runs_on_its_own(tiny_checkpoint, targets, monkeypatch):
    real = sweep._said
    asked = []

    def odd(locator, setting, sample, screenshot):
        asked.append(setting.name)
        said = real(locator, setting, sample, screenshot)
        return (*said, len(asked)) if setting.name == "snapkv 16" else said

    monkeypatch.setattr(sweep, "_said", odd)
    arguments = ("-m", tiny_checkpoint("nano"), "--device", "cpu", "--methods", "full,snapkv,mixkv", "--budgets", "16")
    out, err = call("sweep", targets, *arguments, "--check", 1)
    assert len(asked) == 2 * 3
    assert err.count("runs on its own") == 1 and "note: snapkv 16 reads screenshots in its own way" in err
    assert [line.split()[0] for line in out.splitlines() if line.strip().startswith(("full", "snapkv", "mixkv"))] == [
        "full", "snapkv", "mixkv",
    ]  # fmt: skip


def test_the_grid_has_full_once_and_wants_both_sides():
    assert sweep.grid("full, snapkv,mixkv", "16,10%") == [
        ("full", None), ("snapkv", "16"), ("snapkv", "10%"), ("mixkv", "16"), ("mixkv", "10%"),
    ]  # fmt: skip
    assert sweep.grid("full", "") == [("full", None)]
    for methods, budgets in (("", "16"), ("mixkv", ""), (",", ",")):
        with pytest.raises(UsageError, match="nothing to sweep"):
            sweep.grid(methods, budgets)
    with pytest.raises(UsageError, match="unknown method 'snap'"):
        call("sweep", "desk", "--methods", "snap", "--budgets", "16")
