"""Scripts: read whole before the first step, played until one fails, and recorded."""

import json
import types
from pathlib import Path

import pytest
from desk import ROOT, board, needs_tk, needs_xvfb, x_server
from PIL import Image

from guiground.errors import CaptureError, UsageError
from guiground.geometry import Box, Point
from guiground.record import Record
from guiground.screen import View
from guiground.script import play as playing
from guiground.script.play import play
from guiground.script.steps import VERBS, read


def script(tmp_path, text):
    path = tmp_path / "script.toml"
    path.write_text(text, encoding="utf-8")
    return path


EVERY = """
timeout = 2.5
monitor = 2
[[step]]
locate = "a"
[[step]]
wait = "b"
gone = true
timeout = 9
[[step]]
assert = "c"
window = "Editor"
[[step]]
click = [640, 400]
verify = true
retries = 3
[[step]]
doubleclick = "d"
[[step]]
rightclick = "e"
[[step]]
move = "f"
[[step]]
drag = "g"
to = [1, 2]
[[step]]
scroll = "h"
up = 2
[[step]]
type = "${NAME} costs $$5"
into = "the field"
[[step]]
press = "ctrl+s"
region = [0, 0, 30, 20]
[[step]]
opened = "Save As"
[[step]]
closed = "Save As"
[[step]]
file = "${NAME}.txt"
contains = "${NAME} costs"
[[step]]
screenshot = "after.png"
[[step]]
sleep = 0.5
"""


def test_every_verb_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    steps = read(script(tmp_path, EVERY), {"NAME": "tea"})
    assert [step.verb for step in steps] == list(VERBS) and [step.number for step in steps] == list(range(1, 17))
    assert steps[0].timeout == 2.5 and steps[1].timeout == 9 and steps[1].more == {"gone": True}
    assert (steps[2].window, steps[2].monitor, steps[0].monitor) == ("Editor", None, 2)
    assert steps[3].value == Point(640, 400) and steps[3].verify and steps[3].retries == 3
    assert steps[7].more["to"] == Point(1, 2) and steps[9].value == "tea costs $5"
    assert steps[10].region == Box(0, 0, 30, 20)
    assert steps[13].more == {"contains": "tea costs"} and steps[13].title == "file 'tea.txt'"
    assert steps[9].title == "type 12 characters into 'the field'"  # typed text may be a password
    assert steps[1].title == "wait 'b' gone" and steps[7].title == "drag 'g' to (1, 2)"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no steps"),
        ("step = 3", "has no steps"),
        ("[[step]]\nclick = ", "is no TOML"),
        ("[[step]]\nclik = 'a'", "step 1 has only clik (give it one of: locate"),
        ("[[step]]\nclick = 'a'\n[[step]]\n", "step 2 has only nothing"),
        ("[[step]]\nclick = 'a'\ntype = 'b'", "step 1 has click and type"),
        ("[[step]]\nclick = 'a'\ninto = 'b'", "step 1: unknown field 'into'"),
        ("[[step]]\nclick = 'a'\ntimout = 3", "did you mean timeout?"),
        ("[[step]]\nclick = ''", "click must be words, or a point [x, y], got ''"),
        ("[[step]]\nclick = [1, 2, 3]", "got [1, 2, 3]"),
        ("[[step]]\nclick = [true, 2]", "words, or a point"),
        ("[[step]]\nwait = 'a'\ntimeout = -1", "timeout must be a number from 0, got -1"),
        ("[[step]]\nwait = 'a'\nretries = 1.5", "retries must be a whole number from 0"),
        ("[[step]]\nwait = 'a'\ngone = 1", "gone must be true or false"),
        ("[[step]]\nclick = 'a'\nregion = [0, 0, 0, 5]", "region must be [x, y, width, height]"),
        ("[[step]]\ndrag = 'a'", "drag has no end"),
        ("[[step]]\nscroll = 'a'\nup = 1\ndown = 1", "one way"),
        ("[[step]]\npress = 'crtl+s'", "unknown key 'crtl'"),
        ('[[step]]\ntype = "a\\u0007"', "cannot be typed"),
        ("[[step]]\nscreenshot = 'a.txt'", "must be one of .png"),
        ("[[step]]\nopened = ''", "opened must be text, got ''"),
        ("[[step]]\nopened = 'a'\ncontains = 'b'", "unknown field 'contains'"),
        ("[[step]]\nfile = 'a'\ncontains = 3", "contains must be text, got 3"),
        ("[[step]]\ntype = '${FILE}'", "nothing stands for ${FILE} (add: --set FILE=VALUE)"),
        ("[[step]]\ntype = '5$'", "write $$ for a dollar sign"),
        ("[[step]]\nclick = '" + "x" * 1001 + "'", "1,001 characters"),
        ("speed = 3\n[[step]]\nclick = 'a'", "unknown field 'speed'"),
    ],
)
def test_a_script_that_is_wrong_anywhere_is_refused_before_it_begins(tmp_path, text, words):
    with pytest.raises(UsageError) as told:
        read(script(tmp_path, text))
    assert words in str(told.value) and "\n" not in str(told.value)


