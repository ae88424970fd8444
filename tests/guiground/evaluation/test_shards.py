"""Parts of a run on several machines, put together again."""

import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from guiground.cli import group
from guiground.errors import ModelError, UsageError
from guiground.evaluation import annotations, run, runs, sampling, tasks
from guiground.evaluation.journal import Journal
from guiground.evaluation.merge import merge

ANSWERS = {f"target {number}": (15, 25) if number % 3 else (60, 60) for number in range(1, 11)}
SETTINGS = {"task": {"name": "targets", "version": 1}, "model": "fake", "method": "full", "budget": None}
SETTINGS |= {"device": "cpu", "dtype": "float32", "versions": {}}


@pytest.fixture
def found(write_json, target):
    return tasks.from_file(write_json([target(number) for number in range(1, 11)]))


def measure(found, locator, folder, part=0, parts=1, run_hash="abc"):
    samples = sampling.shard(annotations.load(found), part, parts)
    with Journal(folder) as journal:
        journal.begin(run_hash, SETTINGS | {"hash": run_hash}, {"samples": 10})
        return run.run(samples, found.pictures, locator, journal)


@given(st.integers(1, 3))
def test_shards_are_all_samples_once_and_no_screenshot_is_in_two(parts):
    samples = [annotations.Sample(f"{n}", "f", n, f"{n % 7}.png", "x", (0, 0, 1, 1), "xywh", "g") for n in range(1, 40)]
    split = [sampling.shard(samples, part, parts) for part in range(parts)]
    assert sorted((s for part in split for s in part), key=lambda s: s.row) == samples
    screens = [{sample.image for sample in part} for part in split]
    assert sum(map(len, screens)) == len(set().union(*screens))
    assert max(map(len, screens)) - min(map(len, screens)) <= 1


def test_merged_shards_are_the_run_of_one_process_and_merging_again_changes_nothing(found, fake_locator, tmp_path):
    whole = measure(found, fake_locator(ANSWERS), tmp_path / "whole")
    for part in range(3):
        measure(found, fake_locator(ANSWERS), tmp_path / f"{part}", part, 3)
    folders = [tmp_path / f"{part}" for part in range(3)]
    [merged] = merge(folders, tmp_path / "all")
    assert (merged.added, merged.twice) == (10, 0)
    assert sorted(merged.run.rows.values(), key=lambda row: row["id"]) == sorted(whole, key=lambda row: row["id"])
    content = (tmp_path / "all" / "rows.jsonl").read_bytes()
    [again] = merge([*folders, folders[0]], tmp_path / "all")
    assert again.added == 0 and again.twice > 10
    assert (tmp_path / "all" / "rows.jsonl").read_bytes() == content
    assert measure(found, fake_locator({}), tmp_path / "all") == whole  # nothing is left to ask


def test_an_answer_counts_before_an_error_and_other_settings_stay_apart(found, fake_locator, tmp_path):
    broken = dict.fromkeys(ANSWERS, ModelError("no memory"))
    measure(found, fake_locator(broken), tmp_path / "broken")
    measure(found, fake_locator(ANSWERS), tmp_path / "good")
    measure(found, fake_locator(ANSWERS), tmp_path / "other", run_hash="other")
    first, second = merge([tmp_path / "broken", tmp_path / "good", tmp_path / "other"], tmp_path / "all")
    assert {row["status"] for row in first.run.rows.values()} == {"found"}
    assert (second.run.run, second.added, second.run.settings["hash"]) == ("other", 10, "other")
    assert {run.run for run in runs.read_all(tmp_path / "all")} == {"abc", "other"}


def test_different_answers_under_one_hash_are_refused(found, fake_locator, tmp_path):
    measure(found, fake_locator(ANSWERS), tmp_path / "a")
    measure(found, fake_locator(ANSWERS | {"target 1": (1, 1)}), tmp_path / "b")
    with pytest.raises(UsageError, match=r"b' answers targets.json, row 1 with \[1.*\], another folder with \[15"):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")


@pytest.mark.parametrize(("part", "parts"), [(3, 3), (-1, 2), (0, 0)])
def test_a_shard_that_there_is_not_is_named(found, part, parts):
    with pytest.raises(UsageError, match=r"--shard .* is none of"):
        sampling.shard(annotations.load(found), part, parts)
    with pytest.raises(UsageError, match="is empty: there are only 3 screenshots"):
        sampling.shard(annotations.load(found), 5, 9)


def test_the_command_merges_and_prints_the_whole(found, fake_locator, tmp_path):
    for part in range(2):
        measure(found, fake_locator(ANSWERS), tmp_path / f"{part}", part, 2)
    arguments = ["eval", "merge", str(tmp_path / "0"), str(tmp_path / "1"), "--out", str(tmp_path / "all")]
    ran = CliRunner().invoke(group, [*arguments, "--json"], standalone_mode=False)
    assert ran.exception is None, ran.exception
    [measured] = json.loads(ran.stdout)["runs"]
    assert (measured["n"], measured["hits"], measured["of"]) == (10, 7, 10)
    ran = CliRunner().invoke(group, arguments, standalone_mode=False)
    assert "run abc: 0 rows added, 10 were there already" in ran.stderr and "all (micro)" in ran.stdout
    ran = CliRunner().invoke(group, ["eval", "merge", "--help"])
    assert "FOLDER..." in ran.stdout


def test_a_shard_is_written_as_part_and_number_of_parts(found):
    ran = CliRunner().invoke(group, ["eval", str(found.files[0]), "--shard", "2"], standalone_mode=False)
    assert isinstance(ran.exception, UsageError) and "--shard is I/N, such as 0/4, got '2'" in str(ran.exception)
