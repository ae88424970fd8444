"""The released implementations, in float32, select the same entries (vectors beside the repository, not part of it)."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

import mixkv

VECTORS = Path(__file__).parents[2] / "../shared/conformance/mixkv"
HOSTS = {"uniform": ("snapkv", "mixkv"), "pyramid": ("pyramidkv", "mixkv-pyramidkv"), "ada": ("adakv", "mixkv-adakv")}
CONSTANT_REDUNDANCY = {
    "vnorm": 0.0,
    "keydiff": 1.0,
    "mixkv": 0.5,
}  # the released ablations are MixKV with a fixed weight


@pytest.fixture(scope="module")
def vectors():
    if not VECTORS.is_dir():
        pytest.skip("needs the conformance vectors in ../shared/conformance/mixkv beside the repository")
    return json.loads((VECTORS / "cases.json").read_text()), load_file(VECTORS / "inputs.safetensors")


def method_of(case, tensors):
    plain, mix = HOSTS[case["allocation"]]
    settings = {"pool": case["pool"].removesuffix("pool")} | {k: case[k] for k in ("budget", "window", "kernel", "gqa")}
    if case["allocation"] == "pyramid":
        settings |= {"beta": case["pyramid_beta"], "legacy": True}
    if case["allocation"] == "ada":
        settings |= {"floor_ratio": case["floor_ratio"], "legacy": True}
    if case["score"] == "attn":
        return mixkv.make_method(plain, **settings)
    redundancy = CONSTANT_REDUNDANCY.get(case["score"])
    if case["redundancy"] == "offline":
        redundancy = tensors[f"{case['inputs']}.redundancy_offline"]
    return mixkv.make_method(mix, **settings, redundancy=redundancy)


def selected(method, case, tensors):
    states = (tensors[f"{case['inputs']}.{name}"] for name in "qkv")
    kept = mixkv.select(method, *states, layer=case["layer"], num_layers=case["num_layers"])
    return [head.tolist() for head in kept]


def test_all_cases_select_the_same_entries(vectors):
    cases, tensors = vectors
    wrong = [n for n, case in enumerate(cases) if selected(method_of(case, tensors), case, tensors) != case["kept"]]
    assert (wrong, len(cases)) == ([], 188)


@pytest.mark.parametrize(("score", "name"), [("vnorm", "vnorm"), ("keydiff", "keydiff")])
def test_the_ablations_have_names_of_their_own(vectors, score, name):
    cases, tensors = vectors
    for case in cases:
        if case["score"] == score and case["allocation"] == "uniform":
            keys = ("budget", "window") if name == "keydiff" else ("budget", "window", "kernel", "gqa")
            settings = {key: case[key] for key in keys}
            settings |= {} if name == "keydiff" else {"pool": case["pool"].removesuffix("pool")}
            assert selected(mixkv.make_method(name, **settings), case, tensors) == case["kept"]
