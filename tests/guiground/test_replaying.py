"""Many methods answer from one reading of each prompt as each answers by itself, whenever its entries are evicted."""

from collections import Counter

import pytest
from test_batching import PIXELS, picture, short, told

import mixkv
from guiground import Locator, answering, eviction
from guiground.errors import UsageError
from guiground.eviction import PROTOCOLS
from guiground.screen import open_image

PICTURES = [open_image(picture(1, (230, 170))), open_image(picture(2, (170, 260)))]
ASKED = [
    ("the Save button", PICTURES[0]),
    ("close", PICTURES[0]),
    ("the third row of the table below the tool bar", PICTURES[1]),
]
EVEN = [("full", {}), ("snapkv", {"budget": 24}), ("mixkv", {"budget": 24}), ("gistkv", {"budget": "20%"})]
EVEN += [
    ("coverkv", {"budget": 24}),
    ("coverkv", {"budget": "20%"}),
    ("guikv", {"budget": 24}),
    ("h2o", {"budget": 24}),
]
UNEVEN = [("adakv", {"budget": 24}), ("mixkv-adakv", {"budget": "20%"}), ("pyramidkv", {"budget": 24})]
RECALLING = [("hybridkv", {"budget": 24})]
METHODS = [mixkv.make_method(name, **settings) for name, settings in EVEN + UNEVEN + RECALLING]


def by(protocol, methods):
    return [(method, protocol) for method in methods]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("family", ["nano", "qwen2_5_vl"])
def test_every_method_answers_as_by_itself(family, protocol, tiny_checkpoint):
    locator = short(Locator(tiny_checkpoint(family), max_pixels=PIXELS, protocol=protocol, device="cpu"))
    replayed = locator.replay(ASKED, by(protocol, METHODS))
    answers = set()
    for method, results in zip(METHODS, replayed, strict=True):
        locator.forget()
        locator.eviction = method
        alone = [locator.locate(*one) for one in ASKED]
        assert [told(result) for result in results] == [told(result) for result in alone], method
        answers.add(tuple(result.raw for result in alone))
        for one, other in zip(results, alone, strict=True):
            if method.name in dict(UNEVEN):  # alone its store has free room
                assert other.kv.bytes_held * 0.5 < one.kv.bytes_held <= other.kv.bytes_held
            else:
                assert one.kv.bytes_held == other.kv.bytes_held, method
            assert one.batch > 1
    assert len(answers) > 4  # what is evicted is missed, else the comparison would mean nothing


def test_a_memory_is_read_and_compressed_once_a_screenshot_by_each_method(tiny_checkpoint, monkeypatch):
    reads, chosen = [], Counter()
    read, compress_now = answering.read, mixkv.CompressedCache.compress_now

    def counted(cache, method):
        chosen[method] += 1
        return compress_now(cache, method)

    monkeypatch.setattr(answering, "read", lambda *arguments: reads.append(1) or read(*arguments))
    monkeypatch.setattr(mixkv.CompressedCache, "compress_now", counted)
    locator = short(Locator(tiny_checkpoint("nano"), max_pixels=PIXELS, protocol="memory", device="cpu"), 2)
    methods = METHODS[:6]
    first = locator.replay(ASKED, by("memory", methods))
    again = locator.replay(ASKED[:2], by("memory", methods))
    assert len(reads) == 2 and chosen == dict.fromkeys(methods, 2)
    assert [[one.raw for one in results] for results in again] == [[one.raw for one in of[:2]] for of in first]
    locator.forget()
    locator.replay(ASKED[:1], by("memory", methods))
    assert len(reads) == 3 and chosen == dict.fromkeys(methods, 3)


def test_several_protocols_share_one_reading_and_answer_as_each_by_itself(tiny_checkpoint, monkeypatch):
    reads, read = [], answering.read
    monkeypatch.setattr(answering, "read", lambda *arguments: reads.append(1) or read(*arguments))
    locator = short(Locator(tiny_checkpoint("nano"), max_pixels=PIXELS, device="cpu"))
    methods = [method for method in METHODS if method.name in ("full", "snapkv", "coverkv", "adakv")]
    together = locator.replay(ASKED, [way for protocol in PROTOCOLS for way in by(protocol, methods)])
    assert len(reads) == len(PICTURES)
    each = []
    for protocol in PROTOCOLS:
        locator.forget()
        each += locator.replay(ASKED, by(protocol, methods))
    assert [list(map(told, results)) for results in together] == [list(map(told, results)) for results in each]
    raws = [[result.raw for result in results] for results in together]
    assert raws[0] == raws[len(methods)] == raws[2 * len(methods)]  # of the full cache
    assert raws[1] != raws[1 + len(methods)] != raws[1 + 2 * len(methods)] != raws[1]


@pytest.mark.parametrize(
    ("protocol", "error"), [("after-prefill", ValueError), ("strict", ValueError), ("memory", UsageError)]
)
def test_what_works_inside_the_prefill_is_not_replayed(protocol, error, tiny_checkpoint):
    inside = [METHODS[0], eviction.build("fastv", None)]
    locator = short(Locator(tiny_checkpoint("nano"), max_pixels=PIXELS, device="cpu"), 2)
    with pytest.raises(error, match="'fastv'"):
        locator.replay(ASKED[:1], by(protocol, inside))
