"""What measurement reports follows from the answers, and its command says what it cannot do."""

import json
import random

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from guiground.nano import architecture as arch
from guiground.nano import measure, tallies, toolkits
from guiground.nano.questions import Asked
from guiground.nano.scenes import Element, Scene


def element(name="Save", role="button", **more):
    return Element(role, name, (8, 8, 72, 28), (12, 10, 60, 26), **more)


def row(kind="text", hit=True, refused=False, **more):
    return {"kind": kind, "hit": hit, "pointed": hit, "refused": refused, "source": "own", "box": "0-15 px"} | more


def test_refusals_have_a_precision_and_a_recall():
    rows = [row(), row(hit=False, refused=True), row(hit=False)]
    rows += [row("absent", refused=True, box="")] * 3 + [row("absent", hit=False, box="")]
    counted = tallies.tables(rows, ("kind", "box"))
    assert counted["refusals"] == {"refused": 4, "absent": 4, "precision": 0.75, "recall": 0.75, "denied": 0.3333}
    assert counted["all"]["n"] == 7 and counted["all"]["pointed"] == 0.3333
    assert counted["kind"]["text"]["hit"] == 0.3333
    assert counted["box"] == {"0-15 px": counted["kind"]["text"]}
    assert "precision" not in str(tallies.tables(rows[:3], ()))
    text = tallies.markdown(counted)
    assert "| absent | 4 | 75.0 |" in text and "75.0 % of 4 (precision)" in text


def test_targets_count_by_their_shorter_side():
    assert [tallies.side((0, 0, 100, height)) for height in (15.5, 16, 39, 40)] == [
        "0-15 px",
        "16-23 px",
        "24-39 px",
        "40 px or more",
    ]
    assert sorted(["1920x1080", "own", "1280x800", "640x384"], key=tallies.natural)[:2] == ["640x384", "1280x800"]


@pytest.mark.parametrize(
    ("text", "meant", "named", "form"),
    [
        ("Save", element(), None, "the name alone"),
        ("the save button", element(), None, "the name and what it is"),
        ("please click on Save", element(), None, "a verb and the name"),
        ('click "Save"', element(), None, "in quotes"),
        ("the Save field", element(role="field", beside=True), None, "by the label beside it"),
        ("the button left of Open", element(), element("Open"), "by its neighbour"),
        ("the third tab", element("Layout", "tab"), None, "by its number"),
        ("Prefernces", element("Preferences"), None, "misspelled"),
        ("Save", None, None, "not on the screen"),
    ],
)
def test_wordings_are_told_apart(text, meant, named, form):
    assert measure.form(Asked(text, meant, named)) == form


def scene() -> Scene:
    elements = [
        Element("button", f"Button {c}", (x, 40, x + 60, 60), (x + 4, 44, x + 56, 56))
        for x, c in ((20, "A"), (150, "B"))
    ]
    return Scene(np.zeros((128, 256, 3), dtype=np.uint8), elements, np.zeros((0, 4), dtype=np.float32), [])


def test_a_refusal_is_a_hit_only_for_what_is_not_there(monkeypatch):
    def greedy(model, pictures, batch):
        count = batch.questions.shape[1]
        middle = (batch.boxes[..., :2] + batch.boxes[..., 2:]) / 2
        return middle, batch.shares.argmax(-1), torch.arange(count)[None] % 2 == 0

    monkeypatch.setattr(measure, "greedy", greedy)
    rows = measure.ask_scene(arch.new_model(), scene(), random.Random(1), 8, ("text", "absent"))
    assert [r["hit"] for r in rows] == [r["refused"] == (r["kind"] == "absent") for r in rows]
    assert {r["kind"] for r in rows} == {"text", "absent"} and {r["refused"] for r in rows} == {True, False}
    assert {r["box"] for r in rows if r["kind"] == "absent"} == {""}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    arch.save(arch.new_model(), folder)
    return str(folder)


def run(*words):
    return CliRunner().invoke(measure.main, list(words))


def test_the_command_writes_tables(weights, tmp_path):
    from PIL import Image

    Image.fromarray(scene().image).save(tmp_path / "tk-000001.png")
    elements = [{"role": e.role, "name": e.name, "box": e.box, "aim": e.aim} for e in scene().elements]
    facts = {"width": 256, "height": 128, "source": "tk", "elements": elements, "glyphs": [], "icons": []}
    toolkits.write(tmp_path, "tk-000001", (tmp_path / "tk-000001.png").read_bytes(), facts)
    small = ("--weights", weights, "--size", "256x128", "--kind", "rows", "--screens", "1", "--questions", "4")
    out = tmp_path / "tables.json"
    result = run(*small, "--ask", "text,absent", "--rendered", str(tmp_path), "--by", "source", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "| who drew the screen | n |" in result.stdout
    tables = json.loads(out.read_text())["tables"]
    assert set(tables["source"]) == {"own", "tk"} and tables["refusals"]["absent"] >= 2
    plain = json.loads(run(*small).stdout)
    assert plain["n"] > 0 and plain["ask"] == "text" and "refusals" not in plain


def test_the_command_says_what_it_cannot_do(tmp_path):
    for words, said in (
        (("--ask", "images"), "unknown kinds 'images' (choose from: text, icon, place, absent)"),
        (("--size", "large"), "'large' is no size"),
        (("--out", "tables.txt"), "neither .json nor .md"),
        (("--rendered", str(tmp_path)), "no screens in"),
    ):
        result = run(*words)
        assert result.exit_code == 2 and said in " ".join(result.output.split()), result.output
