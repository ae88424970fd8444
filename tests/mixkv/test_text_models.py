"""Text models of every layout: full attention alone, beside sliding windows, and beside linear attention."""

import pytest
import torch
from oracle_attention import hiding
from test_evicted_equals_hidden import SETTINGS
from tiny_models import build
from transformers import DynamicCache
from transformers.cache_utils import DynamicSlidingWindowLayer, LinearAttentionLayer

import mixkv
from mixkv.layers import CompressedLayer

PLAIN = ["qwen3", "llama", "mistral", "gemma"]
MIXED = ["ministral", "gemma2", "gemma3", "qwen3_5", "qwen3_next"]
METHODS = [name for name in SETTINGS if name != "full"]
KEY_METHODS = ["snapkv", "mixkv-adakv", "mixkv-pyramidkv", "mixkv-sparsemm", "vlcache", "guikv"]
EVERY = [(name, method) for name in ("mistral", "gemma2", "qwen3_5") for method in METHODS]
PAIRS = EVERY + [(name, method) for name in PLAIN + MIXED for method in KEY_METHODS if (name, method) not in EVERY]


@pytest.fixture(scope="module")
def model():
    built = {}
    return lambda name: built.setdefault(name, None) or built.update({name: build(name)}) or built[name]


def untouched(model):
    return DynamicCache(config=model.config)


def described(cache=None):
    cache = cache or mixkv.CompressedCache()
    cache.describe(())
    return cache


def conversation(model, generate, first, cache):
    """Two turns: the logits of both answers."""
    ids, logits = generate(model, first, cache)
    new = torch.randint(1, 80, (len(ids), 9), generator=torch.Generator().manual_seed(5))
    ids = torch.cat([ids, new], 1)
    mask = torch.ones_like(ids)
    mask[:, : first["attention_mask"].shape[1]] = first["attention_mask"]
    return torch.cat([logits, generate(model, {"input_ids": ids, "attention_mask": mask}, cache)[1]], 1)


def check(compressed, hidden, plain):
    close = {"atol": 1e-4 * plain.abs().max().item(), "rtol": 1e-4}
    torch.testing.assert_close(compressed, hidden, **close)
    torch.testing.assert_close(compressed[:, 0], plain[:, 0], **close)
    assert (compressed - plain)[:, 1:].abs().amax() > 0.01 * plain.abs().max()


@pytest.mark.parametrize(("name", "method"), PAIRS)
def test_evicted_is_hidden_over_two_turns(name, method, model, prompt, generate):
    one, chosen, first = model(name), mixkv.make_method(method, **SETTINGS[method]), prompt(1, 70)
    with mixkv.compress(one, chosen):
        compressed = conversation(one, generate, first, described())
    with hiding(one, chosen, [()]):
        hidden = conversation(one, generate, first, untouched(one))
    check(compressed, hidden, conversation(one, generate, first, untouched(one)))


@pytest.mark.parametrize("name", MIXED)
def test_a_padded_batch(name, model, prompt, generate, left_padded):
    one, first = model(name), left_padded([prompt(1, 70), prompt(2, 50)])
    chosen = mixkv.make_method("mixkv-adakv", **SETTINGS["mixkv-adakv"])
    with mixkv.compress(one, chosen):
        compressed = conversation(one, generate, first, described())
    with hiding(one, chosen):
        hidden = conversation(one, generate, first, untouched(one))
    check(compressed, hidden, conversation(one, generate, first, untouched(one)))


@pytest.mark.parametrize("name", MIXED)
def test_only_full_attention_is_compressed_and_the_rest_is_counted_apart(name, model, prompt):
    one, tokens, entry = model(name), 70, 2 * 16 * 4
    with torch.no_grad():
        plain = untouched(one)
        one(**prompt(1, tokens), past_key_values=plain)
        with mixkv.compress(one, "snapkv", budget=24, window=8) as cache:
            one(**prompt(1, tokens), past_key_values=cache)
    ours = [number for number, layer in enumerate(cache.layers) if isinstance(layer, CompressedLayer)]
    assert len(ours) == 3 and cache.tokens_held == 24 and cache.tokens_seen == tokens
    rest = 0
    for layer, reference in zip(cache.layers, plain.layers, strict=True):
        if isinstance(layer, DynamicSlidingWindowLayer):
            torch.testing.assert_close(layer.keys, reference.keys, atol=1e-4, rtol=1e-4)
            assert layer.keys.shape[-2] == 23  # the window without the token to come, in storage of that size
            rest += 2 * 23 * entry
        if isinstance(layer, LinearAttentionLayer):
            for state, expected in ((layer.conv_states, reference.conv_states), (layer.recurrent_states, None)):
                expected = expected or reference.recurrent_states
                torch.testing.assert_close(state[0], expected[0], atol=1e-4, rtol=1e-4)
                rest += state[0].nbytes
    assert cache.bytes_untouched == rest > 0
    assert cache.bytes_held == rest + 3 * 2 * 24 * entry and cache.bytes_full == rest + 3 * 2 * tokens * entry


