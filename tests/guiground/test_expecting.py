"""What a script checks without a model: windows by their titles, files by what they hold."""

import json

import pytest
from PIL import Image

from guiground.errors import UsageError
from guiground.geometry import Box
from guiground.screen import Monitor, Screenshot, View
from guiground.screen.windows import Window
from guiground.script import expecting
from guiground.script.expecting import wait_until_met
from guiground.script.play import play
from guiground.script.steps import read


@pytest.fixture
def meanwhile(monkeypatch):
    """What happens between two looks: functions, the first one called after the first look that was in vain."""
    happens = []
    monkeypatch.setattr(expecting.time, "sleep", lambda seconds: happens.pop(0)())
    return happens


def test_a_file_is_waited_for_and_read(tmp_path, meanwhile):
    saved = tmp_path / "saved.txt"
    meanwhile += [saved.touch, lambda: saved.write_text("Grüße from tea", encoding="utf-8")]
    assert wait_until_met("file", str(saved), "Grüße", 10) is None and meanwhile == []
    assert wait_until_met("file", str(saved), None, 0) is None
    assert wait_until_met("file", str(tmp_path), None, 0) == f"there is no file '{tmp_path}'"
    assert wait_until_met("file", str(saved), "secret", 0) == f"the file '{saved}' does not contain the text asked for"


def test_windows_are_waited_for(monkeypatch, meanwhile):
    shown = []
    monkeypatch.setattr("guiground.screen.windows.windows", lambda: [Window(one, Box(0, 0, 9, 9)) for one in shown])
    meanwhile += [lambda: shown.append("Editor"), lambda: shown.append("Save As"), lambda: shown.remove("Save As")]
    assert wait_until_met("opened", "save as", None, 10) is None and len(meanwhile) == 1
    assert wait_until_met("closed", "Save As", None, 10) is None and meanwhile == []
    assert wait_until_met("closed", "edit", None, 0) == "the window 'Editor' is still open"
    assert "there is no window 'Save As' (choose from: 'Editor'" in wait_until_met("opened", "Save As", None, 0)


def test_a_script_that_expects(tmp_path, monkeypatch):
    """A step that is not met fails with exit code 1 and a picture, of the screen where its window is gone."""

    def take(view):
        if view.window is not None:
            raise UsageError("there is no such window")
        return Screenshot(Image.new("RGB", (100, 80)), Monitor(1, 0, 0, 100, 80))

    monkeypatch.setattr(View, "take", take)
    monkeypatch.setattr("guiground.screen.windows.windows", list)
    (tmp_path / "kept.txt").write_text("tea")
    (tmp_path / "script.toml").write_text(
        f"timeout = 0\nwindow = 'Form'\n[[step]]\nclosed = 'Form'\n"
        f"[[step]]\nfile = '{tmp_path}/kept.txt'\ncontains = 'secret'\n[[step]]\nopened = 'Form'"
    )
    done = list(play(read(tmp_path / "script.toml"), look=None))
    assert [played.code for played in done] == [0, 1] and all(played.picture.size == (100, 80) for played in done)
    assert "secret" not in json.dumps([played.to_json() for played in done])  # it may be a password
