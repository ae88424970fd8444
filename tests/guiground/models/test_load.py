import json
import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_checkpoints import FAMILIES, LIKE

from guiground.errors import ModelError, UsageError
from guiground.geometry import Point, Size, model_to_screenshot
from guiground.models.load import choose_device, choose_dtype, load, resolve

families = pytest.mark.parametrize("family", FAMILIES)
WORDS = ["Save", "the close button of the dialog", "x"]


def answers(grounder, inputs, count=10):
    length = inputs.tensors["input_ids"].shape[1]
    ids = grounder.model.generate(**inputs.tensors, max_new_tokens=count, min_new_tokens=count)
    return ids[:, length:].tolist()


@families
def test_a_checkpoint_comes_back_from_disk(grounder, tiny_checkpoint, family):
    loaded = grounder(family)
    assert loaded.folder == tiny_checkpoint(family) and loaded.revision is None
    assert loaded.entry.spec.prompt.user and str(loaded.device) == "cpu" and loaded.dtype == torch.float32
    held = {weight.untyped_storage().data_ptr(): weight.nbytes for weight in loaded.model.parameters()}
    assert loaded.weights_bytes == sum(held.values())
    assert not loaded.model.training and not loaded.model.generation_config.do_sample


@families
def test_the_prompt_holds_one_token_for_each_merged_patch(grounder, noise, family):
    loaded = grounder(family)
    inputs = loaded.prepare(noise(300, 190), WORDS)
    tensors, rows = inputs.tensors, len(WORDS)
    merge = loaded.image_processor.merge_size
    grid = tensors["image_grid_thw"]
    assert grid.shape == (rows, 3) and (grid == grid[0]).all()
    assert inputs.image_tokens == grid[0].prod() // merge**2 == inputs.token_grid.area
    is_image = tensors["input_ids"] == loaded.model.config.image_token_id
    assert is_image.sum(1).tolist() == [inputs.image_tokens] * rows
    assert (tensors["mm_token_type_ids"] == is_image).all()
    assert tensors["pixel_values"].shape[0] == rows * grid[0].prod()
    assert inputs.canvas.width == grid[0, 2] * loaded.image_processor.patch_size
    for row, start in enumerate(inputs.image_start):
        assert is_image[row, start : start + inputs.image_tokens].all() and not is_image[row, :start].any()


@families
def test_each_row_of_a_batch_answers_as_it_does_alone(grounder, noise, family):
    loaded, image = grounder(family), noise(200, 120)
    batch = loaded.prepare(image, WORDS)
    mask = batch.tensors["attention_mask"]
    assert (mask.sort(dim=1).values == mask).all() and mask.sum(1).unique().numel() == len(WORDS)  # pads at the left
    together = answers(loaded, batch)
    alone = [answers(loaded, loaded.prepare(image, [words]))[0] for words in WORDS]
    assert together == alone
    assert len({tuple(answer) for answer in alone}) > 1  # or the test could not fail


@families
def test_the_picture_matters(grounder, noise, family):
    loaded = grounder(family)
    with torch.no_grad():
        one, other = (loaded.model(**loaded.prepare(noise(200, 120, seed), ["Save"]).tensors) for seed in (1, 2))
    assert (one.logits[0, -1] - other.logits[0, -1]).abs().max() > 1e-3


@families
@given(width=st.integers(40, 700), height=st.integers(40, 500), x=st.floats(0, 1), y=st.floats(0, 1))
@settings(max_examples=12, deadline=None)
def test_the_models_own_numbers_map_onto_the_screenshot_and_back(grounder, noise, family, width, height, x, y):
    loaded = grounder(family)
    inputs = loaded.prepare(noise(width, height), ["Save"])
    chain = model_to_screenshot(loaded.spec.space, inputs.resized, Size(width, height))
    target = Point(x * width, y * height)
    back = chain.apply(chain.inverse().apply(target))
    assert abs(back.x - target.x) < 1e-6 and abs(back.y - target.y) < 1e-6
    if family == "nano":
        assert chain.apply(target) == target and inputs.resized == Size(width, height)
        assert 0 <= inputs.canvas.width - width < 32 and 0 <= inputs.canvas.height - height < 32
    else:
        assert inputs.canvas == inputs.resized


