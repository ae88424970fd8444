"""Opening a picture that may be anything: missing, cut off, enormous, turned, transparent, or no picture at all."""

import io
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from guiground.errors import UsageError
from guiground.meter import Clock
from guiground.picture import opaque
from guiground.screen.screenshot import Screenshot

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")  # decoders that start no other program
MAX_PIXELS = 100_000_000
MAX_BYTES = 400_000_000
_ORIENTATION = 0x0112


def open_image(source: "str | Path | Image") -> Screenshot:
    """The picture in a file, upright, as 8-bit RGB on white.

    source: a path, "-" for standard input, or a picture that is already open.
    Of several frames the first is taken; transparency is laid on white; an EXIF orientation is applied; each of these
    leaves a warning where it moves or hides pixels. Raises UsageError for everything that is not a readable picture of
    at most 100 megapixels.
    """
    clock = Clock()
    image, remarks = _open(source)
    clock.stop("capture")
    return Screenshot(image, None, remarks, clock.spent["capture"])


def _open(source: "str | Path | Image") -> "tuple[Image, tuple[str, ...]]":
    from PIL import Image

    if isinstance(source, Image.Image):
        return _upright(source, "the picture")
    if str(source) == "-":
        return _decode(io.BytesIO(_standard_input()), "standard input")
    path, name = Path(source), f"'{source}'"
    try:
        if path.is_dir():
            raise UsageError(f"{name} is a folder, not a picture (give the path of an image file)")
        if not path.is_file() and path.exists():
            raise UsageError(
                f"{name} is not an ordinary file (give the path of an image file, or - for standard input)"
            )
        with path.open("rb") as file:
            return _decode(file, name)
    except FileNotFoundError:
        raise UsageError(f"no such picture: {name} (give the path of an image file, or - for standard input)") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{name} cannot be read: {reason} (give the path of an image file)") from None


def _standard_input() -> bytes:
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("--image - reads a picture from standard input, but that is a terminal (pipe a file into it)")
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    if not data:
        raise UsageError("standard input is empty (pipe a picture into it: guiground locate ... --image - < shot.png)")
    if len(data) > MAX_BYTES:
        raise UsageError(f"standard input has more than {MAX_BYTES // 1_000_000} MB (pipe a smaller picture into it)")
    return data


def _decode(file: BinaryIO, name: str) -> "tuple[Image, tuple[str, ...]]":
    from PIL import Image, UnidentifiedImageError

    allowed = ", ".join(FORMATS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own size warning and remarks on odd metadata
            with Image.open(file, formats=FORMATS) as image:
                _check_size(image, name)
                image.load()
                return _upright(image, name)
    except UsageError:
        raise
    except UnidentifiedImageError:
        raise UsageError(f"{name} is no picture that can be read (use one of: {allowed})") from None
    except Image.DecompressionBombError:
        raise _too_large(name, "far more") from None
    except MemoryError:
        raise UsageError(f"there is not enough memory to open {name} (scale the picture down)") from None
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ... on damaged data
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise UsageError(f"{name} is a damaged or cut off picture: {reason} (save it again)") from None


def _check_size(image: "Image", name: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _too_large(name, f"{width}x{height}, {width * height / 1e6:,.0f} megapixels")


def _too_large(name: str, found: str) -> UsageError:
    allowed = f"{MAX_PIXELS // 1_000_000} megapixels"
    return UsageError(f"{name} is too large: {found}, where {allowed} are allowed (crop it or scale it down)")


def _upright(image: "Image", name: str) -> "tuple[Image, tuple[str, ...]]":
    from PIL import ImageOps

    _check_size(image, name)
    remarks = []
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        image.seek(0)
        remarks.append(f"{name} has {frames} frames: only the first is looked at")
    if image.getexif().get(_ORIENTATION, 1) in range(2, 9):
        image = ImageOps.exif_transpose(image)
        remarks.append(
            f"{name} was turned upright as its EXIF orientation says: coordinates are those of the upright picture"
        )
    if image.mode == "F" or image.mode.startswith("I"):
        image = _to_8_bit(image)
    return opaque(image), tuple(remarks)


def _to_8_bit(image: "Image") -> "Image":
    """A grey picture of 16 or 32 bits, or of floats in [0, 1], as 8 bits. Pillow would cut off at 255."""
    import numpy
    from PIL import Image

    grey = numpy.nan_to_num(numpy.asarray(image, dtype=numpy.float64))  # [height, width]
    top = grey.max(initial=0.0)
    full = 1.0 if image.mode == "F" and top <= 1 else 255.0 if top <= 255 and image.mode == "F" else 65535.0
    return Image.fromarray((grey.clip(0, full) * (255 / full)).round().astype(numpy.uint8))
