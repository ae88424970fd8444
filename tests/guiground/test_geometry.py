import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guiground.errors import UsageError
from guiground.geometry import (
    SPACES,
    Box,
    Chain,
    CoordinateMap,
    Hop,
    Point,
    Size,
    capture_to_desktop,
    model_to_screenshot,
)

sizes = st.builds(Size, st.integers(1, 10_000), st.integers(1, 10_000))
numbers = st.floats(-20_000, 20_000)
points = st.builds(Point, numbers, numbers)
scales = st.sampled_from([1.0, 1.25, 1.5, 2.0, 3.0])
origins = st.integers(-8_000, 8_000)
spaces = st.sampled_from(SPACES)


def close(a, b, tolerance=1e-6):
    return all(math.isclose(x, y, rel_tol=1e-9, abs_tol=tolerance) for x, y in zip(a, b, strict=True))


@given(spaces, sizes, sizes, origins, origins, scales, points)
def test_model_units_to_the_desktop_and_back(space, resized, screenshot, left, top, scale, point):
    chain = model_to_screenshot(space, resized, screenshot).then(capture_to_desktop(left, top, scale))
    assert close(chain.inverse().apply(chain.apply(point)), point)
    assert close(chain.apply(chain.inverse().apply(point)), point)


@given(spaces, sizes, sizes, points, points)
def test_the_centre_of_a_mapped_box_is_the_mapped_centre(space, resized, screenshot, a, b):
    chain, box = model_to_screenshot(space, resized, screenshot), Box(*a, *b)
    assert close(chain.apply(box).center, chain.apply(box.center), 1e-3)
    assert chain.apply(box).contains(chain.apply(box.center)) or box.width == 0 or box.height == 0


@given(sizes, sizes)
def test_the_far_corner_of_every_space_is_the_far_corner_of_the_screenshot(resized, screenshot):
    corners = {"abs_resized": Point(resized.width, resized.height), "0-1": Point(1, 1)}
    corners |= {"0-1000": Point(1000, 1000), "0-999": Point(999, 999)}
    for space, corner in corners.items():
        chain = model_to_screenshot(space, resized, screenshot)
        assert close(chain.apply(corner), (screenshot.width, screenshot.height))
        assert close(chain.apply(Point(0, 0)), (0, 0))


@given(sizes, points)
def test_a_screenshot_that_was_only_padded_maps_one_to_one(screenshot, point):
    assert model_to_screenshot("abs_resized", screenshot, screenshot).apply(point) == point


@given(spaces, sizes, sizes, origins, scales)
def test_a_chain_survives_json(space, resized, screenshot, origin, scale):
    chain = model_to_screenshot(space, resized, screenshot).then(capture_to_desktop(origin, origin, scale))
    assert Chain.from_json(json.loads(json.dumps(chain.to_json()))) == chain


@given(sizes, origins, origins, scales, points)
def test_a_coordinate_map_survives_as_text(size, left, top, scale, point):
    chain = capture_to_desktop(left, top, scale)
    token = str(CoordinateMap.of(size, chain))
    again = CoordinateMap.parse(token)
    assert close(again.hop().apply(point), chain.apply(point), 1e-4) and again.size == size and str(again) == token


@given(spaces, sizes, sizes, origins, scales, points)
def test_a_joined_chain_does_the_same_in_one_hop(space, resized, screenshot, origin, scale, point):
    chain = model_to_screenshot(space, resized, screenshot).then(capture_to_desktop(origin, -origin, scale))
    assert close(chain.joined("model -> desktop").apply(point), chain.apply(point), 1e-3)
    assert Chain().joined("a -> a") == Hop("a -> a", 1, 1)


@given(points, points, points, points)
def test_an_intersection_is_what_both_boxes_have(a, b, c, d):
    one, two = Box(*a, *b), Box(*c, *d)
    shared = one.intersection(two)
    assert shared == two.intersection(one)
    if shared is None:
        assert min(one.right, two.right) <= max(one.left, two.left) or (
            min(one.bottom, two.bottom) <= max(one.top, two.top)
        )
    else:
        assert one.contains(shared.center) and two.contains(shared.center)
        assert shared.intersection(one) == shared == shared.intersection(two)


def test_a_monitor_left_of_the_first_at_scale_two():
    desktop = capture_to_desktop(-1440, -300, 2)
    assert desktop.apply(Point(0, 0)) == Point(-1440, -300)
    assert desktop.apply(Point(2880, 1800)) == Point(0, 600)
    assert desktop.inverse().hops[0].name == "desktop -> capture"


def test_an_empty_chain_changes_nothing_and_a_hop_joins_a_chain():
    assert Chain().apply(Point(1, 2)) == Point(1, 2)
    hop = Hop("a -> b", 2, 3, 4, 5)
    assert Chain().then(hop).apply(Box(0, 0, 1, 1)) == Box(4, 5, 6, 8)


def test_boxes_are_closed_and_put_in_order():
    box = Box(10, 20, 0, 5)
    assert box == Box(0, 5, 10, 20) == Box.from_xywh(0, 5, 10, 15)
    assert box.to_json() == [0, 5, 10, 20] and box.center == Point(5, 12.5)
    assert box.contains(Point(10, 20)) and box.contains(Point(0, 5)) and not box.contains(Point(10.001, 20))


def test_points_unpack():
    x, y = Point(3, 4)
    assert (x, y) == (3, 4) and Point(3, 4).to_json() == [3, 4]


@given(sizes, points)
def test_clamped_points_are_on_a_pixel_and_inner_ones_stay(size, point):
    clamped = size.clamp(point)
    assert size.contains(clamped)
    if 0 <= point.x <= size.width - 1 and 0 <= point.y <= size.height - 1:
        assert clamped == point


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: model_to_screenshot("pixels", Size(1, 1), Size(1, 1)), "'pixels'.*abs_resized"),
        (lambda: Size(0, 5), "0x5"),
        (lambda: capture_to_desktop(0, 0, 0), "above 0"),
        (lambda: capture_to_desktop(0, 0, math.nan), "above 0"),
        (lambda: Hop("a -> b", -1, 1), "a -> b"),
        (lambda: CoordinateMap.parse("v2:1,1:0,0:1"), "v2:1,1:0,0:1.*WIDTH"),
        (lambda: CoordinateMap.parse("v1:1,1:0,0:0"), "no coordinate map"),
        (lambda: CoordinateMap.parse("v1:1,1:0,nan:1"), "no coordinate map"),
        (lambda: CoordinateMap.parse("v1:0,1:0,0:1"), "no coordinate map"),
        (lambda: CoordinateMap.parse("640,400"), "no coordinate map"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(make, words):
    with pytest.raises(UsageError, match=words):
        make()
