import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guiground.models.answer import KINDS, Answer, parse
from guiground.models.spec import GRAMMARS

TOOL_CALL = '<tool_call>\n{{"name": "computer_use", "arguments": {{"action": "left_click", "coordinate": [{}]}}}}'
POINTS = [  # the forms in which checkpoints write a point: grammar, text with {} for "x, y"
    ("plain", "{0:04d},{1:04d}"),
    ("plain", " {0} , {1}\n"),
    ("parens", "({0},{1})"),
    ("parens", "The button is at ( {0} , {1} )."),
    ("brackets", "[{0}, {1}]"),
    ("brackets", "[[{0},{1}]]"),
    ("json", TOOL_CALL.format("{0}, {1}").replace("{", "{{").replace("}", "}}").replace("{{0}}, {{1}}", "{0}, {1}")),
    ("json", '{{"x": {0}, "y": {1}}}'),
    ("json", "{{'action': 'click_absolute', 'x': {0}, 'y': {1}}}"),
    ("json", '{{"x": "{0}", "y": "{1}"}}'),
    ("json", '<grounding_think>It is (1, 2).</grounding_think>\n<answer>\n{{"coordinate": [{0},{1}]}}\n</answer>'),
    ("json", '```json\n[{{"point_2d": [{0}, {1}], "label": "a"}}, {{"point_2d": [3, 4]}}]\n```'),
    ("call", "Action: click(point='<point>{0} {1}</point>')"),
    ("call", "Action: click(start_box='({0},{1})')"),
    ("call", "Action: click(start_box='<|box_start|>({0},{1})<|box_end|>')"),
    ("call", "pyautogui.click(x={0}, y={1})"),
    ("call", "Click({0}, {1})"),
    ("tags", "<point>{0} {1}</point>"),
    ("tags", "<x>{0}</x><y>{1}</y>"),
    ("box_tokens", "<|box_start|>({0},{1})<|box_end|><|im_end|>"),
]
BOXES = [
    ("brackets", "[{0},{1},{2},{3}]"),
    ("brackets", "[[{0}, {1}, {2}, {3}]]"),
    ("parens", "({0},{1}),({2},{3})"),
    ("box_tokens", "<|object_ref_start|>x<|object_ref_end|><|box_start|>({0},{1}),({2},{3})<|box_end|><|im_end|>"),
    ("json", '{{"name": "computer_use", "arguments": {{"coordinate": [{0}, {1}, {2}, {3}]}}}}'),
    ("json", '{{"bbox_2d": [{0}, {1}, {2}, {3}]}}'),
    ("tags", "<box>{0} {1} {2} {3}</box>"),
]
coordinates = st.integers(0, 9999)


@pytest.mark.parametrize(("grammar", "form"), POINTS)
@given(x=coordinates, y=coordinates)
@settings(max_examples=20)
def test_every_form_of_a_point_is_read(grammar, form, x, y):
    text = form.format(x, y)
    assert parse(text, grammar) == Answer("point", (x, y), "native")
    others = {parse(text, other) for other in GRAMMARS if other != grammar}
    assert {(answer.kind, answer.values) for answer in others} == {("point", (x, y))}


@pytest.mark.parametrize(("grammar", "form"), BOXES)
@given(corners=st.tuples(coordinates, coordinates, coordinates, coordinates))
@settings(max_examples=20)
def test_every_form_of_a_box_is_read(grammar, form, corners):
    assert parse(form.format(*corners), grammar) == Answer("box", corners, "native")


@given(st.floats(0, 1), st.floats(0, 1))
def test_shares_of_the_sides_are_read(x, y):
    answer = parse(f"[{x:.10f}, {y:.10f}]", "brackets")
    assert answer.kind == "point" and all(
        math.isclose(a, b, abs_tol=1e-9) for a, b in zip(answer.values, (x, y), strict=True)
    )


def test_the_checkpoints_own_grammar_comes_first():
    text = "(1, 2) or [3, 4]"
    assert parse(text, "brackets") == Answer("point", (3, 4), "native")
    assert parse(text, "parens") == Answer("point", (1, 2), "native")
    assert parse(text, "tags") == Answer("point", (3, 4), "recovered")


def test_the_prefilled_answer_counts_when_its_braces_stay_open():
    prefill = '<tool_call>\n{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": ['
    assert parse(prefill + "12, 34]", "json") == Answer("point", (12, 34))
    assert parse(prefill + "12, 34", "json").format == "recovered"
    assert parse(prefill, "json").kind == "unparsable"


