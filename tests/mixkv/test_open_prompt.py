"""A prompt in pieces, eviction without a forward, and branches: each leaves what the plain way leaves."""

import pytest
import torch
from oracle_attention import hiding
from test_evicted_equals_hidden import SETTINGS
from tiny_models import UNTOLD
from transformers import DynamicCache

import mixkv
from mixkv.layers import RaggedLayer

BUDGET = {"budget": 24, "window": 8}
MODELS = ["qwen2_vl", "qwen2_5_vl", "qwen3_vl", "llama"]
CLOSE = {"atol": 1e-4, "rtol": 1e-5}  # the logits of these models are of the order of 10


def positioned(model, inputs):
    """The inputs with positions of their own, which hold for every piece of them."""
    mask = inputs["attention_mask"]
    if "image_grid_thw" in inputs:
        names = ("input_ids", "mm_token_type_ids", "image_grid_thw", "attention_mask")
        positions, _ = model.model.get_rope_index(**{name: inputs[name] for name in names})
    else:
        positions = (mask.cumsum(-1) - 1).clamp(0)
    return inputs | {"position_ids": positions}


def read(model, inputs, cache, start, end):
    """One forward over the tokens from start to end: the logits of the last. The images are all in the first piece."""
    picture = ("pixel_values", "image_grid_thw", "mm_token_type_ids") if start == 0 else ()
    piece = {name: inputs[name] for name in picture if name in inputs}
    if "mm_token_type_ids" in piece:
        piece["mm_token_type_ids"] = piece["mm_token_type_ids"][:, :end]
    with torch.no_grad():
        logits = model(
            input_ids=inputs["input_ids"][:, start:end],
            attention_mask=inputs["attention_mask"][:, :end],
            position_ids=inputs["position_ids"][..., start:end].clone(),
            past_key_values=cache,
            **piece,
        ).logits
    return logits[:, -1:]


def read_in_pieces(model, inputs, cache, cuts, **opening):
    start = 0
    with cache.open_prompt(**opening):
        for cut in cuts:
            logits = read(model, inputs, cache, start, cut)
            start = cut
    return logits


def answer(model, inputs, cache, first=None, steps=3):
    """Logits of a greedy answer; `first` those of its first token, if the cache has seen the whole prompt."""
    seen, tokens = cache.get_seq_length(), inputs["input_ids"].shape[1]
    logits = [read(model, inputs, cache, seen, tokens) if first is None else first]
    mask, position = inputs["attention_mask"], inputs["position_ids"][..., -1:]
    for _ in range(steps):
        mask, position = torch.nn.functional.pad(mask, (0, 1), value=1), position + 1
        token = logits[-1].argmax(-1)
        with torch.no_grad():
            step = {"attention_mask": mask, "position_ids": position, "past_key_values": cache}
            logits.append(model(input_ids=token, **step).logits)
    return torch.cat(logits, 1)


def held(cache):
    return cache.tokens_seen, cache.tokens_held, cache.bytes_full


def entries(layer):
    """Keys and values, without the free room of a ragged layer."""
    used = slice(None)
    if isinstance(layer, RaggedLayer):
        used = layer.layout.entries(torch.arange(len(layer.layout.prompt)), layer.appended)
    return layer.keys[used], layer.values[used]


def same_entries(cache, other):
    """The same entries of every layer and head, up to rounding in their numbers."""
    assert held(cache) == held(other)
    for layer, wanted in zip(cache.layers, other.layers, strict=True):
        assert type(layer) is type(wanted) and layer.tail is wanted.tail is None
        for store, expected in zip(entries(layer), entries(wanted), strict=True):
            torch.testing.assert_close(store, expected, **CLOSE)


@pytest.mark.parametrize("method", UNTOLD)
@pytest.mark.parametrize("name", MODELS)
def test_pieces_leave_what_a_single_forward_leaves(name, method, tiny_model, one_prompt):
    model = tiny_model(name)
    inputs = positioned(model, one_prompt(name))
    tokens = inputs["input_ids"].shape[1]
    with mixkv.compress(model, method, **SETTINGS[method]) as whole:
        expected = answer(model, inputs, whole)
        for cuts in ([tokens - 20], [tokens - 12, tokens - 9, tokens - 1]):
            cache = mixkv.CompressedCache()
            read_in_pieces(model, inputs, cache, cuts)
            assert (cache.tokens_held, cache.prompt_ended) == (cuts[-1], False)
            torch.testing.assert_close(answer(model, inputs, cache), expected, **CLOSE)
            same_entries(cache, whole)
    if method != "full":
        assert ((expected - answer(model, inputs, DynamicCache())).abs().amax(-1) > 0.5).any()  # eviction matters


