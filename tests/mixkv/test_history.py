"""Several screenshots: repetitions are not held twice, and a long loop holds no more than a short one."""

from contextlib import contextmanager

import pytest
import torch
from test_open_prompt import CLOSE
from tiny_models import IMAGE, VISION_END, VISION_START
from transformers import AttentionInterface, AttentionMaskInterface, DynamicCache
from transformers.masking_utils import sdpa_mask

import mixkv
from mixkv.history import repeatable
from mixkv.images import ImageTokens
from mixkv.methods import Prompt
from mixkv.methods.frames import FrameMixKV, FrameSnapKV, repeated

BUDGET = {"budget": 40, "window": 8}
ENTRY, HEADS, LAYERS = 2 * 16 * 4, 2, 3
REPEATABLE = {
    "random",
    "streamingllm",
    "keydiff",
    "vnorm",
    "snapkv",
    "pyramidkv",
    "vlcache",
    "mixkv",
    "mixkv-pyramidkv",
}


def test_which_methods_may_choose_again():
    assert set(repeatable()) >= REPEATABLE | {"snapkv-frames", "mixkv-frames", "full"}
    assert not set(repeatable()) & {"adakv", "mixkv-adakv", "sparsemm", "h2o", "guikv", "stlite", "hybridkv", "fastv"}


def values_of(seed, tokens=120, dim=8):
    return torch.randn(1, 2, tokens, dim, generator=torch.Generator().manual_seed(seed))


IMAGES = (ImageTokens(3, 4, 6), ImageTokens(30, 4, 6), ImageTokens(60, 4, 6), ImageTokens(90, 4, 5))


def test_what_repeats_its_place_is_found():
    value = values_of(0)
    value[:, :, 30:42] = 2 * value[:, :, 60:72]  # half of the second frame repeats the third, whatever its length
    value[:, :, 3:9] = value[:, :, 30:36]  # a part of the first the second, and so the third
    value[:, 0, 20:22] = value[:, 0, 77:79]  # in one head, where the second frame differs
    value[:, :, 90:100] = value[:, :, 60:70]  # another grid
    again = repeated(value, IMAGES, 0.99)
    expected = torch.zeros(1, 2, 120, dtype=torch.bool)
    expected[..., 30:42] = expected[..., 3:9] = True
    assert torch.equal(again, expected)
    value[:, 0, 47:49] = -value[:, 0, 77:79]
    assert torch.equal(repeated(value, IMAGES, 0.99), expected)  # the next one there is different
    assert repeated(value, IMAGES, 0.0).sum() > expected.sum() and not repeated(value, IMAGES[:1], 0.0).any()


def test_an_entry_that_is_gone_is_not_compared_with():
    value = values_of(1)
    value[:, :, 30:54] = value[:, :, 60:84] = value[:, :, 3:27]
    keep = torch.ones(120, dtype=torch.bool)
    keep[60:72] = False  # half of the third frame
    places = keep.nonzero().flatten().expand(1, 2, -1)
    again = repeated(value[:, :, keep], IMAGES, 0.99, places)
    gone = torch.zeros(120, dtype=torch.bool)
    gone[3:27] = True
    gone[42:54] = True  # the first half of the second stands for the first
    assert torch.equal(again, gone[keep].expand(1, 2, -1))


def a_prompt(value, images=IMAGES[:3]):
    query, key = (torch.randn(1, n, 120, 8, generator=torch.Generator().manual_seed(n)) for n in (4, 2))
    return Prompt(query, key, value, 0.3, 0, 1, images)


@pytest.mark.parametrize("method", [FrameSnapKV, FrameMixKV])
def test_repetitions_are_held_only_where_nothing_else_is_left(method):
    value = values_of(2)
    value[:, :, 30:54] = value[:, :, 3:27] = value[:, :, 60:84]
    for budget, repetitions in ((40, 0), (72, 0), (80, 8)):
        kept = method(budget, window=8).keep(a_prompt(value))
        assert (kept.sum(-1) == budget).all()
        assert (kept[..., 3:27].sum(-1) + kept[..., 30:54].sum(-1) == repetitions).all()
    host = mixkv.METHODS[method.name.removesuffix("-frames")]
    assert torch.equal(method(40).keep(a_prompt(values_of(2))), host(40).keep(a_prompt(values_of(2))))
    assert not torch.equal(method(40).keep(a_prompt(value)), host(40).keep(a_prompt(value)))


# A loop on a whole model: one frame after the other, with a short answer in between.


