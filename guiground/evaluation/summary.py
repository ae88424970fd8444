"""The numbers of a run, as a plain object for --json and as a table to read."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from guiground.evaluation.statistics import macro_interval, mean, percentile, wilson

if TYPE_CHECKING:
    from rich.table import Table

_CACHE = ("tokens_seen", "tokens_held", "bytes_full", "bytes_held")


def summarise(task: str, rows: Sequence[dict[str, Any]], settings: dict[str, Any], run: str) -> dict[str, Any]:
    """What a run measured; rows: those of `run.run`, settings: those of `fingerprint.settings`, run: their hash.

    accuracy: hits over all rows (micro), in [0, 1]; refusals where something is to be found, unreadable answers and
    errors count as misses. macro: the mean of the groups' accuracies, its interval by drawing screenshots. latency_ms,
    kv and memory: over the rows with an answer; kv holds means, memory the bytes of weights, of the fullest cache, and
    of the highest peak.
    """
    member = [row.get("groups") or [row["group"]] for row in rows]
    groups = defaultdict(list)
    for names, row in zip(member, rows, strict=True):
        for name in names:
            groups[name].append(row["hit"])
    statuses = Counter(row["status"] for row in rows)
    answered = [row for row in rows if row["status"] != "error"]
    latencies = [row["latency_ms"] for row in answered]
    cache = {key: mean([row["kv"][key] for row in answered]) for key in _CACHE}
    by_group = {name: _share(hits) for name, hits in sorted(groups.items())}
    return {
        "task": task,
        **_share([row["hit"] for row in rows]),
        "macro": mean([group["accuracy"] for group in by_group.values()]),
        "macro_ci95": list(macro_interval(member, [row["hit"] for row in rows], [row["image"] for row in rows])),
        "groups": by_group,
        "unparsable": statuses["unparsable"],
        "truncated": statuses["truncated"],
        "refused": statuses["refused"],
        "errors": statuses["error"],
        "screenshots": len({row["image"] for row in rows}),
        "latency_ms": {"p50": percentile(latencies, 0.5), "p95": percentile(latencies, 0.95)},
        "memory": _memory(answered),
        "model": settings["model"],
        "kv": {"method": settings["method"], "budget": settings["budget"], **cache},
        "device": settings["device"],
        "dtype": settings["dtype"],
        "versions": settings["versions"],
        "run": run,
    }


def table(summary: dict[str, Any]) -> "Table":
    """The groups and the whole as a table: n, hits, accuracy and its 95 % interval."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD, show_footer=True, pad_edge=False)
    shown.add_column("group", footer="all (micro)", no_wrap=True)
    whole = _cells(summary)
    for heading, foot in zip(("n", "hits", "accuracy %", "95 % interval"), whole, strict=True):
        shown.add_column(heading, footer=foot, justify="right", no_wrap=True)
    for name, group in summary["groups"].items():
        shown.add_row(name, *_cells(group))
    return shown


def remarks(summary: dict[str, Any]) -> list[str]:
    """The lines that stand below the table."""
    kv, latency = summary["kv"], summary["latency_ms"]
    without = [f"{summary[kind]} {kind}" for kind in ("refused", "unparsable", "truncated", "errors") if summary[kind]]
    lines = [
        f"model {summary['model']}, method {kv['method']}, budget {kv['budget'] or 'none'}, run {summary['run']}",
        f"a hit lies in the closed box; macro (mean of the groups) {100 * summary['macro']:.1f} %, "
        f"95 % interval {100 * summary['macro_ci95'][0]:.1f} - {100 * summary['macro_ci95'][1]:.1f}; "
        f"answers without a point: {', '.join(without) or 'none'}",
    ]
    if kv["tokens_seen"]:
        lines.append(
            f"cache: {kv['tokens_held']:.0f} of {kv['tokens_seen']:.0f} tokens held, "
            f"{kv['bytes_held'] / 2**20:.2f} of {kv['bytes_full'] / 2**20:.2f} MiB (means); "
            f"latency p50 {latency['p50']:.0f} ms, p95 {latency['p95']:.0f} ms"
        )
    memory = summary["memory"]
    if memory["peak_bytes"]:
        rest = memory["peak_bytes"] - memory["weights_bytes"] - memory["cache_bytes"]
        lines.append(
            f"memory: {memory['peak_bytes'] / 2**20:.0f} MiB at the peak ({memory['peak_of']}): weights "
            f"{memory['weights_bytes'] / 2**20:.0f}, cache {memory['cache_bytes'] / 2**20:.1f}, prefill and the rest "
            f"{rest / 2**20:.0f}"
        )
    return lines


def _memory(answered: Sequence[dict[str, Any]]) -> dict[str, Any]:
    used = [row["memory"] for row in answered if row.get("memory")]
    peaks = [memory["peak_bytes"] for memory in used if memory["peak_bytes"]]
    return {
        "weights_bytes": max((memory["weights_bytes"] for memory in used), default=None),
        "cache_bytes": max((memory["kv_bytes"] for memory in used), default=None),
        "peak_bytes": max(peaks, default=None),
        "peak_of": used[0]["peak_of"] if used else None,
    }


def _share(hits: Sequence[bool]) -> dict[str, Any]:
    n, correct = len(hits), sum(hits)
    return {"n": n, "hits": correct, "accuracy": correct / n, "ci95": list(wilson(correct, n))}


def _cells(share: dict[str, Any]) -> tuple[str, str, str, str]:
    low, high = share["ci95"]
    interval = f"{100 * low:.1f} - {100 * high:.1f}"
    return f"{share['n']:,}", f"{share['hits']:,}", f"{100 * share['accuracy']:.1f}", interval
