"""Measures the embedded model on screens it never saw: `python -m guiground.nano.measure`.

Greedy answers of many questions at once; the same numbers as asking the stock model one by one (a test says so).
`guiground eval` measures the packaged model on real screens.
"""

import difflib
import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import torch
from torch import Tensor

from guiground.nano import architecture as arch
from guiground.nano import labels, questions, tallies, toolkits, windows
from guiground.nano.absent import strangers
from guiground.nano.losses import decoded
from guiground.nano.packed import Packed
from guiground.nano.relations import related, twins
from guiground.nano.scenes import Scene, draw
from guiground.nano.wording import VERBS

FIRST_SEED = 2**50  # training draws its seeds below
KINDS = ("text", "icon", "place", tallies.ABSENT)


def greedy(model, pictures: Tensor, batch: questions.Batch) -> tuple[Tensor, Tensor, Tensor]:
    """The points answered  # [pictures, questions, 2] pixels, the tokens pointed at and whether the model refused.

    Both  # [pictures, questions]; a refusal's point means nothing.
    """
    text = model.model.language_model
    asked = batch.questions.clone()
    steps = batch.answers[..., None] + 1 + torch.arange(10)
    asked.scatter_(2, steps, arch.PAD)
    digits = []
    for place in range(9):
        hidden, pointer, _ = Packed(text, pictures, asked).run(batch.answers)
        logits = hidden[:, :, place] @ text.embed_tokens.weight.T
        digits.append(logits)
        asked.scatter_(2, steps[..., place : place + 1], logits.argmax(-1, keepdim=True))
    refused = digits[0].argmax(-1) == arch.VOCABULARY["n"]
    return decoded(torch.stack(digits, dim=2)), pointer[:, :, 0, -1].argmax(-1), refused


class Widest(random.Random):
    """Chance that takes the largest of what it may choose from: questions of every length are measured."""

    def choice(self, seq):
        return max(seq)


