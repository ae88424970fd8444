"""What goes over the socket: a line of JSON, and after it the bytes of a picture where there is one."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, BinaryIO

from guiground.confidence import Confidence
from guiground.geometry import Box, Chain, Hop, Point, Size
from guiground.kept import KeptTokens
from guiground.result import CacheUse, MemoryUse, ModelUse, Result
from guiground.screen.screenshot import Monitor, Screenshot

MAX_LINE = 64 << 20  # bytes
MAX_PIXELS = 400_000_000  # bytes
_PARTS = {
    "point": Point,
    "box": Box,
    "image_size": Size,
    "monitor": Monitor,
    "model": ModelUse,
    "kv": CacheUse,
    "memory": MemoryUse,
    "confidence": Confidence,
}


def send(write: Callable[[bytes], object], record: dict[str, Any], pixels: bytes = b"") -> None:
    """Writes one message; write: such as `socket.sendall`."""
    write(json.dumps(record | {"bytes": len(pixels)}).encode() + b"\n")
    if pixels:
        write(pixels)


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """The next message; None at the end. Raises ValueError for what is none."""
    line = stream.readline(MAX_LINE)
    if not line:
        return None
    record = json.loads(line)
    length = record.pop("bytes")
    if not 0 <= length <= MAX_PIXELS:
        raise ValueError(f"{length} bytes")
    pixels = stream.read(length)
    if len(pixels) < length:
        raise ValueError("cut off")
    return record, pixels


def pack_screenshot(screenshot: Screenshot) -> tuple[dict[str, Any], bytes]:
    """The screenshot as plain JSON, and its pixels."""
    record = {
        "size": screenshot.image.size,
        "monitor": screenshot.monitor and asdict(screenshot.monitor),
        "warnings": screenshot.warnings,
        "taken_ms": screenshot.taken_ms,
        "placed": screenshot.placed and asdict(screenshot.placed),
    }
    return record, screenshot.image.tobytes()


def unpack_screenshot(record: dict[str, Any], pixels: bytes) -> Screenshot:
    """What `pack_screenshot` packed."""
    from PIL import Image

    image = Image.frombytes("RGB", tuple(record["size"]), pixels)
    monitor = record["monitor"] and Monitor(**record["monitor"])
    placed = record["placed"] and Hop(**record["placed"])
    return Screenshot(image, monitor, tuple(record["warnings"]), record["taken_ms"], placed)


def pack_result(result: Result) -> dict[str, Any]:
    """The result as plain JSON, every number as it is."""
    return asdict(result) | {"kept": result.kept and result.kept.to_json()}


def unpack_result(record: dict[str, Any]) -> Result:
    """What `pack_result` packed."""
    parts = {name: kind(**record[name]) for name, kind in _PARTS.items() if record[name] is not None}
    parts |= {"transform": Chain.from_json(record["transform"]["hops"]), "warnings": tuple(record["warnings"])}
    kept = record["kept"] and KeptTokens.from_json(record["kept"])
    return Result(**{**record, **parts, "kept": kept})
