import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import guiground.locator
from guiground.cli import group
from guiground.cli.eval import command
from guiground.errors import GuigroundError, ModelError
from guiground.evaluation import fingerprint, tasks

ROOT = Path(__file__).parents[3]
ANSWERS = {"target 1": (15, 25), "target 2": (60, 60), "target 3": "refused", "target 4": (20, 21)}


@pytest.fixture
def targets(write_json, target):
    return write_json([target(number) for number in range(1, 5)])


@pytest.fixture
def invoke(monkeypatch, fake_locator):
    """Runs `guiground eval` in this process with a locator that answers from a list; returns exit code and streams."""
    settings = {"model": "fake", "method": "mixkv", "budget": "64", "device": "cpu", "dtype": "float32"}

    def about(task):
        return {"task": {"name": task.name, "version": 1}, "versions": {"python": "3"}}

    monkeypatch.setattr(fingerprint, "settings", lambda locator, task, batch=1: settings | about(task))

    def run(*arguments, answers=ANSWERS):
        locator = fake_locator(answers)
        monkeypatch.setattr(guiground.locator, "Locator", lambda *_, **__: locator)
        result = CliRunner().invoke(group, ["eval", *map(str, arguments)], standalone_mode=False)
        if isinstance(result.exception, GuigroundError):
            return result.exception.exit_code, "", str(result.exception), locator
        if isinstance(result.exception, click.Abort):
            return "interrupted", result.stdout, result.stderr, locator
        if result.exception:
            raise result.exception
        return result.return_value, result.stdout, result.stderr, locator

    return run


def shell(*arguments, **environment):
    """Runs the real command; returns exit code and streams."""
    done = subprocess.run(
        [sys.executable, "-m", "guiground", "eval", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if key != "GUIGROUND_DATA"} | environment,
    )
    return done.returncode, done.stdout, done.stderr


def test_json_is_one_object_with_every_promised_field(invoke, targets):
    code, out, err, _ = invoke(targets, "--json")
    assert (code, err) == (0, "")
    measured = json.loads(out)
    assert measured["macro_ci95"][0] < 0.5 < measured["macro_ci95"][1]
    assert measured | {"ci95": 0, "macro_ci95": 0, "groups": 0, "by": 0, "versions": 0, "run": 0} == {
        "task": "targets",
        "n": 4,
        "hits": 2,
        "accuracy": 0.5,
        "ci95": 0,
        "macro": 0.5,
        "macro_ci95": 0,
        "groups": 0,
        "unparsable": 0,
        "truncated": 0,
        "refused": 1,
        "errors": 0,
        "screenshots": 3,
        "by": 0,
        "answer_tokens": 9,
        "tokens_per_second": pytest.approx(300),
        "batch": 1,
        "latency_ms": {"p50": 40.0, "p95": 40.0},
        "memory": {
            "weights_bytes": 100,
            "cache_bytes": 1024,
            "prefill_bytes": None,
            "peak_bytes": None,
            "peak_of": "process",
        },
        "model": "fake",
        "kv": {
            "method": "mixkv",
            "budget": "64",
            "tokens_seen": 300,
            "tokens_held": 64,
            "bytes_full": 4800,
            "bytes_held": 1024,
        },
        "device": "cpu",
        "dtype": "float32",
        "versions": 0,
        "run": 0,
        "of": 4,
        "limit": None,
        "seed": None,
        "shard": None,
    }
    assert measured["groups"]["desktop/text"]["n"] == 2
    assert measured["groups"]["desktop/text"]["accuracy"] == 0.5


def test_classes_and_an_estimate_are_told_where_asked_for(invoke, targets):
    code, out, _, _ = invoke(targets, "--by", "kind,wording,screen", "--estimate", 1000)
    assert code == 0
    assert re.search(r"^ kind +n", out, re.MULTILINE) and re.search(r"^ icon +2 +1 +50.0", out, re.MULTILINE)
    assert re.search(r"^ name +4 +2", out, re.MULTILINE) and re.search(r"^ 100x80 +4 +2", out, re.MULTILINE)
    assert "1,000 screenshots x 0.000 s + 1,333 instructions x 0.040 s" in out
    assert "answers of 9.0 tokens (mean), 300.0 tokens a second" in out
    assert invoke(targets, "--by", "colour")[0] == 2


