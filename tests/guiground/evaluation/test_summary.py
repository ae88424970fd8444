import io
import json

import pytest

from guiground.evaluation import summary

SETTINGS = {
    "model": "nano",
    "method": "mixkv",
    "budget": "64",
    "device": "cpu",
    "dtype": "float32",
    "versions": {"torch": "2"},
}


def row(group="web/text", status="found", hit=False, latency=10.0, **changes):
    kv = {"tokens_seen": 300, "tokens_held": 64.0, "bytes_full": 4 * 2**20, "bytes_held": 2**20}
    made = {"group": group, "status": status, "hit": hit, "image": "a.png", "latency_ms": latency, "kv": kv} | changes
    return {key: made[key] for key in ("group", "status", "hit", "image")} if status == "error" else made


ROWS = [
    row(hit=True, latency=10.0),
    row(hit=True, latency=30.0),
    row("web/icon", latency=20.0),
    row("web/icon", "refused"),
    row("web/icon", "unparsable"),
    row("web/icon", "truncated"),
    row("web/text", "error", image="b.png"),
    row("web/text", hit=True, latency=40.0),
]


def test_misses_without_a_point_stay_in_the_denominator():
    measured = summary.summarise("desk", ROWS, SETTINGS, "abc")
    assert (measured["n"], measured["hits"], measured["accuracy"]) == (8, 3, 3 / 8)
    assert measured["groups"]["web/text"] | {"ci95": None} == {"n": 4, "hits": 3, "accuracy": 0.75, "ci95": None}
    assert measured["groups"]["web/icon"]["accuracy"] == 0
    assert measured["macro"] == 0.375
    assert [measured[kind] for kind in ("refused", "unparsable", "truncated", "errors")] == [1, 1, 1, 1]
    assert measured["screenshots"] == 2
    low, high = measured["ci95"]
    assert 0 < low < 3 / 8 < high < 1


def test_latency_and_cache_are_those_of_the_answers():
    measured = summary.summarise("desk", ROWS, SETTINGS, "abc")
    assert measured["latency_ms"] == {"p50": 10.0, "p95": 40.0}
    assert measured["kv"] == {
        "method": "mixkv",
        "budget": "64",
        "tokens_seen": 300,
        "tokens_held": 64,
        "bytes_full": 4 * 2**20,
        "bytes_held": 2**20,
    }


def test_errors_alone_can_be_summed_up():
    measured = summary.summarise("desk", [row(status="error")], SETTINGS, "abc")
    assert measured["latency_ms"] == {"p50": None, "p95": None}
    json.dumps(measured, allow_nan=False)
    assert len(summary.remarks(measured)) == 2


def test_the_table_and_the_remarks_say_the_same_numbers():
    from rich.console import Console

    measured = summary.summarise("desk", ROWS, SETTINGS, "abc")
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(summary.table(measured))
    text = console.export_text()
    assert [line.split()[:4] for line in text.splitlines() if line.strip().startswith("web")] == [
        ["web/icon", "4", "0", "0.0"],
        ["web/text", "4", "3", "75.0"],
    ]
    assert "all (micro)" in text
    assert "37.5" in text
    said = "\n".join(summary.remarks(measured))
    for part in (
        "macro (mean of the groups) 37.5 %, 95 % interval",
        "1 refused, 1 unparsable, 1 truncated, 1 errors",
        "64 of 300",
    ):
        assert part in said


@pytest.mark.parametrize("hits", [0, 1])
def test_groups_of_one_are_no_trouble(hits):
    measured = summary.summarise("desk", [row(hit=bool(hits))], SETTINGS, "abc")
    assert measured["accuracy"] == hits == measured["macro"]