def test_max_pixels_replaces_the_largest_area(tiny_checkpoint, noise):
    loaded = load(tiny_checkpoint("qwen3_vl"), device="cpu", max_pixels=32 * 32 * 20)
    assert loaded.prepare(noise(900, 600), ["x"]).image_tokens <= 20
    small = load(tiny_checkpoint("nano"), device="cpu", max_pixels=32 * 32 * 20)
    inputs = small.prepare(noise(900, 600), ["x"])
    assert inputs.image_tokens <= 20 and inputs.resized.width < 900
    corner = model_to_screenshot("abs_resized", inputs.resized, Size(900, 600)).apply(Point(*inputs.resized.to_json()))
    assert (round(corner.x), round(corner.y)) == (900, 600)
    with pytest.raises(UsageError, match="at least 1024"):
        load(tiny_checkpoint("qwen3_vl"), max_pixels=1000)


def test_answers_are_read_by_the_entrys_grammar(grounder):
    nano, moe = grounder("nano"), grounder("qwen3_vl_moe")
    assert nano.parse("0512,0384").values == (512, 384)
    assert nano.parse("none").kind == "refused" and nano.parse("0512,03", truncated=True).kind == "truncated"
    assert moe.parse("12, 34]}}\n</tool_call>").values == (12, 34)  # the prefill opens the bracket
    ids = nano.tokenizer("0512,0384")["input_ids"]
    assert nano.decode([*ids, nano.tokenizer.eos_token_id]) == "0512,0384"
    boxes = grounder("qwen2_vl")
    text = "<|box_start|>(1,2),(3,4)<|box_end|>"
    assert text in boxes.decode(boxes.tokenizer(text)["input_ids"])


def test_sampling_settings_of_a_checkpoint_are_not_used(tiny_checkpoint, tmp_path, noise):
    folder = shutil.copytree(tiny_checkpoint("qwen2_5_vl"), tmp_path / "sampled")
    settings_file = folder / "generation_config.json"
    ends = json.loads(settings_file.read_text())["eos_token_id"]
    settings_file.write_text(json.dumps({"do_sample": True, "temperature": 2.0, "top_k": 3, "eos_token_id": [ends, 5]}))
    loaded = load(folder, device="cpu")
    assert loaded.model.generation_config.eos_token_id == [ends, 5]
    inputs = loaded.prepare(noise(100, 100), ["x"])
    assert answers(loaded, inputs) == answers(loaded, inputs)


def test_a_chat_template_json_goes_before_the_tokenizers_own(tiny_checkpoint, tmp_path):
    folder = shutil.copytree(tiny_checkpoint("qwen2_vl"), tmp_path / "older")
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": "<|image_pad|>fixed"}))
    assert load(folder, device="cpu").tokenizer.chat_template == "<|image_pad|>fixed"


def rewrite(name, **values):
    def change(folder):
        path = folder / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return change


def pickled(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def lacking(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights.pop(next(name for name in weights if "mlp" in name))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def resized_text(folder):
    text = json.loads((folder / "config.json").read_text())["text_config"]
    rewrite("config.json", text_config={**text, "intermediate_size": 80})(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (pickled, "pickled"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no weights"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\x08" + bytes(30)), "cannot be loaded"),
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "model_type"),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "preprocessor_config.json"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "cannot be read"),
        (rewrite("config.json", model_type="bert"), "'bert' is not supported"),
        (rewrite("preprocessor_config.json", patch_size=16), r"\(16, 2, 2\).*\(14, 2, 2\)"),
        (rewrite("preprocessor_config.json", temporal_patch_size=1), r"\(14, 2, 1\)"),
        (lambda folder: (folder / "guiground.toml").write_text("like = 'qwen3-vl-8b'"), "choose another name"),
        (lacking, "lack 1 tensors"),
        (resized_text, "cannot be loaded"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused_in_one_sentence(tiny_checkpoint, tmp_path, change, words):
    folder = shutil.copytree(tiny_checkpoint("qwen2_5_vl"), tmp_path / "model")
    change(folder)
    with pytest.raises(ModelError, match=words) as caught:
        load(folder, device="cpu")
    assert "\n" not in str(caught.value)


def test_code_in_a_checkpoint_is_never_run(tiny_checkpoint, tmp_path):
    folder = shutil.copytree(tiny_checkpoint("qwen2_5_vl"), tmp_path / "model")
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass M: pass\nclass C: pass\n")
    rewrite("config.json", auto_map={"AutoModelForImageTextToText": "evil.M", "AutoConfig": "evil.C"})(folder)
    rewrite("tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.C", "evil.C"]})(folder)
    load(folder, device="cpu")
    assert not (tmp_path / "ran").exists()


