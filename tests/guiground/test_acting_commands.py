"""click, drag, scroll, type, press: on a real X server with a real window, and planned on pictures."""

import json
import shlex
import subprocess
import sys

import pytest
from desk import ROOT, board, needs_tk, needs_xvfb, x_server
from PIL import Image

from guiground.overlay import ACCENT


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A board on two monitors of 400 and 200 pixels width; under the second there is nothing."""
    with (
        x_server(600, 400, "400/105x400/105+0+0", "200/52x300/79+400+0") as display,
        board(display, tmp_path_factory.mktemp("desk")) as shown,
    ):
        yield shown


@needs_xvfb
@needs_tk
def test_clicks_arrive_and_are_verified(desk):
    ran = desk.run("click", "--at", "100,60", "--verify", "--json")
    record = json.loads(ran.stdout)
    assert ran.returncode == 0 and record["done"] and record["verify"]["changed"] and "changed" in ran.stderr
    assert desk.until(lambda state: state["pressed"])["pressed"] == ["left"]
    ran = desk.run("rightclick", "--at", "100 60")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "100 60\n", "")
    desk.until(lambda state: state["pressed"] == ["left", "right"])
    desk.run("doubleclick", "--at", "100,60")
    desk.until(lambda state: state["pressed"][2:] == ["left", "double"] or state["pressed"][-1] == "double")


@needs_xvfb
@needs_tk
def test_a_click_that_changes_nothing_says_so(desk):
    ran = desk.run("click", "--at", "20,20", "--verify")
    assert ran.returncode == 1 and ran.stdout == "20 20\n" and "nothing changed around the target" in ran.stderr


@needs_xvfb
@needs_tk
def test_text_in_any_script_is_typed_and_keys_are_pressed(desk):
    text = 'Grüße, "wörld" €5\n\tñ ж 日本 #~{}|@\\'
    ran = desk.run("type", text, "--at", "200,160", "--verify")
    assert ran.returncode == 0 and ran.stdout == "200 160\n", ran
    desk.until(lambda state: state["text"] == text)
    assert desk.run("type", "-", input=" end").returncode == 0
    desk.until(lambda state: state["text"] == text + " end")
    assert desk.run("press", "ctrl+k").returncode == 0
    desk.until(lambda state: "ctrl+k" in state["pressed"])


@needs_xvfb
@needs_tk
def test_wheel_and_drag(desk):
    assert desk.run("scroll", "--at", "240,300", "--down", 4).returncode == 0
    desk.until(lambda state: state["wheel"] == -4)
    assert desk.run("scroll", "--at", "240,300", "--up", 6).returncode == 0
    desk.until(lambda state: state["wheel"] == 2)
    ran = desk.run("drag", "--at", "100,300", "--by", "150,20")
    assert (ran.returncode, ran.stdout) == (0, "100 300\n250 320\n")
    desk.until(lambda state: state["dragged"] == [[100, 300], [250, 320]])


@needs_xvfb
@needs_tk
def test_a_coordinate_map_leads_from_a_picture_back_to_the_screen(desk, tmp_path):
    shot = tmp_path / "shot.png"
    token = desk.run("screenshot", "--region", "30,30,200,100", "-o", shot).stdout.splitlines()[-1]
    assert token == "v1:200,100:30,30:1"
    before = len(desk.state()["pressed"])
    ran = desk.run("click", "--at", "70,30", "--image", shot, "--map", token)
    assert (ran.returncode, ran.stdout) == (0, "100 60\n")
    desk.until(lambda state: len(state["pressed"]) > before)


@needs_xvfb
@needs_tk
def test_monitors_are_listed(desk):
    ran = desk.run("screenshot", "--list")
    lines = ran.stdout.splitlines()
    assert ran.returncode == 0 and lines[0].startswith("monitor 1  400x400 at 0,0  scale 1")
    assert lines[1].startswith("monitor 2  200x300 at 400,0") and len(lines) == 2
    listed = json.loads(desk.run("screenshot", "--monitor", 2, "--json").stdout)
    assert listed["map"] == "v1:200,300:400,0:1" and len(listed["monitors"]) == 2


@needs_xvfb
@needs_tk
@pytest.mark.parametrize("at", ["450,350", "700,10", "-1,5"])
def test_a_point_on_no_monitor_never_becomes_a_click(desk, at):
    before = desk.state()
    for dry in ([], ["--dry-run"]):
        ran = desk.run("click", f"--at={at}", *dry, cwd=desk.home)
        assert ran.returncode == 3 and ran.stdout == "" and "on no monitor" in ran.stderr
        assert ran.stderr.count("\n") == 1
    assert desk.state() == before


@needs_xvfb
@needs_tk
def test_confirming(desk):
    before = len(desk.state()["pressed"])
    ran = desk.run("click", "--at", "100,60", "--confirm", input="n\n")
    assert (ran.returncode, ran.stdout) == (1, "") and "click (100, 60)?" in ran.stderr
    assert "nothing was done" in ran.stderr and len(desk.state()["pressed"]) == before
    assert desk.run("click", "--at", "100,60", "--confirm", input="y\n").returncode == 0
    desk.until(lambda state: len(state["pressed"]) > before)
    assert desk.run("click", "--at", "100,60", "--confirm", input="").returncode == 130


@needs_xvfb
@needs_tk
def test_a_dry_run_touches_nothing_and_draws(desk, tmp_path):
    before = desk.state()
    ran = desk.run("click", "--at", "100,60", "--dry-run", "--overlay", tmp_path / "plan.png")
    assert (ran.returncode, ran.stdout) == (0, "100 60\n") and "would click (100, 60)" in ran.stderr
    with Image.open(tmp_path / "plan.png") as plan:
        assert plan.size == (400, 400) and plan.getpixel((100, 60)) == ACCENT
    assert desk.state() == before


@pytest.fixture
def shot(tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.chdir(tmp_path)
    Image.linear_gradient("L").resize((640, 360)).convert("RGB").save("shot.png")
    return "shot.png"


@pytest.mark.parametrize("kind", ["click", "doubleclick", "rightclick", "move", "scroll"])
def test_plans_on_a_picture_need_no_display(here, shot, answering, kind):
    model = answering("(40, 60)")
    code, out, err = here(kind, "the Save button", "-i", shot, "-m", model, "--dry-run")
    assert code == 0 and err.startswith("would ") and "see dry-run.png" in err
    place = tuple(int(number) for number in out.split())
    with Image.open("dry-run.png") as plan:
        assert plan.getpixel(place) == ACCENT


def test_a_drag_between_two_targets_looks_once(here, shot, answering):
    model = answering("(40, 60)")
    code, out, _ = here("drag", "one", "--to", "two", "-i", shot, "-m", model, "--dry-run", "--json")
    record = json.loads(out)
    assert code == 0 and [result["instruction"] for result in record["results"]] == ["one", "two"]
    assert record["action"]["kind"] == "drag" and record["action"]["to"] and not record["done"]


def test_into_a_region_of_a_picture(here, shot, answering):
    model = answering("(4, 6)")
    arguments = ("type", "ä", "--into", "the field", "-i", shot, "-m", model, "--dry-run")
    whole = here(*arguments, "--region", "0,0,280,140")[1].split()
    moved = here(*arguments, "--region", "300,200,280,140")[1].split()
    assert [int(b) - int(a) for a, b in zip(whole, moved, strict=True)] == [300, 200]


def test_what_is_not_found_is_not_acted_on(here, shot, answering):
    code, out, err = here("click", "x", "-i", shot, "-m", answering("(-1, -1)"), "--dry-run", "--json")
    record = json.loads(out)
    assert code == 1 and record["action"] is None and not record["done"] and "was not found" in err
    assert record["results"][0]["status"] == "refused"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["click", "x", "-i", "shot.png"], 2, "add --map TOKEN from screenshot, or --dry-run"),
        (["click", "-i", "shot.png", "--dry-run"], 2, "an INSTRUCTION, or --at X,Y"),
        (["click", "x", "--at", "1,2", "-i", "shot.png", "--dry-run"], 2, "one of the two"),
        (["click", "--at", "1", "-i", "shot.png", "--dry-run"], 2, "'1' is not X,Y (give 2 whole numbers)"),
        (["click", "--at", "1,2"], 3, "DISPLAY is not set"),
        (["click", "--at", "1,2", "-i", "shot.png", "--map", "v1:9,9:0,0:1", "--dry-run"], 2, "of 9x9"),
        (["click", "--at", "1,2", "--map", "v1:9,9:0,0:1", "--dry-run"], 2, "--image FILE"),
        (["drag", "x", "-i", "shot.png", "--dry-run"], 2, "--to INSTRUCTION, --to-at X,Y or --by X,Y"),
        (["scroll", "x", "--up", "1", "--down", "1", "-i", "shot.png", "--dry-run"], 2, "one way"),
        (["scroll", "x", "--up", "0"], 2, "x>=1"),
        (["type", "", "-i", "shot.png", "--dry-run"], 2, "no text to type"),
        (["type", "a\x07", "-i", "shot.png", "--dry-run"], 2, "cannot be typed"),
        (["press", "crtl+s", "-i", "shot.png", "--dry-run"], 2, "unknown key 'crtl'"),
        (["press", "enter"], 3, "DISPLAY is not set"),
        (["screenshot", "-o", "none/a.png"], 2, "no folder 'none'"),
        (["screenshot", "-o", "shot.png", "-i", "shot.png"], 2, "would replace"),
        (["screenshot", "--list"], 3, "DISPLAY is not set"),
        (["screenshot", "--region", "0,0,0,5"], 2, "no area"),
        (["screenshot", "--region", "0,0,5"], 2, "give 4 whole numbers"),
        (["screenshot", "--monitor", "1", "--window", "x"], 2, "cannot both"),
        (["screenshot", "--window", "x"], 3, "DISPLAY is not set"),
        (["locate", "x", "-i", "shot.png", "--region", "640,0,9,9"], 2, "outside the picture of 640x360"),
    ],
)
def test_mistakes_are_one_line(here, shot, arguments, code, words):
    ended, out, err = here(*arguments)
    assert (ended, out) == (code, "") and err.startswith("error: ") and err.count("\n") == 1 and words in err


def test_a_screenshot_through_a_pipe_is_the_picture_alone(shot):
    command = [sys.executable, "-m", "guiground", "screenshot", "-i", shot, "--region", "10,20,30,40", "-o", "-"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    assert done.stdout.startswith(b"\x89PNG") and done.stderr == b"v1:30,40:10,20:1\n"


@pytest.mark.parametrize("name", ["click", "doubleclick", "rightclick", "move", "drag", "scroll", "type", "press"])
def test_examples_of_the_help_run(here, answering, tmp_path, monkeypatch, name):
    """With a stand-in for the embedded model, so that they run where its weights are not there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    (tmp_path / "screenshots").symlink_to(ROOT / "screenshots")
    examples = [
        line.split("guiground ", 1)[1] for line in here(name, "--help")[1].splitlines() if "  guiground" in line
    ]
    assert len(examples) >= 2
    for example in examples:
        arguments = shlex.split(example)
        stand_in = [] if "--at" in arguments or name == "press" else ["--model", answering("(40, 60)")]
        code, _, err = here(*arguments, *stand_in)
        assert code == 0 and err.startswith("would "), example