@pytest.mark.parametrize("method", UNTOLD)
@pytest.mark.parametrize("name", ["qwen2_5_vl", "llama"])
def test_pieces_of_a_left_padded_batch(name, method, tiny_model, one_prompt, prompt, left_padded):
    model = tiny_model(name)
    inputs = positioned(model, left_padded([one_prompt(name), prompt(2, 40), prompt(3, 14)]))
    tokens = inputs["input_ids"].shape[1]
    with mixkv.compress(model, method, **SETTINGS[method]) as whole:
        expected = answer(model, inputs, whole)
        cache = mixkv.CompressedCache()
        read_in_pieces(model, inputs, cache, [tokens - 13, tokens - 3])
        torch.testing.assert_close(answer(model, inputs, cache), expected, **CLOSE)
        same_entries(cache, whole)


@pytest.mark.parametrize("method", UNTOLD)
@pytest.mark.parametrize("name", MODELS)
def test_every_method_can_be_replayed_from_one_prefill(name, method, tiny_model, one_prompt):
    model = tiny_model(name)
    inputs = positioned(model, one_prompt(name))
    tokens = inputs["input_ids"].shape[1]
    with mixkv.compress(model, "full") as prefilled:
        first = read_in_pieces(model, inputs, prefilled, [tokens], remember=tokens)
        before = prefilled.bytes_held
        replayed = prefilled.branch()
        replayed.compress_now(method, **SETTINGS[method])
        replay = answer(model, inputs, replayed, first)
        assert prefilled.bytes_held == before and not prefilled.prompt_ended
    with mixkv.compress(model, method, **SETTINGS[method]) as whole:
        torch.testing.assert_close(replay, answer(model, inputs, whole), **CLOSE)
        same_entries(replayed, whole)
    assert replayed.bytes_held == whole.bytes_held


@pytest.mark.parametrize("method", [name for name in UNTOLD if name != "full"])
@pytest.mark.parametrize("late", [1, 15])
def test_what_is_read_after_the_eviction_sees_only_what_is_held(late, method, tiny_model, one_prompt):
    """One late token is the strict protocol; a whole instruction is a memory that does not know its question."""
    model = tiny_model("qwen2_5_vl")
    inputs = positioned(model, one_prompt("qwen2_5_vl"))
    early = inputs["input_ids"].shape[1] - late
    with mixkv.compress(model, method, **SETTINGS[method]) as cache:
        read_in_pieces(model, inputs, cache, [early])
        cache.compress_now()
        compressed = answer(model, inputs, cache)
        plain = answer(model, inputs, mixkv.CompressedCache())
    with hiding(model, mixkv.make_method(method, **SETTINGS[method])):
        hidden = DynamicCache()
        read(model, inputs, hidden, 0, early)
        torch.testing.assert_close(compressed, answer(model, inputs, hidden), **CLOSE)
    assert (compressed - plain)[:, 0].abs().max() > 0.5  # unlike after the prefill, the first token depends on it


@pytest.mark.parametrize("method", ["snapkv", "adakv"])
def test_the_last_token_can_be_taken_back_for_the_strict_protocol(method, tiny_model, one_prompt):
    model = tiny_model("llama")
    inputs = positioned(model, one_prompt("llama"))
    tokens = inputs["input_ids"].shape[1]
    with mixkv.compress(model, method, **BUDGET) as cache:
        read_in_pieces(model, inputs, cache, [tokens - 1])
        cache.compress_now()
        whole = mixkv.CompressedCache()
        read_in_pieces(model, inputs, whole, [tokens], remember=9)
        whole.crop(-1)
        whole.compress_now()
        torch.testing.assert_close(answer(model, inputs, whole), answer(model, inputs, cache), **CLOSE)


def test_two_images_may_come_in_two_pieces(tiny_model, prompt):
    model, inputs = tiny_model("qwen3_vl"), prompt(2, 25, [(8, 12), (12, 8)])
    inputs = positioned(model, inputs)
    cut = int((inputs["input_ids"][0] == 92).nonzero()[0]) + 1  # after the first image
    patches = int(inputs["image_grid_thw"][0].prod())
    with mixkv.compress(model, "mixkv", **BUDGET) as cache, torch.no_grad():
        expected = read(model, inputs, mixkv.CompressedCache(), 0, None)
        for start, end, rows, grid in ((0, cut, slice(patches), 0), (cut, None, slice(patches, None), 1)):
            piece = {name: inputs[name][:, start:end] for name in ("input_ids", "mm_token_type_ids")}
            piece |= {"pixel_values": inputs["pixel_values"][rows], "image_grid_thw": inputs["image_grid_thw"][[grid]]}
            piece |= {"position_ids": inputs["position_ids"][..., start:end].clone()}
            with cache.open_prompt():
                logits = model(**piece, past_key_values=cache).logits[:, -1:]
    torch.testing.assert_close(logits, expected, **CLOSE)


