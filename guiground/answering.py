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


@dataclass(frozen=True, slots=True)
class Memory:
    """A screenshot as a model holds it that has read it, before the instruction.

    ids: the tokens read, up to the last one of the picture; none where the method wants the whole prompt at once and
    the picture was only cut into patches. cache: of these tokens, its prompt still open. offset: from
    the index of a later token to its position, which is not the same because a picture counts by its longer side.
    picture: what was seen, without the pixel values if they are read. read_ms: how long all that took.
    """

    ids: tuple[int, ...]
    cache: "CompressedCache"
    offset: int
    picture: "Patches"
    read_ms: float = 0.0

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
        self.limit = limit
        self._held: OrderedDict[bytes, Memory] = OrderedDict()

    @property
    def bytes_held(self) -> int:
        return sum(memory.cache.bytes_held for memory in self._held.values())

    def find(self, picture: bytes) -> Memory | None:
        """The memory of the picture with this hash."""
        if picture in self._held:
            self._held.move_to_end(picture)
        return self._held.get(picture)

    def keep(self, picture: bytes, memory: Memory) -> None:
        """Holds a memory, unless it alone is above the limit."""
        self._held[picture] = memory
        self._held.move_to_end(picture)
        while self.bytes_held > self.limit:
            self._held.popitem(last=False)

    def clear(self) -> None:
        self._held.clear()


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
    grounder: "Grounder", inputs: "Inputs", memory: Memory, seed: int | None = None
) -> tuple[Generated, "CompressedCache"]:
    """The answer to the prompt, whose beginning is not read again, and the cache it leaves. The memory is unchanged.

    seed: for a sampled answer instead of the greedy one.
    """
    import torch

    cache, ids = memory.cache.branch(), inputs.tensors["input_ids"]
    if not memory.ids:
        return generate(grounder, inputs.tensors, cache, seed), cache
    positions = (
        torch.arange(ids.shape[1], device=ids.device).expand(3, 1, -1) + memory.offset
    )  # right after the picture
    later = {"input_ids": ids, "attention_mask": inputs.tensors["attention_mask"], "position_ids": positions}
    return generate(grounder, later, cache, seed), cache


def generate(grounder: "Grounder", tensors: dict, cache: "CompressedCache", seed: int | None = None) -> Generated:
    """One answer to a prompt; the cache may hold the prompt's beginning.

    It is greedy, or with a seed drawn from the model's own probabilities (temperature 1).
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
            max_new_tokens=limit,
            output_logits=True,
            return_dict_in_generate=True,
            **stop,
        )
    ids = made.sequences[0, tensors["input_ids"].shape[-1] :].tolist()
    truncated = len(ids) >= limit and not _is_complete(grounder, ids, words)
    return Generated(ids, truncated, torch.cat(made.logits))


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
    return ids[-1] in ends or any(grounder.decode(ids).rstrip().endswith(word) for word in words)
