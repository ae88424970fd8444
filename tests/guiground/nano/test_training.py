import json
import random

import pytest
import torch
from click.testing import CliRunner

from guiground.nano import architecture as arch
from guiground.nano import stages, train
from guiground.nano.losses import Heads, decoded
from guiground.nano.optimizer import Optimizer, schedule
from guiground.nano.stages import STAGES, Stage, Trainer


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
    loss, facts, count = trainer.loss(0.5, 0.0)
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
    loss, _, _ = Trainer(model, heads, tiny, 0, torch.device("cpu")).loss(0.5, 0.0)
    before = model.model.visual.merger.mlp[0].weight.detach().clone()
    loss.backward()
    optimizer.step(1.0)
    assert not torch.equal(before, model.model.visual.merger.mlp[0].weight)


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
    bank = stages.Bank(model, Stage("s", 0.0, (), screens=((384, 256),)), random.Random(3), torch.device("cpu"))
    bank.renew(2)
    tokens, elements = bank.take(256, 128)
    assert tokens.shape[:2] == (4, 8)
    assert all(e.aim[0] >= 0 and e.aim[2] <= 256 and e.aim[3] <= 128 for e in elements)


def test_training_runs_resumes_and_leaves_a_checkpoint_folder(tmp_path, monkeypatch):
    """One process here; averaging over two is the same arithmetic."""
    monkeypatch.setitem(STAGES, "read", Stage("read", 1.0, ((128, 128, 1, 0, 1.0),), levels=((0.0, 0),), reading=True))
    monkeypatch.setattr(train.torch.multiprocessing, "spawn", lambda work, args, nprocs: work(0, *args))
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
    monkeypatch.setattr(train.torch.multiprocessing, "spawn", lambda work, args, nprocs: work(0, *args))
    states = []
    for run, seed in (("one", 1), ("again", 1), ("other", 2)):
        command = ["small", "--run", str(tmp_path / run), "--processes", "1", "--steps", "2", "--seed", str(seed)]
        assert CliRunner().invoke(train.main, command, catch_exceptions=False).exit_code == 0
        states.append(torch.load(tmp_path / run / "state.pt", weights_only=True)["model"])
    name = "model.language_model.layers.0.self_attn.q_proj.weight"
    assert torch.equal(states[0][name], states[1][name])
    assert not torch.equal(states[0][name], states[2][name])
