"""A stock Qwen2.5-VL of 8 million parameters with a character tokenizer, and the folder it is saved to.

One visual token covers 32x32 pixels (patch 8, merge 4): a 1280x800 screen is 1,000 tokens. The vision tower attends
inside 128-pixel windows only, so reading does not depend on the size of the screen. The small rope base makes the
position of a token linearly readable over a 40-token-wide screen.
"""

import json
from pathlib import Path

PATCH, MERGE, WINDOW = 8, 4, 128
TOKEN = PATCH * MERGE  # pixels a side of one visual token
SPECIALS = [
    "<|pad|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<|ground|>",
    "<|answer|>",
    "<|unknown|>",
]
CHARACTERS = [chr(code) for code in range(32, 127)]
VOCABULARY = {token: index for index, token in enumerate(SPECIALS + CHARACTERS)}
PAD, START, END, VISION_START, VISION_END, IMAGE, VIDEO, GROUND, ANSWER, UNKNOWN = range(len(SPECIALS))
FIRST_CHARACTER = len(SPECIALS)
IMAGE_MEAN = [0.48145466, 0.4578275, 0.40821073]
IMAGE_STD = [0.26862954, 0.26130258, 0.27577711]

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>"
    "{% if message.content is string %}<|ground|>{{ message.content }}"
    "{% else %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}<|ground|>{{ part.text }}{% endif %}{% endfor %}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|answer|>{% endif %}"
)


def encode(text: str) -> list[int]:
    """The token ids of printable ASCII text, as the saved tokenizer gives them."""
    return [VOCABULARY.get(character, UNKNOWN) for character in text]


def config(text_layers: int = 4, vision_layers: int = 3):
    """The transformers configuration of the embedded model."""
    from transformers import Qwen2_5_VLConfig

    return Qwen2_5_VLConfig(
        architectures=["Qwen2_5_VLForConditionalGeneration"],
        image_token_id=IMAGE,
        video_token_id=VIDEO,
        vision_start_token_id=VISION_START,
        vision_end_token_id=VISION_END,
        tie_word_embeddings=True,
        vision_config={
            "patch_size": PATCH,
            "spatial_merge_size": MERGE,
            "temporal_patch_size": 1,
            "window_size": WINDOW,
            "fullatt_block_indexes": [],
            "hidden_size": 128,
            "depth": vision_layers,
            "num_heads": 4,
            "intermediate_size": 256,
            "out_hidden_size": 256,
        },
        text_config={
            "vocab_size": 128,
            "hidden_size": 256,
            "intermediate_size": 512,
            "num_hidden_layers": text_layers,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "max_position_embeddings": 8192,
            "rms_norm_eps": 1e-6,
            "tie_word_embeddings": True,
            "bos_token_id": START,
            "eos_token_id": END,
            "pad_token_id": PAD,
            "rope_parameters": {"rope_type": "default", "rope_theta": 50.0, "mrope_section": [4, 14, 14]},
        },
    )


def new_model(seed: int = 0, text_layers: int = 4):
    """A randomly initialised model on the CPU, in float32."""
    import torch
    from transformers import Qwen2_5_VLForConditionalGeneration

    torch.manual_seed(seed)
    return Qwen2_5_VLForConditionalGeneration(config(text_layers)).float()


def tokenizer():
    """One token a character; accents are stripped and what is not printable ASCII is unknown."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    characters = Tokenizer(models.WordLevel(VOCABULARY, unk_token="<|unknown|>"))
    characters.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents()])
    characters.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    characters.decoder = decoders.Fuse()
    characters.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIALS])
    return PreTrainedTokenizerFast(
        tokenizer_object=characters,
        pad_token="<|pad|>",
        eos_token="<|im_end|>",
        unk_token="<|unknown|>",
        padding_side="left",
        chat_template=CHAT_TEMPLATE,
        model_max_length=8192,
    )


def save(model, folder: Path, dtype: str = "bfloat16") -> None:
    """Writes a checkpoint folder which the stock transformers classes load."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    model.generation_config.update(bos_token_id=START, eos_token_id=END, pad_token_id=PAD, do_sample=False)
    before = next(model.parameters()).dtype
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    model.to(before)
    (folder / "model.safetensors").chmod(0o644)
    tokenizer().save_pretrained(folder)
    preprocessor = {
        "image_processor_type": "Qwen2VLImageProcessorPil",
        "patch_size": PATCH,
        "merge_size": MERGE,
        "temporal_patch_size": 1,
        "do_resize": False,
        "size": {"shortest_edge": TOKEN * TOKEN, "longest_edge": 1920 * 1088},
        "image_mean": IMAGE_MEAN,
        "image_std": IMAGE_STD,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor, indent=2) + "\n")
