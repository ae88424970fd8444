"""Muon for the matrices inside the blocks, AdamW for everything else, one schedule for both."""

import torch
from torch import nn

MUON_RATE, ADAM_RATE = 0.02, 2e-3


class Optimizer:
    """Two optimizers as one. `vision` scales the learning rate of the vision tower; 0 freezes it."""

    def __init__(self, model: nn.Module, heads: nn.Module, vision: float = 1.0):
        muon, adam, frozen = {1.0: [], vision: []}, {1.0: [], vision: []}, []
        for name, parameter in [*model.named_parameters(), *heads.named_parameters()]:
            inside = "visual." in name
            if inside and vision == 0:
                frozen.append(parameter)
                continue
            rate = vision if inside else 1.0
            hidden = (parameter.ndim == 2 and ".layers." in name) or (".blocks." in name and parameter.ndim == 2)
            (muon if hidden else adam)[rate].append(parameter)
        for parameter in [*model.parameters(), *heads.parameters()]:
            parameter.requires_grad_(True)
        for parameter in frozen:
            parameter.requires_grad_(False)
        groups = [{"params": p, "lr": MUON_RATE * r, "rate": MUON_RATE * r} for r, p in muon.items() if p]
        self.muon = torch.optim.Muon(groups, lr=MUON_RATE, momentum=0.95, weight_decay=0.01)
        groups = [{"params": p, "lr": ADAM_RATE * r, "rate": ADAM_RATE * r} for r, p in adam.items() if p]
        self.adam = torch.optim.AdamW(groups, lr=ADAM_RATE, betas=(0.9, 0.98), weight_decay=0.01)
        self.parameters = [p for g in self.muon.param_groups + self.adam.param_groups for p in g["params"]]

    def step(self, scale: float) -> None:
        """One update at `scale` x the full learning rates; gradients are clipped and cleared."""
        torch.nn.utils.clip_grad_norm_([p for p in self.parameters if p.grad is not None], 1.0)
        for optimizer in (self.muon, self.adam):
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * scale
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict:
        """Both states."""
        return {"muon": self.muon.state_dict(), "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        """Both states back."""
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])


def schedule(done: float, step: int, warm_up: int = 100, decay: float = 0.25, floor: float = 0.02) -> float:
    """Warm-up, stable, linear decay over the last `decay` of the stage; `done` is the share of it that is over."""
    scale = min(1.0, (step + 1) / warm_up)
    if done > 1 - decay:
        scale *= max(floor, (1 - done) / decay)
    return scale
