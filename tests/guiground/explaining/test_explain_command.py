"""guiground explain and guiground redundancy: what they say is what the cache holds, and the picture shows it."""

import json
from dataclasses import replace

import numpy
import pytest
import torch
from PIL import Image

from guiground import Locator
from guiground.explaining.head_map import head_map
from guiground.explaining.held import explain
from guiground.explaining.ink import colours
from guiground.explaining.redundancy import redundancy
from guiground.explaining.sheet import panel
from guiground.geometry import Box
from guiground.screen import open_image

SIZE = (448, 280)


@pytest.fixture(scope="module")
def shot(tmp_path_factory):
    path = tmp_path_factory.mktemp("explain") / "shot.png"
    noise = numpy.random.default_rng(0).integers(0, 255, (SIZE[1] // 8, SIZE[0] // 8, 3), dtype=numpy.uint8)
    Image.fromarray(noise).resize(SIZE, Image.Resampling.NEAREST).save(path)
    return path


def locators(model, *cells):
    return [Locator(model, method=method, budget=budget, keep_bytes=0) for method, budget in cells]


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl", "nano"])
def test_held_tokens_are_those_the_cache_holds(family, shot, tiny_checkpoint):
    cells = [("full", None), ("snapkv", 24), ("adakv", 24), ("fastv", None)]
    full, uniform, adaptive, dropped = explain("it", open_image(shot), locators(tiny_checkpoint(family), *cells))
    assert (full.shares == 1).all() and full.text == full.text_tokens
    for one in (uniform, adaptive):
        assert one.shares.sum() + one.text == pytest.approx(24, abs=1e-4)
        assert 0 < (one.shares > 0).sum() < one.shares.size
    assert full.shares.shape == (full.grid.grid.height, full.grid.grid.width) == dropped.shares.shape
    answered = dropped.result.kv.tokens_seen - dropped.shares.size - dropped.text_tokens
    assert dropped.shares.sum() + dropped.text == pytest.approx(dropped.result.kv.tokens_held - answered, abs=1e-3)


def test_heads_and_layers_one_by_one_make_up_the_whole(shot, tiny_checkpoint):
    model, screenshot = tiny_checkpoint("qwen2_5_vl"), open_image(shot)
    every = [explain("it", screenshot, locators(model, ("snapkv", 24)), i, h)[0] for i in (0, 1) for h in (0, 1)]
    assert all(set(numpy.unique(one.shares)) <= {0.0, 1.0} for one in every)
    together = explain("it", screenshot, locators(model, ("snapkv", 24)))[0]
    numpy.testing.assert_allclose(numpy.mean([one.shares for one in every], 0), together.shares, atol=1e-6)
    assert not all((one.shares == every[0].shares).all() for one in every)


def test_the_share_on_a_box_is_that_of_its_tokens(shot, tiny_checkpoint):
    (one,) = explain("it", open_image(shot), locators(tiny_checkpoint("qwen2_5_vl"), ("snapkv", 40)))
    columns = one.shares.shape[1]
    halves = (Box(0, 0, SIZE[0] / 2 - 0.01, SIZE[1]), Box(SIZE[0] / 2 + 0.01, 0, *SIZE))
    assert columns % 2 == 0 and sum(map(one.on, halves)) == pytest.approx(1, abs=1e-5)
    assert one.on(halves[0]) == pytest.approx(one.shares[:, : columns // 2].sum() / one.shares.sum(), abs=1e-5)


def test_the_sheet_is_dark_where_tokens_are_held(here, shot, answering, tmp_path):
    out = tmp_path / "sheet.png"
    code, printed, _ = here(
        *("explain", "the left one", "-i", shot, "--model", answering("(40, 60)"), "--methods", "full,snapkv"),
        *("--budgets", "24", "--box", "20,40,60,50", "--out", out, "--json"),
    )
    facts = json.loads(printed)
    assert code == 0 and [one["method"] for one in facts["panels"]] == ["full", "snapkv"]
    full, snapkv = facts["panels"]
    assert full["hit"] is snapkv["hit"] is True and snapkv["bytes_held"] < full["bytes_held"] == full["bytes_full"]
    assert 0 <= snapkv["on_target"] <= 1 and snapkv["image_tokens_held"] + snapkv["text_tokens_held"] == 24
    with Image.open(out) as picture:
        pixels = numpy.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape[1] > pixels.shape[0] > 200 and (pixels[..., 2] - pixels[..., 0] > 60).any()
    assert (
        here("explain", "it", "-i", shot, "--model", answering("(40, 60)"), "--budgets", "24")[1].count("snapkv") == 1
    )


def test_the_panel_is_dark_exactly_where_tokens_are_held(shot, tiny_checkpoint):
    screenshot = open_image(shot)
    (one,) = explain("it", screenshot, locators(tiny_checkpoint("nano"), ("snapkv", 24)))
    white = Image.new("RGB", SIZE, "white")
    none = replace(one.result, point=None, status="refused")
    pixels = numpy.asarray(panel(white, replace(one, result=none), 1.0, 1.0, None)).astype(int)
    for row, column in numpy.ndindex(one.shares.shape):
        cell = one.grid.cell(column, row)
        if cell.center.x < SIZE[0] and cell.center.y < SIZE[1]:
            seen = tuple(pixels[int(cell.center.y), int(cell.center.x)])
            assert (seen != (255, 255, 255)) == (one.shares[row, column] > 0), (row, column)
    whole = replace(one, shares=numpy.ones_like(one.shares), result=none)
    assert (numpy.asarray(panel(white, whole, 1.0, 1.0, None)) == 255).all()  # nothing evicted, nothing drawn


def test_wrong_choices_are_one_sentence(here, shot, answering, tmp_path):
    model = answering("(40, 60)")
    asked = ("explain", "it", "-i", shot, "--model", model)
    assert "there is no layer 2 in this model (choose from: 0 to 1)" in here(*asked, "--layer", "2")[2]
    assert "there is no head 9 in this model (choose from: 0 to 1)" in here(*asked, "--head", "9")[2]
    assert "unknown method 'snap'" in here(*asked, "--methods", "snap")[2]
    assert "there is nothing to show" in here(*asked, "--methods", " ")[2]
    assert "would replace the screenshot" in here(*asked, "--out", shot)[2]
    assert here(*asked, "--out", tmp_path / "sheet.gif")[0] == 2


def test_redundancy_is_the_mean_cosine_of_two_keys(shot, tiny_checkpoint):
    keys = []
    locator = Locator(tiny_checkpoint("qwen2_5_vl"))
    locator.watch = lambda inputs, generated, cache: keys.extend((layer.keys, inputs) for layer in cache.layers)
    locator.locate("it", open_image(shot))
    for part in ("all", "image", "text"):
        found = redundancy(locator, "it", open_image(shot), part)
        for layer, (key, inputs) in enumerate(keys):
            start, count = inputs.image_start[0], inputs.image_tokens
            of_prompt = key[0, :, : inputs.tensors["input_ids"].shape[1]].double()
            image = of_prompt[:, start : start + count]
            text = torch.cat([of_prompt[:, :start], of_prompt[:, start + count :]], 1)
            unit = torch.nn.functional.normalize({"all": of_prompt, "image": image, "text": text}[part], dim=-1)
            cosine = unit @ unit.transpose(-1, -2)
            tokens = unit.shape[1]
            expected = (cosine.sum((-2, -1)) - tokens) / (tokens * (tokens - 1))
            torch.testing.assert_close(torch.tensor(found.heads[layer]).double(), expected, atol=1e-4, rtol=1e-3)
            assert found.tokens == tokens


def test_redundancy_as_a_command(here, shot, tiny_checkpoint, tmp_path):
    out = tmp_path / "redundancy.png"
    code, printed, _ = here("redundancy", "-i", shot, "--model", tiny_checkpoint("nano"), "--out", out, "--json")
    facts = json.loads(printed)
    flat = [value for layer in facts["heads"] for value in layer]
    assert code == 0 and len(flat) == 4 and facts["mean"] == pytest.approx(numpy.mean(flat), abs=1e-3)
    with Image.open(out) as picture:
        assert picture.width >= 820
    assert facts["least"] <= facts["mean"] <= facts["most"]
    code, printed, _ = here("redundancy", "-i", shot, "--model", tiny_checkpoint("nano"))
    assert code == 0 and printed.count("layer") == 2


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (28, 4), (80, 8), (36, 128)])
def test_a_head_map_of_any_size_is_drawn(layers, heads):
    numbers = numpy.random.default_rng(0).random((layers, heads)).tolist()
    picture = head_map(numbers, "a title", "what they mean", most=1.0)
    assert picture.width < 1500 and picture.height < 1400


def test_colours_darken_steadily():
    lightness = colours(numpy.linspace(0, 1, 50)) @ [0.3, 0.6, 0.1]
    assert (numpy.diff(lightness) < 0).all()
