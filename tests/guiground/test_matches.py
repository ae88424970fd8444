"""Every place that fits: each is covered up when it was found, and the end is told honestly."""

import json

import pytest
from PIL import Image, ImageDraw

from guiground import Locator
from guiground.confidence import Confidence
from guiground.geometry import Box, Point
from guiground.matches import MOST, cover, every
from guiground.screen import Monitor, Screenshot

SPOTS = [(60, 40), (300, 200), (500, 90)]
GREY = (240, 240, 240)


@pytest.fixture
def screenshot():
    image = Image.new("RGB", (640, 360), GREY)
    for x, y in SPOTS:
        ImageDraw.Draw(image).rectangle((x - 8, y - 5, x + 8, y + 5), fill="red")
    return Screenshot(image, Monitor(2, -640, 30, 640, 360))


@pytest.fixture
def eye(answering):
    """eye(confidences, boxes, stubborn) -> a look that finds the leftmost red spot, and refuses without one."""
    pattern = Locator(answering("(40, 60)"), max_pixels=60_000).locate("x", Image.new("RGB", (640, 360)))

    def make(confidences=(0.9,) * 9, boxes=False, stubborn=False):
        left = iter(confidences)

        def look(picture):
            red = [(x, y) for x, y in SPOTS if stubborn or picture.image.getpixel((x, y)) == (255, 0, 0)]
            known = {name: getattr(pattern, name) for name in pattern.__dataclass_fields__}
            known |= {"instruction": "red", "transform": pattern.transform.then(picture.to_desktop)}
            if not red:
                return type(pattern)(**known | {"status": "refused", "point": None, "confidence": None})
            x, y = min(red)
            box = picture.to_desktop.apply(Box(x - 8, y - 5, x + 8, y + 5)) if boxes else None
            point = picture.to_desktop.apply(Point(x, y))
            sure = Confidence(next(left), "token_probability")
            return type(pattern)(**known | {"status": "found", "point": point, "box": box, "confidence": sure})

        return look

    return make


@pytest.mark.parametrize("boxes", [False, True])
def test_all_are_found_in_desktop_coordinates_and_the_picture_stays(eye, screenshot, boxes):
    before = screenshot.image.tobytes()
    found = every(eye(boxes=boxes), screenshot)
    assert [tuple(result.point) for result in found] == [(x - 640, y + 30) for x, y in sorted(SPOTS)]
    assert not any("more" in warning for result in found for warning in result.warnings)
    assert screenshot.image.tobytes() == before


def test_what_is_less_sure_ends_it(eye, screenshot):
    assert len(every(eye((0.9, 0.4, 0.1)), screenshot)) == 2
    assert len(every(eye((0.9, 0.4, 0.1)), screenshot, 0.5)) == 1
    [none] = every(eye((0.1,)), screenshot)
    assert (none.status, none.point) == ("unsure", None) and "0.20 asked for" in none.explain()


def test_nothing_there_says_so(eye, screenshot):
    [none] = every(eye(), Screenshot(Image.new("RGB", (640, 360))))
    assert none.status == "refused"


def test_a_model_that_points_again_ends_it_with_a_remark(eye, screenshot):
    [one] = every(eye(stubborn=True), screenshot)
    assert tuple(one.on_screenshot()[0]) == min(SPOTS) and "there may be more" in one.warnings[-1]


def test_there_is_a_limit(eye, screenshot, monkeypatch):
    monkeypatch.setattr("guiground.matches.MOST", 2)
    found = every(eye(), screenshot)
    assert len(found) == 2 and "no more than 2 places" in found[-1].warnings[-1] and MOST > 2


@pytest.mark.parametrize("area", [Box(290, 190, 310, 210), Box(-40, -40, 70, 50), Box(600, 300, 900, 900)])
def test_covered_is_the_colour_of_the_edge(screenshot, area):
    covered = cover(screenshot.image, area)
    inside = area.intersection(Box(0, 0, 640, 360))
    assert covered.crop([int(edge) for edge in inside.to_json()]).getcolors() == [
        (int(inside.width) * int(inside.height), GREY)
    ]
    outside = Image.composite(covered, screenshot.image, Image.new("L", covered.size, 0))
    assert outside.tobytes() == screenshot.image.tobytes()


def test_the_command(here, answering, screenshot, tmp_path):
    shot, drawn = tmp_path / "shot.png", tmp_path / "drawn.png"
    screenshot.image.save(shot)
    model = ("-i", shot, "-m", answering("(40, 60)"), "--no-resident")
    code, out, err = here("locate", "red", *model, "--all", "--min-confidence", "0", "--overlay", drawn)
    lines = out.split("\n")[:-1]
    assert code == 0 and lines and all(len(line.split()) == 2 for line in lines) and drawn.exists()
    code, out, err = here("locate", "red", *model, "--all", "--min-confidence", "0", "--json")
    told = json.loads(out)
    assert code == 0 and len(told) == len(lines) and told[0]["status"] == "found"
    code, out, err = here("locate", "red", *model, "--all", "--min-confidence", "1", "--json")
    assert code == 1 and [one["status"] for one in json.loads(out)] == ["unsure"] and "not found" in err
    code, out, err = here("locate", *model, "--all", "--queries", "x.txt")
    assert code == 2 and "--queries" in err
