"""How a file writes its boxes: told by the benchmark or the rows' fields, and checked against all its pictures."""

from collections.abc import Mapping, Sequence

from guiground.errors import UsageError
from guiground.geometry import Size

FORMS = ("xywh", "xyxy", "normalised")  # the last: xyxy as shares of the picture's sides
TOLERANCE = 3.0  # pixels by which a label may stick out of its picture: published labels do, by up to 2.3
_FITTING = 0.99  # share of a file's rows that a reading must fit
_WRONG = 0.9  # below this share the reading that was expected is given up for one that fits
_SIGNS = {  # a field of the rows -> the form that its benchmarks use; the first that is there counts
    "box_type": "xywh",  # OSWorld-G
    "file_name": "xyxy",  # the parquet copies of ScreenSpot
    "data_type": "xywh",  # ScreenSpot, ScreenSpot-v2
    "ui_type": "xyxy",  # ScreenSpot-Pro, ScreenSpot-v2-variants
    "element_type": "xyxy",  # UI-Vision
    "grounding_type": "xyxy",  # MMBench-GUI
}

Numbers = tuple[float, ...]


def by_fields(row: Mapping[str, object]) -> str | None:
    """The form that a row's fields stand for, or None where they are of no known benchmark."""
    return next((form for field, form in _SIGNS.items() if field in row), None)


def is_normalised(numbers: Sequence[float]) -> bool:
    """Whether a box is written in shares: as pixels it would not be larger than one of them."""
    return max(numbers) <= 1 + 1e-6 and min(numbers) >= -1


def recognise(
    file: str, boxes: Sequence[Numbers], sizes: Sequence[Size | None], expected: str | None
) -> tuple[str, str | None]:
    """The form of a file's boxes, and a remark where it is not the expected one.

    boxes: four numbers a row. sizes: of the pictures, None where unknown. Raises UsageError where two readings fit all
    pictures and nothing tells them apart, and where none fits.
    """
    if not boxes:
        return expected or "xyxy", None
    if sum(map(is_normalised, boxes)) >= _FITTING * len(boxes):
        return "normalised", None
    shares = {
        form: sum(fits(form, box, size) for box, size in zip(boxes, sizes, strict=True)) / len(boxes)
        for form in ("xywh", "xyxy")
    }
    fitting = [form for form, share in shares.items() if share >= _FITTING]
    if expected in shares:
        if fitting and expected not in fitting and shares[expected] < _WRONG:
            said = f"{file}: boxes are read as {fitting[0]}: as {expected} only {shares[expected]:.0%} of them fit"
            return fitting[0], said
        return expected, None
    if len(fitting) == 1:
        return fitting[0], None
    if fitting:
        raise UsageError(
            f"{file}: its boxes could be xywh as well as xyxy, its fields do not tell (say which with --bbox-format)"
        )
    found = ", ".join(f"{share:.0%} as {form}" for form, share in shares.items())
    raise UsageError(f"{file}: too few of its boxes fit their pictures: {found} (say which with --bbox-format)")


def fits(form: str, box: Numbers, size: Size | None) -> bool:
    """Whether the box, so read, has an area and lies in its picture."""
    left, top, right, bottom = edges(form, box)
    if right <= left or bottom <= top or min(left, top) < -TOLERANCE:
        return False
    return size is None or (right <= size.width + TOLERANCE and bottom <= size.height + TOLERANCE)


def edges(form: str, box: Numbers, size: Size | None = None) -> tuple[float, float, float, float]:
    """Left, top, right and bottom in pixels; a normalised box needs the size. In one, -1 stands for the edge at 0."""
    a, b, c, d = box
    if form == "xywh":
        return a, b, a + c, b + d
    if form == "xyxy":
        return a, b, c, d
    a, b, c, d = (0.0 if number == -1 else number for number in box)
    return a * size.width, b * size.height, c * size.width, d * size.height