def frames(model, count, seed=0, text=12, still=False):
    """The inputs of each frame with their positions in the conversation, and the place of its image."""
    generator, offset, seen = torch.Generator().manual_seed(seed), 0, 0
    pixels = torch.randn(8 * 12, 3 * 2 * 4 * 4, generator=generator)
    for _ in range(count):
        ids = [VISION_START, *[IMAGE] * 24, VISION_END, *torch.randint(1, 80, (text,), generator=generator).tolist()]
        ids = torch.tensor([ids])
        if not still:
            pixels = torch.randn(8 * 12, 3 * 2 * 4 * 4, generator=generator)
        inputs = {"input_ids": ids, "mm_token_type_ids": (ids == IMAGE).int(), "pixel_values": pixels}
        inputs["image_grid_thw"] = torch.tensor([[1, 8, 12]])
        positions, _ = model.model.get_rope_index(**{k: v for k, v in inputs.items() if k != "pixel_values"})
        yield inputs | {"position_ids": positions + offset}, ImageTokens(seen + 1, 4, 6)
        offset += int(positions.max()) + 1 + 2
        seen += ids.shape[1] + 2


def step(model, cache, inputs):
    """Reads a frame and two tokens of an answer: the logits after each."""
    with torch.no_grad():
        logits = [model(**inputs, past_key_values=cache).logits[:, -1]]
        position = inputs["position_ids"][..., -1:]
        for _ in range(2):
            position = position + 1
            token = logits[-1].argmax(-1, keepdim=True)
            given = {"position_ids": position, "past_key_values": cache}
            logits.append(model(input_ids=token, **given).logits[:, -1])
    return torch.stack(logits, 1)


def loop(model, method, count, **settings):
    """The logits of all frames and, after each, the history's bytes."""
    logits, held = [], []
    with mixkv.compress(model, method, **settings):
        history = mixkv.History()
        for inputs, image in frames(model, count):
            history.next_prompt([image])
            logits.append(step(model, history, inputs))
            held.append(history.bytes_held)
    return torch.stack(logits), held, history


@pytest.mark.parametrize("method", ["mixkv-frames", "snapkv", "streamingllm"])
def test_fifty_frames_hold_no_more_than_the_second(method, tiny_model):
    settings = {"budget": 40} if method == "streamingllm" else BUDGET
    logits, held, history = loop(tiny_model("qwen2_5_vl"), method, 50, **settings)
    assert held[1:] == held[1:2] * 49  # of every frame but the first, which has no places to remember before
    places = 40 * 4 * HEADS * LAYERS
    assert held[-1] == (40 + 2) * ENTRY * HEADS * LAYERS + places
    assert history.tokens_seen == 50 * (26 + 12 + 2) and history.tokens_held == 42
    assert len(history.images[0]) < 50 and logits.isfinite().all()


class Rolling:
    """A model with a whole cache that hides what `method` evicts, prompt after prompt."""

    def __init__(self, method):
        self.method, self.images, self.visible = method, (), {}

    def __call__(self, module, query, key, value, attention_mask, scaling=None, **kwargs):
        layer, tokens, seen = module.layer_idx, query.shape[-2], key.shape[-2]
        before = self.visible.get(layer, torch.ones(1, HEADS, 0, dtype=torch.bool))
        before = torch.nn.functional.pad(before, (0, seen - before.shape[-1]), value=True)
        mask = before.repeat_interleave(2, 1).unsqueeze(2) & torch.ones(tokens, seen, dtype=torch.bool).tril(
            seen - tokens
        )
        states = (states.repeat_interleave(2, 1) for states in (key, value))
        output = torch.nn.functional.scaled_dot_product_attention(query, *states, mask, scale=scaling)
        if tokens > 1:
            places = before[0].nonzero()[:, 1].view(1, HEADS, -1)
            index = places.unsqueeze(-1).expand(-1, -1, -1, key.shape[-1])
            held = (key.gather(2, index), value.gather(2, index))
            last = query[:, :, -self.method.reads :] if self.method.reads else query[:, :, :0]
            gaps = None if places.shape[-1] == seen else places
            images = self.images if gaps is None or self.method.reads_places else None
            keep = self.method.keep(Prompt(last, *held, scaling, layer, LAYERS, images, None, None, gaps))
            before = torch.zeros_like(before).scatter(-1, places, keep)
        self.visible[layer] = before
        return output.transpose(1, 2).contiguous(), None


AttentionInterface.register("rolling", lambda *args, oracle=None, **kwargs: oracle(*args, **kwargs))
AttentionMaskInterface.register("rolling", sdpa_mask)


