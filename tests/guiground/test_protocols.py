"""When entries go: after the prompt, before its last token, or before the instruction. On the packaged model."""

import random
from itertools import takewhile

import pytest

pytest.importorskip("torch")

import torch
from PIL import Image

from guiground import Locator
from guiground.errors import UsageError
from guiground.models.load import load
from guiground.nano import architecture as arch
from guiground.nano.asked import PROTOCOLS, Asked
from guiground.nano.scenes import draw


@pytest.fixture(scope="module")
def grounder():
    return load("nano", device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def scene():
    return draw(2**50 + 7, 384, 256, "rows", icons="")


@pytest.fixture(scope="module")
def asked(grounder, scene):
    return Asked(grounder.model, scene, random.Random(1), most=4)


@pytest.fixture
def locator(grounder):
    def make(**settings):
        made = Locator(dtype="float32", device="cpu", **settings)
        made._grounder = grounder
        return made

    return make


def words(ids):
    """The characters up to the first token that is none."""
    return "".join(arch.CHARACTERS[one - arch.FIRST_CHARACTER] for one in takewhile(lambda one: one > 9, ids))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("method", ["snapkv", "gistkv", "coverkv"])
def test_a_locator_answers_as_the_search_does(method, protocol, locator, asked, scene):
    import mixkv

    left, _ = asked.choose(mixkv.make_method(method, budget=10), protocol)
    digits = asked.logits(left, protocol).argmax(-1)
    full = asked.logits(None, protocol).argmax(-1)
    image, instructions = Image.fromarray(scene.image), [words(ids) for ids in asked.texts]
    results = locator(method=method, budget=10, protocol=protocol).locate_many(instructions, image)
    assert [result.raw[:9] for result in results] == [words(row.tolist()) for row in digits]
    assert not torch.equal(digits, full)  # what was evicted is missed, else this would show nothing


def test_a_remembered_screenshot_is_held_compressed_and_serves_every_instruction(locator, asked, scene):
    image, instructions = Image.fromarray(scene.image), [words(ids) for ids in asked.texts]
    full, small = locator(), locator(method="coverkv", budget="25%", protocol="memory")
    full.locate(instructions[0], image)
    first = [small.locate(one, image) for one in instructions]
    assert small.screenshots_bytes < 0.3 * full.screenshots_bytes
    assert first[1].timing_ms["shared"] > 0  # read once, for the first
    together = locator(method="coverkv", budget="25%", protocol="memory").locate_many(instructions, image)
    assert [one.raw for one in first] == [one.raw for one in together]


def test_a_memory_is_not_answered_from_by_another_method(locator, asked, scene):
    image, instruction = Image.fromarray(scene.image), words(asked.texts[0])
    alone = locator(method="coverkv", budget=40, protocol="memory").locate(instruction, image)
    both = locator(method="coverkv", budget=4, protocol="memory")
    both.locate(instruction, image)
    both.eviction = type(both.eviction)(budget=40)
    again = both.locate(instruction, image)
    assert (again.raw, again.kv.tokens_held) == (alone.raw, alone.kv.tokens_held)


@pytest.mark.parametrize(
    ("settings", "method", "budget"),
    [
        ({}, "full", None),
        ({"protocol": "strict"}, "full", None),
        ({"budget": 64}, "gistkv", 64),
        ({"protocol": "memory"}, "coverkv", "25%"),
        ({"protocol": "memory", "budget": 99}, "coverkv", 99),
        ({"protocol": "memory", "method": "full"}, "full", None),
    ],
)
def test_the_method_that_is_not_named_suits_the_protocol(settings, method, budget):
    made = Locator(**settings)
    assert (made.method, made.budget) == (method, budget)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_evicted_is_the_same_by_every_protocol(protocol, locator, asked, scene):
    image, instruction = Image.fromarray(scene.image), words(asked.texts[0])
    whole = locator(method="full", protocol=protocol)
    assert whole.locate(instruction, image).raw == locator().locate(instruction, image).raw


def test_an_unknown_protocol_and_one_that_the_method_cannot_follow_are_told(locator, scene):
    with pytest.raises(UsageError, match=r"unknown protocol .late. .choose from: after-prefill"):
        locator(protocol="late")
    with pytest.raises(UsageError, match="works inside the prefill"):
        locator(method="fastv", protocol="memory").locate("OK", Image.fromarray(scene.image))
