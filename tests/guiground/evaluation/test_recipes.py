"""Published experiments: whole, true to the catalogue, and run from one command on a tiny model."""

import json

import pytest
from click.testing import CliRunner

import mixkv
from guiground.cli import group
from guiground.errors import ModelError, UsageError
from guiground.evaluation import recipes, runs, tasks
from guiground.models import catalogue


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_names_what_there_is(name):
    recipe = recipes.find(name)
    assert recipe.task in tasks.names()
    assert catalogue.find(recipe.record)
    assert recipe.headline in ("micro", "macro") and recipe.dtype == "bfloat16"
    assert all((recipe.title, recipe.about, recipe.paper.startswith("https://arxiv.org/")))
    for setting in recipe.settings:
        assert setting.method in mixkv.METHODS
        mixkv.make_method(setting.method, **setting.more)
        assert (setting.budget is None) == (setting.method == "full")
        if setting.budget:
            mixkv.parse_budget(setting.budget)


def test_the_table_of_mixkv_is_whole_and_its_methods_have_the_paper_s_settings():
    recipe = recipes.find("mixkv-table-2")
    hosts = ("snapkv", "pyramidkv", "adakv")
    cells = {(setting.method, setting.budget) for setting in recipe.settings}
    mixed = ("mixkv", "mixkv-pyramidkv", "mixkv-adakv")
    assert cells == {("full", None)} | {(name, budget) for name in hosts + mixed for budget in ("128", "64")}
    numbers = {(s.method, s.budget): s.paper for s in recipe.settings if s.paper is not None}
    assert numbers[("mixkv", "128")] - numbers[("snapkv", "128")] == pytest.approx(8.0)
    assert numbers[("mixkv-adakv", "64")] - numbers[("adakv", "64")] == pytest.approx(9.0)
    counts = dict(zip(recipe.settings[0].groups, (290, 211, 194, 140, 234, 203), strict=True))  # of ScreenSpot-v2
    for setting in recipe.settings:  # the paper's averages are over all targets
        mean = sum(counts[name] * share for name, share in setting.groups.items()) / 1272
        assert mean == pytest.approx(setting.paper, abs=0.11)
    method = mixkv.make_method("mixkv-adakv", budget=64)
    assert (method.window, method.kernel, method.pool, method.gqa, method.floor_ratio) == (32, 5, "avg", "mean", 0.2)
    spec = catalogue.find(recipe.record).spec
    assert (spec.pixels.min, spec.pixels.max, spec.answer) == (2_000_000, 4_800_000, "box")


@pytest.fixture
def data(write_json, target, tmp_path):
    for part in ("mobile", "desktop", "web"):
        write_json([target(1), target(2)], f"screenspot_{part}_v2.json", tmp_path / "data", "screenspotv2_image")
    return tmp_path / "data"


def call(*arguments):
    ran = CliRunner().invoke(group, ["reproduce", *map(str, arguments)], standalone_mode=False)
    if ran.exception:
        raise ran.exception
    return ran.stdout, ran.stderr


def test_a_recipe_runs_on_given_weights_under_its_own_prompt_and_resumes(tiny_checkpoint, data, tmp_path, monkeypatch):
    small = recipes.Recipe(
        **{
            **{field: getattr(recipes.find("mixkv-table-2"), field) for field in recipes.Recipe.__dataclass_fields__},
            "max_new_tokens": 3,
            "dtype": "float32",
            "settings": (
                recipes.Setting("full"),
                recipes.Setting("snapkv", "64", 0.0),
                recipes.Setting("mixkv", "64", 99.0),
                recipes.Setting("nokv", "64"),
            ),
        }
    )
    monkeypatch.setattr(recipes, "find", lambda name: small)
    arguments = (
        "x",
        "--data",
        data,
        "--weights",
        tiny_checkpoint("qwen2_5_vl"),
        "--out",
        tmp_path / "out",
        "--limit",
        2,
    )
    out, err = call(*arguments, "--json", "--device", "cpu")
    lines = json.loads(out)["settings"]
    assert [(line["method"], line["budget"], line["n"]) for line in lines] == [
        ("full", None, 2), ("snapkv", "64", 2), ("mixkv", "64", 2),
    ]  # fmt: skip
    assert [line["agrees"] for line in lines] == [None, True, False]
    assert "nokv 64 is left out: this version has no method nokv" in err
    assert {run.settings["spec"]["prompt"]["user"] for run in runs.read_all(tmp_path / "out")} == {
        catalogue.find("ui-venus-ground-7b").spec.prompt.user
    }
    rows = (tmp_path / "out" / "rows.jsonl").read_bytes()
    again, _ = call(*arguments, "--device", "cpu")
    assert (tmp_path / "out" / "rows.jsonl").read_bytes() == rows
    assert "differs" in again and "99.0" in again


def test_what_is_missing_is_told(tmp_path, data):
    with pytest.raises(UsageError, match=r"unknown recipe 'mixkv-table' \(did you mean mixkv-table-2"):
        recipes.find("mixkv-table")
    with pytest.raises(ModelError, match=r"Qwen/Qwen2.5-VL-7B-Instruct is not on this machine .*--weights"):
        recipes.model_folder(recipes.find("mixkv-table-2"), None, tmp_path / "out")
    with pytest.raises(UsageError, match=r"holds no model: there is no config.json"):
        recipes.model_folder(recipes.find("mixkv-table-2"), data, tmp_path / "out")


def test_without_a_name_the_recipes_are_listed():
    out, _ = call()
    assert all(name in out for name in recipes.names())
    out, _ = call("--json")
    assert [one["name"] for one in json.loads(out)] == recipes.names()
