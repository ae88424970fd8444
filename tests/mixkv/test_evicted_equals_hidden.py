"""The strongest test: a compressed cache continues exactly as full attention with the evicted pairs hidden."""

import pytest
import torch
from oracle_attention import hiding
from tiny_models import IMAGE, VISUAL_HEADS
from transformers import DynamicCache

import mixkv
from mixkv.methods import InPrefill

BUDGET = {"budget": 24, "window": 8}
SETTINGS = {
    "full": {},
    "random": BUDGET,
    "streamingllm": {"budget": 24},
    "keydiff": BUDGET,
    "vnorm": BUDGET,
    "snapkv": BUDGET,
    "pyramidkv": {**BUDGET, "beta": 4},
    "adakv": BUDGET,
    "sparsemm": {**BUDGET, "visual_heads": VISUAL_HEADS},
    "h2o": {**BUDGET, "chunk": 16},
    "vlcache": BUDGET,
    "guikv": BUDGET,
    "stlite": BUDGET,
    "snapkv-frames": BUDGET,
    "mixkv-frames": {**BUDGET, "similarity": 0.5},
    "hybridkv": {**BUDGET, "threshold": 0},  # what dynamic heads recall is tested in test_hybridkv.py
    "hybridkv-mixkv": {**BUDGET, "threshold": 0},
    "mixkv": {"budget": "30%", "window": 8},
    "mixkv-pyramidkv": {"budget": "30%", "window": 8},
    "mixkv-adakv": {"budget": 16},
    "mixkv-sparsemm": {"budget": 16, "visual_heads": VISUAL_HEADS},
    "gistkv": {**BUDGET, "gists": 0},  # what stands for the evicted is tested in test_merged_entries.py
    "coverkv": {"budget": 24, "merge": False},
}
METHODS = [name for name in SETTINGS if name != "full"]
MODELS = ["qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3", "llama"]
EVERYWHERE = {"random", "snapkv", "adakv", "vlcache", "guikv", "mixkv"}  # each with something of its own in the seam
PAIRS = [(name, method) for name in MODELS for method in METHODS if method in EVERYWHERE or name in MODELS[1::3]]
VISION_MODELS = [name for name in MODELS if name.endswith("vl")]


def test_every_method_is_tested():
    """Here, or where the prompt becomes shorter inside the prefill."""
    in_prefill = {name for name, method in mixkv.METHODS.items() if issubclass(method, InPrefill)}
    assert set(SETTINGS) == set(mixkv.METHODS) - in_prefill


@pytest.fixture(scope="module")
def three_ways(tiny_model, generate):
    """Runs `turns` (functions from the ids so far to inputs) compressed, hidden and untouched: the logits of each."""

    def run(name, method, *turns, first_steps=4):
        model = tiny_model(name)
        method = mixkv.make_method(method, **({} if isinstance(method, mixkv.Method) else SETTINGS[method]))

        def conversation(cache):
            ids, logits = None, []
            for number, turn in enumerate(turns):
                ids, answer = generate(model, turn(ids), cache, steps=4 if number else first_steps)
                logits.append(answer)
            return torch.cat(logits, 1)

        images = images_in(turns[0](None)) if method.reads_images else None
        with mixkv.compress(model, method) as cache:
            if images is not None:
                cache.describe(images)
            compressed = conversation(cache)
        with hiding(model, method, images):
            hidden = conversation(DynamicCache())
        return compressed, hidden, conversation(DynamicCache())

    return run


def images_in(inputs):
    grids = inputs["image_grid_thw"][:, 1:] // 2 if "image_grid_thw" in inputs else []
    return mixkv.find_images(inputs["input_ids"], IMAGE, grids, inputs["attention_mask"])


def check(compressed, hidden, untouched):
    torch.testing.assert_close(compressed, hidden, atol=1e-4, rtol=1e-4)
    assert torch.equal(compressed[:, 0], untouched[:, 0])  # the prefill is never approximated
    assert ((compressed - untouched)[:, 1:].abs().amax((1, 2)) > 0.5).any()  # eviction does change the answer


def turn(inputs):
    return lambda _: inputs


def follow_up(ids):
    """A second user turn after the whole conversation so far."""
    new = torch.randint(1, 80, (len(ids), 9), generator=torch.Generator().manual_seed(5))
    ids = torch.cat([ids, new], 1)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def one_prompt(prompt, name):
    return prompt(1, 30, [(12, 12)]) if name in VISION_MODELS else prompt(1, 70)


@pytest.mark.parametrize(("name", "method"), PAIRS)
def test_single(name, method, three_ways, prompt):
    check(*three_ways(name, method, turn(one_prompt(prompt, name))))


@pytest.mark.parametrize(("name", "method"), [pair for pair in PAIRS if pair[0].endswith("vl")])
def test_two_images(name, method, three_ways, prompt):
    check(*three_ways(name, method, turn(prompt(2, 25, [(8, 12), (12, 8)]))))


@pytest.mark.parametrize(("name", "method"), PAIRS)
def test_two_turns(name, method, three_ways, prompt):
    check(*three_ways(name, method, turn(one_prompt(prompt, name)), follow_up))


