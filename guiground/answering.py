"""A screenshot is read once; each instruction is answered on a branch of what the model then holds of it."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

    from guiground.meter import Clock
    from guiground.models.image import Patches
    from guiground.models.load import Grounder, Inputs
    from mixkv import CompressedCache
    from mixkv.branches import Branch


@dataclass(frozen=True, slots=True)
class Memory:
    """A screenshot as a model holds it that has read it, before the instruction.

    ids: the tokens read, up to the last one of the picture; none where the method wants the whole prompt at once and
    the picture was only cut into patches. cache: of these tokens, its prompt still open. offset: from
    the index of a later token to its position, which is not the same because a picture counts by its longer side.
    picture: what was seen, without the pixel values if they are read. read_ms, read_bytes: how long all that took, and
    by how much memory rose meanwhile, if anybody can tell.
    """

    ids: tuple[int, ...]
    cache: "CompressedCache"
    offset: int
    picture: "Patches"
    read_ms: float = 0.0
    read_bytes: int | None = None

    def fits(self, inputs: "Inputs") -> bool:
        """Whether the prompt begins with what was read; not so where another instruction comes before the picture."""
        return self.ids in ((), inputs.until_picture_end)


@dataclass(frozen=True, slots=True)
class Generated:
    """One answer. ids: its tokens. truncated: cut off by the limit. logits: of each  # [tokens, vocabulary]"""

    ids: list[int]
    truncated: bool
    logits: "torch.Tensor"


class RecentScreenshots:
    """Memories by picture, the least recently used ones dropped so that their caches stay within `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self.limit, self.bytes_held = limit, 0
        self._held: OrderedDict[bytes, tuple[Memory, int]] = OrderedDict()  # with its bytes, counted once

    def find(self, picture: bytes) -> Memory | None:
        """The memory of the picture with this hash."""
        if picture not in self._held:
            return None
        self._held.move_to_end(picture)
        return self._held[picture][0]

    def keep(self, picture: bytes, memory: Memory) -> None:
        """Holds a memory, unless it alone is above the limit."""
        if picture in self._held:
            self.bytes_held -= self._held.pop(picture)[1]
        size = memory.cache.bytes_held
        self._held[picture] = memory, size
        self.bytes_held += size
        while self.bytes_held > self.limit:
            self.bytes_held -= self._held.popitem(last=False)[1][1]

    def clear(self) -> None:
        self._held.clear()
        self.bytes_held = 0


def picture_hash(image: "Image") -> bytes:
    """Pictures with the same hash have the same pixels."""
    from hashlib import blake2b

    return blake2b(f"{image.mode} {image.size} ".encode() + image.tobytes(), digest_size=16).digest()


def recall(
    grounder: "Grounder", image: "Image", instruction: str, memory: Memory | None, clock: "Clock", ahead: bool = True
) -> tuple["Inputs", Memory]:
    """The prompt, and the memory of its screenshot: the given one if it fits the prompt, else what is read now.

    ahead: whether the method allows to read the screenshot before the instruction. Inside a `mixkv.compress` block.
    Stages on the clock: "read" for what is done once a screenshot, "prepare" for what is done for each instruction.
    """
    if memory is not None:
        inputs = grounder.prepare(memory.picture, [instruction])
        if memory.fits(inputs):
            clock.stop("prepare")
            return inputs, memory
    picture = grounder.look(image)
    clock.stop("read")
    inputs = grounder.prepare(picture, [instruction])
    clock.stop("prepare")
    memory = read(grounder, inputs, picture) if ahead else Memory((), new_cache(inputs), 0, picture)
    clock.stop("read")
    return inputs, replace(memory, read_ms=clock.spent["read"])


def new_cache(inputs: "Inputs") -> "CompressedCache":
    """An empty cache that knows where the picture's tokens stand, as some methods want."""
    from mixkv import CompressedCache, ImageTokens

    cache, grid = CompressedCache(), inputs.token_grid
    cache.describe([ImageTokens(inputs.image_start[0], grid.height, grid.width)])
    return cache


def read(grounder: "Grounder", inputs: "Inputs", picture: "Patches") -> Memory:
    """Runs the vision tower and the prefill up to the end of the picture."""
    import torch

    ids = inputs.until_picture_end
    prompt = {name: inputs.tensors[name][:, : len(ids)] for name in ("input_ids", "mm_token_type_ids")}
    prompt["image_grid_thw"] = inputs.tensors["image_grid_thw"]
    cache, reader = new_cache(inputs), grounder.model.model  # without the head: there is nothing to answer yet
    with torch.no_grad(), cache.open_prompt():
        positions, offset = reader.get_rope_index(**prompt)
        pixels = inputs.tensors["pixel_values"]
        reader(**prompt, pixel_values=pixels, position_ids=positions, past_key_values=cache)
    seen = replace(picture, tensors={"image_grid_thw": picture.tensors["image_grid_thw"]})
    return Memory(ids, cache, int(offset), seen)


def answer(
    grounder: "Grounder", inputs: "Inputs", memory: Memory, seed: int | None = None, strict: bool = False
) -> tuple[Generated, "CompressedCache"]:
    """The answer to the prompt, whose beginning is not read again, and the cache it leaves. The memory is unchanged.

    seed: for a sampled answer instead of the greedy one. strict: evict before the prompt's last token is read.
    """
    import torch

    cache, tensors = memory.cache.branch(), inputs.tensors
    if not cache.prompt_ended:
        cache.note_kept()
    if memory.ids:
        ids = tensors["input_ids"]
        positions = torch.arange(ids.shape[1], device=ids.device).expand(3, 1, -1) + memory.offset  # after the picture
        tensors = {"input_ids": ids, "attention_mask": tensors["attention_mask"], "position_ids": positions}
    if strict:
        tensors = read_but_last(grounder, tensors, cache)
    return generate(grounder, tensors, cache, seed), cache


