"""The scorer on published predictions: it must give the published numbers, by the same loader and the same hit rule."""

import json
from pathlib import Path

import pytest

from guiground.evaluation import annotations, run, summary, tasks
from guiground.geometry import Point

DATA = Path(__file__).parents[3] / "../shared/data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs the public annotations in ../shared/data")
SETTINGS = dict.fromkeys(("model", "method", "budget", "device", "dtype", "versions"), "published")


def replay(task_name, folder, predictions):
    """The rows that the predictions earn; a prediction belongs to file and row by its id, FILE_INDEX."""
    task = tasks.find(task_name)
    published = {
        said["id"]: said for said in json.loads((DATA / "predictions/MAI-UI" / predictions).read_text())["details"]
    }
    rows = []
    for path in sorted((DATA / "annotations" / folder).glob("*.json")):
        for sample in annotations.read(path, task):
            said = published.pop(f"{path.stem}_{sample.row - 1}")
            assert said["prompt_to_evaluate"] == sample.instruction
            row = {"group": sample.group, "image": sample.image, "status": "found"}
            row |= run.score(sample.target(), Point(*said["pred"]))
            assert row["hit"] is (said["correctness"] == "correct"), sample.place
            rows.append(row)
    assert not published
    return rows


def summarise(rows):
    answered = {"latency_ms": 0.0, "kv": dict.fromkeys(("tokens_seen", "tokens_held", "bytes_full", "bytes_held"), 0)}
    return summary.summarise("replay", [row | answered for row in rows], SETTINGS, "published")


def test_screenspot_v2_gives_1210_of_1272():
    measured = summarise(replay("screenspot-v2", "ScreenSpot-v2_xywh", "SSV2.json"))
    assert (measured["hits"], measured["n"]) == (1210, 1272)
    assert {name: group["n"] for name, group in measured["groups"].items()} == {
        "desktop/icon": 140,
        "desktop/text": 194,
        "mobile/icon": 211,
        "mobile/text": 290,
        "web/icon": 203,
        "web/text": 234,
    }


def test_screenspot_pro_gives_1046_of_1581_and_the_published_groups():
    measured = summarise(replay("screenspot-pro", "MAI-UI_Apache-2.0/ScreenSpot_Pro_data", "SSPro.json"))
    assert (measured["hits"], measured["n"]) == (1046, 1581)
    metrics = json.loads((DATA / "predictions/MAI-UI/SSPro.json").read_text())["metrics"]["leaderboard_simple_style"]
    published = {
        f"{key.removeprefix('group:').split()[0]}/{kind}": group[f"{kind}_acc"]
        for key, group in metrics.items()
        for kind in ("text", "icon")
    }
    assert {name: group["accuracy"] for name, group in measured["groups"].items()} == pytest.approx(published)


@pytest.mark.parametrize(
    ("task", "folder"),
    [
        ("screenspot", "UGround_MIT"),
        ("screenspot-v2", "ScreenSpot-v2_xywh"),
        ("screenspot-pro", "MAI-UI_Apache-2.0/ScreenSpot_Pro_data"),
    ],
)
def test_every_published_label_is_taken_and_the_benchmark_is_whole(task, folder):
    task = tasks.find(task)
    samples = [s for path in (DATA / "annotations" / folder).glob("*.json") for s in annotations.read(path, task)]
    assert len(samples) == task.samples
    for sample in samples:
        assert sample.target().width > 0
