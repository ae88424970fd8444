import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from guiground.errors import UsageError
from guiground.geometry import Size
from guiground.models.catalogue import entries
from guiground.models.image import padded, patches
from guiground.models.spec import Pixels
from guiground.picture import opaque


def processor_of(name):
    patch = {"qwen2_vl": 14, "qwen2_5_vl": 14}.get(entries()[name].family, 16)
    if name == "nano":
        return Qwen2VLImageProcessorPil(patch_size=8, merge_size=4, temporal_patch_size=1)
    return Qwen2VLImageProcessorPil(patch_size=patch, merge_size=2, temporal_patch_size=2)


@pytest.mark.parametrize(
    ("name", "screen", "seen", "tokens"),
    [  # the table of sizes in the notes on the checkpoints, measured with the reference resize rule
        ("qwen2.5-vl-7b", (1280, 720), (1288, 728), 1196),
        ("qwen2.5-vl-7b", (1920, 1080), (1932, 1092), 2691),
        ("qwen3-vl-8b", (1280, 720), (1280, 704), 880),
        ("qwen3-vl-8b", (1920, 1080), (1920, 1088), 2040),
        ("ui-venus-ground-7b", (1280, 720), (1904, 1064), 2584),
        ("showui-2b", (1920, 1080), (1344, 756), 1296),
        ("jedi-7b", (2560, 1440), (1932, 1064), 2622),
        ("nano", (1280, 800), (1280, 800), 1000),
        ("nano", (640, 400), (640, 416), 260),
    ],
)
def test_screens_become_the_sizes_that_checkpoints_expect(name, screen, seen, tokens):
    result = patches(Image.new("RGB", screen), entries()[name].spec.pixels, processor_of(name))
    assert result.canvas == Size(*seen) and result.token_grid.area == tokens
    assert result.resized == (Size(*screen) if name == "nano" else Size(*seen))


@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([1024, 20_000, 4_194_304]))
@settings(max_examples=60, deadline=None)
def test_padding_keeps_every_pixel_unless_the_canvas_is_too_large(width, height, most):
    values = np.random.default_rng(width * height).integers(1, 256, (height, width, 3), dtype=np.uint8)
    canvas, size = padded(Image.fromarray(values), 32, most)
    assert canvas.width % 32 == canvas.height % 32 == 0 and canvas.width * canvas.height <= max(most, 32 * 32 * 13)
    assert 0 <= canvas.width - size.width < 32 and 0 <= canvas.height - size.height < 32
    seen = np.asarray(canvas)
    assert not seen[size.height :].any() and not seen[:, size.width :].any()
    if -(-width // 32) * -(-height // 32) * 1024 <= most:
        assert size == Size(width, height) and (seen[:height, :width] == values).all()
    else:
        assert size.width <= width and size.height <= height


def test_patches_of_a_padded_picture_are_its_normalised_pixels(noise):
    processor, image = processor_of("nano"), noise(32, 32)
    values = patches(image, entries()["nano"].spec.pixels, processor).tensors["pixel_values"]
    assert values.shape == (16, 3 * 8 * 8)
    corner = np.asarray(image)[:8, :8].transpose(2, 0, 1) / 255
    expected = (corner - np.array(processor.image_mean)[:, None, None]) / np.array(processor.image_std)[:, None, None]
    assert np.allclose(values[0].numpy().reshape(3, 8, 8), expected, atol=1e-5)


def test_the_long_side_can_be_capped():
    result = patches(Image.new("RGB", (1000, 100)), Pixels(1024, 10**7, 500), processor_of("qwen3-vl-8b"))
    assert result.canvas == Size(512, 64)


def test_what_is_see_through_is_white():
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert opaque(clear).getpixel((0, 0)) == (255, 255, 255)
    palette = Image.new("P", (4, 4), 3)
    palette.info["transparency"] = 3
    assert opaque(palette).getpixel((0, 0)) == (255, 255, 255)
    assert opaque(Image.new("L", (4, 4), 7)).getpixel((0, 0)) == (7, 7, 7)


@pytest.mark.parametrize("size", [(5000, 20), (3, 900)])
def test_a_picture_too_long_for_its_width_is_refused(size):
    with pytest.raises(UsageError, match=f"{size[0]}x{size[1]}.*crop"):
        patches(Image.new("RGB", size), entries()["qwen3-vl-8b"].spec.pixels, processor_of("qwen3-vl-8b"))


@pytest.mark.parametrize("name", ["nano", "qwen2.5-vl-7b", "qwen3-vl-8b"])
def test_a_single_pixel_is_enough(name):
    result = patches(Image.new("RGB", (1, 1)), entries()[name].spec.pixels, processor_of(name))
    assert result.canvas.area >= entries()[name].spec.pixels.min