def test_batches_go_over_screenshots_and_change_no_row(invoke, targets, tmp_path):
    _, out, _, locator = invoke(targets, "--batch-size", 3, "--out", tmp_path / "batch", "--json")
    assert locator.batches == [3]  # and the one that is left, by itself
    together = [json.loads(line) for line in (tmp_path / "batch/rows.jsonl").read_text().splitlines()]
    invoke(targets, "--out", tmp_path / "alone")
    alone = [json.loads(line) for line in (tmp_path / "alone/rows.jsonl").read_text().splitlines()]
    assert [row["batch"] for row in together] == [3, 3, 3, 1] and [row["batch"] for row in alone] == [1] * 4
    assert [row | {"batch": 1, "run": ""} for row in together] == [row | {"run": ""} for row in alone]
    assert json.loads(out)["batch"] == 3


def test_the_table_is_on_stdout_and_plain_where_nobody_looks(invoke, targets):
    code, out, err, _ = invoke(targets)
    assert (code, err) == (0, "")
    assert re.search(r"desktop/icon +2 +1 +50.0 +9.5 - 90.5", out)
    assert re.search(r"all \(micro\) +4 +2 +50.0 +15.0 - 85.0", out)
    assert "\x1b" not in out


def test_a_second_run_makes_only_what_is_missing_and_says_the_same(invoke, targets, tmp_path):
    broken = ANSWERS | {"target 2": ModelError("there is not enough memory")}
    code, _, err, _ = invoke(targets, "--out", tmp_path / "out", answers=broken)
    assert code == 0
    assert "1 of 4 rows failed and count as misses, run the same command to try them again" in err
    assert "targets.json, row 2: there is not enough memory" in err
    _, out, err, locator = invoke(targets, "--out", tmp_path / "out", "--json")
    assert locator.asked == ["target 2"]
    assert "3 of 4 rows were there already" in err
    assert out == invoke(targets, "--json")[1]


def test_an_interrupted_run_says_where_its_rows_are(invoke, targets, tmp_path):
    code, out, err, _ = invoke(targets, "--out", tmp_path, answers=ANSWERS | {"target 2": KeyboardInterrupt()})
    assert (code, out) == ("interrupted", "")
    assert f"2 rows are safe in {tmp_path / 'rows.jsonl'}: run the same command to go on" in err
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 2


def test_limit_draws_the_same_part_again_and_a_larger_run_reuses_it(invoke, targets, tmp_path):
    first = invoke(targets, "--limit", 2, "--seed", 3, "--out", tmp_path, "--json")
    assert json.loads(first[1]) | {"n": 2, "of": 4, "limit": 2, "seed": 3} == json.loads(first[1])
    assert len(first[3].asked) == 2
    again = invoke(targets, "--limit", 2, "--seed", 3, "--out", tmp_path, "--json")
    assert (again[1], again[3].asked) == (first[1], [])
    assert set(invoke(targets, "--out", tmp_path)[3].asked) == set(ANSWERS) - set(first[3].asked)


def test_a_gate_in_percent_ends_with_1(invoke, targets):
    assert invoke(targets, "--fail-under", 50)[0] == 0
    code, out, err, _ = invoke(targets, "--fail-under", 50.1, "--json")
    assert code == 1
    assert json.loads(out)["accuracy"] == 0.5
    assert err == "failed: the accuracy is 50.0 %, below --fail-under 50.1\n"


def test_a_run_is_held_against_an_earlier_one(invoke, write_json, target, tmp_path):
    path = write_json([target(number) for number in range(1, 21)])
    right = {f"target {number}": (15, 25) for number in range(1, 21)}
    wrong = right | {f"target {number}": (0, 0) for number in range(1, 10)}
    invoke(path, "--out", tmp_path / "good", answers=right)
    invoke(path, "--out", tmp_path / "bad", answers=wrong)
    code, out, err, _ = invoke(path, "--baseline", tmp_path / "good", "--json", answers=wrong)
    assert code == 1
    assert "failed: this run is worse than --baseline, by more than chance" in err
    assert "against baseline fake mixkv 64: -45.0 points" in err
    measured = json.loads(out)["baseline"]
    assert (measured["won"], measured["lost"], measured["n"], measured["worse"]) == (0, 9, 20, True)
    assert invoke(path, "--baseline", tmp_path / "bad", answers=right)[0] == 0
    code, _, err, _ = invoke(path, "--baseline", tmp_path / "nowhere")
    assert code == 2 and "nowhere' is no folder of a run" in err