def choose(scene: Scene, rng: random.Random, most: int, kinds: Sequence[str]) -> list[tuple[str, questions.Asked]]:
    """Up to `most` questions, of each kind about as many, with their kind."""
    height, width = scene.image.shape[:2]
    named = questions.ask(rng, questions.visible(scene.elements, 0, 0, width, height))
    found = {
        "text": [asked for asked in named if not asked.meant.icon],
        "icon": [asked for asked in named if asked.meant.icon],
        "place": [],
        tallies.ABSENT: [],
    }
    if "place" in kinds:
        found["place"] = [questions.Asked(*entry) for entry in related(rng, scene.elements, most)]
        pairs = twins(rng, scene.elements, width, height, most)
        found["place"] += [questions.Asked(text, meant, meant) for text, meant in pairs]
    if tallies.ABSENT in kinds:
        found[tallies.ABSENT] = [questions.Asked(text, None, None) for text in strangers(rng, scene, most)]
    share = -(-most // len(kinds))
    return [(kind, asked) for kind in kinds for asked in rng.sample(found[kind], min(share, len(found[kind])))][:most]


@torch.no_grad()
def ask_scene(model, scene: Scene, rng: random.Random, most: int = 32, kinds: Sequence[str] = ("text",)) -> list[dict]:
    """One row a question: its words and classes, whether the answer lies in the element's box, whether it was refused.

    The pointer's hit ("pointed") means nothing for what is not there; there the refusal is the hit.
    """
    height, width = scene.image.shape[:2]
    chosen = [pair for pair in choose(scene, rng, most, kinds) if len(pair[1].text) <= max(questions.BOUNDS)]
    if not chosen:
        return []
    picture = windows.features(model.model.visual, labels.padded(scene.image))[None]
    batch = questions.fill(Widest(), [[asked for _, asked in chosen]], picture.shape[1], picture.shape[2], len(chosen))
    points, pointed, refused = greedy(model, picture, batch)
    rows = []
    for q, (kind, asked) in enumerate(chosen):
        box, (x, y) = batch.boxes[0, q].tolist(), points[0, q].tolist()
        no = bool(refused[0, q])
        inside = box[0] <= x <= box[2] and box[1] <= y <= box[3]
        rows.append(
            {
                "words": asked.text,
                "kind": kind,
                "form": form(asked),
                "size": f"{width}x{height}",
                "box": tallies.side(box) if asked.meant else "",
                "hit": no if asked.meant is None else inside and not no,
                "pointed": bool(batch.shares[0, q, pointed[0, q]] > 0.1),
                "refused": no,
                "point": (x, y),
                "target": box,
            }
        )
    return rows


STARTS = tuple(f"{verb} " for verb in sorted({verb for verbs in VERBS.values() for verb in verbs}, key=len)[::-1])


def form(asked: questions.Asked) -> str:
    """How a question is worded, for the tables."""
    if asked.meant is None:
        return "not on the screen"
    if asked.meant.beside:
        return "by the label beside it"
    text, name = asked.text.lower(), asked.meant.name.lower()
    if name not in text:
        if asked.named is not None and asked.named is not asked.meant:
            return "by its neighbour"
        close = difflib.SequenceMatcher(None, name, text).find_longest_match().size >= max(2, len(name) // 2 - 1)
        return "misspelled" if close and len(name) > 4 else "by its number"
    rest = text.replace(name, "{}", 1)
    if rest == "{}":
        return "the name alone"
    if '"' in rest:
        return "in quotes"
    if asked.named is not None and asked.named is not asked.meant:
        return "by its neighbour"
    words = rest.removeprefix("please ")
    return "a verb and the name" if words.startswith(STARTS) else "the name and what it is"


def screens(
    sizes, kind: str, count: int, held_out: bool, seed: int, rendered: Path | None
) -> Iterator[tuple[str, Scene]]:
    """Who drew it and the screen: `count` of our own for each size, then those in a folder, `count` of each toolkit."""
    for width, height in sizes:
        for index in range(count):
            yield "own", draw(FIRST_SEED + seed * 10_000 + index, width, height, kind, held_out=held_out)
    if rendered:
        for source in toolkits.SOURCES:
            for path in sorted(rendered.glob(f"{source}-*.json"))[:count]:
                yield source, toolkits.load(path)


def parts(allowed: Sequence[str]):
    """A click callback for words with commas between them."""

    def read(_, option, text: str) -> tuple[str, ...]:
        words = tuple(word for word in text.split(",") if word)
        for word in words:
            if word not in allowed:
                raise click.BadParameter(f"unknown {option.name} '{word}' (choose from: {', '.join(allowed)})")
        return words

    return read


def read_sizes(_, __, text: str) -> list[tuple[int, int]]:
    """Sizes such as 1280x800, with commas between them."""
    try:
        return [tuple(int(side) for side in size.split("x", 1)) for size in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"'{text}' is no size: write width x height in pixels, such as 1280x800") from None


@click.command()
@click.option(
    "--weights",
    default=Path(__file__).parent / "weights",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A checkpoint folder, such as runs/nano/weights.  [default: the packaged one]",
)
@click.option(
    "--size", "sizes", default="1280x800", show_default=True, callback=read_sizes, help="Of own screens, in pixels."
)
@click.option("--kind", default="desktop", type=click.Choice(["desktop", "rows", "any"]), show_default=True)
@click.option("--screens", "count", default=20, show_default=True, help="Of each size, and of each toolkit.")
@click.option("--questions", "most", default=24, show_default=True, help="At most so many on each screen.")
@click.option("--fonts", default="held-out", type=click.Choice(["held-out", "training"]), show_default=True)
@click.option(
    "--ask", "kinds", default="text", show_default=True, callback=parts(KINDS), help=f"Any of {', '.join(KINDS)}."
)
@click.option("--icons", is_flag=True, help="The same as --ask icon.")
@click.option(
    "--rendered", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Screens of toolkits as well."
)
@click.option("--by", default="", callback=parts(tallies.CLASSES), help=f"Tables: any of {', '.join(tallies.CLASSES)}.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the tables to FILE.json or FILE.md."
)
@click.option("--seed", default=0, show_default=True)
def main(weights, sizes, kind, count, most, fonts, kinds, icons, rendered, by, out, seed) -> None:
    """Print how often the embedded model hits the targets of fresh synthetic screens, with a 95 % interval.

    Without --by one JSON object, else tables. Questions for what a screen does not show (--ask absent) are hit by a
    refusal. --rendered takes a folder that `python -m guiground.nano.toolkits` filled with seeds unknown to training.

    Examples:

      python -m guiground.nano.measure --size 1280x800

      python -m guiground.nano.measure --size 640x384 --kind rows --fonts training

      python -m guiground.nano.measure --size 1280x800,1920x1080 --ask text,icon,place,absent --by kind,size,box,form
    """
    if out and out.suffix not in (".json", ".md"):
        raise click.BadParameter(f"'{out}' ends with neither .json nor .md", param_hint="--out")
    if rendered and not any(rendered.glob("*.json")):
        raise click.BadParameter(f"no screens in '{rendered}': make some with `python -m guiground.nano.toolkits`")
    from transformers import Qwen2_5_VLForConditionalGeneration

    torch.set_num_threads(1)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(weights, dtype=torch.float32, local_files_only=True)
    kinds = ("icon",) if icons else kinds
    rng, rows = random.Random(seed), []
    for number, (source, scene) in enumerate(screens(sizes, kind, count, fonts == "held-out", seed, rendered)):
        rows += [row | {"source": source, "screen": number} for row in ask_scene(model, scene, rng, most, kinds)]
        if sys.stderr.isatty():
            click.echo(f"\r{number + 1} screens, {len(rows)} questions", nl=False, err=True)
    if not rows:
        raise click.ClickException(
            f"these screens hold nothing to ask for with --ask {','.join(kinds)}: take more screens"
        )
    facts = {"size": ",".join(f"{w}x{h}" for w, h in sizes), "kind": kind, "fonts": fonts, "ask": ",".join(kinds)}
    facts |= {"screens": len({row["screen"] for row in rows})}
    counted = tallies.tables(rows, by or (tallies.CLASSES if out else ()))
    if out:
        text = (
            tallies.markdown(counted)
            if out.suffix == ".md"
            else json.dumps(facts | {"tables": counted}, indent=1) + "\n"
        )
        out.write_text(text, encoding="utf-8")
    if by:
        click.echo(tallies.markdown(counted), nl=False)
    else:
        more = {"refusals": counted["refusals"]} if "refusals" in counted else {}
        click.echo(json.dumps(facts | counted["all"] | more))


if __name__ == "__main__":
    main()
