"""Locator: the same answer by every way in, coordinates in the input's own frame, and failures with a remedy."""

import json
import shutil

import pytest
import torch
from PIL import Image

import guiground
from guiground import Box, Locator, Point, Result
from guiground.answering import generate
from guiground.errors import ModelError, UsageError
from guiground.geometry import Chain, Hop, Size
from guiground.models.answer import Answer
from guiground.models.running import memory_explained
from guiground.models.spec import Generation
from guiground.reply import _place
from guiground.screen import Monitor, Screenshot

PIXELS = 300_000  # enough for the picture as it is


@pytest.fixture(scope="module")
def picture():
    return Image.linear_gradient("L").resize((640, 360)).convert("RGB")


@pytest.fixture(scope="module")
def answering(tiny_checkpoint, tmp_path_factory):
    """answering("(40, 60)") -> a tiny checkpoint whose answers begin so, because they are prefilled."""

    def checkpoint(answer, **generation):
        folder = tmp_path_factory.mktemp("answering") / "model"
        shutil.copytree(tiny_checkpoint("qwen2_5_vl"), folder)
        lines = ['like = "gta1-7b-2507"', "[prompt]", f"prefill = {json.dumps(answer)}", "[generation]"]
        lines += [f"{name} = {value}" for name, value in {"max_new_tokens": 4, **generation}.items()]
        (folder / "guiground.toml").write_text("\n".join(lines))
        return folder

    return checkpoint


@pytest.fixture(scope="module")
def finding(answering):
    return answering("(40, 60)")


def told(result):
    """A result without what differs from run to run."""
    return {key: value for key, value in result.to_json().items() if key not in ("timing_ms", "memory")}


def test_a_point_in_pixels_of_the_input(finding, picture):
    result = Locator(finding, max_pixels=PIXELS).locate("the Save button", picture)
    resized = 28 * round(640 / 28), 28 * round(360 / 28)
    assert result.status == "found" and result.image_size == Size(640, 360) and result.monitor is None
    assert tuple(result.point) == pytest.approx((40 * 640 / resized[0], 60 * 360 / resized[1]))
    assert list(result) == [int(result.point.x), int(result.point.y)] == list(result.pixel)
    assert result.transform.apply(Point(40, 60)) == result.point and result.on_screenshot() == (result.point, None)


def test_full_budget_is_no_compression(finding, picture):
    full = Locator(finding, max_pixels=PIXELS).locate("the Save button", picture)
    for method in ("snapkv", "mixkv", "mixkv-adakv"):
        result = Locator(finding, method=method, budget=100_000, max_pixels=PIXELS).locate("the Save button", picture)
        assert result.raw == full.raw and result.point == full.point
        assert result.kv.tokens_held == result.kv.tokens_seen == full.kv.tokens_seen
        assert result.kv.bytes_held == result.kv.bytes_full == full.kv.bytes_held
        assert result.warnings == ("budget 100000 holds the whole prompt: nothing was evicted",)


def test_a_budget_evicts_and_is_measured(finding, picture):
    full = Locator(finding, max_pixels=PIXELS).locate("the Save button", picture)
    result = Locator(finding, method="mixkv", budget=64, max_pixels=PIXELS).locate("the Save button", picture)
    assert result.kv.method == "mixkv" and result.kv.budget == 64 and result.warnings == ()
    bytes_per_token = full.kv.bytes_full / full.kv.tokens_seen
    assert 0 < result.kv.tokens_held - 64 <= 4 and result.kv.bytes_held == result.kv.tokens_held * bytes_per_token
    assert result.memory.kv_bytes == result.kv.bytes_held < result.kv.bytes_full == full.kv.bytes_held
    share = Locator(finding, budget="10%", max_pixels=PIXELS).locate("the Save button", picture)
    assert share.kv.budget == "10%" and 0.1 < share.kv.tokens_held / share.kv.tokens_seen < 0.11


def test_a_budget_below_the_window_works_and_is_remarked(finding, picture):
    result = Locator(finding, method="mixkv", budget=16, max_pixels=PIXELS).locate("the Save button", picture)
    assert result.kv.tokens_held <= 20 and "not above the window of 32 tokens" in result.warnings[0]