@contextmanager
def rolling(model, oracle):
    decoder = model.get_decoder()
    hand_over = lambda _, args, kwargs: (args, kwargs | {"oracle": oracle})  # noqa: E731
    hook = decoder.register_forward_pre_hook(hand_over, with_kwargs=True)
    decoder.set_attn_implementation("rolling")
    try:
        yield
    finally:
        hook.remove()
        decoder.set_attn_implementation("sdpa")


@pytest.mark.parametrize("method", ["mixkv-frames", "mixkv", "mixkv-pyramidkv", "random", "streamingllm", "full"])
def test_a_history_continues_as_if_all_that_was_evicted_were_hidden(method, tiny_model):
    model = tiny_model("qwen2_5_vl")
    settings = {} if method == "full" else {"budget": 40} if method == "streamingllm" else dict(BUDGET)
    settings |= {"similarity": 0.3} if "frames" in method else {}
    logits, _, history = loop(model, method, 5, **settings)
    oracle = Rolling(mixkv.make_method(method, **settings))
    expected, cache = [], DynamicCache()
    with rolling(model, oracle):
        for inputs, image in frames(model, 5):
            oracle.images = (*oracle.images, image)
            expected.append(step(model, cache, inputs))
    torch.testing.assert_close(logits, torch.stack(expected), **CLOSE)
    plain, cache = [], DynamicCache()
    for inputs, _ in frames(model, 5):
        plain.append(step(model, cache, inputs))
    differs = (logits - torch.stack(plain)).abs().amax((1, 2, 3)) > 0.5
    assert differs.tolist() == [False, *[method != "full"] * 4]  # the first frame alone fits in the budget
    assert history.bytes_held <= history.bytes_full


def test_a_still_screen_is_held_once(tiny_model):
    """With the same picture in every frame, the first layer's values repeat exactly."""
    model = tiny_model("qwen2_5_vl")
    held = {}
    for method in ("mixkv", "mixkv-frames"):
        with mixkv.compress(model, method, budget=50, window=8):
            history = mixkv.History()
            for inputs, image in frames(model, 4, still=True):
                history.next_prompt([image])
                step(model, history, inputs)
        first = history.layers[0].left[0]
        cells = [
            (place - image.start)
            for image in history.images[0]
            for place in first[0].tolist()
            if image.start <= place < image.stop
        ]
        held[method] = len(cells) - len(set(cells))
    assert held["mixkv-frames"] == 0 < held["mixkv"]


def test_a_prompt_of_a_history_may_come_in_pieces_and_branch(tiny_model):
    model = tiny_model("qwen2_5_vl")
    answers = []
    for pieces in (False, True):
        with mixkv.compress(model, "mixkv-frames", **BUDGET):
            history = mixkv.History()
            for inputs, image in frames(model, 3):
                history.next_prompt([image])
                if pieces:
                    first = dict(inputs)
                    first |= {
                        name: inputs[name][..., :30] for name in ("input_ids", "mm_token_type_ids", "position_ids")
                    }
                    with history.open_prompt(), torch.no_grad():
                        model(**first, past_key_values=history)
                    history = history.branch()
                    inputs = {name: inputs[name][..., 30:].clone() for name in ("input_ids", "position_ids")}
                answers.append(step(model, history, inputs))
    torch.testing.assert_close(torch.stack(answers[:3]), torch.stack(answers[3:]), **CLOSE)


def test_what_cannot_be_done_is_said(tiny_model, prompt, left_padded):
    model = tiny_model("qwen2_5_vl")
    ((inputs, image),) = frames(model, 1)
    for method, message in (
        ("guikv", "'guikv' must see a prompt whole, so it cannot choose again .*: take one of full, random, "),
        ("mixkv-adakv", "'mixkv-adakv' must see a prompt whole"),
    ):
        with mixkv.compress(model, method, budget=24):
            history = mixkv.History()
            history.next_prompt([image])
            step(model, history, inputs)
            with pytest.raises(ValueError, match=message):
                history.next_prompt()
    with mixkv.compress(model, "snapkv", **BUDGET), torch.no_grad():
        history = mixkv.History()
        model(**inputs, past_key_values=history)
        history.next_prompt()
        with pytest.raises(RuntimeError, match="last prompt of this history is still open"):
            history.next_prompt()
        with pytest.raises(RuntimeError, match="this cache has no open prompt"):
            history.compress_now()
        with pytest.raises(ValueError, match="a history cannot be branched into a batch"):
            mixkv.Branches(history, 2)
        with pytest.raises(ValueError, match="prompts of a history are not padded"):
            model(**left_padded([prompt(1, 30), prompt(2, 20)]), past_key_values=mixkv.History())
