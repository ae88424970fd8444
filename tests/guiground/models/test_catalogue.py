import json
import subprocess
import sys

import pytest

from guiground.errors import UsageError
from guiground.geometry import SPACES
from guiground.models.catalogue import FAMILIES, entries, find, find_folder
from guiground.models.listing import listing
from guiground.models.spec import Generation, ModelSpec, Pixels, Prompt

ALL = sorted(entries())
WANTED = {
    *("qwen2-vl-2b", "qwen2-vl-7b", "qwen2.5-vl-3b", "qwen2.5-vl-7b", "qwen2.5-vl-32b", "qwen3-vl-2b"),
    *("qwen3-vl-4b", "qwen3-vl-8b", "qwen3-vl-30b-a3b", "ui-tars-7b", "ui-tars-1.5-7b"),
    *("ui-venus-ground-7b", "ui-venus-1.5-2b", "ui-venus-1.5-8b", "mai-ui-2b", "mai-ui-8b"),
    *("os-atlas-base-7b", "showui-2b", "uground-v1-2b", "uground-v1-7b", "gui-owl-1.5-2b"),
    *("gui-owl-1.5-4b", "gui-owl-1.5-8b", "holo2-4b", "holo2-8b", "holo1.5-7b", "gta1-7b-2507"),
    *("gui-g2-7b", "infigui-g1-7b", "jedi-7b", "nano"),
}


def test_the_catalogue_holds_the_promised_checkpoints():
    assert set(ALL) >= WANTED
    assert next(iter(entries())) == "nano"


@pytest.mark.parametrize("name", ALL)
def test_every_file_is_a_whole_record(name):
    entry = entries()[name]
    assert entry.name == name and entry.title and entry.parameters and entry.licence and entry.source
    assert entry.family in FAMILIES and entry.spec.space in SPACES
    assert (entry.spec.repo_id == "") == (entry.folder is not None)
    assert entry.spec.factor == {"qwen2_vl": 28, "qwen2_5_vl": 28}.get(entry.family, 32) or name == "nano"
    assert entry.spec.pixels.max >= entry.spec.factor**2


def test_no_name_stands_for_two_checkpoints():
    names = [name for entry in entries().values() for name in (entry.name, *entry.aliases)]
    repositories = [entry.spec.repo_id for entry in entries().values()]
    assert len(set(names)) == len(names) and len(set(repositories)) == len(repositories)


def test_a_checkpoint_is_found_by_name_alias_and_repository():
    entry = entries()["gta1-7b-2507"]
    for name in ("gta1-7b-2507", "GTA1-7B", "HelloKKMe/GTA1-7B-2507", "gta1-7b"):
        assert find(name) is entry
    assert "CC-BY-NC-SA" in entry.licence


def test_an_unknown_name_gets_the_nearest_ones():
    with pytest.raises(UsageError, match=r"'qwen25-vl-7b' \(did you mean qwen2\.5-vl-7b"):
        find("qwen25-vl-7b")
    with pytest.raises(UsageError, match="choose from: nano, "):
        find("zzz")


def test_the_units_that_are_easily_confused():
    units = {name: entry.spec.space for name, entry in entries().items()}
    assert units["ui-tars-7b"] == "0-1000" and units["ui-tars-1.5-7b"] == "abs_resized"
    assert units["ui-venus-ground-7b"] == "abs_resized" and units["ui-venus-1.5-8b"] == "0-1000"
    assert units["qwen2.5-vl-7b"] == "abs_resized" and units["qwen3-vl-8b"] == "0-1000"
    assert units["showui-2b"] == "0-1" and units["nano"] == "abs_resized"


@pytest.mark.parametrize("name", ["qwen2.5-vl-7b", "qwen3-vl-8b", "gui-owl-1.5-8b", "jedi-7b"])
def test_tool_blocks_are_whole(name):
    text = "".join(entries()[name].spec.prompt.system)
    schema = text[text.index("<tools>\n") + 8 : text.index("\n</tools>")]
    assert json.loads(schema, strict=False)["function"]["name"] == "computer_use"
    size = "{width}x{height}" if name in ("qwen2.5-vl-7b", "jedi-7b") else "1000x1000"
    assert f"* The screen's resolution is {size}.\n" in text
    assert text.count("</tool_call>") == 2 and "\\" not in text