def test_every_way_in_gives_the_same(finding, picture, tmp_path):
    picture.save(tmp_path / "a.png")
    with Locator(str(finding), max_pixels=PIXELS) as locator:
        first = locator.locate("the Save button", tmp_path / "a.png")
        for image in (str(tmp_path / "a.png"), picture, picture.convert("RGBA"), Screenshot(picture)):
            assert told(locator.locate("the Save button", image)) == told(first)


def test_many_instructions_are_each_answered_as_alone(finding, picture):
    locator = Locator(finding, budget=48, max_pixels=PIXELS)
    instructions = ["the Save button", "close", "the third row"]
    together = locator.locate_many(instructions, picture)
    assert [told(result) for result in together] == [told(locator.locate(one, picture)) for one in instructions]
    assert len({result.raw for result in together}) > 1  # else the comparison would mean nothing
    assert together[0].timing_ms["load"] > 0 == together[1].timing_ms["load"]


def test_a_grabbed_monitor_answers_in_desktop_coordinates(finding, picture):
    locator = Locator(finding, max_pixels=PIXELS)
    plain = locator.locate("the Save button", picture)
    monitor = Monitor(2, -320, 40, 320, 180, scale=2.0)
    result = locator.locate("the Save button", Screenshot(picture, monitor))
    assert result.point == Point(plain.point.x / 2 - 320, plain.point.y / 2 + 40)
    back, _ = result.on_screenshot()
    assert tuple(back) == pytest.approx(tuple(plain.point)) and result.pixel[0] < 0
    assert [hop["name"] for hop in result.to_json()["transform"]][-1] == "capture -> desktop"
    assert result.to_json()["monitor"]["left"] == -320


@pytest.mark.parametrize(
    ("answer", "status"), [("(-1, -1)", "refused"), ("(40,", "truncated"), ("(4000, 60)", "unparsable")]
)
def test_without_a_point_there_is_nothing_to_unpack(answering, picture, answer, status):
    result = Locator(answering(answer, max_new_tokens=1), max_pixels=PIXELS).locate("the Save button", picture)
    assert (result.status, result.point, result.box, result.pixel) == (status, None, None, None)
    assert "'the Save button' was not found" in result.explain() or "answer" in result.explain()
    with pytest.raises(ValueError, match="no point to unpack"):
        tuple(result)


def test_the_record_is_plain_json(finding, picture):
    record = Locator(finding, budget=64, max_pixels=PIXELS).locate("the Säve button", picture).to_json()
    assert json.loads(json.dumps(record)) == record
    assert record["schema_version"] == 1 and record["instruction"] == "the Säve button"
    sizes = {"bytes_full", "bytes_held", "bytes_untouched", "bytes_offloaded"}
    assert set(record["kv"]) == {"method", "budget", "tokens_seen", "tokens_held", *sizes}
    stages = record["timing_ms"]
    assert list(stages) == ["capture", "load", "read", "prepare", "generate", "parse", "shared", "total"]
    assert sum(spent for stage, spent in stages.items() if stage != "total") == pytest.approx(stages["total"], abs=0.4)
    assert stages["shared"] == 0
    assert record["model"] == {"name": "model", "revision": None, "device": "cpu", "dtype": "float32"}
    assert record["memory"]["weights_bytes"] > 0 and record["memory"]["peak_of"] == "process"


def test_nothing_is_said_and_transformers_settings_stay(finding, picture, capfd):
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    Locator(finding, max_pixels=PIXELS).locate("the Save button", picture)
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
    assert capfd.readouterr() == ("", "")


def place(answer, size=(100, 50)):
    return _place(answer, Chain((Hop("a -> b", 2, 2),)), Size(*size))


def test_boxes_give_their_centre():
    status, point, box, remarks = place(Answer("box", (1, 2, 11, 12), "recovered"))
    assert (status, point, box) == ("found", Point(12, 14), Box(2, 4, 22, 24)) and "recovered" in remarks[0]


