"""Times mixkv and the uncompressed cache on one random model, the methods in turn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guiground.bench.measuring import Timer, once, summary
from guiground.bench.shapes import Shape, build, grid

if TYPE_CHECKING:
    from mixkv import Method

TEXT = 64  # tokens after the picture
UNCOMPRESSED, EMPTY = "uncompressed", "empty"


@dataclass(frozen=True, slots=True)
class Setup:
    """What is measured. tokens: of the picture, one measurement each. dtype: as torch names it."""

    shape: Shape
    layers: int
    tokens: tuple[int, ...]
    budget: int
    device: str
    dtype: str
    threads: int
    repeats: int
    steps: int

    def to_json(self) -> dict[str, Any]:
        """Plain values, as the peer's script takes them."""
        names = ("layers", "tokens", "budget", "device", "dtype", "threads", "repeats", "steps")
        return {"config": self.shape.config(self.layers), "text": TEXT} | {name: getattr(self, name) for name in names}

    def nominal_bytes(self, appended: int = 0) -> int:
        """What the budget allows, and as many entries more."""
        size = {"float32": 4, "bfloat16": 2, "float16": 2}[self.dtype]
        return (self.budget + appended) * self.layers * self.shape.kv_heads * 2 * self.shape.dim * size


def measure(
    setup: Setup, methods: Sequence["Method"], say: Callable[[str], None] = lambda what: None
) -> dict[int, dict[str, dict[str, Any]]]:
    """For each number of tokens the medians of the uncompressed cache, an empty one, and each method by its name.

    They take turns in every repetition, after one round over the shortest picture that is not counted.
    """
    import torch

    timer, threads = Timer(setup.device, setup.threads), torch.get_num_threads()
    torch.set_num_threads(setup.threads)
    try:
        say("making a random model")
        decoder, found = build(setup.shape, setup.layers, setup.device, setup.dtype), {}
        with torch.no_grad():
            for _, run in _turns(decoder, methods, timer, setup, min(setup.tokens)):
                run()
            for tokens in setup.tokens:
                runs: dict[str, list[dict]] = {}
                for repeat in range(setup.repeats):
                    for name, run in _turns(decoder, methods, timer, setup, tokens):
                        say(f"{tokens:,} tokens: {name}, {repeat + 1} of {setup.repeats}")
                        runs.setdefault(name, []).append(run())
                found[tokens] = {name: summary(of_name) for name, of_name in runs.items()}
    finally:
        torch.set_num_threads(threads)
    return found


def _turns(
    decoder: Any, methods: Sequence["Method"], timer: Timer, setup: Setup, tokens: int
) -> list[tuple[str, Callable[[], dict]]]:
    import torch
    from transformers import DynamicCache

    generator = torch.Generator(setup.device).manual_seed(tokens)
    like = {"device": setup.device, "dtype": getattr(torch, setup.dtype), "generator": generator}
    prompt, later = (torch.randn(1, count, setup.shape.hidden, **like) for count in (tokens + TEXT, 1))

    def plain(given: Any) -> dict:
        cache = DynamicCache()
        return once(
            timer,
            setup.steps,
            lambda: decoder(inputs_embeds=given, past_key_values=cache),
            lambda: decoder(inputs_embeds=later, past_key_values=cache),
            lambda: 0.0,
            lambda: sum(kv.untyped_storage().nbytes() for layer in cache.layers for kv in (layer.keys, layer.values)),
        )

    turns = [(UNCOMPRESSED, lambda: plain(prompt)), (EMPTY, lambda: plain(later))]
    return turns + [
        (method.name, lambda method=method: _compressed(decoder, method, timer, setup, tokens, prompt, later))
        for method in methods
    ]


def _compressed(
    decoder: Any, method: "Method", timer: Timer, setup: Setup, tokens: int, prompt: Any, later: Any
) -> dict[str, Any]:
    import mixkv

    class Timed(mixkv.CompressedCache):
        spent = 0.0

        def read_prompt(self, *given: Any, **named: Any) -> None:
            self.spent += timer.of(lambda: mixkv.CompressedCache.read_prompt(self, *given, **named))[0]

    cache = Timed()
    cache.describe([mixkv.ImageTokens(0, *grid(tokens))])
    with mixkv.compress(decoder, method):
        return once(
            timer,
            setup.steps,
            lambda: decoder(inputs_embeds=prompt, past_key_values=cache),
            lambda: decoder(inputs_embeds=later, past_key_values=cache),
            lambda: cache.spent,
            lambda: cache.bytes_held,
        )
