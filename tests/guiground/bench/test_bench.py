"""guiground bench: what its figures mean, and that the command prints them; the timing itself is no test's business."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from guiground.bench import own, verdict
from guiground.bench.measuring import Peak, Timer, once, summary
from guiground.bench.shapes import SHAPES, build, grid
from guiground.errors import UsageError

SETUP = own.Setup(SHAPES["tiny"], 2, (96, 160), 40, "cpu", "float32", 1, 2, 3)
RUN = {"compression_ms": 4.0, "bytes_after_prefill": 10, "bytes_at_end": 20, "peak_bytes": 30}


@pytest.fixture(scope="module")
def measured():
    from mixkv import make_method

    return own.measure(SETUP, [make_method(name, budget=40) for name in ("snapkv", "mixkv-adakv")])


def test_every_method_is_measured_at_every_length(measured):
    assert list(measured) == [96, 160]
    for of_tokens in measured.values():
        assert list(of_tokens) == ["uncompressed", "empty", "snapkv", "mixkv-adakv"]
        assert all(one["prefill_ms"] > 0 and one["step_ms"] > 0 for one in of_tokens.values())
        assert of_tokens["uncompressed"]["compression_ms"] == 0
        assert of_tokens["snapkv"]["compression_ms"] > 0


def test_bytes_are_those_of_the_budget(measured):
    for tokens, of_tokens in measured.items():
        entry = 2 * SETUP.layers * SETUP.shape.kv_heads * SETUP.shape.dim * 4  # bytes of a key and a value
        assert of_tokens["uncompressed"]["bytes_after_prefill"] == (tokens + own.TEXT) * entry
        assert of_tokens["snapkv"]["bytes_after_prefill"] == SETUP.nominal_bytes()
        assert of_tokens["mixkv-adakv"]["bytes_after_prefill"] == 40 * entry
        assert of_tokens["snapkv"]["bytes_at_end"] == SETUP.nominal_bytes(SETUP.steps)


def test_ratios_are_of_the_right_things(measured):
    records = verdict.rows(SETUP, measured, "mixkv")
    assert len(records) == 8 and {record["by"] for record in records} == {"mixkv"}
    snapkv = next(record for record in records if record["method"] == "snapkv" and record["tokens"] == 160)
    ratios, plain, empty = snapkv["ratios"], measured[160]["uncompressed"], measured[160]["empty"]
    assert ratios["step_over_empty"] == snapkv["step_ms"] / empty["step_ms"]
    assert ratios["least_step_over_empty"] == snapkv["step_least_ms"] / empty["step_least_ms"]
    assert ratios["step_over_uncompressed"] == snapkv["step_ms"] / plain["step_ms"]
    assert ratios["bytes_over_nominal"] == 1 and ratios["bytes_over_uncompressed"] == 43 / (160 + own.TEXT + 3)
    assert ratios["with_compression_over_prefill"] > 1


def test_a_run_is_summarised_by_medians():
    runs = [
        {**RUN, "prefill_ms": 14.0, "step_ms": [90.0, 1.0, 3.0]},
        {**RUN, "prefill_ms": 24.0, "step_ms": [90.0, 5.0]},
    ]
    found = summary(runs)
    assert (found["prefill_ms"], found["prefill_least_ms"], found["step_ms"], found["step_least_ms"]) == (19, 14, 3, 1)
    assert found["with_compression_over_prefill"] == pytest.approx((14 / 10 + 24 / 20) / 2)


def test_a_run_tells_prefill_compression_and_steps_apart():
    spent, held = [0.0], [100]
    timer = Timer("cpu", 2)

    def prefill():
        spent[0] = 7.0
        time.sleep(0.02)

    def decode():
        held[0] += 1

    found = once(timer, 3, prefill, decode, lambda: spent[0], lambda: held[0])
    assert timer.clock == "wall" and found["prefill_ms"] >= 20 and found["compression_ms"] == 7
    assert (found["bytes_after_prefill"], found["bytes_at_end"], len(found["step_ms"])) == (100, 103, 3)


def test_one_thread_is_timed_by_what_it_computes():
    timer = Timer("cpu", 1)
    assert timer.clock == "cpu" and timer.of(lambda: time.sleep(0.05))[0] < 40


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="this system does not tell a process' peak")
def test_the_peak_counts_from_where_memory_stood():
    peak = Peak("cpu")
    if peak.before is None:
        pytest.skip("the peak cannot be counted anew here")
    block = torch.ones(12 * 2**20)  # 48 MiB, written to
    del block
    assert 40 * 2**20 < peak.rise() < 90 * 2**20


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_shapes_are_whole(name):
    shape = SHAPES[name]
    assert shape.hidden % shape.query_heads == 0 and shape.query_heads % shape.kv_heads == 0
    assert shape.config(1)["num_hidden_layers"] == 1


@pytest.mark.parametrize("tokens", [1, 7, 2048, 4096, 8192, 16384])
def test_a_grid_has_all_tokens(tokens):
    rows, columns = grid(tokens)
    assert rows * columns == tokens and rows <= columns


def test_the_model_is_the_same_every_time():
    one, two = (next(build(SHAPES["tiny"], 1, "cpu", "float32").parameters()) for _ in range(2))
    assert torch.equal(one, two)


def test_the_command_prints_what_it_ran_on(here):
    asked = ("bench", "--shape", "tiny", "--tokens", "96", "--repeats", "1", "--methods", "mixkv,mixkv-sparsemm,h2o")
    code, out, _ = here(*asked, "--json")
    facts = json.loads(out)
    assert code == 0 and facts["hardware"]["threads"] == 1 and facts["versions"]["torch"] == torch.__version__
    assert facts["clock"] == "cpu" and facts["setup"]["budget"] == 64 and facts["peer"] is None
    assert {record["method"] for record in facts["records"]} == {
        "uncompressed",
        "empty",
        "mixkv",
        "mixkv-sparsemm",
        "h2o",
    }
    code, out, _ = here(*asked)
    lines = [line for line in out.splitlines() if line.startswith("| ")]
    assert code == 0 and len(lines) == 4 and "by the cpu clock" in out
    assert all(line.count("|") == lines[0].count("|") for line in lines)


def test_wrong_choices_are_one_sentence(here, tmp_path):
    assert "unknown shape 'big' (choose from: tiny, " in here("bench", "--shape", "big")[2]
    assert "must be whole numbers above the budget of 64" in here("bench", "--tokens", "60")[2]
    assert "must be whole numbers above" in here("bench", "--tokens", "many")[2]
    assert "there is no interpreter 'nowhere'" in here("bench", "--shape", "tiny", "--kvpress", "nowhere")[2]
    code, _, error = here("bench", "--shape", "tiny", "--methods", "snap")
    assert code == UsageError.exit_code and "unknown method 'snap'" in error


def test_a_peer_without_kvpress_is_told(here):
    """The script runs in a process of its own; where kvpress is missing its last words are told."""
    probe = subprocess.run([sys.executable, "-c", "import kvpress"], capture_output=True, check=False)
    if probe.returncode == 0:
        pytest.skip("kvpress is installed beside the tests")
    asked = ("bench", "--shape", "tiny", "--tokens", "96", "--repeats", "1", "--methods", "snapkv")
    code, out, error = here(*asked, "--kvpress", sys.executable)
    assert code == 2 and out == "" and "No module named 'kvpress'" in error
