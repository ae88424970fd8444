"""Tiny random models. Their weights are scaled up so that what is in the context changes the output."""

import torch
import transformers

import mixkv
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


SLIDING = {**TEXT, "num_hidden_layers": 6, "head_dim": 16, "sliding_window": 24}
ALTERNATING = ["sliding_attention", "full_attention"] * 3
LINEAR = {"linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 8, "linear_value_head_dim": 8}
RUNNING = ["linear_attention", "full_attention"] * 3


def _mistral():
    return transformers.MistralForCausalLM(transformers.MistralConfig(**TEXT, sliding_window=None))


def _ministral():
    return transformers.MinistralForCausalLM(transformers.MinistralConfig(**SLIDING, layer_types=ALTERNATING[::-1]))


def _gemma():
    return transformers.GemmaForCausalLM(transformers.GemmaConfig(**TEXT, head_dim=16))


def _gemma2():
    caps = {"attn_logit_softcapping": 2.0, "final_logit_softcapping": None, "query_pre_attn_scalar": 9}
    return transformers.Gemma2ForCausalLM(transformers.Gemma2Config(**SLIDING, **caps, layer_types=ALTERNATING))


def _gemma3():
    given = {"query_pre_attn_scalar": 16, "layer_types": ALTERNATING}
    return transformers.Gemma3ForCausalLM(transformers.Gemma3TextConfig(**SLIDING, **given))


def _qwen3_5():
    text = {**TEXT, "num_hidden_layers": 6, "head_dim": 16, **LINEAR, "layer_types": RUNNING}
    return transformers.Qwen3_5ForCausalLM(transformers.Qwen3_5TextConfig(**text))


def _qwen3_next():
    experts = {"num_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": 32}
    text = {**TEXT, "num_hidden_layers": 6, "head_dim": 16, **LINEAR, **experts, "layer_types": RUNNING}
    shared = {"shared_expert_intermediate_size": 32}
    return transformers.Qwen3NextForCausalLM(transformers.Qwen3NextConfig(**text, **shared))


VISUAL_HEADS = ((0.5, 0.1, 0.0, 0.2), (0.0, 0.1, 0.3, 0.1), (0.0, 0.0, 0.2, 0.6))  # [layers, query_heads]
EVICTING = [name for name, method in mixkv.METHODS.items() if not issubclass(method, InPrefill)]
UNTOLD = [name for name, method in mixkv.METHODS.items() if not method.reads_images]  # need no description
BUILDERS = {"llama": _llama, "qwen3": _qwen3, "qwen2_vl": _qwen2_vl, "qwen2_5_vl": _qwen2_5_vl, "qwen3_vl": _qwen3_vl}
BUILDERS |= {"mistral": _mistral, "gemma": _gemma}
BUILDERS |= {"ministral": _ministral, "gemma2": _gemma2, "gemma3": _gemma3}  # sliding windows beside full attention
BUILDERS |= {"qwen3_5": _qwen3_5, "qwen3_next": _qwen3_next}  # linear beside full attention


def build(name):
    torch.manual_seed(0)
    model = BUILDERS[name]().eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.mul_(8)
    model.generation_config.pad_token_id = 0
    model.generation_config.eos_token_id = None
    return model
