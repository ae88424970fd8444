"""The sheet of examples: hits and misses from a run that is kept, marked where they are."""

import json
import random

import numpy as np
from click.testing import CliRunner
from PIL import Image

from guiground.nano import examples


def row(number: int, hit: bool, group: str = "desktop/text", **more) -> dict:
    known = {
        "run": "a",
        "image": f"{number % 3}.png",
        "instruction": f"the button {number}",
        "group": group,
        "hit": hit,
    }
    known |= {"status": "found", "point": [60.0, 50.0] if hit else [500.0, 350.0], "target": [40.0, 40.0, 80.0, 60.0]}
    return known | {"kv": {"method": "full"}} | more


def folder(tmp_path, rows):
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    for number in range(3):
        Image.fromarray(np.full((400, 640, 3), 60 * number, dtype=np.uint8)).save(tmp_path / f"{number}.png")
    return tmp_path


def test_the_run_without_compression_is_shown(tmp_path):
    small = row(1, True, kv={"method": "snapkv"}, run="b")
    assert examples.read(folder(tmp_path, [small, row(2, True), row(3, False, target=None)])) == [row(2, True)]
    assert examples.read(folder(tmp_path, [small])) == [small]


def test_hits_and_misses_of_every_group_are_chosen():
    rows = [row(i, i % 2 == 0, group) for i in range(20) for group in ("desktop/text", "desktop/icon")]
    picked = examples.chosen(rows, 12, random.Random(0))
    assert len(picked) == 12 and sum(one["hit"] for one in picked) == 6
    assert sum(one["group"] == "desktop/icon" for one in picked) == 6
    assert [one["hit"] for one in picked] == sorted((one["hit"] for one in picked), reverse=True)
    assert len(examples.chosen(rows[:3], 12, random.Random(0))) == 3


def test_the_answer_is_a_cross_or_an_arrow_in_its_colour(tmp_path):
    from guiground.nano.scenes.fonts import font_book

    face = font_book().face(font_book().names[0], 13)
    black = Image.new("RGB", (640, 400))
    hit = np.asarray(examples.tile(row(0, True), black, face))
    assert (hit[50, 60] == examples.HIT).all()
    assert (hit[40, 45] == examples.TARGET).all()
    assert not (hit[: examples.TILE[1]] == examples.MISS).all(axis=2).any()
    miss = np.asarray(examples.tile(row(0, False), black, face))
    assert (miss[: examples.TILE[1]] == examples.MISS).all(axis=2).any()


def test_the_command_keeps_the_file_small(tmp_path):
    kept = folder(tmp_path, [row(i, i % 2 == 0) for i in range(12)])
    out = tmp_path / "sheet.png"
    result = CliRunner().invoke(
        examples.main, [str(kept), "--images", str(kept), "--out", str(out), "--kilobytes", "60"]
    )
    assert result.exit_code == 0 and "6 hits and 6 misses" in result.output, result.output
    assert out.stat().st_size <= 60_000
    with Image.open(out) as sheet:
        assert sheet.width == 3 * (examples.TILE[0] + 6)
    (kept / "rows.jsonl").unlink()
    result = CliRunner().invoke(examples.main, [str(kept)])
    assert result.exit_code == 1 and "guiground eval desk --out" in result.output
