"""Measured times and bytes as ratios, what was wanted of them, and the table."""

import os
import platform
from typing import Any

from guiground.bench.own import EMPTY, UNCOMPRESSED, Setup

WANTED = {"with_compression_over_prefill": 1.02, "bytes_over_nominal": 1.05, "least_step_over_empty": 1.1}
_COLUMNS = (
    ("with_compression_over_prefill", "prefill with compression / without"),
    ("step_over_empty", "decode step / with an empty cache"),
    ("least_step_over_empty", "the fastest of both"),
    ("step_over_uncompressed", "decode step / uncompressed"),
    ("bytes_over_nominal", "bytes / nominal"),
    ("bytes_over_uncompressed", "bytes / uncompressed"),
    ("peak_over_uncompressed", "prefill's peak / uncompressed"),
)


def rows(setup: Setup, measured: dict[int, dict[str, dict[str, Any]]], by: str) -> list[dict[str, Any]]:
    """One record for each number of tokens and each method, with its ratios. by: the program that was measured.

    Of times they are ratios of medians, but of the "least" those of the fastest, on which other programs count least.
    Bytes are those held after the last decode step; nominal is the budget and what the steps appended.
    """
    found = []
    for tokens, of_tokens in measured.items():
        plain, empty = of_tokens[UNCOMPRESSED], of_tokens[EMPTY]
        for name, one in of_tokens.items():
            if name in (UNCOMPRESSED, EMPTY):
                continue
            peaks = (one["peak_bytes"], plain["peak_bytes"])
            ratios = {
                "with_compression_over_prefill": one["with_compression_over_prefill"],
                "prefill_over_uncompressed": one["prefill_least_ms"] / plain["prefill_least_ms"],
                "step_over_empty": one["step_ms"] / empty["step_ms"],
                "least_step_over_empty": one["step_least_ms"] / empty["step_least_ms"],
                "step_over_uncompressed": one["step_ms"] / plain["step_ms"],
                "bytes_over_nominal": one["bytes_at_end"] / setup.nominal_bytes(setup.steps),
                "bytes_over_uncompressed": one["bytes_at_end"] / plain["bytes_at_end"],
                "peak_over_uncompressed": peaks[0] / peaks[1] if all(peaks) else None,
            }
            found.append({"by": by, "method": name, "tokens": int(tokens), **one, "ratios": ratios})
        found.append({"by": by, "method": UNCOMPRESSED, "tokens": int(tokens), **plain, "ratios": None})
        found.append({"by": by, "method": EMPTY, "tokens": int(tokens), **empty, "ratios": None})
    return found


def table(records: list[dict[str, Any]]) -> str:
    """The ratios as a Markdown table, the program and its methods one under the other for each number of tokens."""
    lines = ["| image tokens | by | method | " + " | ".join(title for _, title in _COLUMNS) + " |"]
    lines.append("|---:|---|---|" + "---:|" * len(_COLUMNS))
    with_ratios = [record for record in records if record["ratios"]]
    for record in sorted(with_ratios, key=lambda record: record["tokens"]):
        cells = [_written(record["ratios"][name]) for name, _ in _COLUMNS]
        lines.append(f"| {record['tokens']:,} | {record['by']} | {record['method']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def missed(records: list[dict[str, Any]]) -> list[str]:
    """What a record missed of what is wanted, one line each."""
    return [
        f"{record['method']} at {record['tokens']:,} tokens: {name.replace('_', ' ')} is {record['ratios'][name]:.3f}, "
        f"wanted at most {limit:g}"
        for record in records
        if record["ratios"]
        for name, limit in WANTED.items()
        if record["ratios"][name] > limit
    ]


def hardware(device: str, threads: int) -> dict[str, Any]:
    """What it ran on, by the system's own words."""
    import torch

    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            name = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    on = {"cpu": name, "cores": os.cpu_count(), "threads": threads, "device": device}
    if device != "cpu":
        on["gpu"] = torch.cuda.get_device_name(device)
    on["load_per_core"] = round(os.getloadavg()[0] / (os.cpu_count() or 1), 2) if hasattr(os, "getloadavg") else None
    return on


def versions() -> dict[str, str]:
    from importlib import metadata

    return {"python": platform.python_version()} | {name: metadata.version(name) for name in ("torch", "transformers")}


def _written(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.3f}" if ratio >= 0.01 else f"{ratio:.4f}"
