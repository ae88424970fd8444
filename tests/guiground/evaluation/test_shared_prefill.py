"""A run reads each screenshot once, and its rows are those of a run that reads it for every sample."""

import pytest

from guiground import Locator
from guiground.evaluation import annotations, run, tasks
from guiground.evaluation.journal import Journal

MEASURED = ("timing_ms", "latency_ms", "memory")


@pytest.mark.parametrize("family", ["nano", "qwen2_5_vl"])
def test_rows_are_equal_and_the_vision_tower_runs_once_a_screenshot(family, tiny_checkpoint, write_json, target):
    found = tasks.from_file(write_json([target(number) for number in range(1, 7)]))  # on three pictures, all alike

    def rows(keep_bytes):
        locator = Locator(tiny_checkpoint(family), budget=40, keep_bytes=keep_bytes)
        tower, looks = locator.load().model.model.visual, []
        hook = tower.register_forward_hook(lambda *_: looks.append(1))
        with Journal(None) as journal:
            journal.begin("abc", {})
            made = run.run(annotations.load(found), found.pictures, locator, journal)
        hook.remove()
        return made, len(looks)

    (shared, looks), (alone, looks_alone) = rows(1 << 20), rows(0)
    assert (looks, looks_alone) == (1, 6)
    assert [row["error"] for row in shared] == [None] * 6

    def without_measures(row):
        return {key: value for key, value in row.items() if key not in MEASURED}

    assert list(map(without_measures, shared)) == list(map(without_measures, alone))
    for row in shared:  # what another sample paid for counts as if this one had
        spent = row["timing_ms"]
        assert row["latency_ms"] == pytest.approx(
            spent["shared"] + spent["total"] - spent["load"] - spent["capture"], abs=1
        )
        assert spent["shared"] + spent["read"] > 0
