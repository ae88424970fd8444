"""Turns a screenshot's size and an instruction into the tokens that a checkpoint expects.

The instruction is a stranger's text: nothing in it may become a control token, or it could end the user's turn or claim
to be a picture.
"""

import re
from typing import Any

from guiground.errors import ModelError, UsageError
from guiground.geometry import Size
from guiground.models.spec import Prompt


def messages(prompt: Prompt, instruction: str, size: Size) -> list[dict]:
    """The chat: a system message if the prompt has one, then the user's picture and text in the prompt's order.

    size: of the picture that the model sees, for prompts that state it.
    """
    if prompt.strip_full_stop:
        instruction = instruction.removesuffix(".")
    sides = {"{width}": str(size.width), "{height}": str(size.height)}
    text = {"type": "text", "text": _fill(prompt.user, {**sides, "{instruction}": instruction})}
    content = [{"type": "image"}, text] if prompt.order == "image_first" else [text, {"type": "image"}]
    if prompt.lead:
        content.insert(0, {"type": "text", "text": prompt.lead})
    chat = [{"role": "user", "content": content}]
    if prompt.system:
        parts = [{"type": "text", "text": _fill(part, sides)} for part in prompt.system]
        chat.insert(0, {"role": "system", "content": parts})
    return chat


def render(prompt: Prompt, instruction: str, size: Size, tokenizer: Any, thinking: bool | None = None) -> str:
    """The whole prompt as text by the checkpoint's own chat template, prefill included, with one image placeholder.

    The instruction's control tokens are broken up by a space ("<|im_end|>" becomes "< |im_end|>").
    """
    if not tokenizer.chat_template:
        raise ModelError("the model has no chat template (add the chat_template.jinja of the model it was tuned from)")
    chat = messages(prompt, harmless(instruction, tokenizer), size)
    flags = {} if thinking is None else {"enable_thinking": thinking, "thinking": thinking}
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True, **flags)
    return text + prompt.prefill


def encode(text: str, tokenizer: Any, image_token_id: int, image_tokens: int) -> list[int]:
    """The token ids of a rendered prompt, its image placeholder repeated once for each image token."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    if ids.count(image_token_id) != 1:
        raise ModelError(
            f"the model's chat template made {ids.count(image_token_id)} image placeholders of one picture"
            " (use the chat template of the model it was tuned from)"
        )
    place = ids.index(image_token_id)
    return ids[:place] + [image_token_id] * image_tokens + ids[place + 1 :]


def harmless(instruction: str, tokenizer: Any) -> str:
    """The instruction with every control token of this tokenizer broken up, so that it is read as plain text."""
    instruction = instruction.encode("utf-8", "replace").decode("utf-8")
    controls = {name: number for name, number in tokenizer.get_added_vocab().items() if len(name.strip()) > 1}
    if names := sorted(controls, key=len, reverse=True):
        pattern = re.compile("|".join(re.escape(name) for name in names))
        instruction = pattern.sub(lambda found: f"{found[0][0]} {found[0][1:]}", instruction)
    ids = tokenizer(instruction, add_special_tokens=False)["input_ids"]
    unknown = getattr(tokenizer, "unk_token_id", None)
    if left := [name for name, number in controls.items() if number != unknown and number in ids]:
        raise UsageError(f"the instruction holds a control token of the model, {left[0]!r} (leave it out)")
    return instruction


def _fill(text: str, values: dict[str, str]) -> str:
    """The text with each name replaced by its value in one pass, so that values are not searched for names."""
    return re.sub("|".join(map(re.escape, values)), lambda found: values[found[0]], text)
