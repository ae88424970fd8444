"""What the scores must obey, whatever the input."""

import pytest
import torch
from torch.nn import functional

from mixkv.diversity import diversity, mean_direction, redundancy
from mixkv.importance import extrinsic, intrinsic, on_scale_of, pooled, window_attention
from mixkv.methods.mixkv import mixed

BATCH, HEADS, GROUP, TOKENS, DIM, WINDOW = 2, 3, 2, 60, 16, 8
PREFIX = TOKENS - WINDOW


@pytest.fixture(scope="module")
def states():
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(BATCH, HEADS * GROUP, TOKENS, DIM, generator=generator)
    key = torch.randn(BATCH, HEADS, TOKENS, DIM, generator=generator) + 0.7
    value = torch.randn(BATCH, HEADS, TOKENS, DIM, generator=generator)
    return query, key, value


@pytest.fixture(scope="module")
def terms(states):
    query, key, value = states
    return extrinsic(query, key, WINDOW, DIM**-0.5), intrinsic(value, WINDOW), diversity(key, WINDOW), redundancy(key)


def test_window_attention_is_that_of_the_whole_prompt(states):
    query, key, _ = states
    logits = query @ key.repeat_interleave(GROUP, 1).transpose(-1, -2) * DIM**-0.5
    causal = torch.ones(TOKENS, TOKENS, dtype=torch.bool).tril()
    whole = logits.masked_fill(~causal, float("-inf")).softmax(-1)[:, :, -WINDOW:]
    paid = window_attention(query, key, WINDOW, DIM**-0.5)
    torch.testing.assert_close(paid.flatten(1, 2), whole)
    torch.testing.assert_close(paid.sum(-1), torch.ones(BATCH, HEADS, GROUP, WINDOW))


@pytest.mark.parametrize("gqa", ["mean", "max"])
@pytest.mark.parametrize("pool", ["avg", "max"])
def test_extrinsic_importance_equals_a_loop(states, pool, gqa):
    query, key, _ = states
    scores = extrinsic(query, key, WINDOW, DIM**-0.5, kernel=5, pool=pool, gqa=gqa)
    for head in range(HEADS):
        by_query_head = []
        for one in range(head * GROUP, head * GROUP + GROUP):
            rows = []
            for t in range(PREFIX, TOKENS):
                logits = query[0, one, t] @ key[0, head, : t + 1].T * DIM**-0.5
                rows.append(logits.softmax(-1)[:PREFIX])
            by_query_head.append(torch.stack(rows).mean(0))
        joined = torch.stack(by_query_head).mean(0) if gqa == "mean" else torch.stack(by_query_head).amax(0)
        for i in range(PREFIX):
            near = joined[max(i - 2, 0) : i + 3]
            expected = near.sum() / 5 if pool == "avg" else near.max()
            torch.testing.assert_close(scores[0, head, i], expected)


def test_mean_pooling_damps_the_edges():
    expected = torch.tensor([3, 4, 5, 5, 5, 5, 4, 3]) / 5
    torch.testing.assert_close(pooled(torch.ones(1, 1, 8), 5, "avg")[0, 0], expected)


def test_redundancy_is_the_mean_cosine_of_different_keys(states):
    key = states[1]
    unit = functional.normalize(key, dim=-1)
    cosines = unit @ unit.transpose(-1, -2)
    different = ~torch.eye(TOKENS, dtype=torch.bool)
    torch.testing.assert_close(redundancy(key)[..., 0], cosines[..., different].mean(-1), atol=1e-5, rtol=1e-5)


def test_redundancy_at_the_ends():
    one = torch.randn(1, 1, 1, DIM, generator=torch.Generator().manual_seed(1))
    assert redundancy(one.expand(-1, -1, 50, -1)).item() == pytest.approx(1, abs=1e-5)
    random = torch.randn(1, 1, 2000, 64, generator=torch.Generator().manual_seed(2))
    assert redundancy(random).item() == pytest.approx(0, abs=0.01)
    opposite = torch.cat([one.expand(-1, -1, 25, -1), -one.expand(-1, -1, 25, -1)], 2)
    assert redundancy(opposite).item() == pytest.approx(-1 / 49, abs=1e-5)


def test_all_terms_have_the_mean_of_attention(terms):
    attention, norms, different, weight = terms
    mean = attention.mean(-1)
    torch.testing.assert_close(on_scale_of(norms, attention).mean(-1), mean, rtol=1e-4, atol=0)
    torch.testing.assert_close(on_scale_of(different, attention).mean(-1), mean, rtol=1e-4, atol=0)
    score = mixed(attention, norms, different, weight)
    torch.testing.assert_close(score.mean(-1), (2 - weight[..., 0]) * mean, rtol=1e-4, atol=0)


def test_the_score_grows_with_attention_and_is_else_unchanged(terms):
    attention, norms, different, weight = terms
    torch.testing.assert_close(
        mixed(7 * attention, norms, different, weight), 7 * mixed(attention, norms, different, weight)
    )


def test_the_ends_of_the_mix(terms):
    attention, norms, different, weight = terms
    none, all_ = torch.zeros_like(weight), torch.ones_like(weight)
    importance = attention + on_scale_of(norms, attention)
    assert torch.equal(mixed(attention, norms, different, none), importance)
    assert torch.equal(mixed(attention, norms, different, all_).argsort(-1), different.argsort(-1))


def test_diversity_ranks_like_the_cosine_to_the_mean_key(states):
    key = states[1]
    cosine = functional.cosine_similarity(key, mean_direction(key), dim=-1)[..., :PREFIX]
    assert torch.equal(diversity(key, WINDOW).argsort(-1), (-cosine).argsort(-1))


@pytest.mark.parametrize("constant", ["key", "value", "query", "zero keys"])
def test_degenerate_states_give_finite_scores(states, constant):
    query, key, value = (tensor.clone() for tensor in states)
    if constant == "zero keys":
        key.zero_()
    else:
        {"key": key, "value": value, "query": query}[constant][:] = 1.0
    attention = extrinsic(query, key, WINDOW, DIM**-0.5)
    score = mixed(attention, intrinsic(value, WINDOW), diversity(key, WINDOW), redundancy(key))
    assert score.isfinite().all()


def test_half_precision_states_are_scored_in_float32(states):
    query, key, value = (tensor.half() for tensor in states)
    scores = extrinsic(query, key, WINDOW, 1.0), intrinsic(value, WINDOW), diversity(key, WINDOW), redundancy(key)
    assert {score.dtype for score in scores} == {torch.float32}
