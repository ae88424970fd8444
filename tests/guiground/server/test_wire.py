"""What goes over the socket comes out as it went in."""

import io
import json
from dataclasses import replace

import pytest
from PIL import Image

from guiground import Locator
from guiground.geometry import Box, Hop
from guiground.screen import Monitor, Screenshot
from guiground.server import wire


@pytest.fixture(scope="module")
def screenshot():
    image = Image.linear_gradient("L").resize((321, 203)).convert("RGB")
    monitor = Monitor(2, -1920, -40, 1920, 1080, 1.5, "HDMI-1", False)
    return Screenshot(image, monitor, ("a remark",), 1.23456789, Hop("region -> capture", 1.0, 1.0, 33.3, 7))


def test_screenshots(screenshot):
    record, pixels = wire.pack_screenshot(screenshot)
    back = wire.unpack_screenshot(json.loads(json.dumps(record)), pixels)
    assert back == screenshot and back.image.tobytes() == screenshot.image.tobytes()
    bare = Screenshot(screenshot.image)
    assert wire.unpack_screenshot(*wire.pack_screenshot(bare)) == bare


@pytest.mark.parametrize("answer", ["(40, 60)", "(-1, -1)", "(40000, 3)"])
def test_results(answering, screenshot, answer):
    settings = {"budget": "50%", "min_confidence": 0.0} if answer == "(40, 60)" else {}
    result = Locator(answering(answer), max_pixels=60_000, **settings).locate("Ärger", screenshot)
    result = replace(result, box=Box(1 / 3, 2, 3, 4) if result.found else None)
    back = wire.unpack_result(json.loads(json.dumps(wire.pack_result(result))))
    assert back == result and back.to_json() == result.to_json() and back.explain() == result.explain()


def test_messages():
    stream = io.BytesIO()
    wire.send(stream.write, {"a": "ä\n"})
    wire.send(stream.write, {"b": 1}, b"\n\x00pixels")
    stream.seek(0)
    assert wire.receive(stream) == ({"a": "ä\n"}, b"")
    assert wire.receive(stream) == ({"b": 1}, b"\n\x00pixels")
    assert wire.receive(stream) is None


@pytest.mark.parametrize("sent", [b"junk\n", b'{"bytes": -1}\n', b'{"bytes": 9}\nshort', b'{"bytes": 400000001}\n'])
def test_what_is_no_message_is_refused(sent):
    with pytest.raises(ValueError):
        wire.receive(io.BytesIO(sent))
