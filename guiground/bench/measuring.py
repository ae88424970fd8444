"""Clocks, peaks of memory, and how one configuration is measured: no import but torch, so that a peer's own
interpreter can run it too."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch


class Timer:
    """Milliseconds. clock: "cpu" counts the time this process computes, "wall" waits for the device and counts all.

    With one thread the former hardly notices what else runs on the machine.
    """

    def __init__(self, device: str, threads: int) -> None:
        self.device = device
        self.clock = "cpu" if device == "cpu" and threads == 1 else "wall"

    def now(self) -> float:
        if self.device != "cpu":
            torch.cuda.synchronize(self.device)
        return 1000 * (time.process_time() if self.clock == "cpu" else time.perf_counter())

    def of(self, call: Callable[[], Any]) -> tuple[float, Any]:
        """How long the call takes, and what it returns."""
        start = self.now()
        returned = call()
        return self.now() - start, returned


class Peak:
    """Bytes by which memory rose above where it stood: allocated on CUDA, resident elsewhere; None where untold."""

    def __init__(self, device: str) -> None:
        self.device, self.before = device, None
        if device != "cpu":
            torch.cuda.synchronize(device)
            torch.cuda.reset_peak_memory_stats(device)
            self.before = torch.cuda.memory_allocated(device)
            return
        try:
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")  # the peak is counted from now on
            self.before = _resident("VmRSS")
        except OSError:
            pass

    def rise(self) -> int | None:
        if self.before is None:
            return None
        if self.device != "cpu":
            torch.cuda.synchronize(self.device)
            return torch.cuda.max_memory_allocated(self.device) - self.before
        return _resident("VmHWM") - self.before


def _resident(field: str) -> int:
    with open("/proc/self/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines[field].split()[0]) * 1024


def once(
    timer: Timer,
    steps: int,
    prefill: Callable[[], Any],
    decode: Callable[[], Any],
    spent: Callable[[], float],
    held: Callable[[], int],
) -> dict[str, Any]:
    """One run: the whole prefill, what of it was compression, bytes after it and after `steps` steps, and each step."""
    peak = Peak(timer.device)
    whole, _ = timer.of(prefill)
    rise, added, after_prefill = peak.rise(), spent(), held()
    times = [timer.of(decode)[0] for _ in range(steps)]
    return {
        "prefill_ms": whole,
        "compression_ms": added,
        "bytes_after_prefill": after_prefill,
        "bytes_at_end": held(),
        "peak_bytes": rise,
        "step_ms": times,
    }


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The medians of repeated runs, and the least of their times."""
    steps = [time for run in runs for time in run["step_ms"][1:] or run["step_ms"]]  # the first one allocates
    peaks = [run["peak_bytes"] for run in runs if run["peak_bytes"] is not None]
    added = [run["prefill_ms"] / (run["prefill_ms"] - run["compression_ms"]) for run in runs]
    return {
        "prefill_ms": statistics.median(run["prefill_ms"] for run in runs),
        "prefill_least_ms": min(run["prefill_ms"] for run in runs),
        "compression_ms": statistics.median(run["compression_ms"] for run in runs),
        "with_compression_over_prefill": statistics.median(added),
        "step_ms": statistics.median(steps),
        "step_least_ms": min(steps),
        "bytes_after_prefill": runs[0]["bytes_after_prefill"],
        "bytes_at_end": runs[0]["bytes_at_end"],
        "peak_bytes": statistics.median(peaks) if peaks else None,
    }
