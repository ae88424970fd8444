"""The run on a Ray cluster of two workers on this machine: the same rows, and nothing lost when a worker dies."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner

from guiground.cli import group
from guiground.evaluation import annotations, fingerprint, tasks
from guiground.evaluation.cluster import Worker
from guiground.evaluation.run import open_picture

ray = pytest.importorskip("ray", reason="needs Ray (extra ray)")
ROOT = Path(__file__).parents[3]
LOCAL = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_OFFLINE": "1",
    "PYTHONPATH": str(ROOT),
}


@pytest.fixture
def answers(tmp_path):
    """answers(folder) -> the rows in it by id, without what differs from run to run: times and memory."""

    def read(folder):
        rows = [json.loads(line) for line in (tmp_path / folder / "rows.jsonl").read_text().splitlines()]
        assert len({row["id"] for row in rows}) == len(rows)
        return {
            row["id"]: {k: v for k, v in row.items() if k not in ("timing_ms", "latency_ms", "memory")} for row in rows
        }

    return read


def test_two_workers_make_the_rows_of_one_process_though_one_is_killed(
    tiny_checkpoint, write_json, target, tmp_path, answers
):
    targets = write_json([target(number) for number in range(1, 13)])
    model = str(tiny_checkpoint("nano"))
    script = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from guiground.evaluation import annotations, fingerprint, tasks
        from guiground.evaluation.cluster import Cluster
        from guiground.evaluation.journal import Journal
        found = tasks.from_file(Path({str(targets)!r}))
        asked = dict(model={model!r}, budget="16", device="cpu", dtype="float32")
        samples, killed = annotations.load(found), []
        with Journal(Path({str(tmp_path / "ray")!r})) as journal, Cluster(asked, workers=2) as cluster:
            settings = cluster.settings(found.task)
            journal.begin(fingerprint.run_hash(settings), settings)
            processes = cluster.processes()
            def on_row(row):
                if not killed:
                    killed.append(processes[1])
                    os.kill(processes[1], signal.SIGKILL)
            rows = cluster.run(found.task, samples, found.pictures, journal, on_row)
            assert [row["id"] for row in rows] == [sample.id for sample in samples]
            assert len(set(processes)) == 2 and processes[1] not in cluster.processes()
    """)
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=LOCAL, timeout=600)
    assert ran.returncode == 0, ran.stderr[-2000:]
    settings = ("-m", model, "--budget", "16", "--device", "cpu", "--out", str(tmp_path / "here"), "--json")
    ran = CliRunner().invoke(group, ["eval", str(targets), *settings], standalone_mode=False)
    assert ran.exception is None, ran.exception
    assert json.loads(ran.stdout)["errors"] == 0
    assert answers("ray") == answers("here")


def test_a_worker_answers_in_batches_as_one_by_one(tiny_checkpoint, write_json, target):
    found = tasks.from_file(write_json([target(number, img_filename="pc_0.png") for number in range(1, 6)]))
    samples, (screenshot, _) = annotations.load(found), open_picture(found.pictures, "pc_0.png")
    said = {}
    for batch in (1, 3):
        worker = Worker({"model": str(tiny_checkpoint("nano")), "budget": "16", "device": "cpu"}, batch)
        run = fingerprint.run_hash(worker.settings(found.task))
        said[batch] = worker.answers(run, found.task, samples, screenshot)
    assert [row["batch"] for row in said[3]] == [3, 3, 3, 2, 2] and {row["batch"] for row in said[1]} == {1}
    for alone, together in zip(said[1], said[3], strict=True):
        assert all(alone[field] == together[field] for field in ("status", "raw", "point", "hit", "kept", "error"))
