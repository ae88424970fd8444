"""How processes train one model without waiting for each other.

The leader updates the weights; followers compute gradients on the weights they last saw and hand them in when they are
ready. A slow or busy core then costs only its own share. With one process nothing of this happens, and the same seed
gives the same weights.
"""

import os
import time

import torch
from torch import Tensor


class Exchange:
    """Memory that all processes share: the newest weights, a slot for each follower's gradients, the clock."""

    def __init__(self, numbers: int, processes: int):
        """For a model of `numbers` parameters."""
        self.weights = torch.zeros(numbers).share_memory_()
        self.gradients = torch.zeros(processes, numbers).share_memory_()
        self.ready = torch.zeros(processes, dtype=torch.int64).share_memory_()
        self.counts = torch.zeros(processes, dtype=torch.int64).share_memory_()
        self.done = torch.zeros(1).share_memory_()  # the share of the stage that is over; 0 until weights are there

    def publish(self, parameters: list[Tensor], done: float) -> None:
        """The leader's weights, for followers to read."""
        with torch.no_grad():
            self.weights.copy_(torch.cat([p.flatten().cpu() for p in parameters]))
        self.done.fill_(max(done, 1e-9))

    def collect(self, parameters: list[Tensor]) -> int:
        """Averages what followers handed in into the leader's gradients; gives how many questions they held."""
        ready = [rank for rank in range(1, len(self.ready)) if self.ready[rank]]
        if not ready:
            return 0
        total = sum(self.gradients[rank] for rank in ready)
        count = int(self.counts[ready].sum())
        self.ready[ready] = 0
        for p, part in zip(parameters, total.split([p.numel() for p in parameters]), strict=True):
            own = torch.zeros_like(p) if p.grad is None else p.grad
            p.grad = (own + part.view_as(p).to(p.device)) / (len(ready) + 1)
        return count

    def fetch(self, parameters: list[Tensor]) -> float:
        """A follower takes the newest weights; gives the share of the stage that is over."""
        with torch.no_grad():
            for p, part in zip(parameters, self.weights.split([p.numel() for p in parameters]), strict=True):
                p.copy_(part.view_as(p))
        return float(self.done)

    def hand_in(self, rank: int, parameters: list[Tensor], count: int) -> None:
        """A follower's gradients; waits until the leader took the last ones, and leaves where the leader is gone."""
        while self.ready[rank] and float(self.done) < 1:
            if os.getppid() == 1:
                raise SystemExit(1)
            time.sleep(0.01)
        torch.cat(
            [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters],
            out=self.gradients[rank],
        )
        self.counts[rank] = count
        self.ready[rank] = 1
        for p in parameters:
            p.grad = None
