import json
import random

import pytest
import torch
from click.testing import CliRunner

from guiground.nano import architecture as arch
from guiground.nano import train
from guiground.nano.bank import Bank
from guiground.nano.exchange import Exchange
from guiground.nano.losses import Heads, decoded
from guiground.nano.optimizer import Optimizer, schedule
from guiground.nano.stages import STAGES, Stage
from guiground.nano.trainer import Trainer


def test_the_saved_folder_loads_with_the_stock_classes(tmp_path):
    from transformers import AutoTokenizer, Qwen2_5_VLForConditionalGeneration

    model = arch.new_model()
    arch.save(model, tmp_path)
    loaded = Qwen2_5_VLForConditionalGeneration.from_pretrained(tmp_path)
    name, weight = next(iter(model.named_parameters()))
    assert torch.allclose(dict(loaded.named_parameters())[name].float(), weight, atol=0.01)
    tokens = AutoTokenizer.from_pretrained(tmp_path)("the Save button").input_ids
    assert tokens == arch.encode("the Save button")


def test_a_frozen_tower_stays_as_it_is_and_the_rest_moves():
    model, heads = arch.new_model(), Heads()
    tiny = Stage("tiny", 0.0, ((256, 128, 1, 2, 1.0),), screens=((256, 128),), levels=((0.0, 1),))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = Optimizer(model, heads, tiny.vision)
    trainer = Trainer(model, heads, tiny, 0, torch.device("cpu"))
    loss, facts, count = trainer.loss(0.5)
    loss.backward()
    optimizer.step(1.0)
    assert count == 2
    assert facts["answer"] > 0
    for name, parameter in model.named_parameters():
        moved = not torch.equal(before[name], parameter)
        assert moved != ("visual." in name), name


def test_the_tower_learns_in_the_last_stage():
    model, heads = arch.new_model(), Heads()
    tiny = Stage("tiny", 0.3, ((256, 128, 1, 2, 1.0),), levels=((0.0, 1),))
    optimizer = Optimizer(model, heads, tiny.vision)
    loss, _, _ = Trainer(model, heads, tiny, 0, torch.device("cpu")).loss(0.5)
    before = model.model.visual.merger.mlp[0].weight.detach().clone()
    loss.backward()
    optimizer.step(1.0)
    assert not torch.equal(before, model.model.visual.merger.mlp[0].weight)


def test_sheets_of_icons_teach_the_tower_and_the_icon_reader():
    model, heads = arch.new_model(), Heads()
    tiny = Stage("tiny", 1.0, ((256, 128, 1, 2, 1.0),), seeing=((0.0, 0.0), (0.5, 1.0)), absent=2, relations=2)
    trainer = Trainer(model, heads, tiny, 0, torch.device("cpu"))
    loss, facts, count = trainer.loss(0.6)
    loss.backward()
    assert count > 20
    assert heads.icon.weight.grad.abs().sum() > 0
    assert model.model.visual.patch_embed.proj.weight.grad.abs().sum() > 0
    assert model.model.language_model.layers[0].self_attn.q_proj.weight.grad is None
    assert {"icon", "char"} <= set(facts)
    assert "answer" in trainer.loss(0.4)[1]


def test_gradients_of_followers_are_averaged_and_their_weights_are_the_leaders():
    def parameters(value):
        return [torch.nn.Parameter(torch.full((2, 3), value)), torch.nn.Parameter(torch.full((4,), value))]

    leader, first, second = parameters(1.0), parameters(0.0), parameters(0.0)
    exchange = Exchange(10, 3)
    exchange.publish(leader, 0.25)
    for rank, follower in ((1, first), (2, second)):
        assert exchange.fetch(follower) == 0.25
        assert torch.equal(follower[1], leader[1])
        follower[0].grad = torch.full((2, 3), 3.0 * rank)  # the second parameter had no part in the loss
        exchange.hand_in(rank, follower, 5 * rank)
        assert follower[0].grad is None
    for p in leader:
        p.grad = torch.zeros_like(p)
    assert exchange.collect(leader) == 15
    assert torch.equal(leader[0].grad, torch.full((2, 3), 3.0))  # (0 + 3 + 6) / 3
    assert torch.equal(leader[1].grad, torch.zeros(4))
    assert exchange.collect(leader) == 0  # nothing is counted twice


def test_the_schedule_warms_up_holds_and_decays():
    assert schedule(0.0, 0) == pytest.approx(0.01)
    assert schedule(0.5, 500) == 1
    assert schedule(0.9, 500, decay=0.2) == pytest.approx(0.5)
    assert schedule(1.0, 500) > 0


def test_points_are_decoded_digit_by_digit():
    logits = torch.zeros(10, 128)
    for place, character in enumerate("0512,0384"):
        logits[place, arch.VOCABULARY[character]] = 1
    assert decoded(logits).tolist() == [512, 384]


def test_a_parts_elements_are_moved_to_its_corner():
    model = arch.new_model()
    bank = Bank(model, Stage("s", 0.0, (), screens=((384, 256),)), random.Random(3), torch.device("cpu"))
    bank.renew(2)
    tokens, elements = bank.take(256, 128)
    assert tokens.shape[:2] == (4, 8)
    assert all(e.aim[0] >= 0 and e.aim[2] <= 256 and e.aim[3] <= 128 for e in elements)


def test_training_runs_resumes_and_leaves_a_checkpoint_folder(tmp_path, monkeypatch):
    monkeypatch.setitem(STAGES, "read", Stage("read", 1.0, ((128, 128, 1, 0, 1.0),), levels=((0.0, 0),), reading=True))
    monkeypatch.setattr(train.torch.multiprocessing, "spawn", lambda work, args, **_: work(0, *args))
    command = ["read", "--run", str(tmp_path), "--processes", "1", "--minutes"]
    result = CliRunner().invoke(train.main, [*command, "0.05"], catch_exceptions=False)
    assert result.exit_code == 0
    first = torch.load(tmp_path / "state.pt", weights_only=True)
    assert first["progress"]["steps"] > 0
    CliRunner().invoke(train.main, [*command, "0.1"], catch_exceptions=False)
    second = torch.load(tmp_path / "state.pt", weights_only=True)
    assert second["progress"]["steps"] > first["progress"]["steps"]
    assert (tmp_path / "weights" / "model.safetensors").exists()
    log = tmp_path / "log.jsonl"
    if log.exists():
        assert all(json.loads(line)["stage"] == "read" for line in log.read_text().splitlines())


def test_the_same_seed_and_steps_give_the_same_weights(tmp_path, monkeypatch):
    tiny = Stage("small", 0.0, ((256, 128, 1, 2, 1.0),), screens=((256, 128),), levels=((0.0, 1),))
    monkeypatch.setitem(STAGES, "small", tiny)
    monkeypatch.setattr(train.torch.multiprocessing, "spawn", lambda work, args, **_: work(0, *args))
    states = []
    for run, seed in (("one", 1), ("again", 1), ("other", 2)):
        command = ["small", "--run", str(tmp_path / run), "--processes", "1", "--steps", "2", "--seed", str(seed)]
        assert CliRunner().invoke(train.main, command, catch_exceptions=False).exit_code == 0
        states.append(torch.load(tmp_path / run / "state.pt", weights_only=True)["model"])
    name = "model.language_model.layers.0.self_attn.q_proj.weight"
    assert torch.equal(states[0][name], states[1][name])
    assert not torch.equal(states[0][name], states[2][name])
