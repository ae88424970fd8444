"""Tiny random models. Their weights are scaled up so that what is in the context changes the output."""

import pytest
import torch
import transformers

import mixkv
from mixkv.head_scores import save_head_scores
from mixkv.methods import InPrefill

IMAGE, VISION_START, VISION_END = 90, 91, 92
TEXT = {
    "vocab_size": 96,
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
}
VISION = {"depth": 1, "num_heads": 2, "patch_size": 4, "temporal_patch_size": 2, "spatial_merge_size": 2}
MROPE = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 3, 3]}
TOKENS = {
    "image_token_id": IMAGE,
    "video_token_id": 93,
    "vision_start_token_id": VISION_START,
    "vision_end_token_id": VISION_END,
}


def _llama():
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**TEXT))


def _qwen3():
    return transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**TEXT, head_dim=16))


def _qwen2_vl():
    vision = {**VISION, "embed_dim": 32, "hidden_size": 64}
    config = transformers.Qwen2VLConfig(text_config={**TEXT, "rope_parameters": MROPE}, vision_config=vision, **TOKENS)
    return transformers.Qwen2VLForConditionalGeneration(config)


def _qwen2_5_vl():
    vision = {**VISION, "hidden_size": 32, "out_hidden_size": 64, "intermediate_size": 32, "window_size": 16}
    text = {**TEXT, "rope_parameters": MROPE}
    config = transformers.Qwen2_5_VLConfig(text_config=text, vision_config=vision, **TOKENS)
    return transformers.Qwen2_5_VLForConditionalGeneration(config)


def _qwen3_vl():
    vision = {
        **VISION,
        "hidden_size": 32,
        "out_hidden_size": 64,
        "intermediate_size": 32,
        "deepstack_visual_indexes": [0],
    }
    text = {**TEXT, "head_dim": 16, "rope_parameters": {**MROPE, "mrope_interleaved": True}}
    config = transformers.Qwen3VLConfig(text_config=text, vision_config=vision, **TOKENS)
    return transformers.Qwen3VLForConditionalGeneration(config)


VISUAL_HEADS = ((0.5, 0.1, 0.0, 0.2), (0.0, 0.1, 0.3, 0.1), (0.0, 0.0, 0.2, 0.6))  # [layers, query_heads]
EVICTING = [name for name, method in mixkv.METHODS.items() if not issubclass(method, InPrefill)]
UNTOLD = [name for name, method in mixkv.METHODS.items() if not method.reads_images]  # need no description
BUILDERS = {"llama": _llama, "qwen3": _qwen3, "qwen2_vl": _qwen2_vl, "qwen2_5_vl": _qwen2_5_vl, "qwen3_vl": _qwen3_vl}


def _build(name):
    torch.manual_seed(0)
    model = BUILDERS[name]().eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.mul_(8)
    model.generation_config.pad_token_id = 0
    model.generation_config.eos_token_id = None
    return model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """A tiny random model by name: llama, qwen3, qwen2_vl, qwen2_5_vl, qwen3_vl. Built once.

    Visual head scores are stored in its folder.
    """
    built = {}

    def get(name):
        if name not in built:
            built[name] = _build(name)
            built[name].name_or_path = str(tmp_path_factory.mktemp(name))
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