def test_a_script_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read(tmp_path / "none.toml")


class Desk:
    """A desktop on which targets appear after so many pictures, and what was done to it."""

    def __init__(self, monkeypatch, **appears):
        self.appears, self.pictures, self.done = appears, 0, []
        monkeypatch.setattr(View, "take", self.take)
        monkeypatch.setattr(playing, "perform", self.done.append)
        monkeypatch.setattr("guiground.waiting.time.sleep", lambda seconds: None)

    def take(self, *_):
        from guiground.screen import Monitor, Screenshot

        self.pictures += 1
        return Screenshot(Image.new("RGB", (100, 80), (self.pictures % 256, 0, 0)), Monitor(1, 10, 0, 100, 80))

    def look(self, words, screenshot):
        found = self.pictures >= self.appears.get(words, 10**9)
        place = (Point(5, 6), None) if found else (None, None)
        return types.SimpleNamespace(
            found=found,
            status="found" if found else "refused",
            point=Point(15, 6) if found else None,
            on_screenshot=lambda: place,
            to_json=lambda: {"instruction": words},
            explain=lambda: "not there",
        )


def test_steps_look_act_and_stop_at_the_first_failure(tmp_path, monkeypatch):
    desk = Desk(monkeypatch, menu=3, save=1)
    text = """
    [[step]]
    click = "menu"
    [[step]]
    type = "abc"
    [[step]]
    scroll = "save"
    [[step]]
    assert = "nowhere"
    [[step]]
    click = "save"
    """
    done = list(play(read(script(tmp_path, text)), desk.look))
    assert [played.ok for played in done] == [True, True, True, False]
    assert [(action.kind, action.point) for action in desk.done] == [
        ("click", Point(15, 6)),
        ("type", None),
        ("scroll", Point(15, 6)),
    ]
    assert desk.done[2].notches == -3 and done[0].data["looks"] == 3
    assert done[3].code == 1 and "'nowhere' did not come within" in done[3].detail
    assert all(played.picture.size == (100, 80) for played in done)
    assert json.loads(json.dumps([played.to_json() for played in done]))[3]["status"] == "failed"


def test_a_drag_and_typing_into_a_field(tmp_path, monkeypatch):
    desk = Desk(monkeypatch, a=1, b=1)
    text = "[[step]]\ndrag = 'a'\nto = 'b'\n[[step]]\ntype = 'x'\ninto = 'a'\n[[step]]\ndrag = [1, 2]\nto = [3, 4]"
    assert all(played.ok for played in play(read(script(tmp_path, text)), desk.look))
    drag, typed, points = desk.done
    assert (drag.point, drag.to) == (Point(15, 6), Point(15, 6)) and typed.point == Point(15, 6)
    assert (points.point, points.to) == (Point(1, 2), Point(3, 4))


