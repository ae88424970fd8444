"""Each method by name: what it holds, its settings, and what it says to wrong ones."""

import dataclasses

import pytest
import torch
from tiny_models import EVICTING

import mixkv

QUERY_HEADS, HEADS, TOKENS, DIM, LAYERS = 4, 2, 150, 16, 5
BUDGETED = [name for name in EVICTING if name != "full"]
UNWINDOWED = ("streamingllm", "gistkv", "coverkv")  # hold nothing only because it came last, or only that
IMAGES = ()  # the states are of a text


def ready(name, *budget, layers=LAYERS):
    """The method by name, with visual head scores for `layers` layers where it needs them, all its heads pruned."""
    scores = torch.rand(layers, QUERY_HEADS, generator=torch.Generator().manual_seed(4))
    settings = {"visual_heads": scores} if "sparsemm" in name else {"threshold": 0} if "hybrid" in name else {}
    return mixkv.METHODS[name](*budget, **settings)


@pytest.fixture(scope="module")
def states():
    generator = torch.Generator().manual_seed(3)
    heads = (QUERY_HEADS, HEADS, HEADS)
    query, key, value = (torch.randn(count, TOKENS, DIM, generator=generator) for count in heads)
    return query, key + 0.7, value  # keys of a real model are alike, too


def test_the_names():
    assert list(mixkv.METHODS) == [
        *("full", "random", "streamingllm", "keydiff", "vnorm", "snapkv", "pyramidkv", "adakv", "sparsemm"),
        *(
            "h2o",
            "vlcache",
            "guikv",
            "stlite",
            "snapkv-frames",
            "mixkv-frames",
            "hybridkv",
            "hybridkv-mixkv",
            "fastv",
            "lightkv",
            "lightkv-mixkv",
            "lightkv-hybridkv",
        ),
        *("mixkv", "mixkv-pyramidkv", "mixkv-adakv", "mixkv-sparsemm", "gistkv", "coverkv"),
    ]


@pytest.mark.parametrize("name", list(mixkv.METHODS))
def test_settings_are_frozen_and_compare(name):
    method = mixkv.METHODS[name]()
    assert method == mixkv.METHODS[name]() and hash(method) == hash(mixkv.METHODS[name]())
    with pytest.raises(dataclasses.FrozenInstanceError):
        method.budget = 3


@pytest.mark.parametrize("budget", [1, 2, 3, 16, 32, 33, 64, 149])
@pytest.mark.parametrize("name", BUDGETED)
def test_the_mean_over_heads_and_layers_is_exactly_the_budget(name, budget, states):
    held = [
        head for layer in range(LAYERS) for head in mixkv.select(ready(name, budget), *states, layer, LAYERS, IMAGES)
    ]
    assert sum(map(len, held)) == budget * HEADS * LAYERS
    for positions in held:
        assert positions.tolist() == sorted(set(positions.tolist()))
        assert positions[0] >= 0 and (positions[-1] == TOKENS - 1 or name in UNWINDOWED)
    if not any(host in name for host in ("pyramid", "ada", "sparse", "hybrid")):
        assert {len(positions) for positions in held} == {budget}


@pytest.mark.parametrize("name", [name for name in BUDGETED if name not in UNWINDOWED])
def test_the_window_is_always_held(name, states):
    for budget, window in (
        (64, min(32, mixkv.METHODS[name].window)),
        (32, min(16, mixkv.METHODS[name].window)),
        (16, 8),
    ):
        for layer in range(LAYERS):
            for positions in mixkv.select(ready(name, budget), *states, layer, LAYERS, IMAGES):
                assert positions[-window:].tolist() == list(range(TOKENS - window, TOKENS))


@pytest.mark.parametrize("tokens", [1, 2, 8, 31, 63, 64, 65])
@pytest.mark.parametrize("name", EVICTING)
def test_prompts_around_the_window_and_the_budget(name, tokens, states):
    held = mixkv.select(
        ready(name, layers=1), *(tensor[:, :tokens] for tensor in states), layer=0, num_layers=1, images=IMAGES
    )
    assert sum(map(len, held)) == HEADS * (tokens if name == "full" else min(64, tokens))


@pytest.mark.parametrize("name", ["pyramidkv", "mixkv-pyramidkv"])
def test_pyramids_do_not_remember_earlier_prompts(name, states):
    method = mixkv.METHODS[name](40)
    before = mixkv.select(method, *states, 0, LAYERS)
    mixkv.select(method, *(tensor[:, :41] for tensor in states), 0, LAYERS)
    assert all(map(torch.equal, before, mixkv.select(method, *states, 0, LAYERS)))


