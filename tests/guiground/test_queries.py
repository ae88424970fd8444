"""locate --queries: many instructions about one picture, a JSON line each."""

import io
import json
import sys

import pytest
from PIL import Image


@pytest.fixture
def shot(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.linear_gradient("L").resize((320, 200)).convert("RGB").save("shot.png")
    return "shot.png"


def test_each_line_is_answered_as_alone(here, shot, answering, tmp_path, monkeypatch):
    model = answering("(40, 60)")
    (tmp_path / "queries.txt").write_text("the Save button\n\n  close\r\nÄrger\n", encoding="utf-8")
    code, out, err = here("locate", "--queries", "queries.txt", "-i", shot, "-m", model, "--overlay", "seen.png")
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and err == "" and (tmp_path / "seen.png").is_file()
    assert [record["instruction"] for record in records] == ["the Save button", "close", "Ärger"]
    for record in records:
        alone = json.loads(here("locate", record["instruction"], "-i", shot, "-m", model, "--json")[1])
        assert (alone["point"], alone["raw"]) == (record["point"], record["raw"])
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\ntwo\n"))
    assert len(here("locate", "--queries", "-", "-i", shot, "-m", model)[1].splitlines()) == 2


def test_the_worst_answer_is_the_exit_code(here, shot, answering):
    with open("queries.txt", "w", encoding="utf-8") as file:
        file.write("one\ntwo\n")
    code, out, err = here("locate", "--queries", "queries.txt", "-i", shot, "-m", answering("(-1, -1)"))
    assert code == 1 and len(out.splitlines()) == 2 and err.count("was not found") == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["locate", "-i", "shot.png"], "an INSTRUCTION, or --queries FILE"),
        (["locate", "x", "--queries", "none.txt", "-i", "shot.png"], "one of the two"),
        (["locate", "--queries", "none.txt", "-i", "shot.png"], "'none.txt' cannot be read: No such file"),
        (["locate", "--queries", "shot.png", "-i", "shot.png"], "it is not UTF-8 text"),
        (["locate", "--queries", "-", "-i", "-"], "standard input cannot be"),
        (["locate", "--queries", "empty.txt", "-i", "shot.png"], "are empty"),
        (["locate", "--queries", "long.txt", "-i", "shot.png"], "1,001 characters"),
    ],
)
def test_mistakes_are_one_line(here, shot, arguments, words):
    with open("empty.txt", "w") as file:
        file.write("\n  \n")
    with open("long.txt", "w") as file:
        file.write("ok\n" + "x" * 1001)
    code, out, err = here(*arguments)
    assert (code, out) == (2, "") and err.startswith("error: ") and err.count("\n") == 1 and words in err
