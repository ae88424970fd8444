"""Fixtures: tiny random models and prompts for them."""

import pytest
import torch
from tiny_models import IMAGE, VISION_END, VISION_START, VISUAL_HEADS, build

from mixkv.head_scores import save_head_scores


@pytest.fixture(scope="session", autouse=True)
def data_folder(tmp_path_factory):
    """Nothing is stored among the user's own files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="session")
def tiny_model(data_folder):
    """A tiny random model by name: llama, qwen3, qwen2_vl, qwen2_5_vl, qwen3_vl. Built once.

    Visual head scores are stored for it, in a data folder of these tests.
    """
    built = {}

    def get(name):
        if name not in built:
            built[name] = build(name)
            save_head_scores(built[name], VISUAL_HEADS)
        return built[name]

    return get


@pytest.fixture(scope="session")
def prompt():
    """Inputs for one prompt: `words` random text tokens around images of these grids (in patches), if any."""

    def make(seed, words, grids=()):
        generator = torch.Generator().manual_seed(seed)
        ids = torch.randint(1, 80, (words,), generator=generator).tolist()
        for height, width in grids:
            ids[5:5] = [VISION_START, *[IMAGE] * (height * width // 4), VISION_END]
        inputs = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}
        if grids:
            patches = sum(height * width for height, width in grids)
            inputs["mm_token_type_ids"] = (inputs["input_ids"] == IMAGE).int()
            inputs["pixel_values"] = torch.randn(patches, 3 * 2 * 4 * 4, generator=generator)
            inputs["image_grid_thw"] = torch.tensor([[1, height, width] for height, width in reversed(grids)])
        return inputs

    return make


@pytest.fixture(scope="session")
def one_prompt(prompt):
    """A prompt for a model by name, with an image where it has eyes."""
    return lambda name: prompt(1, 40, [(12, 12)]) if name.endswith("vl") else prompt(1, 76)


@pytest.fixture(scope="session")
def left_padded():
    """Joins prompts into one left-padded batch."""

    def join(rows):
        longest = max(row["input_ids"].shape[1] for row in rows)
        batch = {}
        for name in ("input_ids", "attention_mask", "mm_token_type_ids"):
            columns = [row.get(name, torch.zeros_like(row["input_ids"]).int()) for row in rows]
            batch[name] = torch.cat([torch.nn.functional.pad(c, (longest - c.shape[1], 0)) for c in columns])
        for name in ("pixel_values", "image_grid_thw"):
            if given := [row[name] for row in rows if name in row]:
                batch[name] = torch.cat(given)
        if "pixel_values" not in batch:
            del batch["mm_token_type_ids"]
        return batch

    return join


@pytest.fixture(scope="session")
def generate():
    """Greedy continuation: the token ids of prompt and answer, and the logits [batch, steps, vocabulary]."""

    def run(model, inputs, cache, steps=4, **options):
        output = model.generate(
            **inputs,
            past_key_values=cache,
            max_new_tokens=steps,
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
            **options,
        )
        return output.sequences, torch.stack(output.logits, 1)

    return run
