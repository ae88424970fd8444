"""guiground compare on kept runs: what it says, which run it takes, and what it refuses."""

import json

import pytest
from click.testing import CliRunner

from guiground.cli import group
from guiground.errors import UsageError
from guiground.evaluation import runs
from guiground.evaluation.journal import Journal


@pytest.fixture
def kept(tmp_path):
    """kept("a", hits, method="snapkv") -> a folder with a run of one row a hit."""

    def keep(name, hits, run=None, **settings):
        settings = {
            "task": {"name": "desk", "version": 1},
            "model": "nano",
            "method": "full",
            "budget": None,
        } | settings
        run = run or f"{name}0123456789"
        with Journal(tmp_path / name) as journal:
            journal.begin(run, settings, {"command": "guiground eval desk"})
            for place, hit in enumerate(hits):
                row = {
                    "id": str(place),
                    "status": "found",
                    "hit": bool(hit),
                    "image": f"{place // 2}.png",
                    "group": "g",
                }
                journal.append({"run": run, **row})
        return tmp_path / name

    return keep


def call(*arguments):
    ran = CliRunner().invoke(group, ["compare", *map(str, arguments)], standalone_mode=False)
    if ran.exception:
        raise ran.exception
    return ran.return_value, ran.stdout, ran.stderr


def test_the_table_says_who_is_better(kept):
    a = kept("a", [1] * 30 + [0] * 30)
    b = kept("b", [1] * 20 + [0] * 40, method="snapkv", budget=64)
    c = kept("c", [1] * 29 + [0] * 31, method="mixkv", budget=64)
    code, out, err = call(a, b, c)
    assert code in (0, None) and err == ""
    lines = [line for line in map(str.strip, out.splitlines()) if line.startswith("nano")]
    assert lines[0].split()[:5] == ["nano", "full", "60", "50.0", "37.7"]
    assert "-16.7" in lines[1] and lines[1].endswith("worse")
    assert "-1.7" in lines[2] and lines[2].endswith("no difference shown")


def test_json_has_every_number(kept):
    a, b = kept("a", [1, 0, 1, 1]), kept("b", [1, 1, 1, 0, 1], budget=64, method="mixkv")
    _, out, err = call(a, b, "--json")
    record = json.loads(out)
    assert record["task"] == "desk"
    [found] = record["comparisons"]
    assert (found["n"], found["won"], found["lost"], found["p"], found["unpaired"]) == (4, 1, 1, 1.0, 1)
    assert "1 rows of nano mixkv 64 and nano full have no counterpart" in err


def test_a_folder_of_several_runs_asks_which_and_gives_all_as_others(kept):
    folder = kept("s", [1, 0], run="aaaa11")
    kept("s", [1, 1], run="bbbb22", method="mixkv", budget=64)
    with pytest.raises(UsageError, match=r"holds 2 runs \(say which, .*@HASH: @aaaa11 \(nano full, 2 rows\), @bbbb22"):
        call(folder, folder)
    _, out, _ = call(f"{folder}@aaaa", folder, "--json")
    assert [found["other"] for found in json.loads(out)["comparisons"]] == ["nano mixkv 64"]
    with pytest.raises(UsageError, match="no rows of a run cccc"):
        call(f"{folder}@cccc", folder)
    with pytest.raises(UsageError, match="nothing to compare with"):
        call(f"{folder}@aaaa", f"{folder}@aaaa")


def test_runs_of_the_same_settings_are_told_apart_by_their_folders(kept):
    _, out, _ = call(kept("a", [1, 0]), kept("b", [1, 1]), "--json")
    [found] = json.loads(out)["comparisons"]
    assert (found["base"], found["other"]) == ("nano full (a@a01234)", "nano full (b@b01234)")


def test_runs_of_two_benchmarks_are_refused(kept):
    with pytest.raises(UsageError, match=r"b' is a run of web, .*a' one of desk"):
        call(kept("a", [1]), kept("b", [1], task={"name": "web", "version": 1}))


def test_reading_leaves_a_running_file_alone(kept):
    folder = kept("a", [1, 0])
    with (folder / "rows.jsonl").open("ab") as file:
        file.write(b'{"run": "half')
    content = (folder / "rows.jsonl").read_bytes()
    assert len(runs.read(folder).rows) == 2
    assert (folder / "rows.jsonl").read_bytes() == content
    (folder / "rows.jsonl").write_bytes(b"{}\n" + content)
    with pytest.raises(UsageError, match="line 1 is no row of a run"):
        runs.read(folder)
