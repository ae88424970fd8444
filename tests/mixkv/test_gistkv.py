"""What GistKV reserves of its budget, and how it spreads it over heads. Its gists: test_merged_entries.py."""

import math

import pytest
import torch
from oracle_attention import hiding
from tiny_models import IMAGE
from transformers import DynamicCache

import mixkv
from mixkv.budget import adaptive
from mixkv.diversity import redundancy
from mixkv.methods import Prompt
from mixkv.reserved import landmarks, surroundings

BATCH, HEADS, GROUP, TOKENS, DIM = 2, 3, 2, 90, 8
IMAGES = (mixkv.ImageTokens(3, 5, 6), mixkv.ImageTokens(36, 4, 7))  # 3..32 and 36..63
BESIDE = [2, 33, 35, 64]
OPENINGS = [
    {"protect": 4},
    {"template": True},
    {"around": 0.25},
    {"by_redundancy": True},
    {"by_redundancy": 0.5, "gists": 0, "recent": 0},
    {"protect": 2, "template": True, "around": 0.3, "by_redundancy": 1.0},
    {"protect": 2, "template": True, "around": 0.3, "floor_ratio": 0.2},
    {"protect": 9, "around": 1.0, "gists": 0, "recent": 0},
]
EVEN = [settings for settings in OPENINGS if not {"by_redundancy", "floor_ratio"} & set(settings)]


def ready(budget, **settings):
    return mixkv.make_method("gistkv", budget=budget, **settings)


def a_prompt(images=IMAGES, seed=0):
    """The keys of each head are more alike than those of the head before it."""
    generator = torch.Generator().manual_seed(seed)
    query, key, value = (
        torch.randn(BATCH, heads, TOKENS, DIM, generator=generator) for heads in (HEADS * GROUP, HEADS, HEADS)
    )
    key += torch.tensor([0.0, 0.7, 2.0]).view(HEADS, 1, 1)
    return Prompt(query, key, value, DIM**-0.5, 0, 1, images)


def looking_at(places, images=IMAGES):
    """A prompt whose instruction looks at one place per head, everywhere else alike."""
    prompt = a_prompt(images)
    prompt.key[:] = torch.randn(prompt.key.shape, generator=torch.Generator().manual_seed(8)) * 0.1
    prompt.query[:] = 0
    for head, place in enumerate(places):
        prompt.key[:, head, place, 0] = 3
        prompt.query[:, GROUP * head : GROUP * (head + 1), :, 0] = 9
    return prompt


def test_the_defaults_hold_what_they_held_before_there_were_these_settings():
    assert ready(12) == ready(12, protect=0, template=False, around=0.0, by_redundancy=False)
    held = [head.nonzero().flatten().tolist() for head in ready(12).choose(a_prompt()).keep[0]]
    assert held == [
        [17, 22, 31, 34, 36, 40, 41, 52, 62, 87, 88, 89],
        [0, 5, 28, 34, 37, 56, 65, 71, 75, 87, 88, 89],
        [10, 15, 33, 46, 47, 51, 56, 78, 81, 87, 88, 89],
    ]


@pytest.mark.parametrize("settings", OPENINGS)
def test_a_layer_holds_exactly_its_budget(settings):
    for budget in (1, 2, 3, 8, 16, 33, 64, 88, 89, "10%"):
        for images in (IMAGES, (), None):
            method = ready(budget, **settings)
            held = method.choose(a_prompt(images)).keep.sum(-1)  # [batch, kv_heads]
            entries = 9 if budget == "10%" else budget
            assert held.sum(-1).tolist() == [HEADS * entries] * BATCH
            assert held.min() >= max(
                1, int(method.recent * entries) + int(method.gists * entries) if entries > 3 else 1
            )
            assert settings not in EVEN or held.unique().tolist() == [entries]
    assert ready(TOKENS, **settings).choose(a_prompt()).keep.all()


@pytest.mark.parametrize("settings", [{}, {"around": 0.3}, {"by_redundancy": 1.0}, {"floor_ratio": 0.0}])
def test_the_first_tokens_and_those_beside_images_are_held_as_they_came(settings):
    prompt, places = a_prompt(), [0, 1, 2, 3, 33, 35, 64]
    for budget in (16, 24, 60):
        assert not ready(budget, **settings).keep(prompt)[..., places].all()
        choice = ready(budget, protect=4, template=True, **settings).choose(prompt)
        assert choice.keep[..., places].all()
        assert torch.equal(choice.merged.key[:, :, places], prompt.key[:, :, places])
        assert choice.merged.bias.any() and not choice.merged.bias[..., places].any()
        assert ready(budget, template=True, **settings).keep(prompt)[..., BESIDE].all()


