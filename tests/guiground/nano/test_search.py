"""The comparison of methods on synthetic screens, as a command."""

import json

import pytest

pytest.importorskip("torch")

import torch
from click import BadParameter
from click.testing import CliRunner

from guiground.nano import search

SMALL = ["--screens", "2", "--questions", "3", "--size", "256x128"]


def test_one_line_of_json_for_each_cell_and_the_tables_have_the_same_numbers():
    given = [*SMALL, "--methods", "full snapkv gistkv:gists=0.4", "--budgets", "8,90%", "--protocols", "strict,memory"]
    ran = CliRunner().invoke(search.main, [*given, "--json"], catch_exceptions=False)
    about, *rows = map(json.loads, ran.stdout.splitlines())
    assert about["n"] == rows[0]["n"] >= 2 and len(rows) == 3 * 2 * 2
    assert {row["agree"] for row in rows if row["method"] == "full"} == {1.0}
    assert {row["held"] for row in rows if row["method"] != "full" and row["budget"] == "8"} == {8.0}
    assert all("p_snapkv" in row for row in rows if row["method"] != "snapkv")
    printed = CliRunner().invoke(search.main, given, catch_exceptions=False).stdout
    for row in rows:
        shares = f"{100 * row['hit']:.1f} | {100 * row['agree']:.1f}"
        assert f"| {row['method']} | {row['held']} | {shares} |" in printed


def test_what_cannot_be_measured_is_told():
    for wrong, said in (
        (["--methods", "gistkv:gists"], "is no setting"),
        (["--methods", "gistkv:gist=1"], "has no setting 'gist'"),
        (["--protocols", "late"], "unknown protocol 'late'"),
    ):
        ran = CliRunner().invoke(search.main, [*SMALL, *wrong])
        assert ran.exit_code == 2 and said in ran.stderr


def test_every_study_is_of_methods_with_settings_that_exist():
    for study in search.STUDIES.values():
        for text in study.split():
            name, settings = search.parsed(text)
            assert search.ready(name, settings, "32").name == name
    with pytest.raises(BadParameter):
        search.ready("snap", {}, "32")


def test_mcnemar_counts_only_the_pairs_that_differ():
    one = torch.tensor([True] * 9 + [False] * 91)
    other = torch.zeros(100, dtype=torch.bool)
    assert search.mcnemar(one, other) == search.mcnemar(other, one) == pytest.approx(2 / 2**9)
    assert search.mcnemar(one, one) == 1