def read_but_last(grounder: "Grounder", tensors: dict, cache: "CompressedCache") -> dict:
    """Reads a prompt up to its last token and evicts then; returns the prompt for `generate`, to go on with the token.

    The cache may hold the prompt's beginning, if `tensors` have the positions.
    """
    import torch

    reader, seen = grounder.model.model, cache.get_seq_length()
    if "position_ids" not in tensors:
        placed = {name: tensors[name] for name in ("input_ids", "mm_token_type_ids", "image_grid_thw")}
        tensors = {**tensors, "position_ids": reader.get_rope_index(**placed)[0]}
    ids, mask, positions = (tensors[name] for name in ("input_ids", "attention_mask", "position_ids"))
    part = {"input_ids": ids[:, seen:-1], "attention_mask": mask[:, :-1], "position_ids": positions[..., seen:-1]}
    if not seen:
        part |= {name: tensors[name] for name in ("pixel_values", "image_grid_thw")}
        part["mm_token_type_ids"] = tensors["mm_token_type_ids"][:, :-1]
    with torch.no_grad(), cache.open_prompt():
        reader(**part, past_key_values=cache)
    cache.compress_now()
    return {"input_ids": ids, "attention_mask": mask, "position_ids": positions}


def answer_all(
    grounder: "Grounder", asked: "Sequence[Inputs]", memory: Memory
) -> "list[tuple[Generated, CompressedCache | Branch]]":
    """The greedy answers to several prompts about one screenshot that was read, decoded together.

    Each equals that of `answer` to its prompt alone, and so does what the caches say of themselves. What was read is
    held once for all of them.
    """
    import torch

    from mixkv import Branches

    if len(asked) == 1:
        return [answer(grounder, asked[0], memory)]
    read, stem = len(memory.ids), asked[0].tensors["input_ids"][0, : len(memory.ids)]
    rests = [inputs.tensors["input_ids"][0, read:] for inputs in asked]
    longest = max(map(len, rests))
    fills = [longest - len(rest) for rest in rests]  # after what was read, before the rest of the prompt
    pad, device = grounder.tokenizer.pad_token_id, stem.device
    ids = torch.stack(
        [torch.cat([stem, stem.new_full((fill,), pad), rest]) for fill, rest in zip(fills, rests, strict=True)]
    )
    columns, fill = torch.arange(ids.shape[1], device=device), torch.tensor(fills, device=device)[:, None]
    mask = ((columns < read) | (columns >= read + fill)).long()
    positions = (columns + memory.offset - fill).expand(3, -1, -1)  # the rest comes right after the picture
    cache = Branches(memory.cache, len(asked))
    cache.note_kept()
    tensors = {"input_ids": ids, "attention_mask": mask, "position_ids": positions}
    made = generate_rows(grounder, tensors, cache)
    return [(generated, cache.row(row, len(generated.ids) - 1)) for row, generated in enumerate(made)]


def generate(grounder: "Grounder", tensors: dict, cache: "CompressedCache", seed: int | None = None) -> Generated:
    """One answer to a prompt, as `generate_rows` gives it."""
    return generate_rows(grounder, tensors, cache, seed)[0]


def generate_rows(
    grounder: "Grounder",
    tensors: dict,
    cache: "CompressedCache",
    seed: int | None = None,
    first_given: bool = False,
) -> list[Generated]:
    """One answer to each row of prompts; the cache may hold the prompts' beginning.

    It is greedy, or with a seed drawn from the model's own probabilities (temperature 1). first_given: whether the
    prompts end with the first token of their answers, whose logits are then not among those returned.
    """
    import torch

    limit = grounder.spec.generation.max_new_tokens
    words = grounder.spec.generation.stop
    stop = {"stop_strings": list(words), "tokenizer": grounder.tokenizer} if words else {}
    drawn = {"do_sample": False} if seed is None else {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
    with _random(grounder, seed):
        made = grounder.model.generate(
            **tensors,
            past_key_values=cache,
            **drawn,
            num_beams=1,
            max_new_tokens=limit - first_given,
            output_logits=True,
            return_dict_in_generate=True,
            **stop,
        )
    logits = torch.stack(made.logits, 1)  # [rows, tokens, vocabulary]
    answers = []
    rows = made.sequences[:, tensors["input_ids"].shape[-1] - first_given :].tolist()
    for ids, of_row in zip(rows, logits, strict=True):
        length = next((end for end in range(1, len(ids)) if _is_complete(grounder, ids[:end], words)), len(ids))
        ids = ids[:length]  # rows that are complete before others are filled up
        truncated = length >= limit and not _is_complete(grounder, ids, words)
        answers.append(Generated(ids, truncated, of_row[: length - first_given]))
    return answers


@contextmanager
def _random(grounder: "Grounder", seed: int | None) -> Iterator[None]:
    """Random numbers from this seed, and afterwards those that would have come without it."""
    import torch

    if seed is None:
        yield
        return
    device = grounder.device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _is_complete(grounder: "Grounder", ids: list[int], words: Sequence[str]) -> bool:
    ends = grounder.model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    return ids[-1] in ends or (bool(words) and grounder.decode(ids).rstrip().endswith(tuple(words)))
