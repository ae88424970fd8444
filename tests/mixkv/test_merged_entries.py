"""Entries that stand for evicted ones: what is read from them, in every kind of layer, and when it is exact."""

import pytest
import torch

import mixkv
from mixkv.attention import by_segment, dense_mask, in_one_batch, raised
from mixkv.layers import CompressedLayer, RaggedLayer
from mixkv.methods import Choice, Merged, Method, Prompt

HEADS, TOKENS, DIM = 3, 40, 16
IMAGE = mixkv.ImageTokens(2, 4, 8)


@pytest.fixture
def states():
    generator = torch.Generator().manual_seed(11)
    return [torch.randn(1, HEADS, TOKENS, DIM, generator=generator) for _ in range(3)]


def prompt(query, key, value, images=(IMAGE,)):
    return Prompt(query, key, value, DIM**-0.5, 0, 1, images)


def read(query, key, value, bias=0.0):
    """Attention written out: [batch, heads, queries, dim]."""
    return ((query @ key.mT * DIM**-0.5 + bias).softmax(-1)) @ value


def read_from(choice, query, key, value):
    merged = choice.merged or Merged(key, value, torch.zeros_like(key[..., 0]))
    hidden = torch.zeros_like(merged.bias).masked_fill(~choice.keep, float("-inf"))
    return read(query, merged.key, merged.value, (merged.bias + hidden).unsqueeze(-2))


@pytest.mark.parametrize("budget", [2, 3, 8, 24])
def test_the_last_token_reads_the_same_from_its_gist_as_from_the_whole_prompt(budget, states):
    query, key, value = states
    last = query[:, :, -1:]
    method = mixkv.make_method("gistkv", budget=budget, window=1)
    assert torch.allclose(
        read_from(method.choose(prompt(*states)), last, key, value), read(last, key, value), atol=1e-5
    )
    method = mixkv.make_method("gistkv", budget=budget, window=1, gists=0)
    without = read_from(method.choose(prompt(*states)), last, key, value)
    assert (without - read(last, key, value)).abs().max() > 0.01


@pytest.mark.parametrize(("name", "none"), [("gistkv", {"gists": 0}), ("coverkv", {"merge": False})])
def test_any_query_reads_the_same_where_all_that_is_evicted_is_alike(name, none, states):
    query, key, value = states
    key[:, :, 6:34], value[:, :, 6:34] = key[:, :, 6:7], value[:, :, 6:7]  # a flat background
    watched = query.clone()
    watched[:, :, IMAGE.stop :] = -9 * key[:, :, 6:7]  # the instruction looks at anything else
    given = prompt(watched, key, value)
    choice = mixkv.make_method(name, budget=14).choose(given)
    assert (~choice.keep[:, :, 6:34]).sum(-1).unique().tolist() == [26]
    assert torch.allclose(read_from(choice, query, key, value), read(query, key, value), atol=1e-5)
    plain = mixkv.make_method(name, budget=14, **none).choose(given)
    assert (read_from(plain, query, key, value) - read(query, key, value)).abs().max() > 0.01


def test_several_gists_share_what_is_evicted_by_the_nearness_of_its_keys(states):
    query, key, value = states
    for background in (slice(6, 20), slice(20, 34)):
        key[:, :, background], value[:, :, background] = (
            key[:, :, background.start, None],
            value[:, :, background.start, None],
        )
    watched = query.clone()
    watched[:, :, IMAGE.stop :] = -9 * (key[:, :, 6:7] + key[:, :, 20:21])
    methods = [mixkv.make_method("gistkv", budget=14, recent=0.08, gists=share) for share in (0.08, 0.15)]
    choices = [method.choose(prompt(watched, key, value)) for method in methods]  # with one gist and with two
    wrong, right = ((read_from(one, query, key, value) - read(query, key, value)).abs().max() for one in choices)
    assert right < 1e-5 < 0.01 < wrong


@pytest.mark.parametrize("name", ["gistkv", "coverkv"])
def test_a_whole_budget_changes_nothing(name, states):
    choice = mixkv.make_method(name, budget=TOKENS).choose(prompt(*states))
    assert choice.keep.all()
    merged = choice.merged
    assert merged is None or (torch.equal(merged.key, states[1]) and not merged.bias.any())


def test_the_observed_queries_end_where_the_image_does(states):
    """So an image's own tokens, which are no part of the instruction, have no say."""
    query, key, value = states
    changed = query.clone()
    changed[:, :, : IMAGE.stop] += 5
    method = mixkv.make_method("gistkv", budget=10)
    kept = method.choose(prompt(query, key, value))
    assert torch.equal(kept.keep, method.choose(prompt(changed, key, value)).keep)
    assert not torch.equal(
        method.choose(prompt(query, key, value, None)).keep, method.choose(prompt(changed, key, value, None)).keep
    )