@pytest.mark.parametrize("method", ["snapkv", "mixkv-adakv"])
def test_one_open_prompt_answers_several_questions_by_generate(method, tiny_model, generate, prompt):
    model, inputs = tiny_model("qwen2_5_vl"), prompt(1, 30, [(12, 12)])

    def question(seed):
        ids = torch.cat([inputs["input_ids"], prompt(seed, 7 + seed)["input_ids"]], 1)
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}

    with mixkv.compress(model, method, **BUDGET) as shared:
        with shared.open_prompt(), torch.no_grad():
            model(**inputs, past_key_values=shared)
        answers = [generate(model, question(seed), shared.branch())[1] for seed in (5, 6)]
        for seed, shared_answer in zip((5, 6), answers, strict=True):
            asked = inputs | question(seed)
            asked["mm_token_type_ids"] = (asked["input_ids"] == 90).int()
            torch.testing.assert_close(
                shared_answer, generate(model, asked, mixkv.CompressedCache())[1], atol=1e-4, rtol=1e-4
            )
    assert (answers[0] - answers[1]).abs().max() > 0.5


def test_bytes_of_an_open_prompt_hold_its_last_queries(tiny_model, one_prompt):
    model = tiny_model("llama")
    inputs = positioned(model, one_prompt("llama"))
    with mixkv.compress(model, "snapkv", **BUDGET) as cache:
        read_in_pieces(model, inputs, cache, [60], remember=10)
        layers, query_heads, dim, number = 3, 4, 16, 4
        assert cache.bytes_held - cache.bytes_full == layers * query_heads * 10 * dim * number
        cache.compress_now()
        assert cache.bytes_held == cache.bytes_full * 24 / 60


def test_only_an_open_prompt_can_be_compressed(tiny_model, one_prompt):
    model = tiny_model("llama")
    inputs = positioned(model, one_prompt("llama"))
    with mixkv.compress(model, "snapkv", **BUDGET) as cache:
        with pytest.raises(RuntimeError, match=r"no open prompt: read one inside `with cache.open_prompt"):
            cache.compress_now()
        read(model, inputs, cache, 0, 60)
        with pytest.raises(RuntimeError, match="no open prompt"):
            cache.compress_now()
        with pytest.raises(RuntimeError, match="the prompt of this cache has ended"), cache.open_prompt():
            pass


@pytest.mark.parametrize("padded", [False, True])
def test_a_method_that_reads_more_than_is_remembered_is_refused_and_harms_nothing(
    padded, tiny_model, prompt, left_padded
):
    model, rows = tiny_model("llama"), [prompt(1, 70), prompt(2, 60)]
    inputs = positioned(model, left_padded(rows) if padded else rows[0])
    with mixkv.compress(model, "snapkv", **BUDGET) as cache:
        expected = answer(model, inputs, mixkv.CompressedCache())
        read_in_pieces(model, inputs, cache, [66])
        with pytest.raises(ValueError, match=r"'adakv' looks at the last 32 queries .* only 8 .*remember=32"):
            cache.compress_now("adakv")
        with pytest.raises(ValueError, match="prior has 2 layers of 2 kv heads"):  # fails in the third layer
            cache.compress_now("mixkv", **BUDGET, redundancy=[[0.1, 0.2]] * 2)
        assert not cache.prompt_ended and cache.tokens_held == 66
        torch.testing.assert_close(answer(model, inputs, cache), expected, **CLOSE)


def test_a_method_that_wants_the_whole_prompt_at_once_refuses_pieces(tiny_model, one_prompt, monkeypatch):
    model = tiny_model("llama")
    inputs = positioned(model, one_prompt("llama"))
    monkeypatch.setattr(mixkv.METHODS["snapkv"], "in_pieces", False)
    with mixkv.compress(model, "snapkv", **BUDGET) as cache:
        with pytest.raises(ValueError, match="'snapkv' works inside the prefill: read the prompt in one forward"):
            read_in_pieces(model, inputs, cache, [60])
        answer(model, inputs, mixkv.CompressedCache())


def test_a_piece_that_fails_leaves_no_open_block(tiny_model, one_prompt):
    model = tiny_model("llama")
    inputs = positioned(model, one_prompt("llama"))
    with mixkv.compress(model, "snapkv", **BUDGET) as cache:
        expected = answer(model, inputs, mixkv.CompressedCache())
        read_in_pieces(model, inputs, cache, [60])
        with pytest.raises(KeyError), cache.open_prompt():
            raise KeyError
        torch.testing.assert_close(answer(model, inputs, cache), expected, **CLOSE)  # the next forward is the last
        assert cache.prompt_ended


def test_the_last_queries_are_enough(tiny_model):
    generator = torch.Generator().manual_seed(3)
    query, key, value = (torch.randn(heads, 90, 16, generator=generator) for heads in (4, 2, 2))
    for name, settings in SETTINGS.items():
        method = mixkv.make_method(name, **settings)
        last = query[:, 90 - method.reads :]
        everything, enough = (mixkv.select(method, states, key, value, 1, 3, images=()) for states in (query, last))
        assert all(map(torch.equal, everything, enough))
        if method.reads:
            other = mixkv.select(method, 8 * last.flip(0), key, value, 1, 3, images=())
            assert not all(map(torch.equal, enough, other))  # they do matter
            with pytest.raises(ValueError, match=f"at least the last {method.reads} queries"):
                mixkv.select(method, last[:, 1:], key, value, 1, 3, images=())
