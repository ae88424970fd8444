"""Prompts that become shorter inside the prefill: equal to a full-length model that hides what has gone."""

from contextlib import contextmanager
from functools import partial

import pytest
import torch
from tiny_models import IMAGE
from transformers import AttentionInterface, AttentionMaskInterface, DynamicCache
from transformers.masking_utils import sdpa_mask

import mixkv
from mixkv.methods import Remaining

LAYERS = 3
SETTINGS = {
    "fastv": {"keep_tokens": "40%", "layer": 1},
    "fastv late": {"keep_tokens": 9, "layer": 2},
    "lightkv": {"stages": [0, 1], "windows": [2, 1]},
    "lightkv paper": {"stages": [1], "windows": [2], "guidance": "paper", "ratio": 0.4},
    "lightkv code": {"stages": [0], "windows": [1], "guidance": "code", "split": "checker", "protect": 0.1},
    "lightkv similar": {"stages": [0], "windows": [1], "similarity": 0.3},
}


def method_of(case):
    return mixkv.make_method(case.split()[0], **SETTINGS[case])


class FullLength:
    """A model that keeps all tokens: what has gone is hidden from deeper layers, and merged states are written back."""

    def __init__(self, method, images):
        self.method, self.images = method, images
        self.left = None  # [batch, prompt tokens], which tokens are left
        self.gone = {}  # layer -> [batch, prompt tokens], what it does not see
        self.guidance = {}  # row -> of the layer before

    def remaining(self, row, layer):
        places = self.left[row].nonzero().flatten() - int((~self.real[row]).sum())
        return Remaining(places, self.images[row], layer, LAYERS)

    def attention(self, module, query, key, value, attention_mask, oracle=None, **kwargs):
        layer, tokens, held = module.layer_idx, query.shape[-2], key.shape[-2]
        if tokens == held:
            if layer == 0:
                none = torch.ones(len(query), held, dtype=torch.bool)
                self.real = none if attention_mask is None else attention_mask[:, 0, -1].expand(len(query), -1).clone()
                self.left = self.real.clone()
            self.gone[layer] = self.real & ~self.left
            for row, left in enumerate(self.left):
                if self.images[row] and self.method.shortens_after(layer, LAYERS):
                    states = query[row][:, left], key[row][:, left]
                    self.guidance[row] = self.method.guide(self.remaining(row, layer), *states, kwargs["scaling"])
        if attention_mask is None:
            attention_mask = torch.ones(1, 1, tokens, held, dtype=torch.bool).tril(held - tokens)
        gone = torch.nn.functional.pad(self.gone[layer], (0, held - self.gone[layer].shape[-1]))
        mask = (attention_mask & ~gone[:, None, None]).expand(len(query), -1, -1, -1)
        key, value = (states.repeat_interleave(query.shape[1] // key.shape[1], 1) for states in (key, value))
        output = torch.nn.functional.scaled_dot_product_attention(query, key, value, mask, scale=kwargs["scaling"])
        return output.transpose(1, 2).contiguous(), None

    def before(self, number, _, args, kwargs):
        layer, (hidden,) = number - 1, args
        if number and hidden.shape[1] == self.left.shape[1] and self.method.shortens_after(layer, LAYERS):
            hidden = hidden.clone()
            for row, guidance in self.guidance.items():
                remaining, columns = self.remaining(row, layer), self.left[row].nonzero().flatten()
                hidden[row, columns], stays = self.method.shorten(remaining, hidden[row, columns], guidance)
                self.left[row, columns[~stays]] = False
            self.guidance = {}
        return (hidden,), kwargs


AttentionInterface.register("full_length", lambda *args, oracle=None, **kwargs: oracle.attention(*args, **kwargs))
AttentionMaskInterface.register("full_length", sdpa_mask)


@contextmanager
def full_length(model, oracle):
    decoder = model.get_decoder()
    hand = {"oracle": oracle}
    hooks = [decoder.register_forward_pre_hook(lambda _, args, kwargs: (args, kwargs | hand), with_kwargs=True)]
    for number, layer in enumerate(decoder.layers):
        before = partial(oracle.before, number)
        hooks.append(layer.register_forward_pre_hook(before, with_kwargs=True))
    decoder.set_attn_implementation("full_length")
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        decoder.set_attn_implementation("sdpa")


def images_in(inputs):
    grids = inputs["image_grid_thw"][:, 1:] // 2
    return mixkv.find_images(inputs["input_ids"], IMAGE, grids, inputs["attention_mask"])


def shortened(model, method, inputs, generate, note=False, **options):
    with mixkv.compress(model, method) as cache:
        cache.describe(images_in(inputs))
        if note:
            cache.note_kept()
        return generate(model, inputs, cache, **options), cache


def check(model, method, inputs, generate):
    """The same continuation as the full-length oracle, and another than the untouched model's."""
    (ids, logits), cache = shortened(model, method, inputs, generate)
    oracle = FullLength(method, images_in(inputs))
    with full_length(model, oracle):
        expected = generate(model, inputs, DynamicCache())
    torch.testing.assert_close(logits, expected[1], atol=2e-4, rtol=1e-4)
    assert torch.equal(ids, expected[0])
    assert (logits - generate(model, inputs, DynamicCache())[1]).abs().max() > 0.1
    return cache, oracle


@pytest.mark.parametrize("case", list(SETTINGS))
@pytest.mark.parametrize("name", ["qwen2_vl", "qwen2_5_vl", "qwen3_vl"])
def test_single(name, case, tiny_model, prompt, generate):
    inputs = prompt(1, 30, [(12, 16)])
    cache, oracle = check(tiny_model(name), method_of(case), inputs, generate)
    left = [int((oracle.real & ~oracle.gone[layer]).sum()) for layer in range(LAYERS)]
    assert [layer.keys.shape[-2] for layer in cache.layers] == [tokens + 3 for tokens in left]  # four new, one unread
    assert left[-1] < left[0] == inputs["input_ids"].shape[1]
    assert cache.tokens_seen == left[0] + 3 and cache.tokens_held == pytest.approx(sum(left) / LAYERS + 3)
    assert cache.bytes_held < cache.bytes_full


@pytest.mark.parametrize("case", list(SETTINGS))
def test_two_images(case, tiny_model, prompt, generate):
    check(tiny_model("qwen2_5_vl"), method_of(case), prompt(2, 25, [(12, 8), (8, 16)]), generate)


@pytest.mark.parametrize("case", list(SETTINGS))
@pytest.mark.parametrize("name", ["qwen2_5_vl", "qwen3_vl"])
def test_padded_batch_whose_rows_lose_different_numbers(name, case, tiny_model, prompt, generate, left_padded):
    rows = [prompt(1, 30, [(12, 12)]), prompt(2, 20, [(8, 16)]), prompt(3, 14)]
    check(tiny_model(name), method_of(case), left_padded(rows), generate)


@pytest.mark.parametrize("case", ["fastv", "lightkv"])
def test_the_longest_row_becomes_the_shortest(case, tiny_model, prompt, generate, left_padded):
    rows = [prompt(1, 10, [(16, 12)]), prompt(2, 50)]  # 60 tokens, 48 of them of the image, beside 50 of text
    check(tiny_model("qwen2_5_vl"), method_of(case), left_padded(rows), generate)


@pytest.mark.parametrize("case", ["fastv", "lightkv"])
@pytest.mark.parametrize("padded", [False, True])
def test_a_second_turn(case, padded, tiny_model, prompt, generate, left_padded):
    model, method = tiny_model("qwen2_5_vl"), method_of(case)
    rows = [prompt(1, 30, [(12, 12)]), prompt(2, 20, [(8, 16)])] if padded else [prompt(1, 30, [(12, 12)])]
    inputs = left_padded(rows)

    def conversation(cache):
        ids, first = generate(model, inputs, cache)
        new = torch.randint(1, 80, (len(ids), 9), generator=torch.Generator().manual_seed(5))
        ones = torch.ones(len(ids), ids.shape[1] + 9 - inputs["input_ids"].shape[1], dtype=torch.long)
        mask = torch.cat([inputs["attention_mask"], ones], 1)
        later = {"input_ids": torch.cat([ids, new], 1), "attention_mask": mask}
        return torch.cat([first, generate(model, later, cache)[1]], 1)

    with mixkv.compress(model, method) as cache:
        cache.describe(images_in(inputs))
        logits = conversation(cache)
    with full_length(model, FullLength(method, images_in(inputs))):
        expected = conversation(DynamicCache())
    torch.testing.assert_close(logits, expected, atol=2e-4, rtol=1e-4)


def test_lightkv_then_mixkv_evicts_from_what_the_merging_left(tiny_model, prompt, generate):
    model, inputs = tiny_model("qwen2_5_vl"), prompt(1, 30, [(12, 16)])
    (_, merged), light = shortened(model, method_of("lightkv"), inputs, generate)
    left = [layer.keys.shape[-2] - 3 for layer in light.layers]
    whole = mixkv.make_method("lightkv-mixkv", **SETTINGS["lightkv"], budget="100%")
    (_, logits), _ = shortened(model, whole, inputs, generate)
    assert torch.equal(logits, merged)  # room for everything: LightKV alone
    for budget in (20, 52):  # 52: the last layer cannot use its part
        method = mixkv.make_method("lightkv-mixkv", **SETTINGS["lightkv"], budget=budget, window=8)
        (_, logits), cache = shortened(model, method, inputs, generate)
        held = [layer.keys.shape[-2] - 3 for layer in cache.layers]
        assert sum(held) == 3 * budget and all(one <= most for one, most in zip(held, left, strict=True))
        assert max(held) - min(held) <= 1 if budget < min(left) else held[-1] == left[-1] < held[0]
        assert torch.equal(logits[:, 0], merged[:, 0]) and not torch.equal(logits[:, 1:], merged[:, 1:])


HYBRID = {"window": 8, "text_queries": 12, "chunk": 4, "dynamic_share": 1}


@pytest.mark.parametrize("scope", ["layer", "model"])
@pytest.mark.parametrize("threshold", [0, 0.8, 2])
def test_lightkv_then_hybridkv_evicts_from_what_the_merging_left(threshold, scope, tiny_model, prompt, generate):
    model, inputs = tiny_model("qwen2_5_vl"), prompt(1, 30, [(12, 16)])
    (_, merged), light = shortened(model, method_of("lightkv"), inputs, generate)
    left = [layer.keys.shape[-2] - 3 for layer in light.layers]
    text = inputs["input_ids"][0] != IMAGE
    settings = SETTINGS["lightkv"] | HYBRID | {"threshold": threshold, "scope": scope}
    for budget in (20, 45, 52):  # 20: not all of the text; 52: the last layer cannot use its part
        logits = {}
        for mode in ("physical", "simulate"):
            method = mixkv.make_method("lightkv-hybridkv", **settings, budget=budget, mode=mode)
            (_, logits[mode]), cache = shortened(model, method, inputs, generate, note=True)
            held = [layer.tokens_held - layer.appended for layer in cache.layers]
            assert sum(held) == pytest.approx(3 * budget) if threshold == 0 else sum(held) <= 3 * budget
            assert all(one <= most for one, most in zip(held, left, strict=True)) and (
                budget < 52 or held[-1] == left[-1]
            )
            assert all(kept[..., text].all() == (budget > 20) for kept in cache.kept.values())
        torch.testing.assert_close(logits["physical"], logits["simulate"], atol=1e-4, rtol=1e-4)
        assert torch.equal(logits["physical"][:, 0], merged[:, 0])
        assert not torch.equal(logits["physical"][:, 1:], merged[:, 1:])


@pytest.mark.parametrize("scope", ["layer", "model"])
def test_lightkv_then_hybridkv_at_the_limits(scope, tiny_model, prompt, generate):
    """Room for everything is LightKV alone; nothing merged is HybridKV alone."""
    model, inputs = tiny_model("qwen2_5_vl"), prompt(1, 30, [(12, 16)])
    whole = mixkv.make_method("lightkv-hybridkv", **SETTINGS["lightkv"], budget="100%", scope=scope)
    light, both = (shortened(model, method, inputs, generate)[0][1] for method in (method_of("lightkv"), whole))
    assert torch.equal(light, both)
    settings = HYBRID | {"budget": 45, "threshold": 0.8, "scope": scope, "tiles": True}
    nothing = mixkv.make_method("lightkv-hybridkv", ratio=0, **settings)
    hybrid = mixkv.make_method("hybridkv", **settings)
    (_, logits), (_, expected) = (shortened(model, method, inputs, generate)[0] for method in (nothing, hybrid))
    assert torch.equal(logits, expected)


@pytest.mark.parametrize("tiles", [False, True])
def test_lightkv_then_hybridkv_in_a_padded_batch(tiles, tiny_model, prompt, generate, left_padded):
    model, rows = tiny_model("qwen2_5_vl"), [prompt(1, 30, [(12, 16)]), prompt(2, 20, [(12, 12)])]
    method = mixkv.make_method("lightkv-hybridkv", **SETTINGS["lightkv"], **HYBRID, budget=40, threshold=2, tiles=tiles)
    together, *alone = (shortened(model, method, inputs, generate)[0][1] for inputs in (left_padded(rows), *rows))
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-4, rtol=1e-4)


def test_two_by_two_at_equal_bytes(tiny_model, prompt, generate):
    """Without and with LightKV, without and with MixKV, at the bytes that LightKV alone leaves, and at fewer."""
    model, inputs = tiny_model("qwen2_5_vl"), prompt(1, 12, [(16, 24)])
    schedule = {"stages": [0], "windows": [2]}
    light = mixkv.make_method("lightkv", **schedule)
    (_, merged), alone = shortened(model, light, inputs, generate)
    tokens, new = inputs["input_ids"].shape[1], 3
    left = [layer.keys.shape[-2] - new for layer in alone.layers]
    vision = tokens - 14
    assert sum(left) == pytest.approx(3 * (14 + vision * light.retained(3)), abs=3 * 4)
    logits = {"merged": merged}
    for budget in (sum(left) // 3, 30):
        for name, more in (("mixkv", {}), ("lightkv-mixkv", schedule)):
            method = mixkv.make_method(name, **more, budget=budget, window=8)
            (_, logits[name, budget]), cache = shortened(model, method, inputs, generate)
            assert cache.bytes_held == pytest.approx((budget + new) * 3 * 2 * 2 * 16 * 4)
        assert not torch.equal(logits["mixkv", budget], logits["lightkv-mixkv", budget])
    assert abs(alone.bytes_held - (sum(left) // 3 + new) * 3 * 2 * 2 * 16 * 4) <= 3 * 2 * 2 * 16 * 4


def test_lightkv_that_merges_nothing_is_mixkv(tiny_model, prompt, generate):
    model, inputs = tiny_model("qwen2_5_vl"), prompt(1, 30, [(12, 16)])
    nothing = mixkv.make_method("lightkv-mixkv", ratio=0, budget=24, window=8)
    (_, logits), _ = shortened(model, nothing, inputs, generate)
    (_, expected), _ = shortened(model, mixkv.make_method("mixkv", budget=24, window=8), inputs, generate)
    assert torch.equal(logits, expected)


@pytest.mark.parametrize("method", [("lightkv", {"ratio": 0}), ("fastv", {"keep_tokens": "100%"})])
def test_nothing_merged_and_nothing_dropped_is_no_compression_bit_for_bit(method, tiny_model, prompt, generate):
    model, inputs = tiny_model("qwen3_vl"), prompt(1, 30, [(12, 12)])
    (_, logits), cache = shortened(model, mixkv.make_method(method[0], **method[1]), inputs, generate)
    assert torch.equal(logits, generate(model, inputs, DynamicCache())[1])
    assert cache.tokens_held == cache.tokens_seen


def test_survivors_keep_their_positions(tiny_model, prompt):
    """In the first shorter layer nothing but the length has changed: its keys are those of the untouched model."""
    model, inputs = tiny_model("qwen2_5_vl"), prompt(1, 30, [(12, 12)])
    plain = DynamicCache()
    with mixkv.compress(model, "fastv", keep_tokens=10, layer=1) as cache, torch.no_grad():
        cache.describe(images_in(inputs))
        model(**inputs, past_key_values=cache)
    with torch.no_grad():
        model(**inputs, past_key_values=plain)
    untouched, stored = plain.layers[1].keys[0, 0], cache.layers[1].keys[0, 0]
    distance = torch.cdist(stored, untouched, compute_mode="donot_use_mm_for_euclid_dist")
    assert distance.amin(-1).max() < 1e-3
    assert distance.argmin(-1).tolist() == sorted(set(distance.argmin(-1).tolist()))
    torch.testing.assert_close(stored[-20:], untouched[-20:], atol=1e-4, rtol=1e-4)


def test_the_default_schedule_scales_with_the_model():
    method = mixkv.make_method("lightkv")
    assert [list(method.schedule(layers)) for layers in (28, 36)] == [[12, 17, 22], [15, 22, 28]]
    assert list(method.schedule(28).values()) == [6, 4, 2]


def test_the_model_is_left_as_it_was(tiny_model, prompt, generate):
    model, inputs = tiny_model("qwen2_5_vl"), prompt(1, 30, [(12, 12)])
    before = generate(model, inputs, DynamicCache())[1]
    shortened(model, method_of("lightkv"), inputs, generate)
    assert not any(layer._forward_pre_hooks for layer in model.get_decoder().layers)
    assert torch.equal(generate(model, inputs, DynamicCache())[1], before)


def test_what_cannot_be_done_is_said(tiny_model, prompt, generate):
    model, inputs = tiny_model("qwen2_5_vl"), prompt(1, 30, [(12, 12)])
    with mixkv.compress(model, "lightkv") as cache:
        with pytest.raises(ValueError, match="method 'lightkv' must know where the image tokens stand"):
            generate(model, inputs, cache)
        with (
            pytest.raises(ValueError, match="works inside the prefill: read the prompt in one forward"),
            cache.open_prompt(),
        ):
            model(**inputs, past_key_values=cache)
        cache.describe([[], [], []])
        with pytest.raises(ValueError, match="images of 3 rows were described, but the batch has 1"):
            generate(model, inputs, cache)
    with mixkv.compress(model, "full") as cache, torch.no_grad():
        with cache.open_prompt(remember=10):
            model(**inputs, past_key_values=cache)
        with pytest.raises(ValueError, match="shortens a prompt while it is read, not afterwards"):
            cache.compress_now("fastv")
        cache.compress_now()
        with pytest.raises(RuntimeError, match="prompt of this cache has ended: describe the images of a new"):
            cache.describe(())
