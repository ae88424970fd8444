import copy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from guiground.evaluation import fingerprint, tasks
from guiground.models.spec import ModelSpec, Pixels, Prompt

torch = pytest.importorskip("torch")


def make_locator(**changes):
    torch.manual_seed(0)
    spec = ModelSpec("org/model", Prompt(), Pixels(1000, 2000), 28, "plain", "abs_resized")
    grounder = SimpleNamespace(
        entry=SimpleNamespace(name="nano"),
        revision=None,
        model=torch.nn.Sequential(torch.nn.Linear(40, 50), torch.nn.BatchNorm1d(50)),
        spec=spec,
        device=torch.device("cpu"),
        dtype=torch.float32,
        folder=Path(__file__).parent,
    )
    import mixkv

    locator = SimpleNamespace(
        load=lambda: grounder,
        max_pixels=None,
        method="snapkv",
        budget="64",
        protocol="after-prefill",
        eviction=mixkv.METHODS["snapkv"](budget=64),
    )
    for name, value in changes.items():
        setattr(grounder if hasattr(grounder, name) else locator, name, value)
    return locator


def run_hash(task="desk", **changes):
    return fingerprint.run_hash(fingerprint.settings(make_locator(**changes), tasks.find(task)))


def test_the_same_settings_give_the_same_hash_however_the_budget_is_written():
    assert run_hash() == run_hash()
    assert run_hash(budget=64) == run_hash()
    assert len(run_hash()) == 16


def test_every_setting_changes_the_hash(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    import mixkv

    spec = make_locator().load().spec
    changes = [
        {"entry": SimpleNamespace(name="other")},
        {"revision": "0123"},
        {"folder": tmp_path},
        {"spec": replace(spec, prompt=Prompt(system=("You look.",)))},
        {"spec": replace(spec, pixels=Pixels(1000, 3000))},
        {"max_pixels": 500},
        {"method": "adakv"},
        {"eviction": mixkv.METHODS["snapkv"](budget=64, window=8)},
        {"protocol": "strict"},
        {"budget": "65"},
        {"device": torch.device("cuda")},
        {"dtype": torch.bfloat16},
    ]
    hashes = [run_hash(), run_hash("screenspot"), *(run_hash(**change) for change in changes)]
    assert len(set(hashes)) == len(changes) + 2


@pytest.mark.parametrize("name", ["torch", "transformers", "guiground"])
def test_another_version_changes_the_hash(monkeypatch, name):
    before = run_hash()
    versions = fingerprint.versions() | {name: "0.0.1"}
    monkeypatch.setattr(fingerprint, "versions", lambda: versions)
    assert run_hash() != before


def test_other_weights_change_the_hash_also_where_only_a_buffer_differs():
    model = make_locator().load().model
    trained, counted, rounded = (copy.deepcopy(model) for _ in range(3))
    with torch.no_grad():
        trained[0].weight.mul_(1.001)
        counted[1].running_mean.add_(1)
    hashes = {fingerprint.weights(each) for each in (model, trained, counted, rounded.to(torch.bfloat16))}
    assert len(hashes) == 4


def test_the_hash_of_weights_works_on_odd_tensors():
    module = torch.nn.Module()
    module.register_buffer("scalar", torch.tensor(3))
    module.register_buffer("empty", torch.zeros(0))
    module.register_buffer("flags", torch.tensor([True, False]))
    assert len(fingerprint.weights(module)) == 16


def test_a_change_in_the_code_that_answers_changes_the_hash(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    before = fingerprint._hash_files(tmp_path, [tmp_path / "a.py"])
    (tmp_path / "a.py").write_text("x = 2\n")
    assert fingerprint._hash_files(tmp_path, [tmp_path / "a.py"]) != before
    assert fingerprint.code() == fingerprint.code()
