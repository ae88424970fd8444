"""What a point has to hit: a box, an outline, or nothing at all where the right answer is a refusal."""

import math
from dataclasses import dataclass
from typing import Any

from guiground.geometry import Box, Point


@dataclass(frozen=True, slots=True)
class Polygon:
    """An outline of at least three corners, in pixels; its edges belong to it."""

    corners: tuple[Point, ...]

    @property
    def bounds(self) -> Box:
        xs, ys = [corner.x for corner in self.corners], [corner.y for corner in self.corners]
        return Box(min(xs), min(ys), max(xs), max(ys))

    def contains(self, point: Point) -> bool:
        """Whether a ray from the point to the right crosses the outline an odd number of times, or it lies on it."""
        inside = False
        for start, end in self._edges():
            if _distance(point, start, end) == 0:
                return True
            if (start.y > point.y) != (end.y > point.y):
                crossing = start.x + (point.y - start.y) * (end.x - start.x) / (end.y - start.y)
                inside ^= point.x < crossing
        return inside

    def distance(self, point: Point) -> float:
        """Pixels to the outline, 0 inside."""
        return 0.0 if self.contains(point) else min(_distance(point, *edge) for edge in self._edges())

    def _edges(self) -> list[tuple[Point, Point]]:
        return list(zip(self.corners, (*self.corners[1:], self.corners[0]), strict=True))


Target = Box | Polygon | None  # None: nothing in the picture fits the instruction


def score(target: Target, point: Point | None, status: str = "found") -> dict[str, Any]:
    """The target, whether it was hit, and how far off the point is in pixels (0 inside, None without point or target).

    A hit lies in the closed box or outline: on its edge counts. Where there is no target, a refusal is the hit. A
    polygon's row has its bounding box as target and its corners as polygon.
    """
    if target is None:
        return {"target": None, "hit": status == "refused", "distance_px": None}
    distance = None
    if point is not None:
        distance = target.distance(point) if isinstance(target, Polygon) else _outside(target, point)
    hit = point is not None and target.contains(point)
    if isinstance(target, Polygon):
        corners = [corner.to_json() for corner in target.corners]
        return {"target": target.bounds.to_json(), "polygon": corners, "hit": hit, "distance_px": distance}
    return {"target": target.to_json(), "hit": hit, "distance_px": distance}


def _outside(box: Box, point: Point) -> float:
    beside = max(box.left - point.x, 0.0, point.x - box.right)
    above = max(box.top - point.y, 0.0, point.y - box.bottom)
    return math.hypot(beside, above)


def _distance(point: Point, start: Point, end: Point) -> float:
    """Pixels from the point to the line between two corners."""
    along_x, along_y = end.x - start.x, end.y - start.y
    length = along_x**2 + along_y**2
    share = ((point.x - start.x) * along_x + (point.y - start.y) * along_y) / length if length else 0.0
    share = min(max(share, 0.0), 1.0)
    return math.hypot(point.x - start.x - share * along_x, point.y - start.y - share * along_y)
