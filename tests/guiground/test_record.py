"""Records: a page and a picture for each step, by every command that looks."""

from pathlib import Path

import pytest
from PIL import Image

from guiground.errors import UsageError
from guiground.record import Record


def test_a_record_grows_step_by_step(tmp_path):
    folder = tmp_path / "record"
    first = Record(folder)
    first.add("click 'a <b>'", "ok", "5 6", Image.new("RGB", (4, 3), "red"), {"point": [5, 6]})
    Record(folder).add("wait 'b'", "failed", "did not come")
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "1. click &#x27;a &lt;b&gt;&#x27;" in page and "<b>" not in page and 'src="step-001.png"' in page
    assert '<section class="failed" id="step-2">' in page and page.rstrip().endswith("</html>")
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "record.jsonl", "step-001.png"]
    assert [step["number"] for step in Record(folder).steps()] == [1, 2]


def test_a_record_does_not_mix_with_other_files(tmp_path):
    (tmp_path / "holiday.png").write_bytes(b"")
    with pytest.raises(UsageError, match="holds something else"):
        Record(tmp_path)
    with pytest.raises(UsageError, match="cannot be made"):
        Record(tmp_path / "holiday.png")


@pytest.mark.parametrize("arguments", [["locate", "a"], ["click", "a", "--dry-run"], ["wait", "a"]])
def test_every_look_can_be_recorded(here, answering, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    Image.linear_gradient("L").resize((320, 200)).convert("RGB").save("shot.png")
    for answer in ("(40, 60)", "(-1, -1)"):
        settings = ["--timeout", "0"] if arguments[0] == "wait" else []
        here(*arguments, *settings, "-i", "shot.png", "-m", answering(answer), "--record", "kept")
    found, missed = Record("kept").steps()
    assert found["status"] in ("ok", "planned") and missed["status"] == "failed"
    assert Path("kept", missed["picture"]).is_file() and Path("kept", found["picture"]).is_file()
