"""guiground heads: which targets count, what is stored, and that the methods find it."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from guiground import Locator, visual_heads
from guiground.errors import ModelError
from guiground.evaluation import annotations, tasks
from guiground.geometry import Box
from guiground.screen import open_image
from guiground.visual_heads import Target
from mixkv import head_scores


@pytest.fixture(scope="module")
def shot(tmp_path_factory):
    path = tmp_path_factory.mktemp("heads") / "shot.png"
    Image.linear_gradient("L").resize((320, 200)).convert("RGB").save(path)
    return path


@pytest.fixture(scope="module")
def labels(shot):
    """Two targets; a model that always answers (40, 60) hits the first."""
    rows = [
        {"img_filename": shot.name, "img_size": [320, 200], "bbox": [20, 40, 60, 50], "instruction": "the left one"},
        {"img_filename": shot.name, "img_size": [320, 200], "bbox": [200, 40, 60, 50], "instruction": "the right one"},
    ]
    path = shot.with_name("labels.json")
    path.write_text(json.dumps(rows))
    return path


def command(here, labels, model, *more):
    return here("heads", labels, "--model", model, "--mode", "mass", *more)


def test_only_hits_count_unless_misses_are_asked_for(here, labels, answering):
    model = answering("(40, 60)")
    code, out, _ = command(here, labels, model, "--dry-run", "--json")
    hits = json.loads(out)
    assert code == 0 and (hits["targets"], hits["used"], hits["stored"]) == (2, 1, None)
    both = json.loads(command(here, labels, model, "--dry-run", "--json", "--misses")[1])
    assert both["used"] == 2 and both["scores"] != hits["scores"]
    assert len(hits["scores"]) == 2 and len(hits["scores"][0]) == 4
    assert sum(map(sum, hits["shares"])) == pytest.approx(1, abs=1e-3) and len(hits["shares"][0]) == 2


def test_scores_are_those_of_the_models_own_attention(shot, answering):
    """The token that writes the answer is the prompt's last; its attention on the target's tokens is the score."""
    box, model = Box(20, 40, 80, 90), answering("(40, 60)")
    locator = Locator(model)
    screenshot = open_image(shot)
    measured = visual_heads.measure(locator, [Target(screenshot, "the left one", box)], "mass")
    grounder = locator.load()
    inputs = grounder.prepare(screenshot.image, ["the left one"])
    grounder.model.get_decoder().set_attn_implementation("eager")
    with torch.no_grad():
        maps = grounder.model(**inputs.tensors, output_attentions=True).attentions
    width, height = 320 / inputs.token_grid.width, 200 / inputs.token_grid.height
    for layer, scores in enumerate(measured.scores):
        paid = maps[layer][0, :, -1, inputs.image_start[0] :][:, : inputs.image_tokens]
        expected = torch.zeros(4)
        for token in range(inputs.image_tokens):
            x, y = token % inputs.token_grid.width * width, token // inputs.token_grid.width * height
            if x < box.right and x + width > box.left and y < box.bottom and y + height > box.top:
                expected += paid[:, token]
        torch.testing.assert_close(torch.tensor(scores), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("method", ["sparsemm", "mixkv-sparsemm"])
def test_what_is_stored_is_found_by_the_methods(here, labels, shot, answering, method, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    model = answering("(40, 60)")
    asked = ("locate", "the left one", "-i", shot, "--model", model, "--method", method, "--budget", "20", "--json")
    code, out, error = here(*asked)
    assert (code, out) == (2, "") and "run `guiground heads` with the same --model once" in error
    code, out, _ = command(here, labels, model, "--json")
    stored = json.loads(out)["stored"]
    assert code == 0 and json.loads(Path(stored).read_text())["used"] == 1 and str(tmp_path) in stored
    code, out, _ = here(*asked)
    assert code == 0 and json.loads(out)["kv"]["tokens_held"] == pytest.approx(20, abs=1.5)


def test_a_model_that_hits_nothing_is_told(here, labels, answering):
    code, out, error = command(here, labels, answering("(0, 0)"), "--dry-run")
    assert code == ModelError.exit_code and out == ""
    assert "hits none of the 2 targets" in error and "--misses" in error and error.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_told(here, labels, answering, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    code, _, error = command(here, labels, answering("(40, 60)"))
    assert code == ModelError.exit_code and "set XDG_DATA_HOME" in error


def test_the_packaged_screens_are_whole():
    found = tasks.resolve(str(visual_heads.SCREENS))
    samples = annotations.load(found)
    assert len(samples) == 28
    for sample in samples:
        assert isinstance(sample.target(found.pictures.size(sample.image)), Box), sample.place


def test_the_embedded_model_has_heads_that_look_at_the_target(here, tmp_path):
    code, out, _ = here("heads", "--limit", "3", "--dry-run", "--json", "--plot", tmp_path / "heads.png")
    if code:
        pytest.skip("the embedded weights hit none of three targets")
    shares = sorted((share for layer in json.loads(out)["shares"] for share in layer), reverse=True)
    assert sum(shares[: len(shares) // 4]) > 0.5  # a quarter of the heads has most of the looking
    with Image.open(tmp_path / "heads.png") as picture:
        assert picture.width >= 820


def test_scores_of_other_weights_are_not_found(answering, tiny_checkpoint):
    one, other = (Locator(model).load().model for model in (answering("(40, 60)"), tiny_checkpoint("nano")))
    head_scores.save_head_scores(one, [[1.0] * 4] * 2)
    assert head_scores.load_head_scores(one) == ((1.0,) * 4,) * 2
    with pytest.raises(head_scores.MissingHeadScores):
        head_scores.load_head_scores(other)
