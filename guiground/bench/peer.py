"""Times kvpress in an interpreter of its own: `PYTHON peer.py JSON` prints JSON. Imports nothing of guiground.

kvpress works on transformers that guiground does not, so both cannot run in one process. Where one of its presses fails
on a Qwen2.5-VL decoder, it is measured on a Qwen2 decoder of the same shape, whose layers take the same time.
"""

import json
import os
import sys

import torch
from measuring import Timer, once, summary

PRESSES = ("snapkv", "adakv", "keydiff")


def main() -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import kvpress
    import transformers

    setup = json.loads(sys.argv[1])
    torch.set_num_threads(setup["threads"])
    timer, found, models, notes = Timer(setup["device"], setup["threads"]), {}, {}, {}
    with torch.no_grad():
        for number, tokens in enumerate((min(setup["tokens"]), *setup["tokens"])):
            runs: dict[str, list[dict]] = {}
            for _ in range(setup["repeats"] if number else 1):  # the first round is not counted
                for name in ("uncompressed", "empty", *PRESSES):
                    model = models.get(name) or _model("qwen2_5_vl", setup, models)
                    try:
                        run = _run(model, name, timer, setup, tokens)
                    except Exception as error:  # whatever breaks: it is told, and tried on the plainer decoder
                        if model is _model("qwen2", setup, models):
                            raise
                        notes[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"
                        models[name] = _model("qwen2", setup, models)
                        run = _run(models[name], name, timer, setup, tokens)
                    runs.setdefault(name, []).append(run)
            found[tokens] = {name: summary(of_name) for name, of_name in runs.items()}
    versions = {"kvpress": _version("kvpress"), "transformers": transformers.__version__, "torch": torch.__version__}
    assert kvpress
    print(json.dumps({"versions": versions, "failed_on_qwen2_5_vl": notes, "clock": timer.clock, "measured": found}))


def _version(name: str) -> str:
    from importlib import metadata

    return metadata.version(name)


def _model(kind: str, setup: dict, models: dict) -> torch.nn.Module:
    import transformers

    if kind not in models:
        heads, hidden = setup["config"]["num_attention_heads"], setup["config"]["hidden_size"]
        half = hidden // heads // 2
        rope = {"rope_type": "default", "rope_theta": 1e6}
        torch.manual_seed(0)
        torch.set_default_dtype(getattr(torch, setup["dtype"]))
        with torch.device(setup["device"]):
            if kind == "qwen2":
                config = transformers.Qwen2Config(**setup["config"], rope_parameters=rope)
                models[kind] = transformers.Qwen2ForCausalLM(config).eval()
            else:
                rope["mrope_section"] = [half - 2 * (half * 3 // 8), half * 3 // 8, half * 3 // 8]
                vision = {"depth": 1, "hidden_size": 32, "num_heads": 2, "out_hidden_size": hidden}
                vision["intermediate_size"] = 32
                text = {**setup["config"], "rope_parameters": rope}
                config = transformers.Qwen2_5_VLConfig(text_config=text, vision_config=vision)
                models[kind] = transformers.Qwen2_5_VLForConditionalGeneration(config).eval()
        torch.set_default_dtype(torch.float32)
    return models[kind]


def _press(name: str, ratio: float) -> object:
    import kvpress

    snapkv = kvpress.SnapKVPress(compression_ratio=ratio, window_size=32, kernel_size=5)
    if name == "snapkv":
        return snapkv
    return kvpress.AdaKVPress(snapkv) if name == "adakv" else kvpress.KeyDiffPress(compression_ratio=ratio)


def _run(model: torch.nn.Module, name: str, timer: Timer, setup: dict, tokens: int) -> dict:
    from transformers import DynamicCache

    decoder = model.model.language_model if hasattr(model.model, "language_model") else model.model
    length = tokens + setup["text"] if name != "empty" else 1
    generator = torch.Generator(setup["device"]).manual_seed(tokens)
    like = {"device": setup["device"], "dtype": getattr(torch, setup["dtype"]), "generator": generator}
    prompt, later = (torch.randn(1, count, setup["config"]["hidden_size"], **like) for count in (length, 1))
    cache, spent = DynamicCache(), [0.0]

    def prefill() -> None:
        if name in ("uncompressed", "empty"):
            decoder(inputs_embeds=prompt, past_key_values=cache)
            return
        press = _press(name, 1 - setup["budget"] / length)
        hook = press.forward_hook

        def timed(*given: object, **named: object) -> object:
            taken, returned = timer.of(lambda: hook(*given, **named))
            spent[0] += taken
            return returned

        press.forward_hook = timed
        with press(model):
            decoder(inputs_embeds=prompt, past_key_values=cache)

    place = [length]

    def decode() -> None:  # positions by hand: it takes the length of the cache for that of the text
        position = torch.full((1, 1), place[0], device=setup["device"])
        place[0] += 1
        if decoder is not model.model:
            position = position.expand(3, 1, 1)
        decoder(inputs_embeds=later, past_key_values=cache, position_ids=position)

    try:
        return once(
            timer,
            setup["steps"],
            prefill,
            decode,
            lambda: spent[0],
            lambda: sum(kv.untyped_storage().nbytes() for layer in cache.layers for kv in (layer.keys, layer.values)),
        )
    finally:
        for layer in decoder.layers:
            layer.self_attn.masked_key_indices = None  # what it leaves on the model would reach the next run


if __name__ == "__main__":
    main()
