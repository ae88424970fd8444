"""The context manager: what it changes, what it leaves behind (nothing), and what it refuses."""

import copy

import pytest
import torch
from tiny_models import EVICTING, UNTOLD
from transformers import DynamicCache, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM

import mixkv

BUDGETED = [name for name in UNTOLD if name != "full"]
BUDGET = {"budget": 24}


def fingerprint(model):
    return [
        (
            *(name, type(module), sorted(vars(module)), len(module._forward_pre_hooks), len(module._forward_hooks)),
            getattr(module.forward, "__func__", module.forward),
            module.config._attn_implementation if hasattr(module, "config") else None,
        )
        for name, module in model.named_modules()
    ]


def continuation(generate, model, inputs, method, budget=None, **options):
    with mixkv.compress(model, method, **({} if budget is None else {"budget": budget})) as cache:
        return generate(model, inputs, cache, **options)


@pytest.mark.parametrize("name", ["qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3", "llama"])
@pytest.mark.parametrize("method", EVICTING)
def test_a_large_budget_is_no_compression_bit_for_bit(name, method, tiny_model, generate, prompt, left_padded):
    model = tiny_model(name)
    rows = [prompt(1, 30, [(8, 8)]), prompt(2, 20)] if name.endswith("vl") else [prompt(1, 40), prompt(2, 20)]
    budget = None if method == "full" else "100%"
    for inputs in (rows[0], left_padded(rows)):
        untouched = generate(model, inputs, DynamicCache())
        compressed = continuation(generate, model, inputs, method, budget)
        assert torch.equal(untouched[0], compressed[0]) and torch.equal(untouched[1], compressed[1])


@pytest.mark.parametrize("budget", [48, 1000])
def test_the_prompt_just_fits(budget, tiny_model, generate, prompt):
    model, inputs = tiny_model("llama"), prompt(1, 48)
    compressed = continuation(generate, model, inputs, "mixkv-adakv", budget=budget)
    assert torch.equal(generate(model, inputs, DynamicCache())[1], compressed[1])


@pytest.mark.parametrize("method", BUDGETED)
def test_the_first_token_never_depends_on_the_budget(method, tiny_model, generate, prompt):
    model, inputs = tiny_model("qwen2_5_vl"), prompt(1, 30, [(12, 12)])
    untouched = generate(model, inputs, DynamicCache())[1]
    for budget in (1, 2, 16, 32, 64):
        compressed = continuation(generate, model, inputs, method, budget=budget)[1]
        assert torch.equal(compressed[:, 0], untouched[:, 0])
        assert not torch.equal(compressed[:, 1:], untouched[:, 1:])
        assert compressed.isfinite().all()


def test_half_precision_runs_and_a_large_budget_changes_nothing(tiny_model, generate, prompt):
    model, inputs = copy.deepcopy(tiny_model("qwen3")).bfloat16(), prompt(1, 70)
    untouched = generate(model, inputs, DynamicCache())[1]
    assert torch.equal(untouched, continuation(generate, model, inputs, "mixkv", budget=70)[1])
    for method in ("mixkv", "mixkv-adakv"):
        assert continuation(generate, model, inputs, method, **BUDGET)[1].isfinite().all()


@pytest.mark.parametrize("name", ["qwen2_5_vl", "llama"])
def test_nothing_is_left_on_the_model(name, tiny_model, generate, prompt):
    model = tiny_model(name)
    before, untouched = fingerprint(model), generate(model, prompt(1, 40), DynamicCache())[1]
    with mixkv.compress(model, "adakv", **BUDGET) as cache:
        generate(model, prompt(1, 40), cache)
        assert fingerprint(model) != before
    assert fingerprint(model) == before
    with pytest.raises(KeyError), mixkv.compress(model, "snapkv", **BUDGET):
        raise KeyError
    with pytest.raises(ValueError), mixkv.compress(model, "mixkv", redundancy=[[0.1]], **BUDGET) as cache:
        generate(model, prompt(1, 40), cache)  # fails inside the attention of the first layer
    assert fingerprint(model) == before
    assert torch.equal(untouched, generate(model, prompt(1, 40), DynamicCache())[1])


def test_the_same_model_cannot_be_compressed_twice_at_once(tiny_model, generate, prompt):
    model = tiny_model("llama")
    with mixkv.compress(model, "snapkv", **BUDGET) as cache:
        with pytest.raises(RuntimeError, match="already inside a compress block"), mixkv.compress(model, "adakv"):
            pass
        generate(model, prompt(1, 40), cache)  # the outer block is unharmed
        assert cache.tokens_held < cache.tokens_seen


def test_two_models_at_once(tiny_model, generate, prompt):
    one, two = tiny_model("llama"), tiny_model("qwen2_5_vl")
    alone = continuation(generate, one, prompt(1, 50), "adakv", **BUDGET)[1]
    with mixkv.compress(one, "adakv", **BUDGET) as first, mixkv.compress(two, "mixkv", **BUDGET) as second:
        generate(two, prompt(1, 30, [(8, 8)]), second)
        assert torch.equal(alone, generate(one, prompt(1, 50), first)[1])


