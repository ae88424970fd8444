import re
from pathlib import Path

import pytest

from guiground.errors import UsageError
from guiground.evaluation import annotations, forms, tasks


def test_the_benchmarks_are_there_and_say_what_they_are():
    assert tasks.names() == [
        "desk",
        "mmbench-gui-l2",
        "osworld-g",
        "osworld-g-refined",
        "screenspot",
        "screenspot-pro",
        "screenspot-v2",
        "screenspot-v2-variants",
        "ui-vision",
    ]
    for name in tasks.names():
        task = tasks.find(name)
        assert task.name == name
        assert all((task.title, task.about, task.source, task.licence, task.get, task.metric, task.groups))
        assert task.layout.box in forms.FORMS
        assert task.headline in ("micro", "macro")
        assert not task.instead or task.instead in tasks.names()
        assert not task.hub or task.hub.repository.count("/") == 1


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match=r"unknown task 'screnspot-v2' \(did you mean screenspot-v2 or .*choose from:"):
        tasks.find("screnspot-v2")


@pytest.mark.parametrize("where", [".", "ScreenSpot-v2"])
def test_an_unpacked_folder_is_found_by_itself_or_by_its_usual_name(tmp_path, write_json, target, where):
    for part in ("mobile", "web", "desktop"):
        write_json([target()], f"screenspot_{part}_v2.json", tmp_path / where, "screenspotv2_image")
    found = tasks.resolve("screenspot-v2", tmp_path)
    assert found.images == tmp_path / where / "screenspotv2_image"
    assert [sample.group for sample in annotations.load(found)] == ["mobile/text", "desktop/text", "web/text"]


def test_screenspot_runs_on_a_v2_folder_under_its_own_name_and_prefers_the_first_version(tmp_path, write_json, target):
    write_json([target()], "screenspot_web_v2.json", images="screenspotv2_image")
    assert tasks.resolve("screenspot", tmp_path).task.name == "screenspot-v2"
    write_json([target()], "screenspot_web.json", images="screenspot_imgs")
    found = tasks.resolve("screenspot", tmp_path)
    assert (found.task.name, [path.name for path in found.files]) == ("screenspot", ["screenspot_web.json"])


def test_screenspot_pro_has_xyxy_boxes_and_groups_of_applications(tmp_path, write_json, target):
    rows = [target(img_filename="pc_x.png", bbox=[10, 20, 30, 40], ui_type="icon", group="CAD", img_size=[100, 80])]
    write_json(rows, "annotations/autocad_windows.json", images="images")
    [sample] = annotations.load(tasks.resolve("screenspot-pro", tmp_path))
    assert sample.group == "CAD/icon"
    assert sample.target().to_json() == [10, 20, 30, 40]


@pytest.mark.parametrize("name", [name for name in tasks.names() if name != "desk"])
@pytest.mark.parametrize("data", [None, "empty", "missing"])
def test_a_benchmark_that_is_not_there_says_how_to_get_it(tmp_path, name, data):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=re.escape(tasks.find(name).get)) as error:
        tasks.resolve(name, data and tmp_path / data)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


def test_annotations_without_pictures_name_the_missing_folder(tmp_path, write_json, target):
    write_json([target()], "screenspot_web.json")
    with pytest.raises(UsageError, match=r"none of the picture folders screenspot_imgs, images .*--images"):
        tasks.resolve("screenspot", tmp_path)
    assert tasks.resolve("screenspot", tmp_path, images=tmp_path).images == tmp_path


def test_a_json_file_is_a_task_named_after_it(write_json, target, tmp_path):
    path = write_json([target()])
    found = tasks.resolve(str(path))
    assert (found.task.name, found.images) == ("targets", tmp_path)
    with pytest.raises(UsageError, match=r"no such annotation file: 'nowhere.json'"):
        tasks.resolve("nowhere.json")
    with pytest.raises(UsageError, match=r"--images '.*nowhere' is no folder"):
        tasks.resolve(str(path), images=tmp_path / "nowhere")


def test_desk_is_in_the_source_tree_whatever_data_says(tmp_path):
    if not (tasks.SOURCE_TREE / "screenshots" / "desk.json").is_file():
        pytest.skip("screenshots/desk.json is not there")
    found = tasks.resolve("desk", tmp_path)
    assert found.images == tasks.SOURCE_TREE / "screenshots"
    for sample in annotations.load(found):
        assert Path(found.images / sample.image).is_file(), sample.place
        assert sample.target().width > 0
        assert sample.group in ("desktop/text", "desktop/icon", "web/text", "web/icon")
