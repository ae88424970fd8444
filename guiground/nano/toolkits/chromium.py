"""Random pages in Debian's Chromium, labelled from the page itself."""

import base64
import io
import random
from pathlib import Path

import numpy as np
from PIL import Image

from guiground.nano.toolkits.browser import Browser
from guiground.nano.toolkits.distinct import Screen, Shown, facts
from guiground.nano.toolkits.legible import checked
from guiground.nano.toolkits.pages.parts import Page
from guiground.nano.toolkits.pages.sheet import new_look
from guiground.nano.toolkits.pages.shells import whole
from guiground.nano.toolkits.svg_icons import IconFiles

SCREENS = [(1280, 800)] * 10 + [(1366, 768)] * 3 + [(1280, 1024)] * 2 + [(1920, 1080)] * 4 + [(2560, 1440)]
SCALES = [1, 1, 1, 1, 1, 1, 1.25, 1.5, 2]
HINTING = ["none", "slight", "slight", "medium", "full"]


def arguments(rng: random.Random) -> list[str]:
    """What one browser process draws all its pages with."""
    given = [f"--font-render-hinting={rng.choice(HINTING)}", "--disable-extensions", "--mute-audio"]
    if rng.random() < 0.7:
        given.append("--disable-lcd-text")
    return given + (["--hide-scrollbars"] if rng.random() < 0.3 else [])


def shoot(browser: Browser, rng: random.Random, icons: IconFiles, held_out: bool = False) -> tuple[bytes, dict]:
    """The PNG of one random page, and the facts of NAME.json."""
    width, height = rng.choice(SCREENS)
    scale = rng.choice(SCALES)
    if width / scale < 960:
        scale = 1 if scale != 2 or rng.random() < 0.6 else scale
    page = Page(rng, new_look(rng, held_out), icons)
    size = {"width": round(width / scale), "height": round(height / scale)}
    browser.call("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=scale, mobile=False)
    browser.call("Page.setDocumentContent", frameId=browser.frame, html=whole(page))
    down = rng.choice([0, 0, 0, rng.randint(0, 900)])
    browser.evaluate(SETTLE.replace("DOWN", str(down)))
    found = browser.with_inner_texts(SCRIPT)
    picture = base64.b64decode(browser.call("Page.captureScreenshot", format="png", optimizeForSpeed=True)["data"])
    with Image.open(io.BytesIO(picture)) as image:
        pixels = np.asarray(image.convert("RGB"))
    tall, wide = pixels.shape[:2]
    return picture, checked(facts(screen(found, wide, tall), rng), pixels)


SCRIPT = Path(__file__).with_name("page_boxes.js").read_text(encoding="utf-8")
SETTLE = """
{
const decoded = () => Promise.all([...document.images].map((one) => one.decode().catch(() => 0)));
document.fonts.ready.then(decoded).then(() => {
  scrollTo(0, DOWN);
  return new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)));
})
}
"""


def screen(found: dict, width: int, height: int) -> Screen:
    """What the page told, in pixels of the picture."""
    ratio = found["ratio"]
    result = Screen(width, height, "chromium")
    result.drawn = [(name, tuple(v * ratio for v in box) if box else None) for name, box in found["drawn"]]
    for row in found["shown"]:
        row["box"], row["aim"] = (tuple(v * ratio for v in row[key]) for key in ("box", "aim"))
        result.shown.append(Shown(**row))
    result.glyphs = [
        (left * ratio, right * ratio, middle * ratio, code) for left, right, middle, code in found["glyphs"]
    ]
    return result
