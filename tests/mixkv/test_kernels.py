"""Each Triton kernel equals its torch reference: on CUDA, and without it by Triton's interpreter.

The interpreter works on a CPU where Triton is installed and TRITON_INTERPRET=1 is set before anything is imported.
"""

import os
from importlib.util import find_spec

import pytest
import torch

import mixkv
from mixkv import kernels
from mixkv.kernels import ragged, scores

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
needs_triton = pytest.mark.skipif(
    find_spec("triton") is None or not (CUDA or INTERPRETED),
    reason="no CUDA device on this machine, nor Triton with TRITON_INTERPRET=1 to run the kernels without one",
)


def states(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE, dtype)


@needs_triton
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("batch", "query_heads", "kv_heads", "tokens", "dim", "window"),
    [
        (1, 4, 2, 200, 64, 32),
        (2, 6, 2, 131, 16, 16),
        (1, 7, 1, 257, 80, 5),
        (1, 2, 2, 64, 128, 32),
        (1, 2, 1, 40, 24, 32),
    ],
)
def test_the_scores_are_those_of_torch(batch, query_heads, kv_heads, tokens, dim, window, dtype):
    query, key = states(batch, query_heads, tokens, dim, dtype=dtype), states(batch, kv_heads, tokens, dim, seed=1)
    value = states(batch, tokens, kv_heads, dim, seed=2, dtype=dtype).transpose(1, 2)  # as a model lays them out
    key = (key + 0.5).to(dtype)  # alike enough for a mean direction
    expected = scores.torch_scores(query, key, value, window, dim**-0.5)
    found = scores.triton_scores(query, key, value, window, dim**-0.5)
    for name, one, other in zip(expected._fields, found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=2e-6, rtol=2e-4, msg=lambda said, name=name: f"{name}: {said}")
    assert expected.attention.std() > 0 and expected.alike.std() > 0


@needs_triton
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("rows", "dim"), [(1, 64), (7, 128), (4, 80)])
def test_ragged_attention_is_that_of_torch(rows, dim, dtype):
    length = torch.tensor([[3, 64, 1], [200, 65, 17]], device=DEVICE)
    room = length.flatten() + 5
    start = (room.cumsum(0) - room).view_as(length)
    keys, values = (states(int(room.sum()), dim, seed=seed, dtype=dtype) for seed in (1, 2))
    query = states(2, 3, rows, dim, seed=3, dtype=dtype)
    expected = ragged.torch_attend(query, keys, values, start, length, dim**-0.5)
    found = ragged.triton_attend(query, keys, values, start, length, dim**-0.5)
    tolerance = 2e-2 if dtype == torch.bfloat16 else 2e-6
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=tolerance)


@pytest.fixture
def everywhere(monkeypatch):
    """The kernels are used on a CPU too, where Triton's interpreter runs them."""
    for module in (scores, ragged, mixkv.methods.mixkv, mixkv.attention):
        monkeypatch.setattr(module, "used_for", lambda states: True)


@needs_triton
@pytest.mark.parametrize("method", ["mixkv", "mixkv-adakv"])
def test_a_model_answers_the_same_with_kernels(method, tiny_model, prompt, generate, monkeypatch, request):
    model, inputs = tiny_model("llama").to(DEVICE), {name: one.to(DEVICE) for name, one in prompt(1, 100).items()}
    calls = []
    monkeypatch.setattr(scores, "triton_scores", _counted(scores.triton_scores, calls, "scores"))
    monkeypatch.setattr(ragged, "triton_attend", _counted(ragged.triton_attend, calls, "attend"))
    try:
        with mixkv.compress(model, method, budget=48) as cache:
            plain = generate(model, inputs, cache, steps=3)
        assert not calls
        if not CUDA:
            request.getfixturevalue("everywhere")
        with kernels.fused(), mixkv.compress(model, method, budget=48) as cache:
            fused = generate(model, inputs, cache, steps=3)
    finally:
        model.to("cpu")
    layers = model.config.num_hidden_layers
    assert calls.count("scores") == layers  # once a layer, whatever the host asks for
    assert calls.count("attend") == (2 * layers if method == "mixkv-adakv" else 0)
    assert torch.equal(plain[0], fused[0])
    torch.testing.assert_close(plain[1], fused[1], atol=1e-3, rtol=1e-3)


def _counted(kernel, calls, name):
    def call(*arguments):
        calls.append(name)
        return kernel(*arguments)

    return call


def test_nothing_is_fused_unless_asked_for_and_on_cuda():
    assert not kernels.used_for(states(1))
    if find_spec("triton") is None:
        with pytest.raises(RuntimeError, match="need Triton"), kernels.fused():
            pass
    else:
        with kernels.fused():
            assert kernels.used_for(states(1)) == CUDA
        assert not kernels.used_for(states(1))


def test_importing_them_does_not_import_triton():
    import subprocess
    import sys

    code = "import sys, torch, transformers; torch_has = 'triton' in sys.modules\n"
    code += "import mixkv, mixkv.kernels.scores, mixkv.kernels.ragged\n"
    code += "print('triton' in sys.modules and not torch_has, 'mixkv.kernels.scores_triton' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False"]