@pytest.mark.parametrize("name", MIXED)
def test_a_budget_of_everything_changes_nothing(name, model, prompt, generate):
    one, first = model(name), prompt(1, 70)
    with mixkv.compress(one, "mixkv", budget="100%") as cache:
        logits = conversation(one, generate, first, cache)
    plain = conversation(one, generate, first, untouched(one))
    if name == "gemma2":  # its own attention is another function
        torch.testing.assert_close(logits, plain, atol=1e-4, rtol=1e-4)
    else:
        assert torch.equal(logits, plain)


@pytest.mark.parametrize("name", ["gemma3", "qwen3_5"])
def test_branches_go_their_own_ways_and_rows_can_be_repeated(name, model, prompt, generate):
    one, first = model(name), prompt(1, 70)

    def question(seed):
        ids = torch.cat([first["input_ids"], prompt(seed, 7)["input_ids"]], 1)
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}

    with mixkv.compress(one, "adakv", **SETTINGS["adakv"]) as shared:
        with shared.open_prompt(), torch.no_grad():
            one(**first, past_key_values=shared)
        answers = [generate(one, question(seed), shared.branch())[1] for seed in (5, 6)]
        for seed, answer in zip((5, 6), answers, strict=True):
            alone = generate(one, question(seed), mixkv.CompressedCache())[1]
            torch.testing.assert_close(answer, alone, atol=1e-3, rtol=1e-3)
        both = {key: torch.cat([question(seed)[key] for seed in (5, 6)]) for key in ("input_ids", "attention_mask")}
        shared.batch_repeat_interleave(2)
        torch.testing.assert_close(generate(one, both, shared)[1], torch.cat(answers), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", ["gemma2", "qwen3_next"])
def test_beams(name, model, prompt, generate):
    one, chosen = model(name), mixkv.make_method("adakv", **SETTINGS["adakv"])
    options = {"num_beams": 3, "num_return_sequences": 2, "steps": 6}
    with mixkv.compress(one, chosen) as cache:
        compressed = generate(one, prompt(1, 70), cache, **options)[0]
    with hiding(one, chosen):
        assert torch.equal(compressed, generate(one, prompt(1, 70), untouched(one), **options)[0])


@pytest.mark.parametrize("method", ["snapkv", "adakv", "h2o"])
def test_the_bound_of_the_logits_matters(method, model, prompt, generate):
    """Gemma 2 without its bound would evict and attend otherwise: the equality above is not vacuous."""
    one = model("gemma2")
    caps = [layer.self_attn.attn_logit_softcapping for layer in one.model.layers]
    logits = []
    for bound in (True, False):
        for layer, cap in zip(one.model.layers, caps, strict=True):
            layer.self_attn.attn_logit_softcapping = cap if bound else None
        with mixkv.compress(one, method, **SETTINGS[method]) as cache:
            logits.append(generate(one, prompt(1, 70), cache)[1])
    for layer, cap in zip(one.model.layers, caps, strict=True):
        layer.self_attn.attn_logit_softcapping = cap
    assert (logits[0] - logits[1]).abs().max() > 0.1


def test_the_model_is_left_as_it_was(model, prompt, generate):
    one, first = model("gemma2"), prompt(1, 40)
    before = generate(one, first, untouched(one))[1]
    with mixkv.compress(one, "snapkv", budget=24) as cache:
        generate(one, first, cache)
    assert one.config._attn_implementation == "eager"
    assert torch.equal(generate(one, first, untouched(one))[1], before)


def test_what_cannot_be_done_is_said(model, prompt):
    for method in ("fastv", "lightkv"):
        with (
            pytest.raises(ValueError, match="needs full attention in all layers"),
            mixkv.compress(model("gemma3"), method),
        ):
            pass
    one = model("qwen3_5")
    with mixkv.compress(one, "snapkv", budget=24) as cache, torch.no_grad():
        with cache.open_prompt():
            one(**prompt(1, 30), past_key_values=cache)
        with pytest.raises(ValueError, match="cannot be joined: go one by one"):
            mixkv.joined([cache, cache.branch()])
        with pytest.raises(ValueError, match="cannot be branched into a batch: go one by one"):
            mixkv.Branches(cache, 2)
