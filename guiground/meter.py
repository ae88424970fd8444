"""Measuring one run: wall-clock time by stage, and the peak of memory."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


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
    """Peak bytes since this was made: allocated on a CUDA device, else resident in the process.

    Where the system keeps only one peak for the whole life of a process, it is that one.
    """

    def __init__(self, device: "torch.device | str") -> None:
        self._device, self._most = device, 0
        self._before = self._restart()

    def rise(self) -> int | None:
        """By how much memory rose above what was held when this was made or last asked; None where nobody can tell."""
        peak, before = self._peak(), self._before
        self._most = max(self._most, peak or 0)
        self._before = self._restart()
        return None if peak is None or before is None else max(0, peak - before)

    def read(self) -> tuple[int | None, str]:
        """Bytes, and what they are of: "cuda:0" or "process". None where the system does not tell."""
        name = str(self._device) if _is_cuda(self._device) else "process"
        return max(self._most, self._peak() or 0) or None, name

    def _restart(self) -> int | None:
        """Lets the peak begin anew; what is held now, or None where that is not possible."""
        if _is_cuda(self._device):
            import torch

            torch.cuda.reset_peak_memory_stats(self._device)
            return torch.cuda.memory_allocated(self._device)
        try:
            _CLEAR.write_text("5")  # the kernel then takes the present size for the peak
            return _status("VmRSS")
        except (OSError, StopIteration):  # not on Linux
            return None

    def _peak(self) -> int | None:
        if _is_cuda(self._device):
            import torch

            return torch.cuda.max_memory_allocated(self._device)
        if self._before is not None:
            return _status("VmHWM")
        try:
            import resource
        except ImportError:  # Windows
            return None
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(field: str) -> int:
    """Bytes that Linux states of this process."""
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


def _is_cuda(device: "torch.device | str | None") -> bool:
    return str(device).startswith("cuda")
