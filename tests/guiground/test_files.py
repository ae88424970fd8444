"""Opening pictures: good ones come out upright and RGB, every other one is one sentence, never another exception."""

import io
import struct
import subprocess
import sys
import warnings
import zlib

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from guiground.errors import UsageError
from guiground.screen import open_image

ORIENTATION = 0x0112


def picture(width=8, height=4):
    """A picture whose four corners differ."""
    pixels = numpy.zeros((height, width, 3), dtype=numpy.uint8)
    pixels[0, 0], pixels[0, -1], pixels[-1, 0], pixels[-1, -1] = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
    return Image.fromarray(pixels)


def encoded(image, kind="PNG", **settings):
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    return buffer.getvalue()


def png_of_size(width, height):
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_a_picture_comes_back_pixel_by_pixel(tmp_path):
    picture().save(tmp_path / "a.png")
    shot = open_image(tmp_path / "a.png")
    assert shot.image.mode == "RGB" and shot.image.tobytes() == picture().tobytes()
    assert (shot.size.width, shot.size.height) == (8, 4)
    assert shot.monitor is None and shot.warnings == () and shot.taken_ms > 0


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_formats(tmp_path, kind):
    path = tmp_path / "picture"
    path.write_bytes(encoded(picture(), kind))
    assert open_image(str(path)).image.size == (8, 4)


@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, turn):
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    (tmp_path / "a.png").write_bytes(encoded(picture(), exif=exif))
    shot = open_image(tmp_path / "a.png")
    assert shot.image.size == ((8, 4) if turn < 5 else (4, 8))
    assert bool(shot.warnings) == (turn > 1)
    corner = {1: "red", 2: "lime", 3: "yellow", 4: "blue", 5: "red", 6: "blue", 7: "yellow", 8: "lime"}[turn]
    assert Image.new("RGB", (1, 1), corner).getpixel((0, 0)) == shot.image.getpixel((0, 0))


def test_transparency_is_laid_on_white(tmp_path):
    clear = Image.new("RGBA", (3, 2), (10, 20, 30, 0))
    clear.putpixel((1, 0), (10, 20, 30, 255))
    for image in (clear, clear.convert("LA"), clear.convert("P")):
        (tmp_path / "a.png").write_bytes(encoded(image))
        assert open_image(tmp_path / "a.png").image.getpixel((0, 0)) == (255, 255, 255)
    (tmp_path / "a.png").write_bytes(encoded(clear))
    assert open_image(tmp_path / "a.png").image.getpixel((1, 0)) == (10, 20, 30)


def test_sixteen_bits_are_scaled_not_cut(tmp_path):
    grey = numpy.array([[0, 257 * 100, 65535]], dtype=numpy.uint16)
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(grey)))
    assert open_image(tmp_path / "a.png").image.tobytes() == bytes([0, 0, 0, 100, 100, 100, 255, 255, 255])


@pytest.mark.parametrize(
    ("mode", "kind"), [("CMYK", "JPEG"), ("CMYK", "TIFF"), ("1", "PNG"), ("L", "PNG"), ("P", "GIF")]
)
def test_colour_modes_become_rgb(tmp_path, mode, kind):
    path = tmp_path / "a"
    path.write_bytes(encoded(Image.new("RGB", (8, 8), "white").convert(mode), kind))
    image = open_image(path).image
    assert image.mode == "RGB" and min(image.getpixel((4, 4))) > 250


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    shot = open_image(tmp_path / "a.gif")
    assert shot.image.getpixel((0, 0)) == (255, 0, 0) and "2 frames" in shot.warnings[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no picture"),
        (b"hello, this is text", "no picture"),
        (encoded(picture(200, 200))[:-60], "damaged or cut off"),
        (encoded(picture(200, 200), "JPEG")[:-200], "damaged or cut off"),
        (png_of_size(11_000, 10_000), "110 megapixels"),
        (png_of_size(60_000, 60_000), "too large"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
    ],
)
def test_bad_contents(tmp_path, content, words):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=words) as caught:
        open_image(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("path", "words"), [("none.png", "no such picture"), (".", "folder"), ("/dev/null", "ordinary")]
)
def test_bad_paths(path, words):
    with pytest.raises(UsageError, match=words):
        open_image(path)


@pytest.mark.parametrize("path", ["", "a\0b.png", "x" * 5000])
def test_impossible_paths(path):
    with pytest.raises(UsageError):
        open_image(path)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), kind=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]))
def test_damaged_bytes_open_or_are_refused(tmp_path_factory, data, kind):
    content = bytearray(encoded(picture(16, 16), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "a"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            assert open_image(path).image.mode == "RGB"
        except UsageError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "empty"), (b"text", "no picture"), (encoded(picture()), "(8, 4)")]
)
def test_standard_input(content, words):
    program = "from guiground.screen import open_image; print(open_image('-').image.size)"
    run = subprocess.run([sys.executable, "-c", program], input=content, capture_output=True, timeout=60)
    assert words in (run.stdout + run.stderr).decode()