def test_what_is_protected_is_paid_from_what_recent_tokens_and_gists_leave():
    kept = ready(8, protect=TOKENS, gists=0).keep(a_prompt())
    assert kept[0, 0].nonzero().flatten().tolist() == [0, 1, 2, 3, 4, 5, 88, 89]
    choice = ready(8, protect=TOKENS).choose(a_prompt())
    assert choice.keep[..., :4].all() and (choice.merged.bias != 0).sum(-1).unique().tolist() == [2]


def test_without_images_only_the_first_tokens_are_protected():
    for images in ((), None):
        plain = ready(16).choose(a_prompt(images))
        same = ready(16, template=True, around=0.4).choose(a_prompt(images))
        assert torch.equal(plain.keep, same.keep) and torch.equal(plain.merged.bias, same.merged.bias)


def test_landmarks_lie_in_the_prompt_and_in_no_image():
    touching = (mixkv.ImageTokens(0, 1, 4), mixkv.ImageTokens(4, 2, 2), mixkv.ImageTokens(9, 1, 1))
    assert landmarks(0, touching, 20) == [8, 10]
    assert landmarks(2, touching, 10) == [0, 1, 8]
    assert landmarks(9, (), 3) == [0, 1, 2] and landmarks(0, (), 3) == []


@pytest.mark.parametrize("settings", [{}, {"by_redundancy": 1.0}, {"floor_ratio": 0.2}, {"protect": 4}])
def test_the_surroundings_of_the_place_of_each_head_are_held_whole(settings):
    """The place lies in the middle, in a corner, in the other image; a square around it is the nearest nine cells."""
    first, second = (torch.arange(image.start, image.stop).view(image.rows, image.columns) for image in IMAGES)
    prompt = looking_at([int(first[2, 3]), int(first[0, 0]), int(second[1, 5])])
    near = [first[1:4, 2:5].flatten(), torch.stack([*first[0, :3], *first[1, :3], *first[2, :2]]), second[:3, 4:7]]
    whole = ready(36, around=0.25, **settings).keep(prompt)
    plain = ready(36, **settings).keep(prompt)
    for head, cells in enumerate(near):
        assert whole[:, head, cells.flatten()].all()
        assert not plain[:, head, cells.flatten()].all()


def test_surroundings_are_the_nearest_cells_by_hand():
    scores = torch.rand(BATCH, HEADS, TOKENS, generator=torch.Generator().manual_seed(2)).mul(4).round()  # with ties
    held = torch.rand(BATCH, HEADS, TOKENS, generator=torch.Generator().manual_seed(3)) < 0.2
    for count in (1, 4, 9, 80):
        found = surroundings(scores, IMAGES, count, held)
        for row in range(BATCH):
            for head in range(HEADS):
                of_head = scores[row, head].tolist()
                cells = [place for image in IMAGES for place in range(image.start, image.stop)]
                best = max(cells, key=of_head.__getitem__)
                image = next(image for image in IMAGES if image.start <= best < image.stop)
                place = {one: divmod(one - image.start, image.columns) for one in range(image.start, image.stop)}
                apart = {one: math.dist(place[one], place[best]) for one in place if not held[row, head, one]}
                nearest = sorted(apart, key=lambda one: (apart[one], -of_head[one]))[:count]
                assert found[row, head].nonzero().flatten().tolist() == sorted(nearest)


@pytest.mark.parametrize("settings", [{}, *OPENINGS])
def test_other_heads_do_not_matter_but_for_their_share(settings):
    """Heads in another order hold the same, in that order."""
    prompt, order = a_prompt(), torch.tensor([2, 0, 1])
    query = prompt.query.unflatten(1, (HEADS, GROUP))[:, order].flatten(1, 2)
    turned = Prompt(query, prompt.key[:, order], prompt.value[:, order], prompt.scaling, 0, 1, IMAGES)
    choice, other = (ready(20, **settings).choose(one) for one in (prompt, turned))
    assert torch.equal(choice.keep[:, order], other.keep) and not torch.equal(choice.keep, other.keep)
    if choice.merged is not None:
        torch.testing.assert_close(choice.merged.bias[:, order], other.merged.bias)


