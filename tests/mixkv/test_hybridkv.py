"""HybridKV: types of heads, two budgets, and chunks recalled from the host for each query."""

import pytest
import torch

import mixkv
from mixkv.head_types import entries_needed, sparsity, split, typed_budgets
from mixkv.images import ImageTokens
from mixkv.methods import Prompt
from mixkv.methods.hybridkv import HybridKV, HybridMixKV, numbered, rank

HEADS, GROUP, TOKENS, DIM = 4, 3, 260, 16
IMAGES = (ImageTokens(6, 12, 18),)  # 6..221, then 38 tokens of text
PRIOR = 6 + 38


def a_prompt(seed=0, sharpness=(0.2, 1.0, 4.0, 9.0), images=IMAGES):
    """Heads from dull to sharp, so that both types occur."""
    generator = torch.Generator().manual_seed(seed)
    query, key, value = (
        torch.randn(1, heads, TOKENS, DIM, generator=generator, dtype=torch.float64)
        for heads in (HEADS * GROUP, HEADS, HEADS)
    )
    query = query * torch.tensor(sharpness, dtype=torch.float64).repeat_interleave(GROUP).view(1, -1, 1, 1)
    return Prompt(query, key, value, DIM**-0.5, 0, 1, images)


def held(choice):
    return choice.keep[0].sum(-1).tolist()


def dynamic(choice):
    return (choice.chunks[0] >= 0).any(-1) if choice.chunks is not None else torch.zeros(HEADS, dtype=torch.bool)


def recalling(choice):
    return dynamic(choice).nonzero().flatten().tolist()


@pytest.mark.parametrize("weight", ["need", "sparsity", "uniform"])
@pytest.mark.parametrize("share", [1, 0.25])
@pytest.mark.parametrize("budget", [1, 9, 26, 52, 104, 200])
def test_the_budget_is_a_ceiling(budget, share, weight):
    for threshold in (0, 0.3, 0.6, 0.9, 1.1):
        settings = {"threshold": threshold, "dynamic_share": share, "static_weight": weight, "window": 16}
        choice = HybridKV(budget, **settings).choose(a_prompt())
        assert sum(held(choice)) <= budget * HEADS and min(held(choice)) >= 1
        if threshold == 0:
            assert sum(held(choice)) == budget * HEADS and choice.chunks is None
        if threshold == 1.1 and budget >= 52:
            assert dynamic(choice).all()


LAYERS = ((0.2, 1.0, 4.0, 9.0), (0.3, 0.5, 6.0, 0.1), (5.0, 8.0, 12.0, 2.0))  # sharpness of the heads of each


def a_model(order=(0, 1, 2, 3)):
    """Three layers, their heads in this order."""
    order, prompts = torch.tensor(order), []
    for number, sharpness in enumerate(LAYERS):
        one = a_prompt(number, sharpness)
        query = one.query.unflatten(1, (HEADS, GROUP))[:, order].flatten(1, 2)
        states = (query, one.key[:, order], one.value[:, order])
        prompts.append(Prompt(*states, one.scaling, number, len(LAYERS), IMAGES))
    return prompts


@pytest.mark.parametrize("weight", ["need", "sparsity"])
@pytest.mark.parametrize("budget", [1, 52, 104, 200])
def test_a_budget_of_the_model_is_a_ceiling(budget, weight):
    for threshold in (0, 0.6, 1.1):
        settings = {"threshold": threshold, "static_weight": weight, "window": 16, "chunk": 8}
        choices = HybridKV(budget, **settings, scope="model").choose_layers(a_model())
        cells = torch.tensor([held(choice) for choice in choices])
        assert cells.sum() <= budget * cells.numel() and cells.min() >= 1 and cells.max() <= TOKENS
        if budget >= 104:  # nobody's type depends on the scope, and all dynamic heads of the model hold equally many
            by_layer = [HybridKV(budget, **settings).choose(prompt) for prompt in a_model()]
            assert all(map(torch.equal, map(dynamic, choices), map(dynamic, by_layer)))
            kept = [choice.chunks[0, head][choice.keep[0, head]] for choice in choices for head in recalling(choice)]
            rooms = {(int((numbers < 0).sum()), len(numbers[numbers >= 0].unique())) for numbers in kept}
            assert len(rooms) == (threshold == 1.1 or (threshold, budget) == (0.6, 104))
        if threshold == 0:
            assert cells.sum() == budget * cells.numel() and all(choice.chunks is None for choice in choices)
            assert len(set(cells.sum(1).tolist())) > 1 or weight != "need" or budget < 52


