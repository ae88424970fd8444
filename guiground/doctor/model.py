"""The model: torch, GPU, files, pixel limits, and whether it sees the picture that it is given."""

from collections.abc import Iterator
from importlib import metadata
from typing import TYPE_CHECKING

from guiground.doctor.check import FAIL, OK, WARN, Check, attempt
from guiground.errors import CaptureError, ModelError
from guiground.geometry import Box

if TYPE_CHECKING:
    from PIL.Image import Image

    from guiground.locator import Locator

WORDS = ("Save", "Cancel", "Open", "Print", "Delete", "Rename", "Search", "Share", "Import", "Export", "Undo", "Help")
SIZE = (1280, 800)
CONTROLS = 3  # instructions that are also asked on a plain red picture
ENOUGH, CHANCE = 8, 3  # hits of 12


def files() -> Check:
    """Which models are on this machine, and how much each looks at; loads none of them, nor torch."""
    return _files(None)


def checks(locator: "Locator") -> Iterator[Check]:
    """Loads the locator's model."""
    yield _torch()
    yield _gpu()
    yield _files(locator.max_pixels)
    loaded = attempt("model", lambda: _loaded(locator))
    yield loaded
    if loaded.status != FAIL:
        yield attempt("pixels", lambda: _pixels(locator))
        yield attempt("sight", lambda: sight(locator))


def _torch() -> Check:
    import torch

    versions = f"torch {torch.__version__}, transformers {metadata.version('transformers')}"
    return Check("torch", OK, f"{versions}, {torch.get_num_threads()} threads")


def _gpu() -> Check:
    import torch

    if torch.cuda.is_available():
        facts = torch.cuda.get_device_properties(0)
        return Check("gpu", OK, f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB")
    if torch.backends.mps.is_available():
        return Check("gpu", OK, "Apple GPU (mps)")
    return Check("gpu", OK, "none: models run on the CPU")


def _files(max_pixels: int | None) -> Check:
    from guiground.models.listing import listing

    here = [row.name for row in listing() if row.local]
    if here:
        told = (f"{name} (looks at up to {_limit(name, max_pixels):.1f} megapixels)" for name in here)
        return Check("models", OK, f"on this machine: {', '.join(told)}")
    return Check(
        "models", WARN, "no model is on this machine", "the first use of a model of guiground models fetches it"
    )


def _limit(name: str, max_pixels: int | None) -> float:
    """The largest area, in megapixels, at which a model of the catalogue looks; nothing is loaded for it."""
    from guiground.models.catalogue import find

    return (max_pixels or find(name).spec.pixels.max) / 1e6


def _loaded(locator: "Locator") -> Check:
    grounder = locator.load()
    place = f"{grounder.device}, {str(grounder.dtype).removeprefix('torch.')}"
    return Check("model", OK, f"{grounder.entry.name}: {grounder.weights_bytes / 1e6:,.0f} MB, {place}")


def _pixels(locator: "Locator") -> Check:
    """The largest area the model looks at, against that of the screen."""
    from guiground.screen import monitors

    limit = locator.load().spec.pixels.max
    detail = f"looks at up to {limit / 1e6:.1f} megapixels"
    try:
        largest = max(monitors(), key=lambda one: one.width * one.height * one.scale**2)
    except CaptureError:
        return Check("pixels", OK, detail)
    width, height = round(largest.width * largest.scale), round(largest.height * largest.scale)
    if width * height <= limit:
        return Check("pixels", OK, f"{detail}: monitor {largest.index}, {width}x{height}, is seen as it is")
    share = (limit / (width * height)) ** 0.5
    detail = f"{detail}: monitor {largest.index}, {width}x{height}, is shrunk to {share:.0%} of its sides"
    return Check("pixels", WARN, detail, "look at a part of it with --region or --window")


def sight(locator: "Locator") -> Check:
    """Asks for twelve buttons that are drawn for it, and for three of them on a picture that is plain red."""
    from PIL import Image

    picture, boxes = buttons()
    instructions = [f"the {word} button" for word in WORDS]
    found = locator.locate_many(instructions, picture)
    hits = sum(result.found and box.contains(result.point) for result, box in zip(found, boxes, strict=True))
    blind = locator.locate_many(instructions[:CONTROLS], Image.new("RGB", SIZE, "red"))
    same = all(result.raw == control.raw for result, control in zip(found[:CONTROLS], blind, strict=True))
    detail = f"{hits} of {len(WORDS)} drawn buttons found"
    if same:
        remedy = "the picture does not reach it: give other weights with --model, see guiground models"
        return Check("sight", FAIL, f"{detail}, and the same answers on a red picture", remedy, ModelError.exit_code)
    if hits >= ENOUGH:
        return Check("sight", OK, detail)
    remedy = "choose another model with --model, see guiground models"
    if hits <= CHANCE:
        return Check("sight", FAIL, detail, remedy, ModelError.exit_code)
    return Check("sight", WARN, detail, remedy)


def buttons() -> "tuple[Image, list[Box]]":
    """A picture with a button for each of WORDS, and their boxes."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", SIZE, (240, 240, 240))
    draw, font, boxes = ImageDraw.Draw(image), ImageFont.load_default(18), []
    draw.rectangle((0, 0, SIZE[0], 40), fill=(60, 70, 90))
    draw.text((16, 20), "Document", fill="white", font=font, anchor="lm")
    for number, word in enumerate(WORDS):
        left, top = 110 + 290 * (number % 4), 130 + 230 * (number // 4)
        box = Box.from_xywh(left, top, 150, 46)
        draw.rounded_rectangle(box.to_json(), radius=6, fill="white", outline=(120, 120, 120), width=2)
        draw.text(tuple(box.center), word, fill=(20, 20, 20), font=font, anchor="mm")
        boxes.append(box)
    return image, boxes
