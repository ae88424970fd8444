"""What a much larger run would take, by the times and sizes of one that was measured."""

import json
from collections.abc import Sequence
from typing import Any

_DAY = 24 * 3600.0
_APART = ("capture", "load", "total", "shared")  # stages that are not work of their own


def estimate(rows: Sequence[dict[str, Any]], screenshots: int) -> dict[str, Any]:
    """What so many screenshots with as many instructions each as these would take one worker like this one.

    read_seconds: to read one screenshot; answer_seconds: for one instruction; both are means over the rows with an
    answer. worker_days: of one worker for all. workers_for_a_day: how many would need one day. rows_bytes: of the rows.
    """
    answered = [row for row in rows if row["status"] != "error"]
    if not answered:
        return {"screenshots": screenshots, "worker_days": None}
    pictures = len({row["image"] for row in answered})
    reading = {
        row["image"]: max(row["timing_ms"].get("read", 0.0), row["timing_ms"].get("shared", 0.0)) for row in answered
    }
    own = sum(
        sum(spent for stage, spent in row["timing_ms"].items() if stage not in (*_APART, "read", "generate"))
        + row["timing_ms"].get("generate", 0.0) / row.get("batch", 1)
        for row in answered
    )
    instructions = screenshots * len(answered) / pictures
    read, answer = sum(reading.values()) / pictures / 1000, own / len(answered) / 1000
    seconds = screenshots * read + instructions * answer
    size = sum(len(json.dumps(row)) + 1 for row in answered) / len(answered)
    return {
        "screenshots": screenshots,
        "instructions": round(instructions),
        "read_seconds": read,
        "answer_seconds": answer,
        "worker_days": seconds / _DAY,
        "workers_for_a_day": max(1, -(-seconds // _DAY)),
        "rows_bytes": round(instructions * size),
    }


def told(found: dict[str, Any]) -> list[str]:
    """The arithmetic in two lines."""
    if found["worker_days"] is None:
        return ["nothing was answered, so nothing can be estimated"]
    return [
        f"{found['screenshots']:,} screenshots x {found['read_seconds']:.3f} s + {found['instructions']:,} "
        f"instructions x {found['answer_seconds']:.3f} s = {found['worker_days']:,.2f} days of a worker like this one",
        f"in one day: {found['workers_for_a_day']:,.0f} workers, each with its part (--shard 0/N ... N-1/N, then eval "
        f"merge, or --engine ray --workers N); {found['rows_bytes'] / 2**30:,.1f} GiB of rows",
    ]
