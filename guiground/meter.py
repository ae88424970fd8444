"""Measuring one run: wall-clock time by stage, and the peak of memory."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class Clock:
    """Milliseconds by stage; each `stop` ends the stage that the stop before it began, and adds to what it had.

    spent: stages measured before. device: waited for at each stop, because CUDA works on after a call has returned.
    """

    def __init__(self, spent: Mapping[str, float] | None = None, device: "torch.device | str | None" = None) -> None:
        self.spent = dict(spent or {})
        self._device = device
        self._since = time.perf_counter()

    def stop(self, stage: str) -> None:
        if _is_cuda(self._device):
            import torch

            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        self.spent[stage] = self.spent.get(stage, 0.0) + (now - self._since) * 1000
        self._since = now


class PeakMemory:
    """Peak bytes: allocated on a CUDA device since this was made, else resident in the process since it started."""

    def __init__(self, device: "torch.device | str") -> None:
        self._device = device
        if _is_cuda(device):
            import torch

            torch.cuda.reset_peak_memory_stats(device)

    def read(self) -> tuple[int | None, str]:
        """Bytes, and what they are of: "cuda:0" or "process". None where the system does not tell."""
        if _is_cuda(self._device):
            import torch

            return torch.cuda.max_memory_allocated(self._device), str(self._device)
        try:
            import resource
        except ImportError:  # Windows
            return None, "process"
        import sys

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit, "process"


def _is_cuda(device: "torch.device | str | None") -> bool:
    return str(device).startswith("cuda")
