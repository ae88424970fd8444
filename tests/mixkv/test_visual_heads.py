"""Visual heads: how their scores are measured and stored, and how they share out a budget."""

import copy
import json

import pytest
import torch
from tiny_models import VISUAL_HEADS

import mixkv
from mixkv import head_scores, heads
from mixkv.budget import visual_heads

LAYERS, KV_HEADS, QUERY_HEADS = 3, 2, 4


@pytest.mark.parametrize("prefix", [21, 40, 500])
@pytest.mark.parametrize("entries", [1, 7, 20])
@pytest.mark.parametrize("seed", range(3))
def test_all_heads_together_hold_the_budget(entries, prefix, seed):
    scores = torch.rand(LAYERS, KV_HEADS, generator=torch.Generator().manual_seed(seed)) ** 8
    held = visual_heads(scores.double(), entries, 0.1, prefix)
    assert held.sum() == LAYERS * KV_HEADS * entries
    assert held.min() >= int(0.1 * entries) and held.max() <= prefix
    assert torch.equal(
        held.flatten()[scores.flatten().argsort()].sort().values, held.flatten()[scores.flatten().argsort()]
    )


def test_equal_scores_are_a_uniform_budget():
    assert (visual_heads(torch.ones(LAYERS, KV_HEADS).double(), 17, 0.1, 100) == 17).all()


def test_a_share_of_one_is_a_uniform_budget():
    assert (visual_heads(torch.tensor([[1.0, 0.0]]).double(), 17, 1.0, 100) == 17).all()


def test_the_released_rule_is_rounded_head_by_head_and_not_capped():
    scores = torch.tensor([[6.0, 1.0], [2.0, 1.0]]).double()
    expected = [[round(w / 10 * (32 - 3) * 4 + 3) for w in row] for row in ([6, 1], [2, 1])]
    assert visual_heads(scores, 32, 0.1, 40, legacy=True).tolist() == expected
    capped = visual_heads(scores, 32, 0.1, 40)
    assert capped[0, 0] == 40 and capped.sum() == 4 * 32


def test_a_short_prompt_gives_the_rest_to_the_other_heads():
    held = visual_heads(torch.tensor([[1.0, 0.0], [0.0, 0.0]]).double(), 10, 0.0, 20)
    assert held.flatten().tolist()[0] == 20 and sorted(held.flatten().tolist()) == [6, 7, 7, 20]


