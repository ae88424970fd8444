"""Many settings from one reading of each screenshot: the rows are those of plain runs, and little more is computed."""

import json

import pytest
from click.testing import CliRunner
from PIL import Image

from guiground import answering, eviction
from guiground.cli import group
from guiground.errors import UsageError
from guiground.evaluation import runs, sweep
from guiground.eviction import PROTOCOLS

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
    out, _ = call(
        "sweep", targets, *model, *grid, "--check", 0, "--batch-size", 1, "--out", tmp_path / "sweep", "--json"
    )
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
    again, _ = call(
        "sweep", targets, *model, *grid, "--check", 0, "--batch-size", 1, "--out", tmp_path / "sweep", "--json"
    )
    assert reads == [] and json.loads(again) == json.loads(out)


def test_a_setting_that_answers_otherwise_is_found_and_runs_on_its_own(tiny_checkpoint, targets, monkeypatch):
    real = sweep.answer
    asked = []

    def odd(sample, screenshot, locator):
        asked.append(locator.method)
        said = real(sample, screenshot, locator)
        return said | {"raw": "something else"} if locator.method == "snapkv" else said

    monkeypatch.setattr(sweep, "answer", odd)
    arguments = ("-m", tiny_checkpoint("nano"), "--device", "cpu", "--methods", "full,snapkv,mixkv", "--budgets", "16")
    out, err = call("sweep", targets, *arguments, "--check", 1)
    assert asked[:3] == ["snapkv", "mixkv", "full"] and asked[3:] == ["snapkv"] * 4
    assert err.count("runs on its own") == 1 and "note: snapkv 16 reads screenshots in its own way" in err
    assert [line.split()[0] for line in out.splitlines() if line.strip().startswith(("full", "snapkv", "mixkv"))] == [
        "full", "snapkv", "mixkv",
    ]  # fmt: skip


def test_a_sweep_in_batches_gives_the_answers_of_plain_runs_and_reads_each_prompt_once(
    tiny_checkpoint, targets, tmp_path
):
    model = ("-m", tiny_checkpoint("qwen2_5_vl"), "--device", "cpu", "--max-pixels", 60_000)
    grid = ("--methods", "full,snapkv,mixkv,mixkv-adakv,hybridkv,h2o,guikv,fastv", "--budgets", "16,30%")
    _, err = call(
        "sweep", targets, *model, *grid, "--limit", 3, "--out", tmp_path / "sweep", "--markdown", tmp_path / "t.md"
    )
    assert err.count("runs on its own") == 1 and "note: fastv" in err
    assert "14 settings x 3 targets in" in err
    swept = {}
    for run in (json.loads(path.read_text()) for path in (tmp_path / "sweep").glob("run-*.json")):
        swept[run["settings"]["method"], run["settings"]["budget"]] = run["run"]
    rows = kept(tmp_path / "sweep")
    for method, budget in (
        ("full", None),
        ("mixkv", "30%"),
        ("mixkv-adakv", "16"),
        ("hybridkv", "30%"),
        ("guikv", "16"),
    ):
        settings = ("--method", method) if budget is None else ("--method", method, "--budget", budget)
        call("eval", targets, *model, *settings, "--limit", 3, "--out", tmp_path / method)
        for (_, identity), row in kept(tmp_path / method).items():
            other = rows[swept[method, budget], identity]
            for field in ("status", "point", "raw", "hit", "answer_tokens", "kept"):
                assert other[field] == row[field], (method, field)
            assert other["kv"]["tokens_held"] == row["kv"]["tokens_held"] and other["batch"] > 1
    lines = (tmp_path / "t.md").read_text().splitlines()
    assert lines[2] == "| method | all | 16 | 30% |"
    assert [line.split()[1] for line in lines[4:12]] == [
        "full", "snapkv", "mixkv", "mixkv-adakv", "hybridkv", "h2o", "guikv", "fastv",
    ]  # fmt: skip
    assert sum(line.startswith("| mixkv | ") and " snapkv " in line for line in lines) == 2


