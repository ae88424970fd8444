"""Tiny random checkpoints, saved to disk as the real ones are: weights, tokenizer, image processor, chat template.

Weights are scaled up so that the context matters; with the usual initial size every prompt gets the same answer.
"""

import json
from pathlib import Path

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "nano")
LIKE = {  # the catalogue entry whose prompt, unit and grammar a tiny checkpoint takes
    "qwen2_vl": "qwen2-vl-2b",
    "qwen2_5_vl": "gta1-7b-2507",
    "qwen3_vl": "ui-venus-1.5-2b",
    "qwen3_vl_moe": "qwen3-vl-30b-a3b",
    "nano": "nano",
}
CONTROLS = [
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>"),
    *("<|box_start|>", "<|box_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"),
]
MARKS = ["<tool_call>", "</tool_call>", "<think>", "</think>"]
CHATML = (
    "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NANO = (
    "{% for message in messages %}<|im_start|>{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}<|ground|>{{ part.text }}"
    "{% endif %}{% endfor %}<|answer|>{% endfor %}"
)
CLIP = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
HALF = ([0.5] * 3, [0.5] * 3)


def build(family: str, folder: Path, seed: int = 0) -> Path:
    """Writes the tiny checkpoint of a family of FAMILIES into the folder and returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _character_tokenizer() if family == "nano" else _byte_tokenizer()
    tokenizer.save_pretrained(folder)
    model = _model(family, tokenizer, seed)
    model.save_pretrained(folder, safe_serialization=True)
    vision = model.config.vision_config
    mean, std = HALF if family.startswith("qwen3") else CLIP
    processor = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "patch_size": vision.patch_size,
        "merge_size": vision.spatial_merge_size,
        "temporal_patch_size": vision.temporal_patch_size,
        "size": {"shortest_edge": 3136, "longest_edge": 1_000_000},
        "image_mean": mean,
        "image_std": std,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    (folder / "guiground.toml").write_text(f'like = "{LIKE[family]}"\n')
    return folder


def _byte_tokenizer():
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(letters)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([AddedToken(name, special=True) for name in CONTROLS])
    core.add_tokens([AddedToken(name, special=False) for name in MARKS])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=CHATML
    )


def _character_tokenizer():
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    names = ["<|pad|>", "<|unk|>", "<|eos|>", "<|im_start|>", "<|vision_start|>", "<|image_pad|>", "<|vision_end|>"]
    names += ["<|video_pad|>", "<|ground|>", "<|answer|>"]
    vocab = {name: number for number, name in enumerate(names + [chr(code) for code in range(32, 127)])}
    core = Tokenizer(models.WordLevel(vocab=vocab, unk_token="<|unk|>"))
    core.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    core.decoder = decoders.Fuse()
    core.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in names])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|eos|>", pad_token="<|pad|>", unk_token="<|unk|>", chat_template=NANO
    )


def _model(family: str, tokenizer, seed: int):
    import torch
    import transformers

    rope = {"rope_type": "default", "rope_theta": 10000.0}
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "rope_parameters": {**rope, "mrope_section": [2, 3, 3]},
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {"depth": 2, "hidden_size": 32, "num_heads": 2, "intermediate_size": 48, "out_hidden_size": 64}
    if family == "qwen2_vl":
        name, text = "Qwen2VL", _without(text, "head_dim")
        vision = {"depth": 2, "embed_dim": 32, "num_heads": 2, "mlp_ratio": 2, "hidden_size": 64}
    elif family == "qwen2_5_vl":
        name, text = "Qwen2_5_VL", _without(text, "head_dim")
        vision |= {"window_size": 56, "fullatt_block_indexes": [1]}
    elif family == "nano":
        name, text = "Qwen2_5_VL", _without(text, "head_dim")
        vision |= {"patch_size": 8, "spatial_merge_size": 4, "temporal_patch_size": 1, "window_size": 128}
        vision |= {"fullatt_block_indexes": []}
    else:
        name = "Qwen3VLMoe" if family == "qwen3_vl_moe" else "Qwen3VL"
        text = _without(text, "bos_token_id", "eos_token_id")
        text["rope_parameters"] |= {"mrope_section": [4, 2, 2], "mrope_interleaved": True}
        vision |= {"deepstack_visual_indexes": [0], "num_position_embeddings": 64}
        if family == "qwen3_vl_moe":
            text |= {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
    config = getattr(transformers, f"{name}Config")(
        text_config=text,
        vision_config=vision,
        image_token_id=tokenizer.convert_tokens_to_ids("<|image_pad|>"),
        video_token_id=tokenizer.convert_tokens_to_ids("<|video_pad|>"),
        vision_start_token_id=tokenizer.convert_tokens_to_ids("<|vision_start|>"),
        vision_end_token_id=tokenizer.convert_tokens_to_ids("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = getattr(transformers, f"{name}ForConditionalGeneration")(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(8)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def _without(table: dict, *names: str) -> dict:
    return {name: value for name, value in table.items() if name not in names}