def test_heads_whose_keys_are_alike_hold_less():
    prompt = a_prompt()
    shares = 1 - redundancy(prompt.key).squeeze(-1).clamp_min(0)  # falling from head to head
    assert (shares.diff(dim=-1) < -0.1).all()
    none, half, whole = (ready(40, by_redundancy=by).keep(prompt).sum(-1) for by in (0, 0.5, True))
    assert none.unique().tolist() == [40]
    for held in (half, whole):
        assert (held.diff(dim=-1) < 0).all() and (held >= 20).all()
    assert (whole[:, 0] > half[:, 0]).all() and (whole[:, -1] < half[:, -1]).all()
    proportional = 20 + 60 * shares / shares.sum(-1, keepdim=True)  # recent tokens and gists are not spread
    assert ((whole - proportional).abs() < 1).all()
    prompt.key[:] = prompt.key[:, :1]
    assert ready(40, by_redundancy=True).keep(prompt).sum(-1).unique().tolist() == [40]


def test_a_floor_ratio_alone_spreads_as_adakv_does():
    method, prompt = ready(24, floor_ratio=0.2), a_prompt()
    paid = method._observed(prompt).softmax(-1)
    scores = (paid * method._weights(paid).unsqueeze(-1)).sum(-2).mean(2)[..., : TOKENS - 6]
    assert torch.equal(method.keep(prompt).sum(-1), 12 + adaptive(scores, 12, 0.2))


@pytest.mark.parametrize("spread", [{"floor_ratio": 0.0}, {"by_redundancy": 1.0}])
def test_no_head_is_left_without_entries_or_without_room_for_its_gists(spread):
    prompt = a_prompt()
    prompt.key[:, 2] = prompt.key[:, 2, :1]  # wholly redundant, and nothing stands out
    assert ready(2, gists=0, **spread).keep(prompt).sum(-1).min() >= 1
    full = ready(TOKENS - 1, gists=0.5, **spread).choose(prompt)
    assert full.keep.sum((-2, -1)).tolist() == [HEADS * (TOKENS - 1)] * BATCH


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"protect": -1}, "protect must be a whole number of at least 0, not -1"),
        ({"protect": True}, "protect must be a whole number of at least 0, not True"),
        ({"template": "both"}, "template must be True or False, not 'both'"),
        ({"around": 1.5}, "around must be between 0 and 1, not 1.5"),
        ({"around": 0.75}, "recent, gists and around share one budget, which 0.25, 0.25 and 0.75 would exceed"),
        ({"by_redundancy": 2}, "by_redundancy must be between 0 and 1, not 2"),
        ({"by_redundancy": "yes"}, "by_redundancy must be between 0 and 1, not 'yes'"),
        ({"by_redundancy": True, "floor_ratio": 0.2}, "both spread a layer's budget .* set one of them, not 0.2 and 1"),
    ],
)
def test_wrong_settings_are_one_sentence(settings, message):
    with pytest.raises(ValueError, match=message):
        ready(64, **settings)


def test_an_image_beyond_the_prompt_is_refused():
    with pytest.raises(ValueError, match="lies beyond the prompt of 90 tokens"):
        ready(16, around=0.25).choose(a_prompt((mixkv.ImageTokens(80, 4, 4),)))


def test_a_cache_goes_on_as_if_the_rest_were_hidden(tiny_model, generate, prompt):
    model, inputs = tiny_model("qwen2_5_vl"), prompt(1, 30, [(12, 12)])
    method = ready(24, window=8, gists=0, protect=2, template=True, around=0.25, by_redundancy=1.0)
    images = mixkv.find_images(inputs["input_ids"], IMAGE, inputs["image_grid_thw"][:, 1:] // 2)
    with mixkv.compress(model, method) as cache:
        cache.describe(images)
        cache.note_kept()
        _, compressed = generate(model, inputs, cache)
    assert all(kept[..., [0, 1, images[0][0].start - 1, images[0][0].stop]].all() for kept in cache.kept.values())
    assert len({int(held) for kept in cache.kept.values() for held in kept.sum(-1).flatten()}) > 1
    with hiding(model, method, images):
        _, hidden = generate(model, inputs, DynamicCache())
    torch.testing.assert_close(compressed, hidden, atol=1e-4, rtol=1e-4)
