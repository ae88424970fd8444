"""The report: the same numbers in three forms, and a page that works in a real browser without a network."""

import base64
import csv
import io
import json
import re
import shutil
import subprocess

import pytest
from click.testing import CliRunner
from PIL import Image

from guiground.cli import group
from guiground.errors import UsageError
from guiground.evaluation import report, runs
from guiground.evaluation.breakdown import size_class
from guiground.evaluation.journal import Journal
from guiground.evaluation.report import charts
from guiground.evaluation.targets import score
from guiground.geometry import Box, Point
from guiground.kept import KeptTokens

NASTY = '</script><script>document.title="broken"</script><b onclick=alert(1)>"quoted" & 目标'
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
browser = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")


def row(run, place, point, status="found"):
    scored = score(Box(40, 30, 60 + 30 * (place % 3), 45), point, status)
    return {
        "run": run,
        "id": f"id{place}",
        "place": f"targets.json, row {place + 1}",
        "image": f"pc_{place % 4}.png",
        "instruction": NASTY if place == 0 else f"target {place}",
        "group": "web/icon" if place % 2 else "desktop/text",
        "status": status,
        **scored,
        "point": point and point.to_json(),
        "box": [30, 20, 70, 50] if point and place == 1 else None,
        "image_size": [160, 100],
        "raw": "(1, 2)",
        "latency_ms": 40.0,
        "kv": {
            "tokens_seen": 300,
            "tokens_held": 64.0 if run == "b" else 300.0,
            "bytes_full": 4 << 20,
            "bytes_held": 1 << 20,
        },
        "kept": KeptTokens(4, 3, bytes([0, 255, 16, 64] * 3), (40, 40)).to_json() if run == "b" else None,
        "memory": {"weights_bytes": 100, "kv_bytes": 1 << 20, "peak_bytes": None, "peak_of": "process"},
        "error": None,
    }


@pytest.fixture
def kept(tmp_path):
    """Two runs of 12 targets on four screenshots: a hits 9, b hits 6, of which two a misses."""
    for number in range(4):
        image = Image.radial_gradient("L").resize((160, 100)).convert("RGB")
        image.putpixel((0, 0), (255, 0, number))
        image.save(tmp_path / f"pc_{number}.png")
    hits = {"a": set(range(9)), "b": {0, 1, 2, 3, 9, 10}}
    for run, right in hits.items():
        settings = {
            "task": {"name": "<desk>", "version": 1},
            "model": "nano",
            "method": "full" if run == "a" else "mixkv",
            "budget": None if run == "a" else 64,
            "device": "cpu",
            "dtype": "float32",
            "versions": {"torch": "2"},
        }
        about = {"command": f"guiground eval desk --out {run} & more", "files": ["t.json"], "images": str(tmp_path)}
        with Journal(tmp_path / run) as journal:
            journal.begin(run, settings, about)
            for place in range(12):
                point = Point(50, 40) if place in right else Point(5, 90)
                refused = place == 11 and run == "b"
                journal.append(row(run, place, None if refused else point, "refused" if refused else "found"))
    return tmp_path / "a", tmp_path / "b"


@pytest.fixture
def page(kept, tmp_path):
    found = report.numbers([runs.read(folder) for folder in kept])
    path = tmp_path / "report.html"
    path.write_text(report.html(found), encoding="utf-8")
    return path


def in_browser(page, script=""):
    """The page's elements after its scripts and `script` ran, and what the browser said on its console."""
    text = page.read_text(encoding="utf-8")
    copy = page.with_name("copy.html")
    copy.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += [f"--user-data-dir={page.parent / 'profile'}", "--enable-logging=stderr", "--dump-dom", copy.as_uri()]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-500:]
    return ran.stdout, [line for line in ran.stderr.splitlines() if "CONSOLE" in line]