def hub(root, source, name):
    snapshot = root / f"models--{name.replace('/', '--')}" / "snapshots" / "0a1b2c"
    shutil.copytree(source, snapshot)
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("0a1b2c")
    return snapshot


def test_a_repository_is_loaded_from_the_hub_cache(tiny_checkpoint, tmp_path, monkeypatch):
    from guiground.models.catalogue import find
    from guiground.models.listing import listing

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = hub(tmp_path, tiny_checkpoint("qwen3_vl"), find(LIKE["qwen3_vl"]).spec.repo_id)
    loaded = load("ui-venus-1.5-2b", device="cpu")
    assert loaded.folder == snapshot and loaded.revision == "0a1b2c" and loaded.entry.name == "ui-venus-1.5-2b"
    assert {row.name for row in listing() if row.local} >= {"ui-venus-1.5-2b"}
    (snapshot / "model.safetensors").unlink()
    assert "ui-venus-1.5-2b" not in {row.name for row in listing() if row.local}


def test_without_network_and_files_one_sentence_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"hf download showlab/ShowUI-2B.*--model FOLDER") as caught:
        load("showui-2b")
    assert "\n" not in str(caught.value)


def test_names_and_folders_that_are_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"unknown model 'nanoo'.*nano"):
        resolve("nanoo")
    with pytest.raises(ModelError, match="no model folder"):
        resolve(tmp_path / "nothing")


def test_a_name_goes_before_a_folder_of_that_name(tiny_checkpoint, tmp_path, monkeypatch):
    shutil.copytree(tiny_checkpoint("qwen3_vl"), tmp_path / "nano")
    monkeypatch.chdir(tmp_path)
    entry, folder = resolve("./nano")
    assert entry.family == "qwen3_vl" and folder.samefile(tmp_path / "nano")
    monkeypatch.setattr("guiground.models.folder.checked", lambda folder: folder)
    assert resolve("nano")[1].parts[-3:] == ("guiground", "nano", "weights")


def test_devices_and_dtypes(monkeypatch):
    cpu = choose_device("cpu")
    assert choose_dtype("auto", cpu) == torch.float32
    monkeypatch.setattr("guiground.models.load.cpu_computes_in_bf16", lambda: True)
    assert choose_dtype("auto", cpu) == torch.bfloat16
    assert choose_dtype("auto", torch.device("cuda")) == torch.bfloat16
    assert choose_dtype("fp16", cpu) == choose_dtype("float16", cpu) == torch.float16
    with pytest.raises(UsageError, match=r"'int3'.*bf16"):
        choose_dtype("int3", cpu)
    for name in ("gpu", "meta", "cpu:x"):
        with pytest.raises(UsageError, match=name):
            choose_device(name)
    with pytest.raises(ModelError, match="cuda:97"):
        choose_device("cuda:97")


def test_nothing_to_find_and_nothing_to_see(grounder, noise):
    with pytest.raises(UsageError, match="no instruction"):
        grounder("nano").prepare(noise(40, 40), [])


@families
def test_half_precision_answers_too(tiny_checkpoint, noise, family):
    loaded = load(tiny_checkpoint(family), device="cpu", dtype="bf16")
    assert loaded.dtype == torch.bfloat16
    assert len(answers(loaded, loaded.prepare(noise(80, 60), ["Save"]), 3)[0]) == 3
