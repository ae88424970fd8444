"""Methods that look at all queries, at the image grid, at earlier screenshots or at all layers."""

import pytest
import torch

import mixkv
from mixkv.images import ImageTokens
from mixkv.importance import accumulated_attention, window_attention
from mixkv.methods import Prompt
from mixkv.methods.guikv import GUIKV, distance_to, key_subspace, saliency
from mixkv.methods.h2o import H2O
from mixkv.methods.snapkv import SnapKV
from mixkv.methods.stlite import STLite, local_contrast, resemblance
from mixkv.methods.vlcache import VLCache

BATCH, HEADS, GROUP, TOKENS, DIM, HIDDEN = 2, 2, 2, 120, 8, 12
IMAGES = (ImageTokens(4, 5, 8), ImageTokens(50, 6, 9))  # 4..43 and 50..103


def a_prompt(seed=0, images=IMAGES, layer=0, num_layers=1, sharpness=1.0):
    generator = torch.Generator().manual_seed(seed)
    query, key, value, residual = (
        torch.randn(BATCH, *shape, generator=generator)
        for shape in ((HEADS * GROUP, TOKENS, DIM), (HEADS, TOKENS, DIM), (HEADS, TOKENS, DIM), (TOKENS, HIDDEN))
    )
    return Prompt(sharpness * query, key + 0.5, value, DIM**-0.5, layer, num_layers, images, residual)


def causal_attention(prompt):
    logits = prompt.query @ prompt.key.repeat_interleave(GROUP, 1).transpose(-1, -2) * prompt.scaling
    future = torch.ones(TOKENS, TOKENS, dtype=torch.bool).triu(1)
    return logits.masked_fill(future, float("-inf")).softmax(-1).unflatten(1, (HEADS, GROUP))


@pytest.mark.parametrize("chunk", [1, 7, 120, 500])
def test_accumulated_attention_is_that_of_the_whole_prompt(chunk):
    prompt = a_prompt()
    paid = accumulated_attention(prompt.query, prompt.key, prompt.scaling, chunk)
    torch.testing.assert_close(paid, causal_attention(prompt).sum(-2).mean(2))
    torch.testing.assert_close(paid.sum(-1), torch.full((BATCH, HEADS), float(TOKENS)))


def test_h2o_holds_the_heavy_hitters_of_the_whole_prompt():
    prompt, whole = a_prompt(), causal_attention(a_prompt()).sum(-2).mean(2)
    kept = H2O(budget=30, window=10, chunk=32).keep(prompt)
    for row in range(BATCH):
        for head in range(HEADS):
            best = set(whole[row, head, :110].topk(20).indices.tolist())
            assert set(kept[row, head].nonzero().flatten().tolist()) == best | set(range(110, 120))
    assert not torch.equal(kept, SnapKV(budget=30, window=10).keep(prompt))


def test_saliency_is_a_softmax_of_standardised_norms():
    residual = torch.randn(1, 30, HIDDEN, generator=torch.Generator().manual_seed(1))
    norms = torch.tensor([vector.norm().item() for vector in residual[0]])
    expected = (((norms - norms.mean()) / norms.std()) / 3.5).softmax(-1)
    torch.testing.assert_close(saliency(residual, 3.5)[0], expected)
    torch.testing.assert_close(saliency(9 * residual, 3.5), saliency(residual, 3.5))
    assert saliency(residual[:, :1], 3.5).tolist() == [[1.0]]
    torch.testing.assert_close(saliency(torch.ones(1, 5, HIDDEN), 3.5), torch.full((1, 5), 0.2))


def test_gui_kv_without_images_or_without_saliency_is_snapkv():
    plain = SnapKV(budget=40, window=8).keep(a_prompt())
    assert torch.equal(GUIKV(budget=40).keep(a_prompt(images=())), plain)
    assert torch.equal(GUIKV(budget=40, alpha=0.0).keep(a_prompt(images=IMAGES[1:])), plain)
    assert not torch.equal(GUIKV(budget=40).keep(a_prompt(images=IMAGES[1:])), plain)


