"""Merging: what happens to the tokens of an image between two layers, whatever the model."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import mixkv
from mixkv.guidance import causal_guidance, column_guidance, row_guidance, text_columns
from mixkv.images import ImageTokens
from mixkv.merging import band, merged, windows
from mixkv.methods.in_prefill import Remaining
from mixkv.methods.lightkv import LightKV

VECTORS = Path(__file__).parents[2] / "../shared/conformance/lightkv"
DIM = 12


def picture(rows, columns, seed=0, before=5, after=7, dtype=torch.float64):
    """States, weights and what remains of a prompt with one image."""
    generator = torch.Generator().manual_seed(seed)
    tokens = before + rows * columns + after
    states = torch.randn(tokens, DIM, generator=generator, dtype=dtype)
    weight = torch.rand(tokens, generator=generator, dtype=dtype)
    return states, weight, Remaining(torch.arange(tokens), (ImageTokens(before, rows, columns),), 0, 1)


def lightkv(per_side=3, **settings):
    return LightKV(**{"stages": [0], "windows": [per_side]} | settings)


def groups_of(method, remaining, states, weight):
    """The targets of the whole prompt's tokens, as `shorten` uses them."""
    (image,) = remaining.images
    tokens, target = remaining.of(image), torch.arange(len(states))
    (per_side,) = method.windows
    place = remaining.places[tokens] - image.start
    target[tokens] = tokens[method.targets(states[tokens], weight[tokens], place, image, per_side)]
    return target