def test_the_page_is_one_file_that_needs_nothing_else(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!data:|#)', text)
    assert not re.search(r"https?://(?!www\.w3\.org)", text)
    assert NASTY not in text and "<b onclick" not in text
    assert text.count("data:image/jpeg") == 4 + 12  # every screenshot once, and a detail of every target
    uri = re.search(r"data:image/jpeg;base64,([^\"]+)", text).group(1)
    with Image.open(io.BytesIO(base64.b64decode(uri))) as image:
        assert image.size == (160, 100)


def test_the_three_forms_say_the_same_numbers(kept, page):
    found = report.numbers([runs.read(folder) for folder in kept])
    text, written = page.read_text(encoding="utf-8"), report.markdown(found)
    rows = {(line["run"], line["group"]): line for line in csv.DictReader(io.StringIO(report.table(found)))}
    assert (rows["a", "all"]["hits"], rows["a", "all"]["n"], rows["a", "all"]["accuracy"]) == ("9", "12", "0.750000")
    assert rows["b", "web/icon"]["n"] == "6"
    assert "| nano full | 12 | 75.0 | 46.8 - 91.1 | 75.0 | 300 | 1.00 | 40 | 40 |  |" in written
    assert "| nano mixkv 64 | 2 | 5 | -25.0 |" in written
    for part in (
        "<b>75.0</b>",
        "46.8 - 91.1",
        "<td>-25.0</td>",
        "nano mixkv 64",
        "guiground eval desk --out a &amp; more",
    ):
        assert part in text
    assert text.count('class="chart"') == 3


@browser
def test_the_page_renders_filters_and_says_nothing_on_the_console(page):
    script = """
    const seen = [];
    const set = (id, value) => {
      document.getElementById(id).value = value;
      document.getElementById(id).dispatchEvent(new Event("change"));
      const shown = [...document.querySelectorAll(".shot")].filter(shot => shot.getClientRects().length);
      seen.push(shown.length + "=" + document.getElementById("count").textContent);
    };
    set("verdict", "miss"); set("run", "0"); set("group", "web/icon"); set("size", "16 - 32 px");
    set("verdict", "hit"); set("run", ""); set("group", ""); set("size", ""); set("verdict", "");
    seen.push(document.querySelectorAll(".shot .target").length);
    seen.push([...document.querySelectorAll(".chart")].every(chart => chart.getBoundingClientRect().height > 100));
    seen.push([...document.querySelectorAll("use")].every(use => use.getBoundingClientRect().width > 50));
    const shaded = () => [...document.querySelectorAll(".kept")].filter(shade => !shade.hasAttribute("hidden")).length;
    const choice = document.getElementById("kept");
    seen.push(shaded()); choice.value = ""; choice.dispatchEvent(new Event("change")); seen.push(shaded());
    document.body.dataset.seen = seen.join(" ");
    """
    dom, console = in_browser(page, script)
    assert console == []
    assert "<title>&lt;desk&gt; - guiground</title>" in dom
    seen = re.search(r'data-seen="([^"]*)"', dom).group(1)
    # misses of any run 8, of run a 3 (9, 10, 11), of these web/icon 9 and 11, ...
    assert seen.startswith("8=8 shown 3=3 shown 2=2 shown ")
    assert seen.endswith("12=12 shown 24 true true 24 0")  # shades in two pictures each of run b, then none


@browser
def test_a_link_opens_the_page_with_its_filters(page):
    dom, _ = in_browser(page, 'document.title = "x"; location.hash = "verdict=hit"; ')
    assert 'id="count">12 shown' in dom
    copy = page.with_name("copy.html")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={page.parent / 'profile'}"]
    ran = subprocess.run(
        [*command, "--dump-dom", copy.as_uri() + "#verdict=miss&run=0"], capture_output=True, text=True, timeout=120
    )
    assert 'id="count">3 shown' in ran.stdout


def test_the_command_writes_page_and_twins(kept, tmp_path):
    out = tmp_path / "deep.html"
    ran = CliRunner().invoke(group, ["report", *map(str, kept), "-o", str(out), "--json"], standalone_mode=False)
    assert ran.exception is None, ran.exception
    record = json.loads(ran.stdout)
    assert record["files"] == [str(tmp_path / f"deep.{ending}") for ending in ("html", "md", "csv")]
    assert all((tmp_path / f"deep.{ending}").is_file() for ending in ("html", "md", "csv"))
    assert record["labels"] == ["nano full", "nano mixkv 64"]
    for wrong, said in ((tmp_path / "x.pdf", "must end in .html"), (tmp_path / "no" / "x.html", "cannot be written")):
        ran = CliRunner().invoke(group, ["report", str(kept[0]), "-o", str(wrong)], standalone_mode=False)
        assert isinstance(ran.exception, UsageError) and said in str(ran.exception)


def test_a_report_without_its_pictures_or_of_errors_alone_is_still_a_report(kept, tmp_path):
    for picture in tmp_path.glob("pc_*.png"):
        picture.unlink()
    found = report.numbers([runs.read(kept[0])])
    text = report.html(found)
    assert "data:image" not in text and text.count('class="shot"') == 12
    with Journal(tmp_path / "e") as journal:
        journal.begin("e", found.runs[0].settings)
        error = {"type": "ModelError", "message": "no memory"}
        journal.append(
            {"run": "e", "id": "1", "image": "a", "group": "g", "status": "error", "hit": False, "error": error}
        )
    text = report.html(report.numbers([runs.read(tmp_path / "e")]))
    assert "no memory" in text


def test_only_so_many_pictures_and_the_telling_ones_first(kept):
    text = report.html(report.numbers([runs.read(folder) for folder in kept]), 7)
    verdicts = re.findall(r'data-verdicts="([^"]+)"', text)
    assert len(verdicts) == 7
    assert all("hit" in said and "miss" in said for said in verdicts)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ([0, 0, 15, 99], "under 16 px"),
        ([0, 0, 16, 16], "16 - 32 px"),
        ([0, 0, 64, 70], "over 64 px"),
        (None, "nothing to find"),
    ],
)
def test_targets_are_classed_by_their_shorter_side(target, name):
    assert size_class(target) == name


@pytest.mark.parametrize("values", [[64, 64], [16, 32, 64, 2000], [0, 5], [0.25], [3.1, 3.2, 3.3]])
def test_every_mark_of_a_chart_lies_in_it(values):
    marks = [charts.Mark("a & b", f"{value}", value, 50, 40 + n, 60) for n, value in enumerate(values)]
    svg = charts.chart(marks, "title", "unit", {"a & b": "#123456"})
    places = [float(x) for x in re.findall(r'cx="([\d.]+)"', svg)]
    assert len(places) == len(values) and all(46 <= x <= 448 for x in places)
    assert places == sorted(places)
    ticks = re.findall(r'text-anchor="middle">([\d.e+]+)</text>', svg)
    assert ticks or len(set(values)) == 1
    assert "a & b" not in svg
    assert charts.chart([], "title", "unit", {}) == ""