def test_scores_of_query_heads_are_summed_over_their_kv_head():
    """Where in its group a query head stands does not matter, and one visual head takes what it needs."""
    generator = torch.Generator().manual_seed(0)
    states = [torch.randn(count, 90, 8, generator=generator) for count in (QUERY_HEADS, KV_HEADS, KV_HEADS)]
    for query_head in range(QUERY_HEADS):
        scores = torch.zeros(2, QUERY_HEADS)
        scores[1, query_head] = 1
        method = mixkv.make_method("sparsemm", budget=20, window=10, floor_ratio=0.5, visual_heads=scores)
        lengths = [len(head) for layer in (0, 1) for head in mixkv.select(method, *states, layer, 2)]
        expected = [15, 15, 15, 15]
        expected[2 + query_head // 2] = 35
        assert lengths == expected


@pytest.fixture(scope="module")
def sample(prompt):
    inputs = prompt(1, 30, [(12, 12)])
    return heads.Sample(inputs, positions=range(20, 26), answer=5)


@pytest.fixture(scope="module")
def attentions(tiny_model, sample):
    """The model's own attention maps, [layers, query_heads, answer, tokens]."""
    model = copy.deepcopy(tiny_model("qwen2_5_vl"))
    model.set_attn_implementation("eager")
    with torch.no_grad():
        maps = model(**sample.inputs, output_attentions=True).attentions
    return torch.stack(maps)[:, 0, :, -sample.answer :].double()


def test_measured_hits_are_those_of_the_models_own_attention(tiny_model, sample, attentions):
    expected = torch.zeros(LAYERS, QUERY_HEADS).double()
    for layer in range(LAYERS):
        for head in range(QUERY_HEADS):
            for row in attentions[layer, head]:
                expected[layer, head] += (int(row.argmax()) in sample.positions) / len(sample.positions)
    assert 0 < (expected > 0).sum() < expected.numel()
    measured = heads.measure(tiny_model("qwen2_5_vl"), [sample])
    torch.testing.assert_close(torch.tensor(measured).double(), expected)


def test_measured_mass_is_that_of_the_models_own_attention(tiny_model, sample, attentions):
    expected = attentions[..., list(sample.positions)].sum((-2, -1))
    measured = heads.measure(tiny_model("qwen2_5_vl"), [sample], mode="mass")
    torch.testing.assert_close(torch.tensor(measured).double(), expected, atol=1e-5, rtol=1e-4)


def test_several_samples_are_averaged(tiny_model, sample):
    model, other = tiny_model("qwen2_5_vl"), heads.Sample(sample.inputs, positions=[8, 9, 30], answer=2)
    one, two, both = (torch.tensor(heads.measure(model, some, "mass")) for some in ([sample], [other], [sample, other]))
    torch.testing.assert_close(both, (one + two) / 2)


@pytest.mark.parametrize("change", [{"positions": []}, {"positions": [10, 99]}, {"positions": [-1]}, {"answer": 0}])
def test_wrong_samples_are_refused(change, tiny_model, sample):
    wrong = heads.Sample(**{"inputs": sample.inputs, "positions": [3], "answer": 1} | change)
    with pytest.raises(ValueError, match="positions within its 68 tokens and an answer shorter than it"):
        heads.measure(tiny_model("qwen2_5_vl"), [wrong])


def test_other_wrong_measurements_are_refused(tiny_model, sample):
    with pytest.raises(ValueError, match="give at least one"):
        heads.measure(tiny_model("qwen2_5_vl"), [])
    with pytest.raises(ValueError, match=r"unknown mode 'sum' .choose from: hit, mass."):
        heads.measure(tiny_model("qwen2_5_vl"), [sample], mode="sum")
    nothing = heads.Sample(sample.inputs, positions=[66])
    with pytest.raises(ValueError, match="no head met a target"):
        heads.measure(tiny_model("qwen2_5_vl"), [nothing])


def test_stored_scores_are_read_when_the_block_is_entered(tiny_model, prompt):
    model = tiny_model("llama")
    assert head_scores.load_head_scores(model) == VISUAL_HEADS
    held = []
    for settings in ({}, {"visual_heads": VISUAL_HEADS}):
        with mixkv.compress(model, "mixkv-sparsemm", budget=24, **settings) as cache, torch.no_grad():
            model(**prompt(1, 80), past_key_values=cache)
        held.append([layer.tokens_held for layer in cache.layers])
    assert held[0] == held[1] and len(set(held[0])) > 1 and sum(held[0]) == LAYERS * 24


def test_a_model_is_known_by_its_weights(tiny_model):
    model = tiny_model("llama")
    known = head_scores.head_scores_file(model)
    assert head_scores.load_head_scores(model) == VISUAL_HEADS == head_scores.load_head_scores(model, known)
    same = copy.deepcopy(model).bfloat16()
    same.name_or_path = "someone/some-model"
    assert head_scores.head_scores_file(same) == known
    with torch.no_grad():
        same.model.layers[1].mlp.up_proj.weight[0, 0] += 1
    assert head_scores.head_scores_file(same) != known
    assert head_scores.head_scores_file(tiny_model("qwen3")) != known


def test_how_they_were_measured_stands_beside_them(tiny_model, tmp_path):
    path = head_scores.save_head_scores(tiny_model("llama"), VISUAL_HEADS, tmp_path / "some" / "scores.json", hits=3)
    assert json.loads(path.read_text())["hits"] == 3 and head_scores.load_head_scores(None, path) == VISUAL_HEADS


def test_missing_scores_say_what_to_do(tiny_model, monkeypatch, tmp_path):
    model = tiny_model("llama")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(
        head_scores.MissingHeadScores, match=r"no visual head scores in .*: measure them .* pass visual"
    ):
        mixkv.compress(model, "sparsemm").__enter__()
    path = head_scores.save_head_scores(model, VISUAL_HEADS)
    assert tmp_path in path.parents
    path.write_text('{"scores": 3}')
    with pytest.raises(ValueError, match="visual head scores must be numbers"):
        mixkv.compress(model, "sparsemm").__enter__()
    path.write_text("{}")
    with pytest.raises(ValueError, match="holds no visual head scores"):
        mixkv.compress(model, "sparsemm").__enter__()
    states = [torch.ones(2, 80, 4)] * 3
    with pytest.raises(ValueError, match="method 'sparsemm' needs the visual head scores of this model"):
        mixkv.select("sparsemm", *states)


@pytest.mark.parametrize("scores", [[], [[0.0, 0.0]], [[1.0], [1.0, 2.0]], [[-1.0, 2.0]], [[float("nan")]], "abc", 3])
def test_what_scores_may_not_be(scores):
    with pytest.raises(ValueError, match="visual head scores must be numbers"):
        mixkv.make_method("sparsemm", visual_heads=scores)


def test_scores_of_another_model_are_refused():
    states = [torch.ones(2, 80, 4)] * 3
    method = mixkv.make_method("sparsemm", visual_heads=[[1.0, 2.0]])
    with pytest.raises(ValueError, match="of 1 layers with 2 query heads, but the model has 9 with 2"):
        mixkv.select(method, *states, 0, 9)