def test_forgetting_the_cache_says_what_to_do(tiny_model, generate, prompt):
    model, inputs = tiny_model("llama"), prompt(1, 40)
    with mixkv.compress(model, "snapkv"):
        with pytest.raises(TypeError, match="needs its own cache but got DynamicCache: pass past_key_values=cache"):
            model.generate(**inputs, max_new_tokens=1)
        with pytest.raises(TypeError, match="got nothing"):
            model(**inputs, use_cache=False)


@pytest.mark.parametrize("method", ["snapkv", "adakv"])
def test_a_cache_lives_inside_blocks_only(method, tiny_model, generate, prompt):
    model, step = tiny_model("llama"), torch.tensor([[3]])
    with mixkv.compress(model, method, **BUDGET) as cache, torch.no_grad():
        model(**prompt(1, 40), past_key_values=cache)
        expected = model(step, past_key_values=copy.deepcopy(cache)).logits
    for outside in (cache, copy.deepcopy(cache)):
        with pytest.raises(RuntimeError, match="compress block that is over: continue it inside a new one"):
            model(step, past_key_values=outside)
    with mixkv.compress(model, method, **BUDGET), torch.no_grad():
        assert torch.equal(expected, model(step, past_key_values=cache).logits)


@pytest.mark.parametrize("name", ["llama", "qwen3_vl"])
@pytest.mark.parametrize("size", [1, 30, 69])
def test_a_prompt_in_pieces_is_refused(name, size, tiny_model, generate, prompt, left_padded):
    model = tiny_model(name)
    for inputs in (prompt(1, 70), left_padded([prompt(1, 70), prompt(2, 30)])):
        with pytest.raises(ValueError, match="generate without prefill_chunk_size"):
            continuation(generate, model, inputs, "snapkv", prefill_chunk_size=size)


def test_one_piece_is_not_a_piece(tiny_model, generate, prompt):
    model, inputs = tiny_model("llama"), prompt(1, 70)
    whole = continuation(generate, model, inputs, "snapkv", **BUDGET)[1]
    assert torch.equal(whole, continuation(generate, model, inputs, "snapkv", **BUDGET, prefill_chunk_size=70)[1])


def test_assisted_decoding_is_refused(tiny_model, generate, prompt):
    model = tiny_model("llama")
    with pytest.raises(ValueError, match=r"assisted decoding .* generate without it"):
        continuation(generate, model, prompt(1, 70), "snapkv", prompt_lookup_num_tokens=3)


def test_other_attention_masks_are_refused(tiny_model, prompt):
    model, inputs = tiny_model("llama"), prompt(1, 20)
    with (
        pytest.raises(ValueError, match=r"attention_mask must be \[batch, tokens\]"),
        mixkv.compress(model, "snapkv") as cache,
    ):
        model(inputs["input_ids"], attention_mask=torch.ones(1, 1, 20, 20), past_key_values=cache)


def test_models_without_any_full_attention_are_refused(tiny_model):
    sizes = {
        "vocab_size": 8,
        "hidden_size": 8,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "num_hidden_layers": 2,
    }
    config = Qwen2Config(**sizes, use_sliding_window=True, sliding_window=4, max_window_layers=0)
    config.bos_token_id = config.eos_token_id = None
    model = Qwen2ForCausalLM(config)
    mistral = MistralForCausalLM(MistralConfig(**sizes, intermediate_size=8, sliding_window=4))
    for windowed in (model, mistral):
        with pytest.raises(ValueError, match=r"all layers .* of type sliding_attention"), mixkv.compress(windowed):
            pass
    mistral.config.sliding_window = None
    with mixkv.compress(mistral):
        pass


def test_models_with_an_attention_of_their_own_are_refused(tiny_model, monkeypatch):
    model = tiny_model("llama")
    monkeypatch.setattr(model.get_decoder(), "set_attn_implementation", lambda name: None)
    with pytest.raises(ValueError, match="LlamaModel has an attention of its own"), mixkv.compress(model):
        pass


@pytest.mark.parametrize("method", EVICTING)
def test_a_prompt_of_one_token(method, tiny_model, generate, prompt):
    model, inputs = tiny_model("llama"), prompt(1, 1)
    budget = None if method == "full" else "10%"
    untouched = generate(model, inputs, DynamicCache())[1]
    assert torch.equal(untouched, continuation(generate, model, inputs, method, budget)[1])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("method", BUDGETED)
def test_a_gpu_continues_like_the_cpu(method, tiny_model, generate, prompt):
    model, inputs = tiny_model("qwen2_5_vl"), prompt(1, 30, [(12, 12)])
    expected = continuation(generate, model, inputs, method, **BUDGET)
    on_gpu = copy.deepcopy(model).cuda()
    result = continuation(generate, on_gpu, {k: v.cuda() for k, v in inputs.items()}, method, **BUDGET)
    assert torch.equal(result[0].cpu(), expected[0])
    torch.testing.assert_close(result[1].cpu(), expected[1], atol=1e-3, rtol=1e-3)
