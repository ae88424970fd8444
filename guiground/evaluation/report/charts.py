"""Accuracy against what it costs, as SVG that stands in a page by itself."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#7f7f7f",
    "#8c6bb1",
)  # told apart by all eyes
_WIDTH, _HEIGHT = 460, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 14, 42  # margins


@dataclass(frozen=True, slots=True)
class Mark:
    """One run in a chart: x in the axis' unit, accuracy and interval in percent; marks of a series are joined."""

    series: str
    label: str
    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Axis:
    """From values to pixels; logarithmic where they span more than a factor of six."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool

    def __call__(self, value: float) -> float:
        low, high, value = (math.log(v) if self.logarithmic else v for v in (self.low, self.high, value))
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        if self.logarithmic:
            powers = range(math.ceil(math.log2(self.low) - 1e-9), math.floor(math.log2(self.high) + 1e-9) + 1)
            step = max(1, math.ceil(len(powers) / 7))
            return [2.0**power for power in powers][::step]
        rough = (self.high - self.low) / 5
        unit = 10 ** math.floor(math.log10(rough))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
        first = math.ceil(self.low / step - 1e-9)
        return [place * step for place in range(first, math.floor(self.high / step + 1e-9) + 1)]


def chart(marks: Sequence[Mark], title: str, unit: str, colours: dict[str, str]) -> str:
    """An SVG element: a point with its interval for every mark, the marks of a series joined; empty without marks."""
    if not marks:
        return ""
    across = _across([mark.x for mark in marks])
    up = _upwards(marks)
    parts = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{_text(title)}">',
        f"<title>{_text(title)}</title>",
    ]
    for value in up.ticks():
        y = up(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for value in across.ticks():
        x = across(value)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{value:g}</text>')
    parts.append(f'<text x="{(_LEFT + _WIDTH) / 2}" y="{_HEIGHT - 6}" text-anchor="middle">{_text(unit)}</text>')
    parts.append(
        f'<text class="axis" transform="translate(12 {_HEIGHT / 2}) rotate(-90)" text-anchor="middle">hits, %</text>'
    )
    for series in dict.fromkeys(mark.series for mark in marks):
        members = sorted((mark for mark in marks if mark.series == series), key=lambda mark: mark.x)
        parts.append(_series(members, across, up, colours[series]))
    return "".join((*parts, "</svg>"))


def _series(members: Sequence[Mark], across: Axis, up: Axis, colour: str) -> str:
    line = " ".join(f"{across(mark.x):.1f},{up(mark.y):.1f}" for mark in members)
    parts = [f'<g stroke="{colour}" fill="{colour}"><polyline class="line" fill="none" points="{line}"/>']
    for mark in members:
        x, low, high = across(mark.x), up(mark.low), up(mark.high)
        said = f"{mark.label}: {mark.y:.1f} % ({mark.low:.1f} - {mark.high:.1f})"
        parts.append(
            f'<path class="whisker" fill="none" d="M{x:.1f} {low:.1f}V{high:.1f}M{x - 4:.1f} {low:.1f}h8M{x - 4:.1f} '
            f'{high:.1f}h8"/><circle cx="{x:.1f}" cy="{up(mark.y):.1f}" r="4.5"><title>{_text(said)}</title></circle>'
        )
    return "".join((*parts, "</g>"))


def _across(values: Sequence[float]) -> Axis:
    low, high = min(values), max(values)
    logarithmic = low > 0 and high / low > 6
    if logarithmic:
        low, high = low / 1.25, high * 1.25
    else:
        around = 0.08 * (high - low) or 0.5 * abs(high) or 1.0
        low, high = max(0.0, low - around) if low >= 0 else low - around, high + around
    return Axis(low, high, _LEFT, _WIDTH - _RIGHT, logarithmic)


def _upwards(marks: Sequence[Mark]) -> Axis:
    low, high = min(mark.low for mark in marks), max(mark.high for mark in marks)
    low, high = max(0.0, 5 * math.floor(low / 5)), min(100.0, 5 * math.ceil(high / 5))
    return Axis(low, max(high, low + 5), _HEIGHT - _BOTTOM, _TOP, False)


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