@pytest.mark.parametrize(
    ("x", "y", "status", "point"),
    [
        (0, 0, "found", Point(0, 0)),
        (49.9, 24.9, "found", Point(99.8, 49.8)),
        (50, 25, "found", Point(99, 49)),
        (-0.5, 3, "found", Point(0, 6)),
        (51, 3, "unparsable", None),
        (3, -2, "unparsable", None),
        (5000, 5000, "unparsable", None),
    ],
)
def test_answers_beside_the_picture_move_to_its_edge_or_count_for_nothing(x, y, status, point):
    found, place_found, _, remarks = place(Answer("point", (x, y)))
    assert (found, place_found) == (status, point)
    assert bool(remarks) == (not (0 <= 2 * x < 100 and 0 <= 2 * y < 50))


class Speaker:
    """Stands in for a loaded model: its answer is fixed."""

    def __init__(self, ids, stop=()):
        self.ids, self.model, self.tokenizer = ids, self, None
        self.generation_config = type("Config", (), {"eos_token_id": [7, 8]})
        self.spec = type("Spec", (), {"generation": Generation(max_new_tokens=3, stop=stop)})

    def generate(self, input_ids, **settings):
        made = torch.cat([input_ids, torch.tensor([self.ids])], dim=-1)
        return type("Output", (), {"sequences": made, "logits": [torch.zeros(1, 9) for _ in self.ids]})

    def decode(self, ids):
        return "".join(map(str, ids))


@pytest.mark.parametrize(
    ("ids", "stop", "cut_off"),
    [([1, 2, 3], (), True), ([1, 2, 7], (), False), ([1, 8], (), False), ([1, 2, 3], ("23",), False)],
)
def test_an_answer_is_cut_off_only_at_the_limit(ids, stop, cut_off):
    prompt = {"input_ids": torch.tensor([[5, 5]])}
    made = generate(Speaker(ids, stop), prompt, None)
    assert (made.ids, made.truncated, len(made.logits)) == (ids, cut_off, len(ids))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "snap"}, "did you mean snapkv"),
        ({"method": "zzz"}, "choose from: full"),
        ({"method": "full", "budget": 64}, "takes no budget, got 64"),
        ({"budget": 0}, "at least 1"),
        ({"budget": -5}, "at least 1"),
        ({"budget": "0%"}, "above 0%"),
        ({"budget": "lots"}, "'lots'"),
        ({"max_pixels": 0}, "at least 1"),
    ],
)
def test_bad_settings(settings, words):
    with pytest.raises(UsageError, match=words):
        Locator(**settings)


@pytest.mark.parametrize("instruction", ["", "  \n", "x" * 1001, "caf\udce9"])
def test_bad_instructions_are_refused_before_anything_is_loaded(instruction):
    with pytest.raises(UsageError, match="instruction"):
        Locator("no such model").locate(instruction, "no such file.png")


def test_unknown_model():
    with pytest.raises(UsageError, match=r"did you mean .*qwen2.5-vl-7b"):
        Locator("qwen2.5-vl-7").load()


@pytest.mark.parametrize(
    "error",
    [MemoryError(), torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("not enough memory: you")],
)
def test_memory_that_runs_out_has_a_remedy(finding, picture, monkeypatch, error):
    locator = Locator(finding, max_pixels=PIXELS)

    def fail(*args, **settings):
        raise error

    monkeypatch.setattr(type(locator.load().model), "generate", fail)
    with pytest.raises(ModelError, match="--max-pixels"):
        locator.locate("the Save button", picture)


def test_what_torch_itself_says_is_known_and_other_errors_stay():
    with pytest.raises(ModelError, match="--max-pixels"), memory_explained():
        torch.empty(1 << 60, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="a bug"), memory_explained():
        raise RuntimeError("a bug")


def test_the_package_gives_its_names_when_they_are_asked_for():
    assert (guiground.Locator, guiground.Result, guiground.Point, guiground.Box) == (Locator, Result, Point, Box)
    with pytest.raises(AttributeError, match="nothing"):
        _ = guiground.nothing
