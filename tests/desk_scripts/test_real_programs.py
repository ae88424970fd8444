"""Scripts on real programs under Xvfb. All but the model must work; how well the model understood the words is told."""

import dataclasses
import json

import pytest
from run_all import Resident, on_target, summarised, table
from situations import ALL, Target
from trial import Trial, missing, no_tree, run

FLOOR = 0.3  # share of targets hit: a model that sees nothing hits none, and the embedded one far more than this
TREE = no_tree()
pytestmark = pytest.mark.desktop


def needs(situation):
    lacking = missing(situation)
    return pytest.mark.skipif(bool(lacking), reason=f"needs {' '.join(lacking)}: see tests/desk_scripts/session.py")


needs_tree = pytest.mark.skipif(TREE is not None, reason=TREE or "")
SITUATIONS = [pytest.param(one, id=one.name, marks=needs(one)) for one in ALL]


@pytest.fixture(scope="module")
def by_tree(tmp_path_factory):
    """by_tree(situation) -> its run with the accessibility tree; the same for all tests."""
    done = {}

    def trial(situation):
        for attempt in range(2):  # a program that is slow to answer is given a second chance
            if situation.name not in done or not done[situation.name][0].succeeded:
                record = tmp_path_factory.mktemp(f"{situation.name}-{attempt}") / "record"
                done[situation.name] = run(situation, by_words=False, record=record), record
        return done[situation.name]

    return trial


def trial(steps, code=0, wrong=None, repetition=0):
    made = [{"title": "click 'Save'", "status": "ok", "point": point, "result": {"box": box}} for point, box in steps]
    return Trial("editor", repetition, code, wrong, made, 2, 1.0)


def test_rates_are_counted():
    """A run that ends well but did the wrong thing has not succeeded; a step counts where it was reached."""
    box = [10, 10, 30, 20]
    tree = [trial([((20, 15), box), ((20, 15), box)], repetition=number) for number in range(3)]
    words = [
        trial([((12, 12), None), ((29, 19), None)]),
        trial([((12, 12), None), ((29, 40), None)], wrong="another file", repetition=1),
        trial([((50, 12), None)], code=1, repetition=2),
    ]
    told = summarised("editor", words, tree)
    assert (told["succeeded"], told["runs"], told["tree_succeeded"]) == (1, 3, 3)
    assert [(step["reached"], step["judged"], step["on_target"]) for step in told["steps"]] == [(3, 3, 2), (2, 2, 1)]
    assert "1 of 3" in table([told]).splitlines()[1] and table([told]).endswith("1 of 3 ")
    assert summarised("editor", words, [])["steps"][0]["judged"] == 0  # without the tree nothing is judged


@needs_tree
@pytest.mark.parametrize("situation", SITUATIONS)
def test_all_but_the_model_works(situation, by_tree):
    trial, record = by_tree(situation)
    assert trial.succeeded, (trial.wrong, trial.steps[-1])
    assert len(trial.steps) == trial.total
    kept = [json.loads(line) for line in (record / "record.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(kept) == trial.total and all((record / step["picture"]).is_file() for step in kept)
    looked = [number for number, step in enumerate(trial.steps) if step.get("result")]
    assert len(looked) == len(situation.targets) and all(on_target(trial, trial, number) for number in looked)


@needs_tree
@needs(ALL[1])
def test_a_click_beside_the_target_is_found_out(tmp_path):
    """The script itself cannot know that the wrong box was ticked; what is looked at outside does."""
    targets = {**ALL[1].targets, "Show line numbers": Target("check box", "Display whitespace")}
    astray = dataclasses.replace(ALL[1], targets=targets)
    trial = run(astray, by_words=False, record=tmp_path / "record")
    assert trial.code == 0 and trial.wrong == "show-line-numbers is unchanged, not true" and not trial.succeeded


def test_by_words(by_tree, tmp_path, tell_rates):
    """Each script once with the embedded model: a run that hits all its targets succeeds, and enough are hit."""
    able = [one for one in ALL if not missing(one)]
    if not able:
        pytest.skip(f"no program is installed: needs {' '.join(missing(ALL[0]))}")
    words, tree, judged = [], [], []
    with Resident():
        for situation in able:
            seen = by_tree(situation)[0] if TREE is None else None
            trial = run(situation, record=tmp_path / situation.name)
            hits = [on_target(trial, seen, number) for number in range(len(trial.steps))]
            if seen and not trial.succeeded and False not in hits:  # the program was slow: a second chance
                trial = run(situation, record=tmp_path / f"{situation.name}-again")
                hits = [on_target(trial, seen, number) for number in range(len(trial.steps))]
                assert trial.succeeded or False in hits, (trial.name, trial.wrong, trial.steps[-1])
            words.append(trial)
            tree += [seen] * (seen is not None)
            judged += [hit for hit in hits if hit is not None]
    told = table([summarised(one.name, words, tree) for one in able])
    tell_rates(told)
    for trial in words:
        assert trial.code in (0, 1, 5), trial.steps[-1]  # what may come of a model that does not understand
        assert all(step["status"] == "ok" for step in trial.steps[:-1])
        assert (trial.code == 0) == (trial.steps[-1]["status"] == "ok" and len(trial.steps) == trial.total)
    assert sum(judged) >= FLOOR * len(judged), told