def test_an_exit_code_tells_when_nothing_could_be_measured(invoke, targets, write_json, target):
    failed = dict.fromkeys(ANSWERS, ModelError("there is not enough memory"))
    code, out, err, _ = invoke(targets, answers=failed)
    assert code == 4
    assert "4 errors" in out
    assert "4 of 4 rows failed" in err
    wrong = write_json([target(1, bbox=[0, 0, 500, 10])])
    code, _, err, _ = invoke(wrong)
    assert code == 2
    assert "sticks out of its picture of 100x80 pixels by 400" in err


def test_a_benchmark_in_part_or_in_place_of_another_is_said(invoke, write_json, target, tmp_path):
    write_json([target(1)], "screenspot_web_v2.json", images="screenspotv2_image")
    _, out, err, _ = invoke("screenspot", "--data", tmp_path, "--json")
    assert "these are the files of screenspot-v2, not of screenspot" in err
    assert "1 targets were found where screenspot-v2 has 1,272" in err
    measured = json.loads(out)
    assert (measured["task"], measured["n"], measured["of"]) == ("screenspot-v2", 1, 1272)


def test_guiground_data_stands_for_data(invoke, write_json, target, tmp_path, monkeypatch):
    write_json([target(1)], "screenspot_web.json", images="screenspot_imgs")
    monkeypatch.setenv("GUIGROUND_DATA", str(tmp_path))
    assert json.loads(invoke("screenspot", "--json")[1])["task"] == "screenspot"


def test_mistakes_are_one_sentence_and_exit_2(tmp_path, write_json, target):
    broken = write_json([target(1), target(2, bbox=[1, 2, 3])], "broken.json")
    bad = [
        (("screenspt",), "unknown task 'screenspt' (did you mean screenspot"),
        (("screenspot",), "https://box.nju.edu.cn"),
        (("screenspot-v2", "--data", tmp_path), "OS-Copilot/ScreenSpot-v2"),
        ((broken,), "broken.json, row 2: bbox is [1, 2, 3], not a list of 4 finite numbers"),
        ((broken, "--limit", "x"), "'x' is not a valid integer"),
    ]
    for arguments, said in bad:
        code, out, err = shell(*arguments)
        assert (code, out) == (2, ""), err
        assert said in err
        assert err.startswith("error: ")
        assert err.count("\n") == 1


def test_help_names_every_task_and_imports_no_torch():
    code, out, err = shell("--help", PYTHONPROFILEIMPORTTIME="1")
    assert code == 0
    assert all(name in out for name in tasks.names())
    assert " click\n" in err
    assert " torch\n" not in err
    for parameter in command.params:
        assert parameter.opts[0] in out or parameter.name.upper() in out


def test_a_real_model_runs_resumes_and_is_told_apart_by_its_settings(tiny_checkpoint, targets, tmp_path):
    def measure(*arguments):
        arguments = (targets, "--model", tiny_checkpoint("nano"), "--device", "cpu", "--json", *arguments)
        result = CliRunner().invoke(group, ["eval", *map(str, arguments)], standalone_mode=False)
        assert result.exception is None, result.exception
        return json.loads(result.stdout), result.stderr

    out = ("--out", tmp_path / "out")
    first, _ = measure("--budget", 16, *out)
    assert first["n"] == 4
    assert first["errors"] == 0
    assert first["kv"]["method"] == "gistkv"
    assert first["kv"]["tokens_held"] < first["kv"]["tokens_seen"]
    assert first["kv"]["bytes_held"] < first["kv"]["bytes_full"]
    again, err = measure("--budget", 16, *out)
    assert "4 of 4 rows were there already" in err
    assert again == first
    other, err = measure("--budget", 20, *out)
    assert other["run"] != first["run"]
    assert "also has rows of 1 other settings" in err
    rows = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    assert [row["run"] for row in rows] == [first["run"]] * 4 + [other["run"]] * 4
    settings = json.loads((tmp_path / "out" / f"run-{first['run']}.json").read_text())["settings"]
    assert settings["method_settings"]["budget"] == 16
    assert settings["spec"]["prompt"]
