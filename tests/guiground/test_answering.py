"""A screenshot that was read once answers every instruction as if it had been read for it alone."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny_checkpoints import FAMILIES

import mixkv
from guiground import Locator
from guiground.answering import RecentScreenshots, answer, answer_all, generate, picture_hash, recall
from guiground.meter import Clock
from guiground.models.catalogue import find
from guiground.models.load import load

INSTRUCTIONS = ["the Save button", "close", "the third row of the table"]
PIXELS = 60_000
SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
WEIGHTS = find("nano").folder / "model.safetensors"


def picture(seed, width=230, height=170):
    noise = torch.randint(0, 256, (height, width, 3), generator=torch.Generator().manual_seed(seed))
    return Image.fromarray(noise.to(torch.uint8).numpy())


@pytest.fixture(scope="module")
def grounder(tiny_checkpoint):
    """A tiny checkpoint that answers in at most 8 tokens."""
    loaded = {}

    def make(family):
        made = load(tiny_checkpoint(family), max_pixels=PIXELS)
        short = replace(made.spec.generation, max_new_tokens=8)
        return replace(made, spec=replace(made.spec, generation=short))

    return lambda family: loaded.get(family) or loaded.setdefault(family, make(family))


@pytest.fixture(scope="module")
def text_first(tiny_checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("text_first") / "model"
    shutil.copytree(tiny_checkpoint("qwen3_vl"), folder)
    (folder / "guiground.toml").write_text('like = "mai-ui-2b"\n[generation]\nmax_new_tokens = 6\n')
    return folder


@pytest.fixture
def looks(monkeypatch):
    """looks(locator) -> a list that grows with every run of the vision tower."""

    def watch(locator):
        tower, runs = locator.load().model.model.visual, []
        real = tower.forward
        monkeypatch.setattr(tower, "forward", lambda *given, **named: runs.append(1) or real(*given, **named))
        return runs

    return watch


def told(result):
    return {key: value for key, value in result.to_json().items() if key not in ("timing_ms", "memory", "warnings")}


@pytest.mark.parametrize("method", ["full", "mixkv", "mixkv-adakv"])
@pytest.mark.parametrize("family", FAMILIES)
def test_answers_from_memory_equal_answers_from_scratch(family, method, grounder):
    """Two screenshots of different shapes take turns, so that positions of the one would be wrong for the other."""
    model, memories = grounder(family), [None, None]
    pictures = [picture(1), picture(2, 170, 260)]
    settings = {} if method == "full" else {"budget": 24, "window": 8}
    seen, from_scratch = set(), ({}, {})
    with mixkv.compress(model.model, method, **settings):
        for instruction in INSTRUCTIONS:
            for number, image in enumerate(pictures):
                inputs, memory = recall(model, image, instruction, memories[number], Clock())
                assert memories[number] in (None, memory)
                memories[number] = memory
                shared, cache = answer(model, inputs, memory)
                whole = mixkv.CompressedCache()
                alone = generate(model, model.prepare(image, [instruction]).tensors, whole)
                assert shared.ids == alone.ids and shared.truncated == alone.truncated
                torch.testing.assert_close(shared.logits, alone.logits, atol=1e-4, rtol=1e-4)
                assert (cache.tokens_seen, cache.tokens_held) == (whole.tokens_seen, whole.tokens_held)
                assert cache.bytes_full == whole.bytes_full
                assert (memory.cache.tokens_seen, memory.cache.prompt_ended) == (len(memory.ids), False)
                seen.add(tuple(shared.ids))
                from_scratch[number][instruction] = (alone, whole)
        for number, image in enumerate(pictures):
            asked = [model.prepare(image, [instruction]) for instruction in INSTRUCTIONS]
            together = answer_all(model, asked, memories[number])
            for (one, branch), (alone, whole) in zip(together, from_scratch[number].values(), strict=True):
                assert one.ids == alone.ids and one.truncated == alone.truncated
                torch.testing.assert_close(one.logits, alone.logits, atol=1e-4, rtol=1e-4)
                assert (branch.tokens_seen, branch.tokens_held) == (whole.tokens_seen, whole.tokens_held)
                assert branch.bytes_full == whole.bytes_full
    assert len(seen) > 2  # else the comparison would mean nothing


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="the weights of the embedded model are not there")
@pytest.mark.parametrize("settings", [{}, {"method": "mixkv-adakv", "budget": 64}], ids=["full", "compressed"])
def test_the_embedded_model_answers_ten_instructions_together_as_one_by_one(settings):
    labels = json.loads((SCREENSHOTS / "desk.json").read_text())
    instructions = [one["instruction"] for one in labels if one["img_filename"] == "page-settings-dark.png"][:10]
    locator = Locator(**settings)
    together = locator.locate_many(instructions, SCREENSHOTS / "page-settings-dark.png")
    alone = [locator.locate(instruction, SCREENSHOTS / "page-settings-dark.png") for instruction in instructions]
    for one, other in zip(together, alone, strict=True):
        mine, its = told(one), told(other)
        mine.pop("confidence"), its.pop("confidence")  # a batch adds up in another order
        assert mine == its
        assert (one.confidence is None) == (other.confidence is None)
        if one.confidence:
            assert one.confidence.value == pytest.approx(other.confidence.value, abs=2e-3)
    assert len({result.raw for result in alone}) > 5


def test_a_screenshot_is_read_once(tiny_checkpoint, looks):
    locator = Locator(tiny_checkpoint("qwen2_5_vl"), budget=24, max_pixels=PIXELS)
    runs = looks(locator)
    together = locator.locate_many(INSTRUCTIONS, picture(1))
    assert len(runs) == 1
    alone = [locator.locate(instruction, picture(1)) for instruction in INSTRUCTIONS]
    assert len(runs) == 1
    assert [told(result) for result in alone] == [told(result) for result in together]
    fresh = [
        Locator(tiny_checkpoint("qwen2_5_vl"), budget=24, max_pixels=PIXELS).locate(instruction, picture(1))
        for instruction in INSTRUCTIONS
    ]
    assert [told(result) for result in alone] == [told(result) for result in fresh]
    locator.locate(INSTRUCTIONS[0], picture(2))
    assert len(runs) == 2
    first, second = (result.timing_ms for result in together[:2])
    assert first["read"] > 0 == first["shared"] and second["read"] == 0 < second["shared"] <= first["read"]
    assert second["total"] == pytest.approx(sum(second.values()) - second["total"] - second["shared"])


def test_a_model_that_reads_the_instruction_first_reads_the_screenshot_anew_and_says_so(text_first, looks):
    locator = Locator(text_first, budget=24, max_pixels=PIXELS)
    runs = looks(locator)
    alone = [locator.locate(instruction, picture(1)) for instruction in INSTRUCTIONS]
    assert len(runs) == 3 and not any("anew" in str(result.warnings) for result in alone)
    together = locator.locate_many(INSTRUCTIONS, picture(1))
    assert len(runs) == 6
    assert [told(result) for result in together] == [told(result) for result in alone]
    assert all("the screenshot was read anew for each instruction" in result.warnings[-1] for result in together)
    assert alone[0].memory.screenshots_bytes == together[0].memory.screenshots_bytes == 0


def test_a_method_that_wants_the_whole_prompt_at_once_gets_it(tiny_checkpoint, looks, monkeypatch):
    locator = Locator(tiny_checkpoint("nano"), budget=24, max_pixels=PIXELS)
    expected = [told(result) for result in locator.locate_many(INSTRUCTIONS, picture(1))]
    locator.close()
    monkeypatch.setattr(type(locator.eviction), "in_pieces", False)
    runs = looks(locator)
    together = locator.locate_many(INSTRUCTIONS, picture(1))
    assert [told(result) for result in together] == expected and len(runs) == 3
    assert all("'gistkv' works inside the prefill of the whole prompt" in result.warnings[-1] for result in together)
    assert together[-1].memory.screenshots_bytes == 0


def test_recent_screenshots_are_bounded_in_bytes_and_reported(tiny_checkpoint, looks):
    folder = tiny_checkpoint("nano")
    one = Locator(folder, max_pixels=PIXELS)
    one.locate("x", picture(1))
    size = one.locate("x", picture(1)).memory.screenshots_bytes
    assert size > 0
    locator = Locator(folder, max_pixels=PIXELS, keep_bytes=2 * size)
    runs = looks(locator)
    for seed, expected in ((1, 1), (2, 2), (1, 2), (3, 3), (1, 3), (2, 4)):  # 3 drops 2, the least recently used
        result = locator.locate("x", picture(seed))
        assert (len(runs), result.memory.screenshots_bytes <= 2 * size) == (expected, True)
    locator.close()
    assert locator.locate("x", picture(2)).memory.screenshots_bytes == 0  # when it was answered, none was held yet
    none = Locator(folder, max_pixels=PIXELS, keep_bytes=0)
    runs = looks(none)
    none.locate_many(INSTRUCTIONS, picture(1))
    assert len(runs) == 1
    assert none.locate("x", picture(1)).memory.screenshots_bytes == 0
    assert len(runs) == 2


def test_a_memory_above_the_limit_is_not_held(grounder):
    model = grounder("nano")
    with mixkv.compress(model.model, "full"):
        _, memory = recall(model, picture(1), "x", None, Clock())
    recent = RecentScreenshots(memory.cache.bytes_held - 1)
    recent.keep(b"a", memory)
    assert recent.find(b"a") is None and recent.bytes_held == 0


def test_hashes_tell_pictures_apart():
    image = picture(1, 40, 20)
    one_pixel = image.copy()
    one_pixel.putpixel((39, 19), (1, 2, 3))
    images = [image, one_pixel, Image.frombytes("RGB", (20, 40), image.tobytes())]
    assert len({picture_hash(one) for one in images}) == 3
    assert picture_hash(image) == picture_hash(image.copy())


def test_an_answer_that_fails_does_not_spoil_the_next(tiny_checkpoint, monkeypatch):
    locator = Locator(tiny_checkpoint("nano"), budget=24, max_pixels=PIXELS)
    expected = [told(result) for result in locator.locate_many(INSTRUCTIONS, picture(1))]
    model, real = locator.load().model, locator.load().model.generate
    monkeypatch.setattr(model, "generate", lambda **given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        locator.locate(INSTRUCTIONS[0], picture(1))
    monkeypatch.setattr(model, "generate", real)
    assert [told(locator.locate(instruction, picture(1))) for instruction in INSTRUCTIONS] == expected


def test_threads_may_share_a_locator(tiny_checkpoint):
    locator = Locator(tiny_checkpoint("nano"), budget=24, max_pixels=PIXELS)
    asked = [(instruction, picture(seed)) for instruction in INSTRUCTIONS for seed in (1, 2)]
    alone = [told(locator.locate(*one)) for one in asked]
    with ThreadPoolExecutor(3) as pool:
        assert [told(result) for result in pool.map(lambda one: locator.locate(*one), asked)] == alone
