"""Confidence: the model's own probability of what it says, and what is too unsure is not acted on."""

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

import mixkv
from guiground import Locator
from guiground.answering import answer, recall
from guiground.confidence import Confidence, counted_tokens, of_samples, of_tokens
from guiground.errors import UsageError
from guiground.geometry import Box, Point, Size
from guiground.meter import Clock
from guiground.models.answer import Answer

PIXELS = 60_000
SIZE = Size(1000, 500)


@pytest.fixture(scope="module")
def picture():
    return Image.linear_gradient("L").resize((320, 200)).convert("RGB")


class Spelled:
    """Stands in for a loaded model whose tokens are characters."""

    def decode(self, ids):
        return "".join(map(chr, ids))


def generated(text, likely):
    """The answer `text`, each of whose tokens has the probability `likely[place]`, else 1."""
    logits = torch.full((len(text), 128), -1e9)
    for place, letter in enumerate(text):
        share = likely.get(place, 1.0)
        logits[place, ord(letter)] = torch.tensor(share).log()
        logits[place, ord("~")] = torch.tensor(1.0 - share).clamp(min=1e-30).log()
    return type("Generated", (), {"ids": [ord(letter) for letter in text], "logits": logits})


@pytest.mark.parametrize(
    ("text", "numbers", "counted"),
    [
        ("0512,0300", 2, "051,030"),
        ("(123, 45)", 2, "12, 4)"),
        ("(123, 45) done", 2, "12, 4)"),
        ("Step 1: click(10, 20)", 2, "1, 2)"),  # numbers of a thought before it do not count
        ("[10, 20, 30, 40]", 4, "1, 2, 3, 4]"),
        ("(0.512, 0.25)", 2, "0.51, 0.25)"),
        ("(7, 8)", 2, ", )"),  # that it is one digit only is told by what follows
        (")", 2, ")"),
    ],
)
def test_all_digits_count_but_those_of_a_few_pixels(text, numbers, counted):
    assert "".join(text[index] for index in counted_tokens(list(text), numbers)) == counted


def test_tokens_of_several_characters_count_whole():
    assert counted_tokens(["(", "123", ", ", "4", "5", ")"], 2) == [1, 2, 3, 5]
    assert counted_tokens(["(12", "3, 4", "", "5)", "!"], 2) == [0, 1, 2, 3]


def test_the_value_is_the_product_of_the_probabilities():
    point = Answer("point", (512.0, 300.0))
    said = of_tokens(Spelled(), generated("0512,0300", {1: 0.5, 3: 0.1, 6: 0.8, 8: 0.2}), point)
    assert said.value == pytest.approx(0.4) and said.kind == "token_probability" and said.margin is None
    assert said.to_json() == {"value": 0.4, "kind": "token_probability", "least": None, "margin": None}
    refused = of_tokens(Spelled(), generated("none", {0: 0.9, 3: 0.7}), Answer("refused"))
    assert refused.value == pytest.approx(0.63) and refused.margin == pytest.approx(0.4)
    assert of_tokens(Spelled(), generated("what", {}), Answer("unparsable")) is None


def test_agreement_is_the_share_of_samples_nearby():
    sampled = [("found", Point(119, 81)), ("found", Point(121, 80)), ("refused", None), ("found", Point(100, 100))]
    assert of_samples("found", Point(100, 100), None, sampled, SIZE).value == 0.5
    assert of_samples("found", Point(100, 100), Box(90, 70, 130, 110), sampled, SIZE).value == 0.75
    assert of_samples("refused", None, None, sampled, SIZE) == Confidence(0.25, "agreement")
    assert of_samples("unparsable", None, None, sampled, SIZE) is None