def test_one_layer_is_a_model():
    for threshold in (0, 0.6, 2):
        one, two = (
            HybridKV(80, threshold=threshold, scope=scope).choose_layers([a_prompt()])[0]
            for scope in ("layer", "model")
        )
        assert torch.equal(one.keep, two.keep) and (one.chunks is None or torch.equal(one.chunks, two.chunks))


def test_heads_of_a_model_in_another_order_get_the_same():
    order = torch.tensor([2, 0, 3, 1])
    for threshold in (0, 0.6):
        method = HybridKV(80, threshold=threshold, scope="model")
        one, two = method.choose_layers(a_model()), method.choose_layers(a_model(order.tolist()))
        assert all(torch.equal(dynamic(a)[order], dynamic(b)) for a, b in zip(one, two, strict=True))
        one, two = torch.tensor([held(choice) for choice in one])[:, order], torch.tensor([held(b) for b in two])
        assert one.sum() == two.sum() and (one - two).abs().max() <= 1


def test_a_budget_of_the_whole_prompt_evicts_nothing():
    for threshold in (0, 2):
        assert HybridKV("100%", threshold=threshold).choose(a_prompt()).keep.all()
        whole = HybridKV("100%", threshold=threshold, scope="model").choose_layers(a_model())
        assert all(choice.keep.all() for choice in whole)


def test_static_heads_hold_text_and_window_first():
    method = HybridKV(80, threshold=0, window=16, static_weight="uniform")
    kept = method.keep(a_prompt())[0]
    assert kept[:, :6].all() and kept[:, 222:].all() and (kept.sum(-1) == 80).all()
    attention = method.text_attention(a_prompt()).mean(2)[0]
    best = torch.nn.functional.avg_pool1d(attention[None, :, :244], 5, 1, 2)[0, :, 6:222].topk(80 - PRIOR).indices + 6
    assert all(
        set(best[head].tolist()) == set(kept[head, 6:222].nonzero().flatten().add(6).tolist()) for head in range(4)
    )


def test_where_the_text_does_not_fit_the_window_comes_first():
    kept = HybridKV(30, threshold=0, window=16, static_weight="uniform").keep(a_prompt())[0]
    assert kept[:, -16:].all() and not kept[:, 6:222].any() and (kept.sum(-1) == 30).all()
    few = rank(torch.rand(10), torch.rand(14), torch.zeros(14, dtype=torch.bool))
    assert few[:4].tolist() == [13, 12, 11, 10]


