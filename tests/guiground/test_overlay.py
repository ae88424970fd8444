"""Overlays: drawn where they belong, nowhere else, smooth at the edges, and written whole or not at all."""

import numpy
import pytest
from PIL import Image

from guiground import overlay
from guiground.errors import UsageError
from guiground.geometry import Box, Point


def blank(width=400, height=300, colour=(200, 200, 200)):
    return Image.new("RGB", (width, height), colour)


def changed(before, after):
    """Left, top, right, bottom of the pixels that differ, the last two exclusive; None if none does."""
    rows, columns = numpy.nonzero((numpy.asarray(before) != numpy.asarray(after)).any(-1))
    return (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) if rows.size else None


def test_the_screenshot_itself_stays_as_it_was():
    screenshot = blank()
    drawn = overlay.draw(screenshot, Point(100, 100), Box(50, 50, 150, 150), "a button")
    assert screenshot.tobytes() == blank().tobytes() != drawn.tobytes()
    assert overlay.draw(screenshot).tobytes() == screenshot.tobytes()


@pytest.mark.parametrize("x, y", [(100, 80), (250.5, 200.5), (317, 41)])
def test_crosshair_is_centred_on_the_point(x, y):
    left, top, right, bottom = changed(blank(), overlay.draw(blank(), Point(x, y)))
    assert abs((left + right) / 2 - x) <= 1 and abs((top + bottom) / 2 - y) <= 1
    assert overlay.draw(blank(), Point(x, y)).getpixel((int(x), int(y))) == overlay.ACCENT


def test_box_is_drawn_on_its_edges():
    drawn = overlay.draw(blank(1000, 800), None, Box(60, 40, 200, 120))
    left, top, right, bottom = changed(blank(1000, 800), drawn)
    assert (left, top) <= (60, 40) and left > 54 and top > 34 and 200 <= right < 206 and 120 <= bottom < 126
    assert drawn.getpixel((60, 80)) == overlay.ACCENT
    assert drawn.getpixel((130, 80)) != overlay.ACCENT  # inside it is only tinted


def test_edges_are_smooth():
    drawn = numpy.asarray(overlay.draw(blank(), Point(200, 150)))
    assert len(numpy.unique(drawn.reshape(-1, 3), axis=0)) > 20


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), overlay.ACCENT, (128, 128, 128)])
def test_the_point_stands_out_on_any_colour(colour):
    drawn = numpy.asarray(overlay.draw(blank(colour=colour), Point(200, 150)), dtype=int)
    assert abs(drawn - numpy.array(colour)).max() > 120


def test_marks_grow_with_the_picture():
    widths = []
    for scale in (1, 2, 3):
        size = (1000 * scale, 800 * scale)
        left, _, right, _ = changed(blank(*size), overlay.draw(blank(*size), Point(500 * scale, 400 * scale)))
        widths.append(right - left)
    assert widths[1] / widths[0] == pytest.approx(2, abs=0.1) and widths[2] / widths[0] == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("x, y", [(0, 0), (399, 299), (0, 299), (200, 299), (-500, 9000)])
@pytest.mark.parametrize("caption", ["", "a button", "long " * 60, "日本語 Ärger", "two\nlines"])
def test_marks_at_the_border_are_drawn_within_the_picture(x, y, caption):
    assert overlay.draw(blank(), Point(x, y), Box(x - 20, y - 10, x + 20, y + 10), caption).size == (400, 300)


@pytest.mark.parametrize("size", [(1, 1), (20, 16), (3, 900), (900, 3)])
def test_tiny_pictures(size):
    assert overlay.draw(blank(*size), Point(0, 0), Box(0, 0, 1, 1), "a button").size == size


def test_the_caption_covers_neither_point_nor_box():
    without = overlay.draw(blank(), Point(200, 295), Box(150, 280, 250, 299))
    with_caption = overlay.draw(blank(), Point(200, 295), Box(150, 280, 250, 299), "a button")
    left, top, right, bottom = changed(without, with_caption)
    assert left < 200 < right and bottom <= 280 and top > 200


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG", "a.webp"])
def test_saving(tmp_path, name):
    overlay.save(blank(), tmp_path / name)
    with Image.open(tmp_path / name) as written:
        assert written.size == (400, 300)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    "name, words", [("a.txt", ".png"), ("a", ".png"), ("none/a.png", "folder"), ("d.png", "written")]
)
def test_impossible_overlay_paths(tmp_path, name, words):
    (tmp_path / "d.png").mkdir()
    with pytest.raises(UsageError, match=words):
        overlay.check_path(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["d.png"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.png"
    overlay.save(blank(), path)
    before = path.read_bytes()

    class Broken:
        def save(self, file, **settings):
            file.write_bytes(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(UsageError, match="No space left"):
        overlay.save(Broken(), path)
    assert path.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["a.png"]
