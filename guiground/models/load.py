"""Loads a checkpoint and speaks its language: screenshot and instructions in, token ids and answers out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guiground.errors import ModelError, UsageError
from guiground.geometry import Size, TokenGrid
from guiground.models import folder as folders
from guiground.models.answer import Answer, parse
from guiground.models.catalogue import FAMILIES, Entry, find, find_folder
from guiground.models.image import Patches, patches
from guiground.models.prompt import encode, render
from guiground.models.spec import ModelSpec

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

_DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}


@dataclass(frozen=True, slots=True)
class Inputs:
    """What `model.generate` takes for one screenshot and several instructions, one row each.

    tensors: input_ids, attention_mask and mm_token_type_ids  # [rows, tokens], left padded; pixel_values
    # [rows x patches, values] and image_grid_thw  # [rows, 3], the picture repeated for each row.
    resized: the size of the screenshot in the picture the model sees, padding not counted; answers map from it.
    canvas: that whole picture. token_grid: its image tokens, columns by rows. image_tokens: their number.
    image_start: the column of input_ids at which each row's image tokens begin. prompts: each row's text.
    """

    tensors: dict[str, "torch.Tensor"]
    resized: Size
    canvas: Size
    token_grid: Size
    image_tokens: int
    image_start: tuple[int, ...]
    prompts: tuple[str, ...]

    def grid_on(self, screenshot: Size) -> TokenGrid:
        """Which image token covers which part of the screenshot, whose size in pixels is given."""
        return TokenGrid(self.token_grid, self.canvas, self.resized, screenshot)

    @property
    def until_picture_end(self) -> tuple[int, ...]:
        """The first row's tokens up to the last one of its picture."""
        return tuple(self.tensors["input_ids"][0, : self.image_start[0] + self.image_tokens].tolist())


@dataclass(frozen=True, slots=True)
class Grounder:
    """A loaded checkpoint with its tokenizer, image processor and catalogue entry.

    revision: the Hub revision of its files, None for a plain folder. weights_bytes: what its weights take up.
    """

    entry: Entry
    spec: ModelSpec
    model: Any
    tokenizer: Any
    image_processor: Any
    folder: Path
    revision: str | None
    weights_bytes: int

    @property
    def device(self) -> "torch.device":
        return self.model.device

    @property
    def dtype(self) -> "torch.dtype":
        return self.model.dtype

    def look(self, image: "Image") -> Patches:
        """The screenshot as the model sees it. Raises UsageError for pictures it cannot take."""
        return patches(image, self.spec.pixels, self.image_processor)

    def prepare(self, image: "Image | Patches", instructions: Sequence[str]) -> Inputs:
        """The inputs for one screenshot, which may have been looked at before, and at least one instruction."""
        import torch

        if not instructions:
            raise UsageError("there is no instruction (give at least one)")
        seen = image if isinstance(image, Patches) else self.look(image)
        image_tokens = int(seen.tensors["image_grid_thw"].prod()) // self.image_processor.merge_size**2
        prompt, thinking = self.spec.prompt, self.spec.generation.thinking
        texts = [render(prompt, instruction, seen.canvas, self.tokenizer, thinking) for instruction in instructions]
        image_token = self.model.config.image_token_id
        rows = [encode(text, self.tokenizer, image_token, image_tokens) for text in texts]
        ids, mask = _left_padded(rows, self.tokenizer.pad_token_id)
        tensors = {
            "input_ids": torch.tensor(ids),
            "attention_mask": torch.tensor(mask),
            "mm_token_type_ids": (torch.tensor(ids) == image_token).long(),
            **{name: torch.cat([tensor] * len(rows)) for name, tensor in seen.tensors.items()},
        }
        tensors = {name: tensor.to(self.device) for name, tensor in tensors.items()}
        starts = tuple(row.index(image_token) for row in ids)
        return Inputs(tensors, seen.resized, seen.canvas, seen.token_grid, image_tokens, starts, tuple(texts))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of generated token ids; special tokens stay only where the checkpoint answers with them."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=not self.spec.generation.keep_special_tokens)

    def parse(self, text: str, truncated: bool = False) -> Answer:
        """The answer in the text that was generated after the prompt's prefill."""
        return parse(self.spec.prompt.prefill + text, self.spec.grammar, truncated, self.spec.refusal)


def load(
    name_or_dir: str | Path = "nano", device: str = "auto", dtype: str = "auto", max_pixels: int | None = None
) -> Grounder:
    """A checkpoint, ready to generate.

    name_or_dir: a name, alias or repository of the catalogue, or a folder with a checkpoint. device: "auto" (CUDA, else
    Apple's MPS, else CPU) or as torch names it. dtype: "auto" (bf16, but fp32 on a CPU that does not
    compute in it), "bf16", "fp16" or "fp32". max_pixels: replaces the checkpoint's own largest picture area.
    Only safetensors are read and no code from the checkpoint is run. Raises UsageError for unknown names and settings,
    ModelError when the files are missing or do not fit.
    """
    entry, folder = resolve(name_or_dir)
    spec = _limited(entry.spec, max_pixels)
    place = choose_device(device)
    number = choose_dtype(dtype, place)
    family = _family(folder)
    from transformers import AutoTokenizer
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    own_files = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **own_files)
        processor = Qwen2VLImageProcessorPil.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the tokenizer or preprocessor_config.json in {folder} cannot be read: {error}") from error
    if (template := folder / "chat_template.json").is_file():  # what the processors of older checkpoints use
        tokenizer.chat_template = json.loads(template.read_text(encoding="utf-8"))["chat_template"]
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = _weights(folder, number, own_files).to(place).eval()
    _check_fit(entry, spec, family, model, processor)
    _make_greedy(model, tokenizer)
    revision = folder.name if folder.parent.name == "snapshots" else None
    held = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    return Grounder(entry, spec, model, tokenizer, processor, folder, revision, held)


