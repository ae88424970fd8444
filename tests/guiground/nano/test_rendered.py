"""Screens rendered beforehand: taken where there are enough, cut where they are large."""

import random

import numpy as np

from guiground.nano import rendered
from guiground.nano.scenes import Element, Scene


def scene(width: int = 640, height: int = 384) -> Scene:
    image = np.arange(height * width * 3, dtype=np.uint32).reshape(height, width, 3).astype(np.uint8)
    elements = [Element("button", f"b{x}", (x, 40, x + 30, 60), (x + 2, 44, x + 28, 56)) for x in range(0, width, 100)]
    glyphs = np.array([[x, x + 6, 50, 65] for x in range(0, width, 100)], dtype=np.float32)
    return Scene(image, elements, glyphs)


def test_a_cut_moves_elements_and_characters_and_drops_what_is_outside():
    whole = scene()
    part = rendered.cut(whole, 128, 0, 384, 128)
    assert np.array_equal(part.image, whole.image[0:128, 128:384])
    assert [e.name for e in part.elements] == ["b200", "b300"]
    assert part.elements[0].aim == (74, 44, 100, 56)
    assert part.glyphs[:, 0].tolist() == [72, 172]
    assert whole.elements[0].box == (0, 40, 30, 60)


def test_too_few_pictures_are_not_learnt_by_heart(tmp_path, monkeypatch):
    taken = rendered.Rendered(tmp_path)
    assert taken.take(random.Random(0)) is None
    monkeypatch.setattr(rendered, "load", lambda path, rng: scene())
    for number in range(rendered.FEWEST):
        (tmp_path / f"{number}.json").touch()
    assert rendered.Rendered(tmp_path).take(random.Random(0)).image.shape == (384, 640, 3)
    monkeypatch.setattr(rendered, "load", lambda path, rng: scene(2560, 1440))
    shapes = {rendered.Rendered(tmp_path).take(random.Random(i)).image.shape[:2] for i in range(20)}
    assert (800, 1280) in shapes