def test_bytes_that_an_editor_would_mend():
    prompts = {name: entry.spec.prompt for name, entry in entries().items()}
    assert prompts["qwen2.5-vl-7b"].system[1].startswith("\n\n\n# Tools\n\nYou may")
    assert prompts["qwen2.5-vl-7b"].system[1].endswith("}\n</tool_call>")
    assert prompts["gui-owl-1.5-8b"].system[0].startswith("# Tools\n")
    assert prompts["gui-owl-1.5-8b"].system[0].endswith("}\n</tool_call>\n")
    assert prompts["qwen2.5-vl-7b"].prefill.endswith('"left_click", "coordinate": [')
    assert "grounding agent. \n## Task\n" in prompts["mai-ui-8b"].system[0]
    assert "instructions,  translate" in prompts["mai-ui-8b"].system[0]
    assert "click(point='<point>x1 y1</point>'')\n\n## User Instruction\n{i" in prompts["ui-tars-1.5-7b"].user
    assert "the task. \n\n## Output Format\n\nAction: ...\n\n\n## Action Space\n" in prompts["ui-tars-1.5-7b"].user
    assert "instruction: \n{instruction}. \n\nThe output" in prompts["ui-venus-1.5-8b"].user
    assert prompts["uground-v1-7b"].user.startswith("\nYour task")
    assert prompts["uground-v1-7b"].user.endswith("\n\nAnswer:")
    assert prompts["gta1-7b-2507"].system[0].endswith("exactly:\n(x,y)")
    assert prompts["holo2-8b"].user.count("\n     ") == 2
    assert prompts["jedi-7b"].user == "\n{instruction}" and not prompts["jedi-7b"].prefill


def test_a_folder_is_known_by_its_own_file_its_name_or_its_place_in_the_hub_cache(tmp_path):
    own = tmp_path / "mine"
    own.mkdir()
    (own / "long.txt").write_text("Answer for {who}.\n")
    (own / "guiground.toml").write_text(
        'like = "showui-2b"\ntitle = "Mine"\n[prompt]\nlead = { file = "long.txt", who = "me" }\n'
    )
    entry = find_folder(own)
    assert (entry.name, entry.title, entry.spec.prompt.lead) == ("mine", "Mine", "Answer for me.")
    assert entry.spec.pixels == entries()["showui-2b"].spec.pixels
    snapshot = tmp_path / "models--Tongyi-MAI--MAI-UI-2B" / "snapshots" / "0123abc"
    named, said = tmp_path / "UI-TARS-1.5-7B", tmp_path / "other"
    for folder in (snapshot, named, said):
        folder.mkdir(parents=True)
    (said / "config.json").write_text('{"_name_or_path": "showlab/ShowUI-2B"}')
    found = [find_folder(folder).name for folder in (snapshot, named, said)]
    assert found == ["mai-ui-2b", "ui-tars-1.5-7b", "showui-2b"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, 'like = "qwen2.5-vl-7b"'),
        ("like = 'nothing'", "unknown model 'nothing'"),
        ("like = '../catalogue/nano'", "unknown model"),
        ("title = ", "cannot be read"),
        ("title = 'x'", "it lacks family, parameters"),
        ("like = 'nano'\nspeed = 3", "unknown key 'speed'"),
        ("like = 'nano'\nfamily = 'bert'", "unknown family 'bert'"),
        ("like = 'nano'\ngrammar = 'xml'", "unknown grammar 'xml'"),
        ("like = 'nano'\nspace = '0-1'", "fit 'pad'"),
        ("like = 'nano'\nprompt = 3", "cannot be used|cannot be read"),
        ("like = 'nano'\n[prompt]\nuser = 'find it'", "instruction"),
        ("like = 'nano'\n[prompt]\nuser = { file = '../../../etc/passwd' }", "bare name"),
        ("like = 'nano'\n[pixels]\nmin = 0", "0 < min <= max"),
        ("like = 'nano'\n[pixels]\nsmall = 1", "unknown key 'small'.*max_long_side"),
    ],
)
def test_a_broken_model_file_says_what_is_wrong(tmp_path, text, words):
    if text is not None:
        (tmp_path / "guiground.toml").write_text(text)
    with pytest.raises(UsageError, match=words) as caught:
        find_folder(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_spec_has_the_nine_fields():
    spec = ModelSpec("a/b", Prompt(), Pixels(1, 2), 28, "plain", "0-1")
    fields = "repo_id prompt pixels factor grammar space answer refusal generation"
    assert " ".join(spec.__dataclass_fields__) == fields
    assert spec.generation == Generation()


def test_the_listing_needs_no_model_library_and_tells_what_is_local(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    rows = {row.name: row for row in listing()}
    assert next(iter(rows)) == "nano" and rows["gta1-7b-2507"].licence.startswith("CC-BY-NC-SA")
    assert not any(row.local for row in rows.values() if row.name != "nano")
    assert json.loads(json.dumps(rows["showui-2b"].to_json()))["space"] == "0-1"
    code = "import sys; from guiground.models.listing import listing; listing();"
    code += "print({'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
