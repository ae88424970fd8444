import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiground.evaluation.targets import Polygon, score
from guiground.geometry import Box, Point


def polygon(*corners):
    return Polygon(tuple(Point(*corner) for corner in corners))


L_SHAPE = polygon((0, 0), (10, 0), (10, 4), (4, 4), (4, 10), (0, 10))


@pytest.mark.parametrize(
    ("point", "hit", "distance"),
    [
        ((2, 8), True, 0),
        ((8, 2), True, 0),
        ((7, 7), False, 3),  # in the bounding box, not in the outline
        ((4, 7), True, 0),  # on an edge
        ((10, 0), True, 0),  # on a corner
        ((13, 8), False, 5),
        ((-3, 5), False, 3),
        ((5, 4), True, 0),
    ],
)
def test_an_outline_is_hit_inside_and_on_its_edges(point, hit, distance):
    scored = score(L_SHAPE, Point(*point))
    assert scored["hit"] is hit
    assert scored["distance_px"] == pytest.approx(distance)
    assert scored["target"] == [0, 0, 10, 10]
    assert len(scored["polygon"]) == 6


@given(st.lists(st.integers(0, 12), min_size=4, max_size=4), st.tuples(st.integers(0, 12), st.integers(0, 12)))
def test_a_box_as_an_outline_has_the_same_hits_and_distances(numbers, at):
    box, point = Box(*numbers), Point(*at)
    if box.width == 0 or box.height == 0:
        return
    corners = ((box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom))
    for order in (corners, corners[::-1], corners[2:] + corners[:2]):
        outline, plain = score(polygon(*order), point), score(box, point)
        assert outline["hit"] is plain["hit"]
        assert outline["distance_px"] == pytest.approx(plain["distance_px"])
        assert outline["target"] == plain["target"]


@pytest.mark.parametrize(("status", "hit"), [("refused", True), ("found", False), ("unparsable", False)])
def test_where_nothing_is_there_only_a_refusal_is_right(status, hit):
    point = Point(1, 1) if status == "found" else None
    assert score(None, point, status) == {"target": None, "hit": hit, "distance_px": None}


def test_a_refusal_of_what_is_there_is_a_miss():
    assert score(Box(0, 0, 5, 5), None, "refused")["hit"] is False