@pytest.mark.parametrize(
    ("text", "grammar", "refusal"),
    [
        ("none", "plain", ("none",)),
        (" None.\n", "plain", ("none",)),
        ("Target does not exist", "box_tokens", ("Target does not exist",)),
        ('{"arguments": {"action":"terminate",\n"status": "failure"}}', "json", ('"action": "terminate"',)),
        ("[-1,-1]", "brackets", ()),
        ("[-1, -1, -1, -1]", "brackets", ()),
        ("(-1,-1)", "brackets", ()),
        ('{"x": null, "y": null}', "json", ()),
    ],
)
def test_refusals_are_no_points(text, grammar, refusal):
    answer = parse(text, grammar, refusal=refusal)
    assert answer.kind == "refused" and answer.values == ()


def test_a_refusal_word_inside_another_word_is_none():
    assert parse("nonentity", "plain", refusal=("none",)).kind == "unparsable"
    assert parse("0010,0020", "plain", refusal=("none",)).kind == "point"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "I cannot see it",
        "step 1 of 2",
        "12",
        "1,2,3",
        "[nan, 2]",
        "[Infinity, 2]",
        "[1e9, 2]",
        "(12345678901, 5)",
        "5,12345678901",
        "9" * 5000 + "," + "9" * 5000,
        "١٢,٣٤",
        "１２，３４",
        "[" * 100_000,
        '{"coordinate": ' * 5000,
        "[__import__('os').getcwd(), 1]",
        "1.2.3.4,5",
        "\x00\ud800",
    ],
)
def test_what_is_no_point_is_unparsable_and_never_zero(text):
    for grammar in GRAMMARS:
        assert parse(text, grammar) == Answer("unparsable")
        assert parse(text, grammar, truncated=True) == Answer("truncated")


def test_zero_is_a_point_like_any_other():
    assert parse("0000,0000", "plain") == Answer("point", (0, 0))


@pytest.mark.parametrize(
    ("text", "grammar", "kind"),
    [
        ("0512,038", "plain", "truncated"),
        ("[12, 3", "brackets", "truncated"),
        ("[12, 3] and then", "brackets", "point"),
        ("[12, 3]", "brackets", "point"),
        ('{"x": 12, "y": 3', "json", "truncated"),
        ("<think>It is at (3, 4), so", "parens", "truncated"),
        ("It is at (3, 4), so", "brackets", "truncated"),
    ],
)
def test_a_cut_answer_counts_only_if_it_is_closed(text, grammar, kind):
    assert parse(text, grammar, truncated=True).kind == kind


@pytest.mark.parametrize("mark", ["think", "grounding_think"])
def test_numbers_in_thoughts_are_no_answer(mark):
    assert parse(f"<{mark}>(1,2)</{mark}>(3,4)", "parens") == Answer("point", (3, 4))
    assert parse(f"(1,2)</{mark}>\n(3,4)", "parens") == Answer("point", (3, 4))
    assert parse(f"<{mark}>(1,2)", "parens").kind == "unparsable"


FRAGMENTS = [
    *"[](){}<>,.:;-'\"\n 0123456789xy|=",
    *("<think>", "</think>", "<tool_call>", "<point>", "</point>", "<|box_start|>", "<|box_end|>", '"coordinate": ['),
    *('"x": ', '"y": ', "click(", "null", "NaN", "-1", "1e5", "12", "none", "\u0661", "\ud800", "1" * 30, "  " * 9),
]


@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=5), max_size=40).map("".join), st.booleans())
@settings(max_examples=300)
def test_any_text_gives_a_sound_answer(text, truncated):
    for grammar in GRAMMARS:
        answer = parse(text, grammar, truncated, ("none",))
        assert answer.kind in KINDS and answer.format in ("native", "recovered")
        assert len(answer.values) == {"point": 2, "box": 4}.get(answer.kind, 0)
        assert all(math.isfinite(value) and abs(value) < 1e7 for value in answer.values)
        assert not (truncated and answer.format == "recovered")


@pytest.mark.parametrize(
    "piece",
    [*("[", "(1,", "1 ", " ", "x", "[[1,2],"), *("<think>", "</think>", "<point>1 ", '"coordinate": [1', '{"x": 1, ')],
)
def test_a_megabyte_is_read_in_a_moment(piece):
    text = piece * (1_000_000 // len(piece))
    start = time.perf_counter()
    for grammar in GRAMMARS:
        parse(text, grammar, refusal=("none", "Target does not exist"))
    assert time.perf_counter() - start < 5
