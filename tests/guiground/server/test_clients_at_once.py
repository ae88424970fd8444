"""Several clients ask at the same time, each with its own settings, pictures and numbers of instructions."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from PIL import Image

from guiground import Locator
from guiground.screen import Monitor, Screenshot
from guiground.server import client

PIXELS = 60_000


def told(result):
    said = {key: value for key, value in result.to_json().items() if key not in ("timing_ms", "memory")}
    return said, result.kept


def test_each_gets_the_answers_it_would_get_alone(listening, answering):
    listener, _ = listening()
    picture = Image.linear_gradient("L").resize((320, 200)).convert("RGB")
    wanted = []
    for number in range(6):
        settings = {"model": str(answering("(40, 60)")), "max_pixels": PIXELS}
        settings |= ({}, {"budget": 24}, {"method": "snapkv", "budget": 40, "min_confidence": 0.0})[number % 3]
        monitor = Monitor(1, -320 * number, 10 * number, 320, 200)
        instructions = [f"target {number}-{one}" for one in range(1 + number)]
        wanted.append((settings, instructions, Screenshot(picture.rotate(60 * number), monitor)))
    expected = [
        [told(result) for result in Locator(**settings).locate_many(instructions, screenshot)]
        for settings, instructions, screenshot in wanted
    ]
    together = Barrier(len(wanted))

    def ask(one):
        settings, instructions, screenshot = one
        with client.connect(settings) as resident:
            together.wait(30)
            many = resident.locate_many(instructions, screenshot)
            again = [resident.locate(instruction, screenshot) for instruction in instructions[:1]]
            return [told(result) for result in many], [told(result) for result in again]

    with ThreadPoolExecutor(len(wanted)) as pool:
        found = list(pool.map(ask, wanted))
    assert [many for many, _ in found] == expected
    assert [again for _, again in found] == [results[:1] for results in expected]
    assert (listener.worker.answered, listener.worker.waiting) == (12, 0)
