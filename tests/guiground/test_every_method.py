"""Every method of mixkv can be named to the locator, whatever it needs to know about the prompt."""

import pytest
from PIL import Image, ImageDraw

import mixkv
from guiground import Locator
from guiground.errors import UsageError

BUDGETED = [name for name in mixkv.METHODS if "budget" in mixkv.METHODS[name].__dataclass_fields__]
MEASURED = [name for name in BUDGETED if "sparsemm" in name]  # they want head scores, measured beforehand


@pytest.fixture(scope="module")
def screenshot() -> Image.Image:
    image = Image.new("RGB", (320, 192), "white")
    ImageDraw.Draw(image).rectangle((40, 40, 200, 90), fill="navy")
    return image


@pytest.mark.parametrize("method", [name for name in BUDGETED if name not in MEASURED])
def test_a_budget_is_held(method, tiny_checkpoint, screenshot):
    with Locator(tiny_checkpoint("nano"), method=method, budget=24) as locator:
        result = locator.locate("the blue box", screenshot)
    written = result.kv.tokens_seen - result.kv.tokens_held
    assert result.kv.tokens_seen > 60
    assert written > result.kv.tokens_seen - 24 - 14  # what was evicted: all but the budget and the answer


@pytest.mark.parametrize("method", [name for name in mixkv.METHODS if name not in BUDGETED])
def test_methods_without_a_budget_answer_too(method, tiny_checkpoint, screenshot):
    with Locator(tiny_checkpoint("nano"), method=method) as locator:
        assert locator.locate("the blue box", screenshot).kv.tokens_seen > 60
    with pytest.raises(UsageError, match="budget"):
        Locator(tiny_checkpoint("nano"), method=method, budget=24)


@pytest.mark.parametrize("method", MEASURED)
def test_missing_head_scores_are_one_sentence(method, tiny_checkpoint, screenshot):
    with (
        Locator(tiny_checkpoint("nano"), method=method, budget=24) as locator,
        pytest.raises(UsageError, match=f"'{method}' needs the visual head scores .*run `guiground heads`"),
    ):
        locator.locate("the blue box", screenshot)


@pytest.mark.parametrize("method", ["hybridkv", "hybridkv-mixkv", "lightkv-hybridkv", "guikv", "stlite"])
def test_what_was_made_from_a_description_says_so_everywhere(method, tiny_checkpoint, screenshot):
    from guiground.evaluation import fingerprint
    from guiground.evaluation.runs import Run
    from guiground.evaluation.summary import method_title
    from guiground.evaluation.tasks import find

    with Locator(tiny_checkpoint("nano"), method=method, budget=24) as locator:
        assert locator.locate("the blue box", screenshot).kv.method == f"{method} (re-implementation)"
        settings = fingerprint.settings(locator, find("desk"))
    assert method_title(settings) == f"{method} (re-implementation)"
    assert Run(None, "", settings, {}, {}).label.endswith(f"{method} 24 (re-implementation)")