def test_a_step_is_tried_again_and_verified(tmp_path, monkeypatch):
    from guiground.action import Change

    desk = Desk(monkeypatch, a=1)
    changes = [Change(0, 0), Change(0, 0), Change(0.1, 0.1), Change(0, 0)]
    monkeypatch.setattr(playing, "perform_and_compare", lambda action: changes.pop(0))
    text = "[[step]]\nclick = 'a'\nverify = true\nretries = 2\n[[step]]\nclick = 'a'\nverify = true"
    done = list(play(read(script(tmp_path, text)), desk.look))
    assert done[0].ok and done[0].tries == 3 and done[0].data["verify"]["changed"]
    assert done[1].code == 1 and done[1].tries == 1 and "nothing changed after: click (15, 6)" in done[1].detail


def test_what_the_user_can_mend_fails_the_step_and_bugs_are_raised(tmp_path, monkeypatch):
    desk = Desk(monkeypatch, a=1)
    steps = read(script(tmp_path, "[[step]]\nclick = 'a'"))

    def refuse(action):
        raise CaptureError("on no monitor")

    monkeypatch.setattr(playing, "perform", refuse)
    done = list(play(steps, desk.look))
    assert done[0].code == 3 and done[0].detail == "on no monitor" and done[0].picture is not None

    def broken(words, screenshot):
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        list(play(steps, broken))


def test_the_command_and_its_record(here, answering, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.linear_gradient("L").resize((320, 200)).convert("RGB").save("shot.png")
    arguments = ("-i", "shot.png", "-m", answering("(40, 60)"))
    path = script(tmp_path, "[[step]]\nlocate = 'a'\n[[step]]\nassert = 'b'\n[[step]]\nclick = 'c'")
    code, out, err = here("run", path, *arguments, "--record", "kept")
    assert code == 2 and out.splitlines()[0].startswith("1  ok  locate 'a'  ") and "3  FAILED  click 'c'" in out
    assert "step 3 of 3 failed: where this picture lies" in err and "step-003.png" in err
    assert len(Record("kept").steps()) == 3
    code, out, err = here("run", path, *arguments, "--json")
    record = json.loads(out)
    assert code == 2 and not record["ok"] and [step["status"] for step in record["steps"]] == ["ok", "ok", "failed"]
    assert record["steps"][2]["picture"] == "failed-step-003.png" and Path("failed-step-003.png").is_file()
    code, out, _ = here("run", script(tmp_path, "[[step]]\nassert = 'a'\ngone = true"), *arguments)
    assert code == 1 and "1  FAILED  assert 'a' gone" in out


def test_examples_of_the_help_run(here, answering, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    for name in ("run", "wait"):
        lines = [line for line in here(name, "--help")[1].splitlines() if line.startswith("    guiground ")]
        assert len(lines) >= 2
        for line in lines:
            import shlex

            code, out, err = here(*shlex.split(line)[1:], "--model", answering("(40, 60)"))
            assert code == 0 and out and err == "", line


@needs_xvfb
@needs_tk
def test_a_script_drives_a_real_window(tmp_path):
    path = script(
        tmp_path,
        """
        [[step]]
        click = [100, 60]
        verify = true
        [[step]]
        type = "${WORD}"
        into = [200, 160]
        verify = true
        [[step]]
        press = "ctrl+k"
        [[step]]
        drag = [100, 300]
        to = [250, 320]
        [[step]]
        screenshot = "after.png"
        [[step]]
        click = [20, 20]
        verify = true
        """,
    )
    with x_server(500, 400) as display, board(display, tmp_path) as shown:
        ran = shown.run("run", path, "--set", "WORD=Grüße", "--record", tmp_path / "kept", cwd=tmp_path)
        assert ran.returncode == 1 and "step 6 of 6 failed: nothing changed" in ran.stderr, ran
        state = shown.until(lambda state: state["dragged"])
        assert state["pressed"] == ["left", "ctrl+k"] and state["text"] == "Grüße"
    steps = Record(tmp_path / "kept").steps()
    assert [step["status"] for step in steps] == ["ok"] * 5 + ["failed"] and all(step["picture"] for step in steps)
    assert "Grüße" not in (tmp_path / "kept" / "record.jsonl").read_text(encoding="utf-8")
    with Image.open(tmp_path / "after.png") as after:
        assert after.size == (500, 400)
