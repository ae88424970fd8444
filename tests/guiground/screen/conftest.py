"""Stand-ins at the boundary to mss: any layout of monitors, each pixel told apart."""

import sys
from dataclasses import dataclass

import pytest
from PIL import Image


@dataclass
class Layout:
    """Monitors (left, top, width, height, scale) of a made-up desktop; a grab shows where each pixel lies.

    A pixel's red and green are its column and row in desktop units modulo 256, so a picture tells where it is from.
    """

    places: list

    def bounds(self):
        left, top = min(p[0] for p in self.places), min(p[1] for p in self.places)
        right, bottom = max(p[0] + p[2] for p in self.places), max(p[1] + p[3] for p in self.places)
        return left, top, right - left, bottom - top

    @property
    def monitors(self):
        names = ("left", "top", "width", "height")
        whole = dict(zip(names, self.bounds(), strict=True))
        each = [dict(zip(names, place[:4], strict=True), is_primary=i == 0) for i, place in enumerate(self.places)]
        return [whole, *each]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def scale_of(self, area):
        for left, top, width, height, scale in self.places:
            inside = left <= area["left"] and area["left"] + area["width"] <= left + width
            if inside and top <= area["top"] and area["top"] + area["height"] <= top + height:
                return scale
        return 1

    def grab(self, area):
        scale = self.scale_of(area) if sys.platform == "darwin" else 1
        width, height = area["width"] * scale, area["height"] * scale
        columns = bytes(((area["left"] + x // scale) % 256) for x in range(width))
        red = Image.frombytes("L", (width, 1), columns).resize((width, height), Image.Resampling.NEAREST)
        rows = bytes(((area["top"] + y // scale) % 256) for y in range(height))
        green = Image.frombytes("L", (1, height), rows).resize((width, height), Image.Resampling.NEAREST)
        picture = Image.merge("RGBA", (red, green, Image.new("L", red.size), Image.new("L", red.size, 255)))
        shot = type("Shot", (), {"width": width, "height": height})
        shot.bgra = picture.tobytes("raw", "BGRA")
        return shot


@pytest.fixture
def desktop(monkeypatch):
    """desktop([(left, top, width, height, scale), ...], platform="linux") puts these monitors there."""
    import mss

    def install(places, platform="linux"):
        layout = Layout(places)
        monkeypatch.setattr(mss, "MSS", lambda: layout)
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setitem(sys.modules, "mss.darwin", type(sys)("mss.darwin"))
        monkeypatch.setattr(mss, "darwin", sys.modules["mss.darwin"], raising=False)
        return layout

    return install