def test_saliency_adds_its_mass_to_the_last_image_alone():
    prompt, method = a_prompt(images=IMAGES[1:]), GUIKV(budget=40)
    scores, _ = method.rank(prompt, 8, 32)
    added = scores - 8 * SnapKV(budget=40, window=8).rank(prompt, 8, 32)[0]
    torch.testing.assert_close(added[..., 50:104].sum(-1), torch.full((BATCH, HEADS), 2.0))
    assert added[..., :50].abs().max() < 1e-6 and added[..., 104:].abs().max() < 1e-6


@pytest.mark.parametrize("subspace", ["qr", "principal"])
def test_repetitions_of_the_last_screenshot_are_not_held(subspace):
    """The first half of the earlier image repeats keys of the last, and nothing else does."""
    prompt = a_prompt()
    generator = torch.Generator().manual_seed(5)
    low = torch.randn(BATCH, HEADS, 54, 3, generator=generator) @ torch.randn(BATCH, HEADS, 3, DIM, generator=generator)
    prompt.key[:, :, 50:104] = low
    prompt.key[:, :, 4:24] = low[:, :, 10:30]
    method = GUIKV(budget=60, rank_of_keys=3, subspace=subspace)
    scores, _ = method.rank(prompt, 8, 52)
    zero = scores[..., 4:44] == 0
    assert zero[..., :20].all() and not zero[..., 20:].any()
    assert (scores[..., :4] > 0).all() and (scores[..., 44:] > 0).all()


def test_how_many_repetitions_are_dropped():
    for budget, dropped in ((30, 30), (60, 20), (118, 0)):
        scores, _ = GUIKV(budget=budget).rank(a_prompt(), 8, budget - 8)
        assert ((scores[..., 4:44] == 0).sum(-1) == dropped).all()


def test_the_subspaces():
    key = torch.randn(1, 1, 40, DIM, generator=torch.Generator().manual_seed(6)) * torch.linspace(3, 0.1, DIM)
    for kind in ("qr", "principal"):
        basis = key_subspace(key, 3, kind)
        torch.testing.assert_close(basis.transpose(-1, -2) @ basis, torch.eye(3)[None, None])
        assert key_subspace(key, 99, kind).shape[-1] == DIM
        assert distance_to(key_subspace(key, 99, kind), key).max() < 1e-5
    assert distance_to(key_subspace(key, 3, "qr"), key[:, :, :3]).max() < 1e-5  # spanned by the first three keys
    lost = [distance_to(key_subspace(key, 3, kind), key).square().sum() for kind in ("principal", "qr")]
    assert lost[0] < lost[1]  # the principal one is the best of all
    torch.testing.assert_close(lost[0], torch.linalg.svdvals(key)[..., 3:].square().sum())


def test_local_contrast_equals_a_loop():
    grid = torch.randn(1, 4, 6, HIDDEN, generator=torch.Generator().manual_seed(7))
    contrast = local_contrast(grid)
    for row in range(4):
        for column in range(6):
            cosines = [
                torch.cosine_similarity(grid[0, row, column], grid[0, r, c], dim=0)
                for r in range(max(row - 1, 0), min(row + 2, 4))
                for c in range(max(column - 1, 0), min(column + 2, 6))
                if (r, c) != (row, column)
            ]
            torch.testing.assert_close(contrast[0, row, column], 1 - torch.stack(cosines).mean())
    assert local_contrast(grid[:, :1, :1]).item() == 0
    assert local_contrast(torch.ones(1, 3, 3, HIDDEN)).abs().max() < 1e-6


def test_st_lite_prefers_what_stands_out_of_its_surroundings():
    prompt = a_prompt(images=IMAGES[1:])
    prompt.residual[:, 50:104] = 1.0
    prompt.residual[:, 77] = -1.0  # row 3, column 0
    kept = STLite(budget=30, window=10, alpha=50.0).keep(prompt)
    assert kept[:, :, [59 + 9, 77, 77 + 9, 77 + 10]].all()
    assert torch.equal(STLite(budget=30, window=10, alpha=0.0).keep(prompt), SnapKV(budget=30, window=10).keep(prompt))


def test_st_lite_holds_of_earlier_screenshots_what_the_last_does_not_show():
    prompt = a_prompt()
    prompt.residual[:, 4:34] = prompt.residual[:, 60:90]  # 30 of 40 tokens are repeated
    kept = STLite(budget=20, window=10).keep(prompt)
    assert not kept[:, :, 4:34].any()
    assert (kept.sum(-1) == 20).all()
    whole, parts = (resemblance(prompt.residual[:, 4:44], prompt.residual[:, 50:104], chunk) for chunk in (1024, 7))
    assert (whole[:, :30] > 0.999).all() and (whole[:, 30:] < 0.999).all()
    torch.testing.assert_close(whole, parts)


