"""Draws the curves of a training log: `python -m guiground.nano.curves --run runs/nano --out curves.png`."""

import json
from math import nan
from pathlib import Path

import click

PANELS = (
    ("characters read, icons recognised", ("read", "patch", "seen"), "share right"),
    ("targets and icons pointed at, letters followed", ("pointed", "icons", "traced"), "share right"),
    ("refused where nothing is there, and wrongly", ("refused", "denied"), "share of questions"),
    ("losses", ("char", "answer", "place"), "cross-entropy"),
)


@click.command()
@click.option("--run", "folder", default="runs/nano", type=click.Path(path_type=Path), show_default=True)
@click.option("--out", default="curves.png", type=click.Path(path_type=Path), show_default=True)
def main(folder: Path, out: Path) -> None:
    """Draw what the training in --run learned over time.

    Examples:

      python -m guiground.nano.curves

      python -m guiground.nano.curves --run runs/nano --out curves.png
    """
    path = folder / "log.jsonl"
    if not path.exists():
        raise click.UsageError(f"no training log at {path}: train first, or name another folder with --run")
    draw(timeline([json.loads(line) for line in path.read_text().splitlines()]), out)


def timeline(rows: list[dict]) -> list[dict]:
    """The rows with `hours` since the start of the training, the stages one after the other."""
    before, seconds, stage = 0.0, 0.0, None
    for row in rows:
        if row["stage"] != stage:
            before, stage = before + seconds, row["stage"]
        seconds = row["seconds"]
        row["hours"] = (before + seconds) / 3600
    return rows


def draw(rows: list[dict], out: Path) -> None:
    """One panel for each kind of fact, the stages marked."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(PANELS), figsize=(17, 3.6), layout="constrained")
    starts = [row for row, before in zip(rows, [{}, *rows], strict=False) if row["stage"] != before.get("stage")]
    for axis, (title, keys, label) in zip(axes, PANELS, strict=True):
        for key in keys:
            points = [(row["hours"], row[key]) for row in rows if row.get(key) == row.get(key, nan)]
            if points:
                axis.plot(*zip(*smooth(points), strict=True), label=key, linewidth=1.4)
        for row in starts:
            axis.axvline(row["hours"], color="0.85", linewidth=1, zorder=0)
            place = {"xy": (row["hours"], 0.02), "xycoords": ("data", "axes fraction")}
            axis.annotate(row["stage"], **place, rotation=90, fontsize=7)
        axis.set(title=title, xlabel="hours of training (2 CPU processes)", ylabel=label)
        axis.grid(alpha=0.25)
        axis.legend(frameon=False, fontsize=8)
    figure.savefig(out, dpi=110)
    pyplot.close(figure)


def smooth(points: list[tuple[float, float]], width: int = 5) -> list[tuple[float, float]]:
    """A running mean of the values."""
    parts = [points[max(0, end - width) : end] for end in range(1, len(points) + 1)]
    return [(part[-1][0], sum(value for _, value in part) / len(part)) for part in parts]


if __name__ == "__main__":
    main()
