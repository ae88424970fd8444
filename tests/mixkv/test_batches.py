"""Several caches as one batch: open prompts of different lengths, and prompts that have just ended, go on as alone."""

import pytest
import torch

import mixkv

LENGTHS = (40, 57, 61)
METHODS = ["full", "snapkv", "mixkv", "mixkv-adakv", "h2o"]
CLOSE = {"atol": 1e-4, "rtol": 1e-5}


def method(name):
    return mixkv.make_method(name, **({} if name == "full" else {"budget": 24}))


def read(model, cache, ids, start, end, mask=None):
    positions = torch.arange(start, end)[None].expand(len(ids), -1)
    mask = torch.ones(len(ids), end, dtype=torch.long) if mask is None else mask
    with torch.no_grad():
        step = {"attention_mask": mask, "position_ids": positions.clone(), "past_key_values": cache}
        return model(input_ids=ids[:, start:end], **step).logits[:, -1]


def opened(model, prompts, rest=6):
    caches = [mixkv.CompressedCache() for _ in prompts]
    for cache, ids in zip(caches, prompts, strict=True):
        with cache.open_prompt():
            read(model, cache, ids, 0, ids.shape[1] - rest)
    return caches


@pytest.fixture(scope="module")
def prompts(prompt):
    return [prompt(seed, length)["input_ids"] for seed, length in enumerate(LENGTHS)]


@pytest.mark.parametrize("name", METHODS)
def test_joined_open_prompts_end_as_each_alone(name, tiny_model, prompts):
    model, longest = tiny_model("llama"), max(LENGTHS)
    with mixkv.compress(model, method(name)):
        alone = opened(model, prompts)
        batch = mixkv.joined(opened(model, prompts))
        for cache in (*alone, batch):
            cache.note_kept()
        logits = [
            read(model, cache, ids, ids.shape[1] - 6, ids.shape[1]) for cache, ids in zip(alone, prompts, strict=True)
        ]
        rows = torch.cat([ids[:, -6:] for ids in prompts])
        mask = torch.cat([torch.nn.functional.pad(torch.ones(1, n).long(), (longest - n, 0)) for n in LENGTHS])
        positions = torch.stack([torch.arange(n - 6, n) for n in LENGTHS])
        with torch.no_grad():
            step = {"attention_mask": mask, "position_ids": positions, "past_key_values": batch}
            together = model(input_ids=rows, **step).logits[:, -1]
    torch.testing.assert_close(together, torch.cat(logits), **CLOSE)
    for layer, noted in batch.kept.items():
        for row, (cache, length) in enumerate(zip(alone, LENGTHS, strict=True)):
            assert noted[row, :, longest - length :].equal(cache.kept[layer][0])
            assert not noted[row, :, : longest - length].any()


@pytest.mark.parametrize("some", [["snapkv", "mixkv"], ["full", "snapkv", "mixkv-adakv"]], ids=["even", "ragged"])
def test_gathered_caches_go_on_as_each_alone(some, tiny_model, prompts):
    model, ids = tiny_model("llama"), prompts[1]
    widest = type("Widest", (mixkv.METHODS["full"],), {"reads": 32})()
    token = torch.tensor([[7]])
    with mixkv.compress(model, widest):
        [stem] = opened(model, [ids])
        with stem.open_prompt():
            read(model, stem, ids, ids.shape[1] - 6, ids.shape[1])
        branches = [stem.branch() for _ in some]
        with mixkv.once():
            for branch, name in zip(branches, some, strict=True):
                branch.note_kept()
                branch.compress_now(method(name))
        assert not stem.prompt_ended and len({branch.tokens_held for branch in branches}) == (
            1 if len(some) == 2 else 2
        )
        batch = mixkv.gathered(branches)
        whole = torch.cat([ids, token], 1).expand(len(some), -1)
        steps = [read(model, batch, whole, ids.shape[1], ids.shape[1] + 1)]
        alone = [read(model, branch, whole[:1], ids.shape[1], ids.shape[1] + 1) for branch in branches]
    torch.testing.assert_close(steps[0], torch.cat(alone), **CLOSE)
    assert (alone[0] - alone[1]).abs().max() > 1e-3  # else the comparison would mean nothing


def test_scores_are_shared_inside_once_only_and_change_nothing(tiny_model, prompts):
    from mixkv.importance import extrinsic

    query, key = torch.randn(1, 4, 20, 16), torch.randn(1, 2, 20, 16)
    plain = extrinsic(query, key, 8, 0.25)
    with mixkv.once():
        first = extrinsic(query, key, 8, 0.25)
        assert extrinsic(query, key, 8, 0.25) is first and extrinsic(query, key, 4, 0.25) is not first
        assert extrinsic(query.clone(), key, 8, 0.25) is not first
    assert extrinsic(query, key, 8, 0.25) is not first and first.equal(plain)


def test_only_open_prompts_are_joined(tiny_model, prompts):
    model = tiny_model("llama")
    with mixkv.compress(model, "full") as cache:
        read(model, cache, prompts[0], 0, LENGTHS[0])
        with pytest.raises(RuntimeError, match="only open prompts can be joined"):
            mixkv.joined([cache])


def test_what_may_be_recalled_is_not_moved(tiny_model, prompts):
    model = tiny_model("llama")
    with mixkv.compress(model, "hybridkv", budget=24, threshold=2.0, chunk=4, window=8) as cache:
        read(model, cache, prompts[2], 0, LENGTHS[2])
        assert mixkv.gathered([cache]) is None
