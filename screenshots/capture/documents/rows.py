"""Turns rain readings into weekly sums."""

import csv
from pathlib import Path


def weeks(path: Path) -> dict[int, float]:
    sums: dict[int, float] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            week = int(row["week"])
            sums[week] = sums.get(week, 0.0) + float(row["mm"])
    return sums


def report(sums: dict[int, float]) -> str:
    lines = [f"week {week:2d}  {mm:6.1f} mm" for week, mm in sorted(sums.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report(weeks(Path("rain.csv"))))