def test_the_text_s_attention_is_a_distribution():
    paid = HybridKV().text_attention(a_prompt())
    torch.testing.assert_close(paid.sum(-1), torch.ones(1, HEADS, GROUP))
    assert (paid >= 0).all() and (paid[..., :222] > 0).all()
    queries = a_prompt().query[:, :, 222:]  # all text behind the image, more than the window
    logits = queries @ a_prompt().key.repeat_interleave(GROUP, 1).mT * DIM**-0.5
    future = torch.ones(38, TOKENS, dtype=torch.bool).triu(TOKENS - 37)
    expected = logits.masked_fill(future, float("-inf")).softmax(-1).mean(-2).view(1, HEADS, GROUP, TOKENS)
    torch.testing.assert_close(paid.double(), expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("rule", ["mass", "count", "entropy"])
def test_sparsity_lies_between_even_and_one_hot(rule):
    even, one = torch.full((200,), 1 / 200), torch.zeros(200)
    one[7] = 1
    assert sparsity(one, 20, rule, 0.95) == pytest.approx(1 if rule != "count" else 0.995, abs=1e-6)
    assert sparsity(even, 20, rule, 0.95) == pytest.approx({"mass": 0.1, "count": 0.05, "entropy": 0}[rule], abs=6e-3)


def test_sparsity_grows_with_the_budget_and_two_rules_coincide():
    attention = torch.rand(50, 100, generator=torch.Generator().manual_seed(1)).pow(
        torch.linspace(1, 60, 50).unsqueeze(-1)
    )
    attention = attention / attention.sum(-1, keepdim=True)
    rising = torch.stack([sparsity(attention, entries, "mass", 0.9) for entries in (1, 5, 20, 60, 100)])
    assert (rising.diff(dim=0) >= 0).all() and rising[-1] == pytest.approx(torch.ones(50))
    by_mass, by_count = sparsity(attention, 10, "mass", 0.9) >= 0.9, sparsity(attention, 10, "count", 0.9) >= 0.9
    assert torch.equal(by_mass, by_count) and by_mass.any() and not by_mass.all()
    assert entries_needed(attention, 0.9).float().mean() < entries_needed(attention, 0.99).float().mean()


def test_fewer_heads_are_static_at_a_higher_threshold():
    counts = []
    for threshold in (0, 0.2, 0.5, 0.8, 0.95, 1.01):
        method = HybridKV(80, threshold=threshold)
        counts.append(int(method.types(method.text_attention(a_prompt()), 80)[0].sum()))
    assert counts == sorted(counts, reverse=True) and counts[0] == HEADS and counts[-1] == 0 and len(set(counts)) > 2


def test_a_kv_head_is_dynamic_if_any_of_its_query_heads_is():
    prompt = a_prompt(sharpness=(9.0,) * 4)
    prompt.query[:, 4] *= 0.01  # one query head of the second kv head looks everywhere
    types = {}
    for group in ("mean", "any"):
        method = HybridKV(80, group=group, threshold=0.7)
        types[group] = method.types(method.text_attention(prompt), 80)[0][0].tolist()
    assert not types["any"][1] and types["any"][0] and sum(types["any"]) <= sum(types["mean"])


def test_a_sink_makes_a_head_static_unless_it_is_ignored():
    prompt = a_prompt(sharpness=(0.2,) * 4)
    prompt.key[:, :, 0] += 40 * prompt.query[:, ::GROUP].mean(2) / 0.2
    prompt.query[:] = prompt.query.abs()
    prompt.key[:, :, 0] = 60.0
    for drop, static in ((0, 4), (1, 0)):
        method = HybridKV(60, drop_first=drop)
        assert method.types(method.text_attention(prompt), 60)[0].sum() == static


def test_heads_in_another_order_get_the_same():
    order = torch.tensor([2, 0, 3, 1])
    prompt = a_prompt()
    query = prompt.query.unflatten(1, (HEADS, GROUP))[:, order].flatten(1, 2)
    other = Prompt(query, prompt.key[:, order], prompt.value[:, order], prompt.scaling, 0, 1, IMAGES)
    for threshold in (0, 0.6):
        one, two = (HybridKV(80, threshold=threshold).choose(which) for which in (prompt, other))
        assert torch.equal(dynamic(one)[order], dynamic(two)) and sum(held(one)) == sum(held(two))
        assert all(abs(a - b) <= 1 for a, b in zip(torch.tensor(held(one))[order].tolist(), held(two), strict=True))


def test_what_a_dynamic_head_holds_is_its_prior_and_whole_chunks():
    choice = HybridKV(100, threshold=2, dynamic_share=1, window=16, chunk=8).choose(a_prompt())
    always = choice.keep & (choice.chunks < 0)
    assert (always.sum(-1) == PRIOR - 0).all() and always[..., :6].all() and always[..., 222:].all()
    first = choice.keep & (choice.chunks >= 0)
    assert (first.sum(-1) == (100 - PRIOR) // 8 * 8).all()
    numbers = choice.chunks[0, 0, 6:222]
    assert numbers.tolist() == [place // 8 for place in range(216)]
    mass = torch.zeros(HEADS, 27).index_add(1, numbers, HybridKV().text_attention(a_prompt()).mean(2)[0, :, 6:222])
    for head in range(HEADS):
        best = mass[head].topk((100 - PRIOR) // 8).indices
        assert set(choice.chunks[0, head][first[0, head]].tolist()) == set(best.tolist())


@pytest.mark.parametrize(
    ("budget", "expected"), [(60, (44, 1)), (59, (16, 2)), (20, (10, 0)), (5, (2, 0)), (92, (44, 3))]
)
def test_the_split_of_a_dynamic_head(budget, expected):
    always, chunks = split(budget, prior=44, window=16, size=16)
    assert (always, chunks) == (expected if expected[1] else (budget, 0))
    assert (
        typed_budgets(torch.tensor([False]), torch.ones(1), budget, 300, 1, 44, 16, 16).item() == always + 16 * chunks
    )


def test_chunks_are_runs_or_squares():
    rest = torch.ones(40, dtype=torch.bool)
    rest[[3, 4]] = False
    runs = numbered(rest, 16)
    assert runs[rest].tolist() == [place // 16 for place in range(38)] and (runs[[3, 4]] == -1).all()
    squares = numbered(rest, 4, (ImageTokens(5, 4, 6),))  # 2 by 3 squares of 2 by 2
    grid = squares[5:29].view(4, 6)
    for row in (0, 2):
        for column in (0, 2, 4):
            assert len(grid[row : row + 2, column : column + 2].unique()) == 1
    places = (torch.arange(40) % 3).nonzero().flatten()  # those between them are gone: the others are where they were
    some = numbered(rest[places], 4, (ImageTokens(5, 4, 6),), places)
    some, whole = some[(places >= 5) & (places < 29)], squares[places[(places >= 5) & (places < 29)]]
    assert torch.equal(some[:, None] == some, whole[:, None] == whole)
    assert len(grid.unique()) == 6 and squares[rest].unique().tolist() == list(range(int(squares.max()) + 1))


def test_mixkv_ranks_the_static_heads_alone():
    for scope in ("layer", "model"):
        methods = (kind(80, threshold=0.6, scope=scope) for kind in (HybridKV, HybridMixKV))
        for plain, mixed in zip(*(method.choose_layers(a_model()) for method in methods), strict=True):
            static = ~dynamic(plain)
            assert static.any() and held(plain) == held(mixed) and torch.equal(dynamic(plain), dynamic(mixed))
            assert torch.equal(plain.keep[0, ~static], mixed.keep[0, ~static])
            assert not torch.equal(plain.keep[0, static], mixed.keep[0, static])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "virtual"}, "unknown mode 'virtual' .choose from: physical, simulate."),
        ({"sparsity": "gini"}, "unknown sparsity 'gini'"),
        ({"scope": "head"}, "unknown scope 'head' .choose from: layer, model."),
        ({"tiles": True, "chunk": 8}, "chunk must be a square number for tiles, such as 16, not 8"),
        ({"dynamic_share": 0}, "dynamic_share must be above 0 and threshold at least 0, not 0 and 0.9"),
        ({"kernel": 4}, "kernel must be odd"),
        ({"refresh": -1}, "refresh must be a whole number of at least 0, not -1"),
    ],
)
def test_wrong_settings_are_one_sentence(settings, message):
    with pytest.raises(ValueError, match=message):
        mixkv.make_method("hybridkv", **settings)