def test_streamingllm_holds_the_two_ends(states):
    (first, _) = mixkv.select(mixkv.METHODS["streamingllm"](budget=10, sinks=4), *states)
    assert first.tolist() == [0, 1, 2, 3, *range(TOKENS - 6, TOKENS)]
    (small, _) = mixkv.select(mixkv.METHODS["streamingllm"](budget=3, sinks=4), *states)
    assert small.tolist() == [0, TOKENS - 2, TOKENS - 1]


def test_random_follows_its_seed(states):
    def held(seed, layer):
        return [head.tolist() for head in mixkv.select(mixkv.METHODS["random"](40, seed=seed), *states, layer, 9)]

    assert held(1, 0) == held(1, 0)
    assert held(1, 0) != held(2, 0) and held(1, 0) != held(1, 1) and held(1, 0)[0] != held(1, 0)[1]


def test_a_measured_prior_equals_the_online_weight(states):
    key = states[1]
    unit = torch.nn.functional.normalize(key, dim=-1)
    prior = [(unit @ unit.mT).sum((1, 2)).sub(TOKENS).div(TOKENS * (TOKENS - 1))]
    online = mixkv.select("mixkv", *states)
    injected = mixkv.select(mixkv.METHODS["mixkv"](redundancy=prior), *states)
    assert all(map(torch.equal, online, injected))


def test_the_ends_of_the_mix_are_methods_of_their_own(states):
    for weight, name in ((0, "vnorm"), (1, "keydiff")):
        mix = mixkv.select(mixkv.METHODS["mixkv"](redundancy=weight), *states)
        assert all(map(torch.equal, mix, mixkv.select(name, *states)))
    different = mixkv.select("mixkv", *states)
    assert not all(map(torch.equal, different, mixkv.select("vnorm", *states)))


def test_a_prior_may_differ_by_layer_and_head(states):
    prior = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    method = mixkv.METHODS["mixkv"](redundancy=prior)
    vnorm, keydiff = mixkv.select("vnorm", *states), mixkv.select("keydiff", *states)
    for layer in (0, 1):
        first, second = mixkv.select(method, *states, layer, 2)
        assert torch.equal(first, (vnorm, keydiff)[layer][0]) and torch.equal(second, (keydiff, vnorm)[layer][1])


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("snap", {}, "unknown method 'snap' .choose from: full, random, .*mixkv-adakv."),
        ("full", {"budget": 64}, "method 'full' has no setting 'budget' .it has none."),
        ("keydiff", {"kernel": 5}, "method 'keydiff' has no setting 'kernel' .choose from: budget, window."),
        ("mixkv", {"budget": 0}, "budget 0 is not a whole number of at least 1: give"),
        ("mixkv", {"window": 0}, "window must be a whole number of at least 1, not 0"),
        ("snapkv", {"kernel": 4}, "kernel must be odd"),
        ("snapkv", {"pool": "sum"}, "unknown pool 'sum' .choose from: avg, max."),
        ("snapkv", {"gqa": "min"}, "unknown gqa 'min' .choose from: mean, max."),
        ("adakv", {"floor_ratio": 1.5}, "floor_ratio must be between 0 and 1, not 1.5"),
        ("pyramidkv", {"beta": 0}, "beta must be a number of at least 1, not 0"),
        ("random", {"seed": -1}, "seed must be a whole number of at least 0, not -1"),
        ("mixkv", {"redundancy": "high"}, "redundancy must be None, a number, or numbers .layers, kv_heads."),
        ("mixkv", {"redundancy": []}, "redundancy must be None"),
    ],
)
def test_wrong_settings_are_one_sentence(name, settings, message):
    with pytest.raises(ValueError, match=message):
        mixkv.make_method(name, **settings)


def test_a_prior_of_another_model_is_refused(states):
    with pytest.raises(ValueError, match="prior has 1 layers of 3 kv heads, but the model has 5 of 2"):
        mixkv.select(mixkv.METHODS["mixkv"](redundancy=[[0.1, 0.2, 0.3]]), *states, 0, LAYERS)


def test_settings_beside_a_ready_method_are_refused():
    with pytest.raises(TypeError, match="beside a ready method"):
        mixkv.make_method(mixkv.METHODS["mixkv"](), budget=5)


def test_wrong_shapes_are_refused(states):
    query, key, value = states
    with pytest.raises(ValueError, match=r"must be \[heads, tokens, dim\] of one prompt"):
        mixkv.select("mixkv", query[None], key, value)
    with pytest.raises(ValueError, match="must be"):
        mixkv.select("mixkv", query, key[:, :-1], value)