@pytest.mark.parametrize("method", [GUIKV(budget=30), STLite(budget=30)])
def test_what_must_be_known_is_asked_for(method):
    prompt = a_prompt()
    unknown = Prompt(prompt.query, prompt.key, prompt.value, 1.0, 0, 1)
    with pytest.raises(ValueError, match=f"method '{method.name}' must know where the image tokens stand"):
        method.keep(unknown)
    with pytest.raises(ValueError, match=f"method '{method.name}' looks at what a layer is given"):
        method.keep(Prompt(prompt.query, prompt.key, prompt.value, 1.0, 0, 1, IMAGES))
    with pytest.raises(ValueError, match="lies beyond the prompt of 120 tokens"):
        method.keep(a_prompt(images=(ImageTokens(100, 5, 5),)))


def test_layers_that_look_around_more_hold_more():
    """Uniform attention is dense, sharp attention sparse; both layers together hold the budget."""
    layers = [a_prompt(seed, layer=seed, num_layers=3, sharpness=s) for seed, s in enumerate((0.01, 3.0, 12.0))]
    held = [keep.sum(-1).float().mean().item() for keep in VLCache(budget=40, window=10).keep_layers(layers)]
    assert sum(held) == 120 and held[0] > held[1] > held[2]


def test_density_counts_the_visible_weights_that_reach_the_threshold():
    prompt, method = a_prompt(sharpness=4.0, images=IMAGES[1:]), VLCache(budget=40, window=30, threshold=0.1)
    _, density = method._look(prompt, 30)
    counts = []
    for token in range(104, 120):  # the tokens after the image, though the window is longer
        weights = causal_attention(prompt)[0, :, :, token, : token + 1]
        counts.append((weights >= 0.1 * weights.amax(-1, keepdim=True)).float().mean((0, 1, 2)))
    torch.testing.assert_close(density[0], torch.stack(counts).mean())


def test_equal_layers_hold_equally_many():
    layers = [a_prompt(layer=layer, num_layers=4) for layer in range(4)]
    for keep in VLCache(budget=40, window=10).keep_layers(layers):
        assert (keep.sum(-1) == 40).all()
        scores = window_attention(layers[0].query, layers[0].key, 10, DIM**-0.5)[..., :110]
        assert not torch.equal(keep[0], keep[1])
    unseen = [a_prompt(layer=layer, num_layers=4, images=None) for layer in range(4)]
    best = set(scores.mean((2, 3))[0, 0].topk(30).indices.tolist())
    (first, *_) = VLCache(budget=40, window=10).keep_layers(unseen)
    assert set(first[0, 0, :110].nonzero().flatten().tolist()) == best


@pytest.mark.parametrize("budget", [1, 2, 20, 60, 119])
def test_all_layers_together_hold_the_budget(budget):
    layers = [a_prompt(seed, layer=seed, num_layers=3, sharpness=seed + 0.1) for seed in range(3)]
    held = VLCache(budget=budget).keep_layers(layers)
    assert all(sum(keep[row].sum() for keep in held) == budget * 3 * HEADS for row in range(BATCH))
    assert all(keep[..., -1].all() for keep in held)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("guikv", {"subspace": "svd"}, "unknown subspace 'svd' .choose from: qr, principal."),
        ("guikv", {"temperature": 0}, "temperature must be above 0 and alpha at least 0, not 0 and 2.0"),
        ("guikv", {"rank_of_keys": 0}, "rank_of_keys must be a whole number of at least 1, not 0"),
        ("stlite", {"alpha": -1}, "alpha must be at least 0, not -1"),
        ("h2o", {"chunk": 0}, "chunk must be a whole number of at least 1, not 0"),
        ("vlcache", {"threshold": 2}, "threshold must be between 0 and 1, not 2"),
    ],
)
def test_wrong_settings_are_one_sentence(name, settings, message):
    with pytest.raises(ValueError, match=message):
        mixkv.make_method(name, **settings)
