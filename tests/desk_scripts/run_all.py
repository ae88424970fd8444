"""Runs every script of this folder on real programs, several times, and tells how often it came through.

    python tests/desk_scripts/run_all.py
    python tests/desk_scripts/run_all.py editor form --repeat 2 --records /tmp/records --json /tmp/rates.json

Each run has a fresh home folder, and its windows stand elsewhere than in the run before. A script succeeds when all its
steps do and what it should have done is found outside: on the disk, in a settings file, at the web server. Each is also
run with the accessibility tree in the place of the model, which tells two things: whether all but the model works, and
where the targets are, so that a step can be called on target.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from session import ROOT
from situations import ALL, Situation
from trial import Trial, missing, no_tree, run


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parsed(arguments)
    unable = {one.name: missing(one) for one in asked.situations if missing(one)}
    for name, commands in unable.items():
        print(f"{name} is left out: install {' '.join(commands)}", file=sys.stderr)
    able = [one for one in asked.situations if one.name not in unable]
    without = no_tree()
    if without:
        print(f"nothing is checked against the accessibility tree: {without}", file=sys.stderr)
    with TemporaryDirectory(prefix="guiground-desk-") as folder:
        records = Path(asked.records or folder).resolve()
        words, tree = [], []
        with Resident(asked.arguments):
            try:
                for repetition in range(asked.repeat):
                    for situation in able:
                        place = records / f"{situation.name}-{repetition + 1}"
                        if not without:
                            tree.append(run(situation, repetition, by_words=False, record=place / "tree"))
                        trial = run(situation, repetition, record=place / "words", arguments=asked.arguments)
                        words.append(trial)
                        print(_line(trial, tree[-1] if tree else None), file=sys.stderr)
            except KeyboardInterrupt:
                print("interrupted: these are the runs up to now", file=sys.stderr)
    summary = [summarised(one.name, words, tree) for one in able]
    print(table(summary))
    if asked.json:
        told = {"schema_version": 1, "repetitions": asked.repeat, "scripts": summary}
        told |= {"words": [one.to_json() for one in words], "tree": [one.to_json() for one in tree]}
        Path(asked.json).write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


class Resident:
    """The resident process with these arguments of guiground up, in a state folder of its own; ended afterwards."""

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        self.arguments = arguments

    def __enter__(self) -> "Resident":
        self._folder = TemporaryDirectory(prefix="guiground-up-")
        self._before = os.environ.get("XDG_STATE_HOME")
        os.environ["XDG_STATE_HOME"] = self._folder.name
        self._call("up", "--idle", "10", *self.arguments)
        return self

    def __exit__(self, *exception: object) -> None:
        self._call("down")
        os.environ.pop("XDG_STATE_HOME")
        if self._before is not None:
            os.environ["XDG_STATE_HOME"] = self._before
        self._folder.cleanup()

    def _call(self, *words: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run(
            [sys.executable, "-m", "guiground", *words], env=environment, check=True, stdout=subprocess.DEVNULL
        )


def summarised(name: str, words: Sequence[Trial], tree: Sequence[Trial]) -> dict:
    """The rates of one script: how often it succeeded, and for each step how often it was reached, went, and hit."""
    mine = [one for one in words if one.name == name]
    known = {one.repetition: one for one in tree if one.name == name}
    longest = max((*mine, *known.values()), key=lambda one: len(one.steps), default=None)
    steps = []
    for number, step in enumerate(longest.steps if longest else ()):
        reached = [one for one in mine if len(one.steps) > number]
        hits = [on_target(one, known.get(one.repetition), number) for one in reached]
        judged = [hit for hit in hits if hit is not None]
        steps.append(
            {
                "number": number + 1,
                "title": re.sub(r"/\S*/", ".../", step["title"]),
                "reached": len(reached),
                "ok": sum(one.steps[number]["status"] == "ok" for one in reached),
                "judged": len(judged),
                "on_target": sum(judged),
            }
        )
    return {
        "script": name,
        "runs": len(mine),
        "succeeded": sum(one.succeeded for one in mine),
        "tree_runs": len(known),
        "tree_succeeded": sum(one.succeeded for one in known.values()),
        "steps": steps,
    }


def on_target(words: Trial, tree: Trial | None, number: int) -> bool | None:
    """Whether a step's point lies in the box that the accessibility tree gave; None where that is not known."""
    if tree is None or len(tree.steps) <= number or words.steps[number]["point"] is None:
        return None
    found = tree.steps[number].get("result")
    if not found or not found["box"]:
        return None
    (x, y), (left, top, right, bottom) = words.steps[number]["point"], found["box"]
    return left <= x < right and top <= y < bottom


def table(summary: Sequence[dict]) -> str:
    """Scripts with their steps, one a line: how often it came through, of how many times it was reached; on target."""
    lines = [f"{'script and step':52}{'by words':>12}{'on target':>12}{'by the tree':>13}"]
    for one in summary:
        tree = f"{one['tree_succeeded']} of {one['tree_runs']}" if one["tree_runs"] else "-"
        lines.append(f"{one['script']:52}{one['succeeded']:>6} of {one['runs']:<2}{'':12}{tree:>13}")
        for step in one["steps"]:
            target = f"{step['on_target']} of {step['judged']}" if step["judged"] else "-"
            title = f"  {step['number']}  {step['title']}"
            lines.append(f"{title[:51]:52}{step['ok']:>6} of {step['reached']:<2}{target:>12}")
    runs, succeeded = sum(one["runs"] for one in summary), sum(one["succeeded"] for one in summary)
    return "\n".join([*lines, f"{'all scripts':52}{succeeded:>6} of {runs:<2}"])


def _line(words: Trial, tree: Trial | None) -> str:
    last = words.steps[-1]
    came = "succeeded" if words.succeeded else words.wrong if words.code == 0 else f"{last['title']}: {last['detail']}"
    checked = "" if tree is None or tree.succeeded else "; the tree failed too"
    return f"{words.name}, run {words.repetition + 1}, {words.seconds:.0f} s: {came}{checked}"


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = {one.name: one for one in ALL}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT", help=f"of {', '.join(names)}")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="runs of each script (5)")
    parser.add_argument("--records", metavar="DIR", help="keep the HTML record of every run there")
    parser.add_argument("--json", metavar="FILE", help="write all rates and steps there")
    parser.add_argument("--model", metavar="NAME|DIR", help="another model than the embedded one")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.scripts) - set(names):
        parser.error(f"there is no script {', '.join(sorted(unknown))} (choose from: {', '.join(names)})")
    asked.situations: list[Situation] = [names[name] for name in asked.scripts or names]
    asked.arguments = ("--model", asked.model) if asked.model else ()
    return asked


if __name__ == "__main__":
    sys.exit(main())
