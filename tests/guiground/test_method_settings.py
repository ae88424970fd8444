"""Settings of a method beside its budget: from Python, from the command line, and what is told about wrong ones."""

import json

import pytest
from PIL import Image

from guiground import Locator
from guiground.errors import UsageError
from guiground.eviction import build, parse_settings

PIXELS = 60_000


def test_pairs_are_read_as_what_they_are():
    given = parse_settings(["window=16", "alpha=0.5", "pool=max", "simulate=true", "beta=false"])
    assert given == {"window": 16, "alpha": 0.5, "pool": "max", "simulate": True, "beta": False}


@pytest.mark.parametrize("pair", ["window", "=3", "two words=3"])
def test_what_is_no_pair_is_told(pair):
    with pytest.raises(UsageError, match=r"no setting of a method .write it as NAME=VALUE"):
        parse_settings([pair])


def test_the_method_has_them():
    assert (build("guikv", 64, {"alpha": 3}).alpha, build("guikv", 64).alpha) == (3, 2)
    assert build(None, 64, {"window": 16}).window == 16


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("guikv", {"alfa": 2}, "has no setting 'alfa' .choose from: .*alpha"),
        ("guikv", {"alpha": -1}, "alpha at least 0"),
        ("snapkv", {"budget": 3}, "say it as the budget"),
        ("full", {"window": 3}, "has no setting 'window'"),
    ],
)
def test_a_wrong_one_is_told(name, settings, words):
    with pytest.raises(UsageError, match=words):
        build(name, None, settings)


def test_they_reach_the_answer(answering, here, tmp_path):
    picture = Image.linear_gradient("L").resize((320, 200)).convert("RGB")
    picture.save(tmp_path / "shot.png")
    model = answering("(40, 60)")
    plain = Locator(model, method="snapkv", budget=24, max_pixels=PIXELS).locate("x", picture)
    narrow = Locator(model, method="snapkv", budget=24, method_settings={"window": 2}, max_pixels=PIXELS)
    assert "the window was made shorter" in plain.warnings[0] and narrow.locate("x", picture).warnings == ()
    asked = ("locate", "x", "-i", tmp_path / "shot.png", "-m", model, "--method", "snapkv", "--budget", 24, "--json")
    code, out, err = here(*asked, "--max-pixels", PIXELS, "--setting", "window=2", "--no-resident")
    assert (
        code == 0 and err == "" and json.loads(out)["kv"]["tokens_held"] == narrow.locate("x", picture).kv.tokens_held
    )
    code, out, err = here(*asked, "--setting", "windw=2", "--no-resident")
    assert (code, out) == (2, "") and "has no setting 'windw'" in err