def test_a_query_counts_as_much_as_it_is_sure(states):
    query, key, _ = states
    query[:, :, -3] = 40 * key[:, :, 20]  # a query that knows exactly where to look
    query[:, :, -2:] = 0
    kept = mixkv.make_method("gistkv", budget=4, fade=1.0).choose(prompt(*states)).keep
    assert kept[:, :, 20].all()


def test_pooling_follows_the_grid_not_the_line(states):
    """The token above the one that is attended to is held, the end of the line before is not."""
    query, key, _ = states
    query[:] = 0
    place = IMAGE.start + 2 * IMAGE.columns  # first of the third line
    query[:, :, -1] = 40 * key[:, :, place]
    kept = mixkv.make_method("gistkv", budget=8, kernel=3, window=1, gists=0).choose(prompt(*states)).keep
    around = [place + down * IMAGE.columns + right for down in (-1, 0, 1) for right in (0, 1)]
    assert kept[:, :, around].all() and not kept[:, :, place - 1].any()


def test_cover_takes_the_farthest_key_next():
    key = torch.tensor([[0.0, 0], [1, 0], [0.1, 0], [5, 0], [5, 4], [5, 0.1]])[None, None]
    kept = mixkv.make_method("coverkv", budget=3).keep(Prompt(key[:, :, :0], key, key, 1.0, 0, 1))
    assert kept[0, 0].nonzero().flatten().tolist() == [0, 3, 4]


class Ragged(Method):
    """Holds one entry more from head to head, each with another bias."""

    name = "ragged"

    def __init__(self, step=1):
        self.step = step

    def keep(self, prompt):
        return torch.arange(prompt.tokens) < (4 + self.step * torch.arange(prompt.key.shape[1]))[None, :, None]

    def choose(self, prompt):
        keep = self.keep(prompt).expand(len(prompt.key), -1, -1)
        bias = torch.arange(keep.numel()).view(keep.shape) % 5 / 2
        return Choice(keep, merged=Merged(prompt.key + 1, prompt.value - 1, bias))


@pytest.mark.parametrize("new", [1, 3])
@pytest.mark.parametrize("step", [0, 1])
def test_every_kind_of_layer_reads_what_is_written_out(step, new, states):
    _, key, value = (torch.cat([one, one.flip(-2)]) for one in states)  # two rows
    choice = Ragged(step).choose(prompt(key, key, value))
    layer = CompressedLayer()
    layer.update(key, value)
    layer = layer.compressed(choice.keep, choice.merged)
    assert isinstance(layer, RaggedLayer) == bool(step)
    layer.batch_select_indices(torch.tensor([1, 0]))
    generator = torch.Generator().manual_seed(2)
    query, newest, values = (torch.randn(2, HEADS, new, DIM, generator=generator) for _ in range(3))
    keys, held = layer.update(newest, values)
    causal = torch.ones(1, 1, new, new, dtype=torch.bool).tril()
    expected = []
    for row, old in enumerate((1, 0)):
        for head in range(HEADS):
            kept = choice.keep[old, head]
            states_of = [
                torch.cat([one[old, head, kept], newer[row, head]])
                for one, newer in ((choice.merged.key, newest), (choice.merged.value, values))
            ]
            bias = torch.cat([choice.merged.bias[old, head, kept], torch.zeros(new)]).repeat(new, 1)
            bias[:, -new:].masked_fill_(~causal[0, 0], float("-inf"))
            expected.append(read(query[row, head], *states_of, bias))
    expected = torch.stack(expected).view_as(query)
    if step:
        mask = None if new == 1 else causal.expand(2, -1, -1, -1)
        for attend in (by_segment, in_one_batch):
            assert torch.allclose(attend(query, layer, mask, None), expected, atol=1e-5)
    else:
        mask = raised(dense_mask(layer, new, None), layer.bias, layer.appended, query)
        found = torch.nn.functional.scaled_dot_product_attention(query, keys, held, attn_mask=mask)
        assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["gistkv", "coverkv"])
@pytest.mark.parametrize("model", ["llama", "gemma2"])
def test_a_padded_row_is_compressed_as_if_it_were_alone(name, model, tiny_model, generate):
    model = tiny_model(model)
    ids = torch.randint(1, 80, (2, 60), generator=torch.Generator().manual_seed(4))
    mask = torch.ones_like(ids)
    mask[0, :13] = 0
    with mixkv.compress(model, name, budget=12) as cache:
        _, both = generate(model, {"input_ids": ids, "attention_mask": mask}, cache, steps=4)
        assert any(layer.bias is not None for layer in cache.ours)
        _, alone = generate(
            model, {"input_ids": ids[:1, 13:], "attention_mask": mask[:1, 13:]}, mixkv.CompressedCache(), steps=4
        )
    torch.testing.assert_close(both[:1], alone, atol=1e-4, rtol=1e-4)