@pytest.mark.parametrize(("side", "count"), [(12, 3), (13, 3), (14, 3), (69, 6), (5, 5), (3, 5), (7, 1)])
def test_bands_are_as_equal_as_they_can_be(side, count):
    bands = band(torch.arange(side), side, count)
    sizes = torch.bincount(bands, minlength=count).tolist()
    assert sizes == [side // count + (number < side % count) for number in range(count)]
    assert bands.tolist() == sorted(bands.tolist())


def test_windows_are_compact_on_a_wide_screen():
    row, column = torch.arange(39).repeat_interleave(69), torch.arange(69).repeat(39)
    window = windows(row, column, (39, 69), 6)
    for number in range(36):
        inside = window == number
        assert inside.any()
        assert row[inside].max() - row[inside].min() < 7 and column[inside].max() - column[inside].min() < 12


GRIDS = [(12, 12), (9, 16), (23, 13)]


@pytest.mark.parametrize("split", ["raster", "checker"])
@pytest.mark.parametrize("ratio", [0.3, 0.37, 0.5])
@pytest.mark.parametrize("grid", GRIDS)
def test_how_many_go_and_who_stays(grid, ratio, split):
    states, weight, remaining = picture(*grid)
    method = lightkv(ratio=ratio, split=split)
    after, stays = method.shorten(remaining, states, weight)
    (image,) = remaining.images
    place = torch.arange(image.count)
    row, column = place // grid[1], place % grid[1]
    window = windows(row, column, grid, 3)
    sizes = torch.bincount(window, minlength=9)
    assert sizes.sum() == image.count
    goes = (~stays)[image.start : image.stop]
    gone = [min(int(ratio * size + 1e-9), int(size) // 2) for size in sizes]
    if split == "raster":
        assert torch.bincount(window[goes], minlength=9).tolist() == gone
    else:
        assert (torch.bincount(window[goes], minlength=9) <= torch.tensor(gone)).all()
        assert ((row + column)[goes] % 2 == 0).all()
    text = torch.ones(len(stays), dtype=torch.bool)
    text[image.start : image.stop] = False
    assert stays[text].all() and torch.equal(after[text], states[text])
    target = groups_of(method, remaining, states, weight)
    assert torch.equal(target == torch.arange(len(target)), stays)
    alone = stays & (torch.bincount(target, minlength=len(target)) == 1)
    assert alone.any() and torch.equal(after[alone], states[alone])  # bit for bit
    assert (window[target[image.start : image.stop] - image.start] == window).all()  # nobody leaves its window


@pytest.mark.parametrize("grid", GRIDS)
def test_matching_equals_a_loop(grid):
    states, weight, remaining = picture(*grid, seed=2)
    (image,) = remaining.images
    inside = states[image.start : image.stop]
    place = torch.arange(image.count)
    window = windows(place // grid[1], place % grid[1], grid, 3)
    expected = place.clone()
    for number in range(9):
        members = (window == number).nonzero().flatten().tolist()
        givers, receivers = members[0::2], members[1::2]
        pairs = []
        for giver in givers:
            cosines = [float(torch.cosine_similarity(inside[giver], inside[b], dim=0)) for b in receivers]
            pairs.append((max(cosines), giver, receivers[cosines.index(max(cosines))]))
        for _, giver, receiver in sorted(pairs, key=lambda pair: -pair[0])[: int(0.37 * len(members))]:
            expected[giver] = receiver
    target = groups_of(lightkv(ratio=0.37), remaining, states, weight) - image.start
    assert torch.equal(target[image.start : image.stop], expected)


def test_the_weighted_mass_is_kept():
    states, weight, remaining = picture(12, 12)
    method = lightkv()
    after, stays = method.shorten(remaining, states, weight)
    target = groups_of(method, remaining, states, weight)
    mass = torch.zeros_like(weight).index_add(0, target, weight)
    torch.testing.assert_close(mass.sum(), weight.sum())
    moments = torch.zeros_like(states).index_add(0, target, weight[:, None] * states)
    torch.testing.assert_close((mass[:, None] * after)[stays], moments[stays])


def test_a_merged_token_lies_within_its_group():
    states, weight, remaining = picture(12, 12)
    after, stays = lightkv().shorten(remaining, states, weight)
    target = groups_of(lightkv(), remaining, states, weight)
    for one in stays.nonzero().flatten().tolist():
        group = states[target == one]
        assert (after[one] <= group.amax(0) + 1e-12).all() and (after[one] >= group.amin(0) - 1e-12).all()


def test_equal_tokens_stay_what_they_are_and_scale_is_kept():
    states, weight, remaining = picture(12, 12)
    after, stays = lightkv().shorten(remaining, states, weight)
    larger, same = lightkv().shorten(remaining, 7 * states, weight)
    assert torch.equal(same, stays)
    torch.testing.assert_close(larger, 7 * after)
    torch.testing.assert_close(
        lightkv().shorten(remaining, torch.ones_like(states), weight)[0], torch.ones_like(states)
    )


def test_the_weights_at_their_ends():
    states, weight, remaining = picture(12, 12)
    target = groups_of(lightkv(), remaining, states, weight)
    groups = torch.zeros_like(states).index_add(0, target, states)
    means = groups / torch.bincount(target, minlength=len(target)).clamp_min(1)[:, None]
    stays = target == torch.arange(len(target))
    for constant in (1.0, 0.0, 1e-30):  # nothing to weigh with: the plain mean
        torch.testing.assert_close(merged(states, torch.full_like(weight, constant), target)[stays], means[stays])
    torch.testing.assert_close(merged(states, torch.where(stays, weight, 0.0), target)[stays], states[stays])


def test_windows_do_not_touch_each_other():
    states, weight, remaining = picture(12, 12)
    after, stays = lightkv().shorten(remaining, states, weight)
    (image,) = remaining.images
    place = torch.arange(image.count)
    window = windows(place // 12, place % 12, (12, 12), 3)
    changed = states.clone()
    changed[image.start : image.stop][window == 4] *= torch.linspace(-2, 2, DIM).double()
    other, other_stays = lightkv().shorten(remaining, changed, weight)
    outside = torch.ones(len(states), dtype=torch.bool)
    outside[image.start : image.stop] = window != 4
    assert torch.equal(other[outside], after[outside]) and torch.equal(other_stays[outside], stays[outside])
    assert not torch.equal(other[~outside & stays], after[~outside & stays])


def test_only_similar_pairs_are_merged_on_request():
    states, weight, remaining = picture(12, 12)
    gone = []
    for similarity in (-1.0, 0.2, 0.5, 1.0):
        method = lightkv(similarity=similarity)
        target = groups_of(method, remaining, states, weight)
        moved = target != torch.arange(len(target))
        assert (torch.cosine_similarity(states[moved], states[target[moved]]) >= similarity - 1e-9).all()
        gone.append(int(moved.sum()))
    assert gone[0] == 72 > gone[1] > gone[2] > gone[3] == 0


def test_protected_tokens_stay():
    states, weight, remaining = picture(12, 12)
    weight[5:149:2] += 1  # the givers of many windows
    best = weight[5:149].argsort(descending=True)[:14] + 5
    assert not lightkv().shorten(remaining, states, weight)[1][best].all()
    assert lightkv(protect=0.1).shorten(remaining, states, weight)[1][best].all()


def test_images_smaller_than_their_windows_are_left_alone():
    for grid, changes in (((8, 9), True), ((8, 8), False), ((7, 10), False)):
        states, weight, remaining = picture(*grid)
        after, stays = lightkv().shorten(remaining, states, weight)
        assert (not stays.all()) == changes and torch.equal(after, states) != changes


def test_two_images_are_independent():
    states, weight, _ = picture(9, 16, after=100)
    first, second = ImageTokens(5, 9, 16), ImageTokens(151, 9, 10)
    both = Remaining(torch.arange(len(states)), (first, second), 0, 1)
    after, stays = lightkv().shorten(both, states, weight)
    for image in both.images:
        alone, alone_stays = lightkv().shorten(Remaining(both.places, (image,), 0, 1), states, weight)
        assert torch.equal(after[image.start : image.stop], alone[image.start : image.stop])
        assert torch.equal(stays[image.start : image.stop], alone_stays[image.start : image.stop])


def test_a_flipped_image_gives_the_flipped_result_on_a_chess_board():
    states, weight, remaining = picture(9, 15)
    (image,) = remaining.images
    method = lightkv(split="checker")
    after, stays = method.shorten(remaining, states, weight)
    order = torch.arange(len(states))
    order[image.start : image.stop] = torch.arange(image.start, image.stop).view(9, 15).flip(1).flatten()
    flipped, flipped_stays = method.shorten(remaining, states[order], weight[order])
    assert torch.equal(flipped_stays, stays[order])
    torch.testing.assert_close(flipped[flipped_stays], after[order][flipped_stays])


def test_a_second_stage_goes_on_from_where_the_survivors_stood():
    states, weight, remaining = picture(12, 12)
    method = LightKV(stages=[0, 1], windows=[4, 2])
    two = Remaining(remaining.places, remaining.images, 0, 2)
    after, stays = method.shorten(two, states, weight)
    second = Remaining(two.places[stays], two.images, 1, 2)
    _, left = method.shorten(second, after[stays], weight[stays])
    assert (int(stays.sum()), int(left.sum())) == (12 + 80, 12 + 40)  # windows of 9 lose 4, of 20 then 10
    place = second.places[5:-7] - 5
    target = method.targets(after[stays][5:-7], weight[stays][5:-7], place, two.images[0], 2)
    here, there = place, place[target]
    assert torch.equal(here // 12 // 6, there // 12 // 6) and torch.equal(here % 12 // 6, there % 12 // 6)


def attention_of(seed=0, heads=4, kv_heads=2, tokens=60):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(heads, tokens, 8, generator=generator), torch.randn(kv_heads, tokens, 8, generator=generator)


def test_guidance_equals_its_formula_over_the_whole_attention():
    query, key = attention_of()
    chosen, text = torch.arange(4, 50), torch.tensor([0, 1, 2, 3, *range(50, 60)])
    logits = query @ key.repeat_interleave(2, 0).transpose(-1, -2) * 0.4
    by_column = logits.softmax(1)[:, chosen][..., text].sum((0, 2))
    by_row = logits.softmax(-1)[:, chosen][..., text].sum((0, 2))
    causal = logits.masked_fill(torch.ones(60, 60, dtype=torch.bool).triu(1), float("-inf")).softmax(-1)
    torch.testing.assert_close(column_guidance(text_columns(query, key, text, 0.4), chosen), by_column)
    torch.testing.assert_close(row_guidance(query, key, chosen, text, 0.4, chunk=7), by_row)
    torch.testing.assert_close(causal_guidance(query, key, 10, 0.4), causal[:, 50:].sum((0, 1)))
    remaining = Remaining(torch.arange(60), (ImageTokens(4, 2, 23),), 0, 1)
    for guidance, expected in (("code", by_column), ("paper", by_row), ("causal", causal[:, 50:].sum((0, 1))[4:50])):
        got = lightkv(guidance=guidance).guide(remaining, query, key, 0.4)
        torch.testing.assert_close(got[4:50], expected)


def test_half_precision_is_merged_exactly_enough():
    states, weight, remaining = picture(12, 12)
    exact, _ = lightkv().shorten(remaining, states, weight)
    half = merged(states.bfloat16(), weight, groups_of(lightkv(), remaining, states, weight))
    assert half.dtype == torch.bfloat16
    assert ((half - exact).norm() / exact.norm()) < 6e-3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"guidance": "mean"}, "unknown guidance 'mean' .choose from: causal, paper, code."),
        ({"stages": [3, 2], "windows": [1, 1]}, "stages must rise and windows have one number for each"),
        ({"windows": [4, 2]}, "windows have one number for each"),
        ({"ratio": 1.5}, "ratio must be between 0 and 1"),
        ({"similarity": 2.0}, "similarity must be None or a cosine"),
        ({"windows": [0, 1, 2]}, "windows must be a whole number of at least 1, not 0"),
    ],
)
def test_wrong_settings_are_one_sentence(settings, message):
    with pytest.raises(ValueError, match=message):
        mixkv.make_method("lightkv", **settings)


def test_one_stage_of_the_released_code():
    """The vectors beside the repository: the square layout and the column guidance."""
    if not VECTORS.is_dir():
        pytest.skip("needs the conformance vectors in ../shared/conformance/lightkv beside the repository")
    cases, tensors = json.loads((VECTORS / "cases.json").read_text()), load_file(VECTORS / "inputs_outputs.safetensors")
    for case in cases:
        hidden, logits, expected = (
            tensors[f"{case['case']}.{name}"].double() for name in ("hidden", "logits_text_columns", "merged")
        )
        image = ImageTokens(case["first_vision"], 1, case["vision_tokens"])
        remaining = Remaining(torch.arange(len(hidden)), (image,), 0, 1)
        method = lightkv(case["windows_per_side"], ratio=case["merge_ratio"], released=True)
        guidance = torch.zeros(len(hidden)).double()
        chosen = remaining.of(image)
        guidance[chosen] = column_guidance(logits, chosen)
        after, stays = method.shorten(remaining, hidden, guidance)
        assert after[stays].shape == expected.shape
        torch.testing.assert_close(after[stays], expected, atol=1e-5, rtol=0)
    assert len(cases) >= 5
