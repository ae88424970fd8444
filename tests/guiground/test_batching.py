"""Instructions answered in one batch, on screenshots of different sizes, get the answers they get alone."""

import shutil
from dataclasses import replace

import pytest
import torch
from PIL import Image

from guiground import Locator
from guiground.screen import open_image

PIXELS = 60_000
ASKED = [
    ("the Save button", 1, (230, 170)),
    ("close", 1, (230, 170)),
    ("the third row of the table below the tool bar", 2, (170, 260)),
    ("x", 3, (60, 60)),
]
METHODS = {
    "full": {},
    "snapkv": {"budget": 24},
    "mixkv": {"budget": "20%"},
    "mixkv-adakv": {"budget": 40},
    "h2o": {"budget": 40},
    "guikv": {"budget": 24},
    "vlcache": {"budget": "20%"},
    "gistkv": {"budget": 24},
    "random": {"budget": 24},
}


def picture(seed, size):
    noise = torch.randint(0, 256, (size[1], size[0], 3), generator=torch.Generator().manual_seed(seed))
    return Image.fromarray(noise.to(torch.uint8).numpy())


@pytest.fixture(scope="module")
def asked():
    return [(instruction, open_image(picture(seed, size))) for instruction, seed, size in ASKED]


def short(locator, tokens=8):
    grounder = locator.load()
    spec = replace(grounder.spec, generation=replace(grounder.spec.generation, max_new_tokens=tokens))
    locator._grounder = replace(grounder, spec=spec)
    return locator


def told(result):
    said = result.to_json()
    kv = {key: value for key, value in said["kv"].items() if key != "bytes_held"}  # alone it has free room
    said = {key: value for key, value in said.items() if key not in ("timing_ms", "memory", "confidence", "kv")}
    return said | {"kv": kv, "kept": result.kept, "sure": round(result.confidence.value, 3) if result.confidence else 0}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", ["nano", "qwen2_5_vl"])
def test_a_batch_answers_as_each_alone(family, method, tiny_checkpoint, asked):
    locator = short(Locator(tiny_checkpoint(family), method=method, max_pixels=PIXELS, **METHODS[method]))
    alone = [locator.locate(*one) for one in asked]
    together = locator.locate_batch(asked)
    assert [told(result) for result in together] == [told(result) for result in alone]
    assert [result.batch for result in together] == [4] * 4 and {result.batch for result in alone} == {1}
    assert len({result.raw for result in alone}) > 1  # else the comparison would mean nothing
    for single, row in zip(alone, together, strict=True):
        assert (row.kept is None) == (row.kv.tokens_held == row.kv.tokens_seen)
        assert single.kv.bytes_held * 0.5 < row.kv.bytes_held <= single.kv.bytes_held


def test_what_lies_in_the_memory_of_the_host_is_asked_one_after_the_other(tiny_checkpoint, asked):
    locator = short(Locator(tiny_checkpoint("nano"), method="hybridkv", max_pixels=PIXELS))
    together = locator.locate_batch(asked)
    assert [told(result) for result in together] == [told(locator.locate(*one)) for one in asked]
    assert [result.batch for result in together] == [1] * 4


def test_answers_of_different_lengths_end_where_they_end_alone(tiny_checkpoint, asked):
    locator = short(Locator(tiny_checkpoint("nano"), max_pixels=PIXELS), 40)
    alone = [locator.locate(*one) for one in asked]
    ends = sorted({result.answer_tokens for result in alone})
    if len(ends) == 1:  # makes one answer end where its third token comes
        grounder = locator.load()
        generated = grounder.tokenizer(alone[0].raw, add_special_tokens=False)["input_ids"]
        grounder.model.generation_config.eos_token_id = [grounder.tokenizer.eos_token_id, generated[2]]
        alone = [locator.locate(*one) for one in asked]
    together = locator.locate_batch(asked)
    assert len({result.answer_tokens for result in alone}) > 1
    assert [(one.answer_tokens, one.raw, one.status, one.kv.tokens_seen) for one in together] == [
        (one.answer_tokens, one.raw, one.status, one.kv.tokens_seen) for one in alone
    ]
    grounder = locator.load()
    grounder.model.generation_config.eos_token_id = [grounder.tokenizer.eos_token_id]


def test_each_screenshot_of_a_batch_is_read_once_and_remembered(tiny_checkpoint, asked, monkeypatch):
    locator = short(Locator(tiny_checkpoint("nano"), budget=24, max_pixels=PIXELS))
    tower, looks = locator.load().model.model.visual, []
    real = tower.forward
    monkeypatch.setattr(tower, "forward", lambda *given, **named: looks.append(1) or real(*given, **named))
    locator.locate_batch(asked)
    assert len(looks) == 3
    locator.locate_batch(asked)
    assert len(looks) == 3


@pytest.mark.parametrize("method", ["fastv", "lightkv"])
def test_what_works_inside_the_prefill_is_answered_one_by_one(method, tiny_checkpoint, asked):
    locator = short(Locator(tiny_checkpoint("qwen2_5_vl"), method=method, max_pixels=PIXELS))
    together = locator.locate_batch(asked)
    assert [told(one) for one in together] == [told(locator.locate(*one)) for one in asked]
    assert {result.batch for result in together} == {1}


def test_a_model_that_reads_the_instruction_first(tiny_checkpoint, tmp_path, asked):
    folder = tmp_path / "model"
    shutil.copytree(tiny_checkpoint("qwen3_vl"), folder)
    (folder / "guiground.toml").write_text('like = "mai-ui-2b"\n[generation]\nmax_new_tokens = 6\n')
    locator = Locator(folder, budget=24, max_pixels=PIXELS)
    alone = [locator.locate(*one) for one in asked]
    assert [told(one) for one in locator.locate_batch(asked)] == [told(one) for one in alone]
    assert alone[0].memory.screenshots_bytes == locator.screenshots_bytes == 0