def resolve(name_or_dir: str | Path) -> tuple[Entry, Path]:
    """The catalogue entry and the folder of a name or folder; a repository not in the cache is downloaded.

    A name of the catalogue goes before a folder of the same name (say ./nano for that).
    """
    path = Path(name_or_dir).expanduser()
    try:
        entry = find(str(name_or_dir)) if isinstance(name_or_dir, str) else None
    except UsageError:
        if not path.is_dir():
            raise
        entry = None
    if entry is None:
        folder = folders.checked(path)
        return find_folder(folder), folder
    if entry.folder:
        return entry, folders.checked(entry.folder)
    return entry, folders.fetched(entry.spec.repo_id)


def choose_device(name: str) -> "torch.device":
    """The torch device of this name; UsageError for an unknown name, ModelError for one that is not there."""
    import torch

    mps = torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cuda", "mps", "cpu"):
        raise UsageError(f"unknown device '{name}' (choose from: auto, cuda, cuda:0, mps, cpu)")
    count = {"cuda": torch.cuda.device_count(), "mps": int(mps), "cpu": 1}[device.type]
    if (device.index or 0) >= count:
        raise ModelError(f"device '{name}' is not there: torch sees {count} of its kind (use --device cpu)")
    return device


def choose_dtype(name: str, device: "torch.device") -> "torch.dtype":
    """The torch dtype of this name; "auto" is bf16, but fp32 on a CPU that would only imitate it."""
    import torch

    if name == "auto":
        name = "bf16" if device.type != "cpu" or cpu_computes_in_bf16() else "fp32"
    full = _DTYPES.get(name, name)
    if full not in _DTYPES.values():
        raise UsageError(f"unknown dtype '{name}' (choose from: auto, {', '.join(_DTYPES)})")
    return getattr(torch, full)


def cpu_computes_in_bf16() -> bool:
    """Whether the CPU multiplies matrices in bf16 by itself, which takes 40 % less time than fp32."""
    import torch

    features = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, feature, lambda: False)() for feature in features)


def _limited(spec: ModelSpec, max_pixels: int | None) -> ModelSpec:
    if max_pixels is None:
        return spec
    least = spec.factor**2
    if max_pixels < least:
        raise UsageError(f"max_pixels must be at least {least} for this model ({spec.factor}x{spec.factor})")
    return replace(spec, pixels=replace(spec.pixels, min=min(spec.pixels.min, max_pixels), max=max_pixels))


def _family(folder: Path) -> str:
    try:
        family = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the config.json in {folder} names no model_type (fetch the checkpoint again)") from error
    if family not in FAMILIES:
        raise ModelError(f"model family '{family}' is not supported (choose a model of: {', '.join(FAMILIES)})")
    return family


def _weights(folder: Path, dtype: "torch.dtype", own_files: dict) -> Any:
    from safetensors import SafetensorError
    from transformers import AutoModelForImageTextToText

    try:
        model, report = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, output_loading_info=True, **own_files
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        if isinstance(error, RuntimeError) and "memory" in str(error).lower():
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"the weights in {folder} cannot be loaded: {reason} (fetch the checkpoint again)") from error
    if missing := sorted(report["missing_keys"]):
        lost = f"{len(missing)} tensors, such as {missing[0]}"
        raise ModelError(f"the weights in {folder} lack {lost} (fetch the checkpoint again)")
    return model


def _check_fit(entry: Entry, spec: ModelSpec, family: str, model: Any, processor: Any) -> None:
    """Raises ModelError where entry, configuration and image processor disagree on how a picture is cut."""
    vision = model.config.vision_config
    cut = (processor.patch_size, processor.merge_size, processor.temporal_patch_size)
    built = (vision.patch_size, vision.spatial_merge_size, vision.temporal_patch_size)
    if cut != built:
        raise ModelError(
            f"patch, merge and temporal size are {cut} in preprocessor_config.json and {built} in config.json"
            " (fetch both from the same checkpoint)"
        )
    if family != entry.family or spec.factor != cut[0] * cut[1]:
        raise ModelError(
            f"the files are a {family} of factor {cut[0] * cut[1]}, but '{entry.name}' is a {entry.family} of factor"
            f" {spec.factor} (choose another name, or mend its model file)"
        )


def _make_greedy(model: Any, tokenizer: Any) -> None:
    """Replaces the checkpoint's sampling settings: only its end-of-answer tokens stay."""
    from transformers import GenerationConfig

    ends = model.generation_config.eos_token_id
    ends = tokenizer.eos_token_id if ends is None else ends
    model.generation_config = GenerationConfig(
        do_sample=False, num_beams=1, eos_token_id=ends, pad_token_id=tokenizer.pad_token_id
    )


def _left_padded(rows: list[list[int]], pad: int) -> tuple[list[list[int]], list[list[int]]]:
    """Rows of one length, filled up with pad at their left, and the mask that is 0 there."""
    length = max(map(len, rows))
    ids = [[pad] * (length - len(row)) + row for row in rows]
    return ids, [[0] * (length - len(row)) + [1] * len(row) for row in rows]
