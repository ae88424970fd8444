"""Many questions at once, decoded from what a method leaves, against the packaged model asked one by one."""

import random

import pytest
import torch

transformers = pytest.importorskip("transformers")

import mixkv  # noqa: E402
from guiground.nano import architecture as arch  # noqa: E402
from guiground.nano.asked import PROTOCOLS, Asked  # noqa: E402
from guiground.nano.scenes import draw  # noqa: E402

SETTINGS = [
    ("snapkv", {}),
    ("mixkv-adakv", {}),
    ("gistkv", {}),
    ("gistkv", {"gists": 0.5, "kernel": 3}),
    ("coverkv", {}),
]


@pytest.fixture(scope="module")
def model():
    model = arch.new_model(seed=3).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.mul_(3)  # so that what is evicted matters
    return model


@pytest.fixture(scope="module")
def asked(model):
    return Asked(model, draw(2**50 + 1, 256, 128, "rows", icons=""), random.Random(0), most=5)


def one_by_one(model, asked, question, method, protocol):
    """The ids that the stock model answers with when the cache is compressed."""
    picture = asked.layers[0].given[2:]
    own = asked.ids[question, asked.real[question]]
    ids = torch.cat([torch.tensor([arch.START, arch.VISION_START]), torch.full((len(picture),), arch.IMAGE), own])[None]
    grid = torch.tensor([[1, asked.grid[0] * arch.MERGE, asked.grid[1] * arch.MERGE]])
    positions, _ = model.model.get_rope_index(
        input_ids=ids, mm_token_type_ids=(ids == arch.IMAGE).int(), image_grid_thw=grid
    )
    states = model.get_input_embeddings()(ids)
    states[0, 2 : 2 + len(picture)] = picture
    later = {"after-prefill": 0, "strict": 1, "memory": len(own)}[protocol]
    with mixkv.compress(model, method) as cache, torch.no_grad():
        cache.describe(asked.images)
        end = ids.shape[1] - later
        run = model.model.language_model
        if later:
            with cache.open_prompt():
                run(inputs_embeds=states[:, :end], position_ids=positions[..., :end], past_key_values=cache)
            cache.compress_now()
            out = run(inputs_embeds=states[:, end:], position_ids=positions[..., end:].clone(), past_key_values=cache)
        else:
            out = run(inputs_embeds=states, position_ids=positions, past_key_values=cache)
        logits, held = [model.lm_head(out.last_hidden_state[:, -1])], cache.tokens_held - later
        for step in range(8):
            place = positions[..., -1:] + 1 + step
            next_id = logits[-1].argmax(-1, keepdim=True)
            out = run(input_ids=next_id, position_ids=place, past_key_values=cache)
            logits.append(model.lm_head(out.last_hidden_state[:, -1]))
    return torch.cat(logits), held


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_the_answers_are_those_of_the_stock_model_in_a_compress_block(model, asked, name, settings, protocol):
    method = mixkv.make_method(name, budget=12, **settings)
    left, held = asked.choose(method, protocol)
    heard = asked.logits(left, protocol)  # [questions, 9, vocabulary]
    assert (heard - asked.logits(None, protocol)).abs().max() > 0.02  # eviction matters here
    for question in range(asked.count):
        expected, entries = one_by_one(model, asked, question, method, protocol)
        torch.testing.assert_close(heard[question], expected, atol=2e-3, rtol=1e-3)
        assert entries == pytest.approx(held)


def test_everything_left_is_the_full_answer(asked):
    for protocol in PROTOCOLS:
        left, held = asked.choose(mixkv.make_method("full"), protocol)
        torch.testing.assert_close(asked.logits(left, protocol), asked.logits(None, "after-prefill"), atol=1e-3, rtol=0)
        assert asked.agrees(asked.answers(left, protocol)).all() and held > asked.prefix - 1