@pytest.mark.parametrize("family", ["nano", "qwen2_5_vl"])
def test_probabilities_are_those_of_the_generated_tokens(tiny_checkpoint, picture, family):
    """Against logits of one forward pass over prompt and answer together."""
    grounder = Locator(tiny_checkpoint(family), max_pixels=PIXELS).load()
    with mixkv.compress(grounder.model, "full"), torch.no_grad():
        inputs, memory = recall(grounder, picture, "x", None, Clock())
        made, _ = answer(grounder, inputs, memory)
        prompt = inputs.tensors["input_ids"]
        ids = torch.cat([prompt, torch.tensor([made.ids])], dim=-1)
        kinds = torch.nn.functional.pad(inputs.tensors["mm_token_type_ids"], (0, len(made.ids)))
        pixels = {name: inputs.tensors[name] for name in ("pixel_values", "image_grid_thw")}
        whole = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "mm_token_type_ids": kinds, **pixels}
        logits = grounder.model(**whole, past_key_values=mixkv.CompressedCache()).logits[0, prompt.shape[1] - 1 : -1]
    expected = logits.log_softmax(-1).gather(-1, torch.tensor(made.ids)[:, None]).sum().exp()
    assert of_tokens(grounder, made, Answer("refused")).value == pytest.approx(float(expected), rel=1e-3)


def test_samples_are_drawn_by_seed_and_leave_no_trace(tiny_checkpoint, picture):
    grounder = Locator(tiny_checkpoint("nano"), max_pixels=PIXELS).load()
    before = torch.random.get_rng_state()
    with mixkv.compress(grounder.model, "full"):
        inputs, memory = recall(grounder, picture, "x", None, Clock())
        for weights in grounder.model.lm_head.parameters():
            weights.data.div_(8)  # so that not only one token is likely; it is tied to what is read
        drawn = [tuple(answer(grounder, inputs, memory, seed)[0].ids) for seed in (0, 1, 2, 0, 1, 2)]
        greedy = {tuple(answer(grounder, inputs, memory)[0].ids) for _ in range(3)}
    assert drawn[:3] == drawn[3:] and len(set(drawn)) == 3 and len(greedy) == 1
    assert torch.equal(torch.random.get_rng_state(), before)


def test_what_is_below_the_least_has_no_point(answering, picture):
    sure = Locator(answering("(40, 60)"), min_confidence=0.0, max_pixels=PIXELS).locate("x", picture)
    assert sure.found and sure.confidence.least == 0 and sure.confidence.margin == sure.confidence.value
    unsure = replace(sure, confidence=Confidence(0.25, "token_probability")).at_least(0.6)
    assert (unsure.status, unsure.point, unsure.box, unsure.found) == ("unsure", None, None, False)
    assert unsure.confidence == Confidence(0.25, "token_probability", 0.6, pytest.approx(-0.35))
    assert "0.25, 0.35 below the 0.60 asked for" in unsure.explain()
    agreed = Locator(answering("(40, 60)"), samples=2, max_pixels=PIXELS).locate("x", picture)
    assert agreed.confidence == Confidence(1.0, "agreement")  # the answer is part of the prompt
    refused = Locator(answering("(-1, -1)"), min_confidence=1.0, max_pixels=PIXELS).locate("x", picture)
    assert refused.status == "refused" and 0 <= refused.confidence.margin <= refused.confidence.value <= 1
    assert "(confidence " in refused.explain()


def test_the_options(here, answering, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.linear_gradient("L").resize((320, 200)).convert("RGB").save("shot.png")
    monkeypatch.setattr("guiground.reply.of_tokens", lambda grounder, made, said: Confidence(0.3, "token_probability"))
    arguments = ("-i", "shot.png", "-m", answering("(40, 60)"))
    assert here("locate", "x", *arguments, "--min-confidence", "0.3")[0] == 0
    code, out, err = here("locate", "x", *arguments, "--min-confidence", "0.5")
    assert (code, out) == (1, "") and "0.30, 0.20 below the 0.50" in err and err.count("\n") == 1
    code, out, _ = here("click", "x", *arguments, "--min-confidence", "0.5", "--dry-run", "--json")
    said = json.loads(out)["results"][0]
    assert code == 1 and said["status"] == "unsure" and said["point"] is None and said["confidence"]["margin"] == -0.2
    wait = ("wait", "x", *arguments, "--timeout", "0", "--min-confidence", "0.5")
    assert here(*wait)[0] == 1 and here(*wait, "--gone")[0] == 0
    assert here("locate", "x", *arguments, "--min-confidence", "0.5", "--samples", "2")[0] == 0
    assert here("locate", "x", *arguments, "--min-confidence", "2")[0] == 2


@pytest.mark.parametrize("settings", [{"min_confidence": 1.5}, {"min_confidence": -0.1}, {"samples": -1}])
def test_bad_settings(settings):
    with pytest.raises(UsageError, match=str(next(iter(settings.values())))):
        Locator(**settings)