def test_a_sweep_of_several_protocols_gives_the_answers_and_the_hashes_of_plain_runs(
    tiny_checkpoint, targets, tmp_path, monkeypatch
):
    reads = []
    real = answering.read
    monkeypatch.setattr(answering, "read", lambda *arguments: reads.append(1) or real(*arguments))
    model = ("-m", tiny_checkpoint("nano"), "--device", "cpu")
    grid = ("--methods", "full,snapkv,gistkv,adakv,coverkv", "--budgets", "16", "--protocol", "strict, memory")
    out, err = call(
        "sweep", targets, *model, *grid, "--check", 0, "--out", tmp_path / "sweep", "--markdown", tmp_path / "t.md"
    )
    assert "runs on its own" not in err and len(reads) == 3  # screenshots, for 4 targets and 10 settings
    lines = [line.split()[:2] for line in out.splitlines() if line.split()[1:2] in (["strict"], ["memory"])]
    assert lines[:4] == [["full", "strict"], ["full", "memory"], ["snapkv", "strict"], ["snapkv", "memory"]]
    for protocol, method in (("strict", "snapkv"), ("strict", "adakv"), ("memory", "coverkv"), ("memory", "adakv")):
        settings = ("--protocol", protocol, "--method", method, "--budget", 16, "--batch-size", 16)
        call("eval", targets, *model, *settings, "--out", tmp_path / "plain")
    plain, swept = (told_by(tmp_path / name) for name in ("plain", "sweep"))
    assert len(plain) == 16 and len(swept) == 40
    assert {key: swept[key] for key in plain} == plain
    table = (tmp_path / "t.md").read_text().splitlines()
    assert table[2] == "| method | protocol | all | 16 |" and table[6].startswith("| snapkv | strict |  | ")
    assert [run.label.partition(" ")[2] for run in runs.read_all(tmp_path / "plain")] == [
        "snapkv 16 (strict)", "adakv 16 (strict)", "coverkv 16 (memory)", "adakv 16 (memory)",
    ]  # fmt: skip


def told_by(folder):
    """What the rows of all runs tell, but for how they were made."""
    made = {}
    for key, row in kept(folder).items():
        kv = {name: value for name, value in row.pop("kv").items() if name != "bytes_held"}  # with or without free room
        made[key] = {name: value for name, value in row.items() if name != "batch"} | kv
    return made


@pytest.mark.parametrize("protocol", ["strict", "memory"])
def test_a_sweep_one_by_one_shares_readings_by_every_protocol(protocol, tiny_checkpoint, targets, tmp_path):
    model = ("-m", tiny_checkpoint("nano"), "--device", "cpu", "--protocol", protocol)
    grid = ("--methods", "snapkv,adakv,fastv", "--budgets", "16")
    _, err = call("sweep", targets, *model, *grid, "--batch-size", 1, "--out", tmp_path / "sweep")
    assert [line for line in err.splitlines() if "runs on its own" in line] == [
        f"note: fastv ({protocol}) reads screenshots in its own way: it runs on its own"
    ]
    for method in ("snapkv", "adakv"):
        call("eval", targets, *model, "--method", method, "--budget", 16, "--out", tmp_path / "plain")
    plain, swept = kept(tmp_path / "plain"), kept(tmp_path / "sweep")
    assert len(plain) == 8 and {key: swept[key] for key in plain} == plain


def test_a_check_finds_nothing_to_tell_of_by_any_protocol(tiny_checkpoint, targets):
    grid = ("--methods", "full,snapkv,adakv,gistkv,coverkv", "--budgets", "16", "--protocol", ",".join(PROTOCOLS))
    _, err = call("sweep", targets, "-m", tiny_checkpoint("nano"), "--device", "cpu", *grid, "--check", 1, "--limit", 1)
    assert "runs on its own" not in err
    with pytest.raises(UsageError, match="unknown protocol 'late'"):
        call("sweep", targets, "-m", tiny_checkpoint("nano"), "--protocol", "strict,late")


def test_the_grid_has_full_once_and_wants_both_sides():
    assert eviction.cells("full, snapkv,mixkv", "16,10%") == [
        ("full", None), ("snapkv", "16"), ("snapkv", "10%"), ("mixkv", "16"), ("mixkv", "10%"),
    ]  # fmt: skip
    assert eviction.cells("full", "") == [("full", None)]
    for methods, budgets in (("", "16"), ("mixkv", ""), (",", ",")):
        with pytest.raises(UsageError, match="nothing to show"):
            eviction.cells(methods, budgets)
    with pytest.raises(UsageError, match="unknown method 'snap'"):
        call("sweep", "desk", "--methods", "snap", "--budgets", "16")
