"""The numbers of a run, as a plain object for --json and as a table to read."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from guiground.evaluation.breakdown import BY, broken_down
from guiground.evaluation.statistics import macro_interval, mean, percentile, wilson

if TYPE_CHECKING:
    from rich.table import Table

_CACHE = ("tokens_seen", "tokens_held", "bytes_full", "bytes_held")


def summarise(task: str, rows: Sequence[dict[str, Any]], settings: dict[str, Any], run: str) -> dict[str, Any]:
    """What a run measured; rows: those of `run.run`, settings: those of `fingerprint.settings`, run: their hash.

    accuracy: hits over all rows (micro), in [0, 1]; refusals where something is to be found, unreadable answers and
    errors count as misses. macro: the mean of the groups' accuracies, its interval by drawing screenshots. latency_ms,
    kv and memory: over the rows with an answer; kv holds means, memory the bytes of weights, of the fullest cache, by
    how much reading a screenshot raised it at most, and of the highest peak. answer_tokens: their mean;
    tokens_per_second: of answers, over the time in which instructions were read, entries evicted and answers generated.
    by: the accuracy by class, see `breakdown`. Of a sweep in batches no times are known.
    """
    member = [row.get("groups") or [row["group"]] for row in rows]
    groups = defaultdict(list)
    for names, row in zip(member, rows, strict=True):
        for name in names:
            groups[name].append(row["hit"])
    statuses = Counter(row["status"] for row in rows)
    answered = [row for row in rows if row["status"] != "error"]
    timed = [row for row in answered if row["latency_ms"] is not None]
    latencies = [row["latency_ms"] for row in timed]
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
        "by": {name: {kind: _share(hits) for kind, hits in broken_down(rows, name).items()} for name in BY},
        "latency_ms": {"p50": percentile(latencies, 0.5), "p95": percentile(latencies, 0.95)},
        **_speed(timed or answered, bool(timed)),
        "memory": _memory(answered),
        "model": settings["model"],
        "kv": {"method": method_title(settings), "budget": settings["budget"], **cache},
        "device": settings["device"],
        "dtype": settings["dtype"],
        "versions": settings["versions"],
        "run": run,
    }


def method_title(settings: dict[str, Any]) -> str:
    """The name of the method, and what reports must say beside it."""
    note = settings.get("method_note")
    return f"{settings['method']} ({note})" if note else settings["method"]


def table(summary: dict[str, Any], by: str = "group") -> "Table":
    """The groups (or the classes of one of `breakdown.BY`) and the whole: n, hits, accuracy and its 95 % interval."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD, show_footer=True, pad_edge=False)
    shown.add_column(by, footer="all (micro)", no_wrap=True)
    whole = _cells(summary)
    for heading, foot in zip(("n", "hits", "accuracy %", "95 % interval"), whole, strict=True):
        shown.add_column(heading, footer=foot, justify="right", no_wrap=True)
    for name, group in (summary["groups"] if by == "group" else summary["by"][by]).items():
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
            f"{kv['bytes_held'] / 2**20:.2f} of {kv['bytes_full'] / 2**20:.2f} MiB (means)"
            + ("" if latency["p50"] is None else f"; latency p50 {latency['p50']:.0f} ms, p95 {latency['p95']:.0f} ms")
        )
    if summary["tokens_per_second"]:
        batch = f" in batches of {summary['batch']}" if summary["batch"] > 1 else ""
        lines.append(
            f"answers of {summary['answer_tokens']:.1f} tokens (mean), {summary['tokens_per_second']:.1f} tokens a "
            f"second{batch}, reading the instruction included"
        )
    memory = summary["memory"]
    if memory["peak_bytes"]:
        prefill = memory["prefill_bytes"]
        rise = "not known" if prefill is None else f"{prefill / 2**20:.0f}"
        lines.append(
            f"memory: {memory['peak_bytes'] / 2**20:.0f} MiB at the peak ({memory['peak_of']}): weights "
            f"{memory['weights_bytes'] / 2**20:.0f}, reading a screenshot at most {rise}, cache of an answer at most "
            f"{memory['cache_bytes'] / 2**20:.1f}"
        )
    return lines


def _speed(answered: Sequence[dict[str, Any]], timed: bool) -> dict[str, Any]:
    tokens = [row.get("answer_tokens", 0) for row in answered]
    spent = sum(row.get("timing_ms", {}).get("generate", 0.0) / row.get("batch", 1) for row in answered)
    return {
        "answer_tokens": mean(tokens),
        "tokens_per_second": 1000 * sum(tokens) / spent if timed and spent and sum(tokens) else None,
        "batch": max((row.get("batch", 1) for row in answered), default=1),
    }


def _memory(answered: Sequence[dict[str, Any]]) -> dict[str, Any]:
    used = [row["memory"] for row in answered if row.get("memory")]
    peaks = [memory["peak_bytes"] for memory in used if memory["peak_bytes"]]
    return {
        "weights_bytes": max((memory["weights_bytes"] for memory in used), default=None),
        "cache_bytes": max((memory["kv_bytes"] for memory in used), default=None),
        "prefill_bytes": max(
            (rise for memory in used if (rise := memory.get("prefill_bytes")) is not None), default=None
        ),
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