def three_rows(prompt, name):
    if name in VISION_MODELS:
        return [prompt(1, 30, [(12, 12)]), prompt(2, 20, [(8, 8)]), prompt(3, 14)]
    return [prompt(1, 70), prompt(2, 40), prompt(3, 14)]


@pytest.mark.parametrize(("name", "method"), PAIRS)
def test_left_padded_batch(name, method, three_ways, prompt, left_padded):
    check(*three_ways(name, method, turn(left_padded(three_rows(prompt, name)))))


@pytest.mark.parametrize(("name", "method"), [("llama", "full"), *PAIRS])
def test_padded_rows_equal_their_single_runs(name, method, tiny_model, generate, prompt, left_padded):
    model, rows = tiny_model(name), three_rows(prompt, name)

    def described(inputs):
        cache = mixkv.CompressedCache()
        cache.describe(images_in(inputs))
        return cache

    with mixkv.compress(model, method, **SETTINGS[method]):
        _, together = generate(model, left_padded(rows), described(left_padded(rows)))
        alone = [generate(model, row, described(row))[1] for row in rows]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("method", ["snapkv", "adakv"])
@pytest.mark.parametrize("name", ["llama", "qwen2_5_vl"])
def test_second_turn_right_after_the_prefill(name, method, three_ways, prompt):
    """No token was decoded in between, so the model makes no mask at all."""
    check(*three_ways(name, method, turn(one_prompt(prompt, name)), follow_up, first_steps=1))


@pytest.mark.parametrize("rows", [1, 2])
def test_a_layer_that_holds_everything_beside_layers_that_do_not(rows, three_ways, prompt, left_padded):
    method = mixkv.make_method("mixkv-pyramidkv", budget=50, window=8)
    inputs = left_padded([prompt(1, 70), prompt(2, 66)][:rows])

    def second(ids):
        ones = torch.ones(rows, ids.shape[1] - inputs["input_ids"].shape[1] + 9, dtype=torch.long)
        return follow_up(ids) | {"attention_mask": torch.cat([inputs["attention_mask"], ones], 1)}

    check(*three_ways("qwen3", method, turn(inputs), second))


@pytest.mark.parametrize("method", ["snapkv", "mixkv-adakv"])
def test_padded_batch_then_second_turn_with_new_padding(method, three_ways, prompt, left_padded):
    """Rows of different length in the second turn too: their new padding is stored, but never seen."""
    first = left_padded([prompt(1, 60), prompt(2, 40)])

    def second(ids):
        more = left_padded([prompt(4, 5), prompt(5, 9)])
        ones = torch.ones(2, ids.shape[1] - first["input_ids"].shape[1], dtype=torch.long)
        masks = [first["attention_mask"], ones, more["attention_mask"]]
        return {"input_ids": torch.cat([ids, more["input_ids"]], 1), "attention_mask": torch.cat(masks, 1)}

    check(*three_ways("llama", method, turn(first), second))


@pytest.mark.parametrize("method", ["snapkv", "adakv"])
def test_beams_and_returned_sequences(method, tiny_model, generate, prompt):
    model, method = tiny_model("qwen3"), mixkv.make_method(method, **SETTINGS[method])
    options = {"num_beams": 3, "num_return_sequences": 2, "steps": 8}
    with mixkv.compress(model, method) as cache:
        compressed = generate(model, prompt(1, 70), cache, **options)[0]
    with hiding(model, method):
        hidden = generate(model, prompt(1, 70), DynamicCache(), **options)[0]
    assert torch.equal(compressed, hidden)
    assert not torch.equal(compressed, generate(model, prompt(1, 70), DynamicCache(), **options)[0])


@pytest.mark.parametrize("method", ["snapkv", "adakv"])
def test_bare_forward_without_positions(method, tiny_model, prompt):
    model, method = tiny_model("qwen2_5_vl"), mixkv.make_method(method, **SETTINGS[method])
    inputs = prompt(1, 30, [(12, 12)])

    def loop(cache):
        with torch.no_grad():
            logits = [model(**inputs, past_key_values=cache).logits[:, -1]]
            for _ in range(3):
                logits.append(model(input_ids=logits[-1].argmax(-1, keepdim=True), past_key_values=cache).logits[:, -1])
        return torch.stack(logits, 1)

    with mixkv.compress(model, method) as cache:
        compressed = loop(cache)
    with hiding(model, method):
        hidden = loop(DynamicCache())
    check(compressed, hidden, loop(DynamicCache()))


def test_the_oracle_can_disagree(tiny_model, generate, prompt):
    """Hiding other pairs than those evicted gives other logits: the equality above is not vacuous."""
    model = tiny_model("llama")
    with mixkv.compress(model, "random", **BUDGET, seed=1) as cache:
        _, compressed = generate(model, prompt(1, 70), cache)
    with hiding(model, mixkv.make_method("random", **BUDGET, seed=2)):
        _, hidden = generate(model, prompt(1, 70), DynamicCache())
    assert (compressed - hidden)[:, 1:].abs().max() > 0.1
