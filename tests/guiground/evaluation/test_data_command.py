"""guiground data: every bad row by its name, and fetching with and without a network."""

import json
import zipfile

import pytest
from click.testing import CliRunner

from guiground.cli import group
from guiground.errors import UsageError
from guiground.evaluation import download, tasks


def call(*arguments):
    ran = CliRunner().invoke(group, ["data", *map(str, arguments)], standalone_mode=False)
    if ran.exception:
        raise ran.exception
    return ran.return_value, ran.stdout, ran.stderr


def test_every_bad_row_is_named_and_the_good_ones_are_counted(write_json, target):
    changes = [{}, {"bbox": [90, 70, 30, 30]}, {"instruction": ""}, {"img_filename": "gone.png"}, {"bbox": [1]}, {}]
    rows = [target(number, **change) for number, change in enumerate(changes)]
    code, out, err = call("check", write_json([*rows, 7, rows[0]]))
    lines = out.splitlines()
    assert (code, err) == (1, "")
    assert [line.split(":")[0] for line in lines[:5]] == [f"targets.json, row {row}" for row in (2, 3, 4, 5, 7)]
    assert "sticks out of its picture" in lines[0] and "no such picture" in lines[2]
    assert lines[5:] == [
        "targets: 8 targets on 4 screenshots",
        "boxes: 5 xywh; groups: desktop/icon 2, desktop/text 2, text 1",
        "5 bad rows, 1 said twice",
    ]


def test_a_right_file_ends_with_0_and_json_says_the_same(write_json, target):
    code, out, _ = call("check", write_json([target(1), target(2)]), "--json")
    record = json.loads(out)
    assert code == 0
    assert (record["rows"], record["wrong"], record["forms"]) == (2, [], {"xywh": 2})


def test_the_real_screens_of_the_source_tree_are_right():
    if not (tasks.SOURCE_TREE / "screenshots" / "desk.json").is_file():
        pytest.skip("screenshots/desk.json is not there")
    code, out, _ = call("check", "desk")
    assert code == 0, out


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A Hub that writes a zip; returns what it was asked for."""
    asked = []

    def snapshot(repository, *, repo_type, local_dir, allow_patterns):
        asked.append((repository, repo_type, allow_patterns))
        local_dir.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(local_dir / "screenspotv2_image.zip", "w") as archive:
            archive.writestr("screenspotv2_image/pc_1.png", b"picture")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    return asked


def test_a_benchmark_is_fetched_and_unpacked_into_a_folder_that_eval_finds(hub, tmp_path):
    code, out, _ = call("get", "screenspot-v2", "--to", tmp_path, "--json")
    assert code in (0, None)
    folder = tmp_path / "ScreenSpot-v2"
    assert json.loads(out) == {"task": "screenspot-v2", "folder": str(folder)}
    assert (folder / "screenspotv2_image" / "pc_1.png").read_bytes() == b"picture"
    assert hub == [("OS-Copilot/ScreenSpot-v2", "dataset", ["*.json", "*.zip"])]


def test_without_network_the_way_is_told_in_one_sentence(tmp_path):
    with pytest.raises(UsageError) as error:
        call("get", "screenspot-pro", "--to", tmp_path)
    said = str(error.value)
    assert "huggingface.co does not answer" in said and "hf download likaixin/ScreenSpot-Pro" in said
    assert "\n" not in said
    with pytest.raises(UsageError, match=r"osworld-g is not fetched from the Hugging Face Hub \(to get it: clone"):
        call("get", "osworld-g")


def test_a_member_outside_of_the_folder_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../outside.png", b"x")
    with pytest.raises(UsageError, match=r"member '../outside.png' outside its folder"):
        download._unpack(tmp_path / "bad.zip", tmp_path / "in")
    assert not (tmp_path / "outside.png").exists()


def test_desk_is_there_already():
    assert call("get", "desk")[1].strip() == str(tasks.SOURCE_TREE / "screenshots")
