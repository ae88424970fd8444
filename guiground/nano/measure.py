"""Measures the embedded model on synthetic screens it never saw: `python -m guiground.nano.measure`.

Greedy answers of many questions at once; the same numbers as asking the stock model one by one (a test says so).
`guiground eval` measures the packaged model on real screens.
"""

import json
import random
from pathlib import Path

import click
import torch
from torch import Tensor
from transformers import Qwen2_5_VLForConditionalGeneration

from guiground.evaluation.statistics import wilson
from guiground.nano import architecture as arch
from guiground.nano import labels, questions, windows
from guiground.nano.losses import decoded
from guiground.nano.packed import Packed
from guiground.nano.scenes import Scene, draw

FIRST_SEED = 2**50  # training draws its seeds below


def greedy(model, pictures: Tensor, batch: questions.Batch) -> tuple[Tensor, Tensor]:
    """The points answered  # [pictures, questions, 2] pixels, and the tokens pointed at  # [pictures, questions]."""
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
    return decoded(torch.stack(digits, dim=2)), pointer[:, :, 0, -1].argmax(-1)


@torch.no_grad()
def ask_scene(model, scene: Scene, rng: random.Random, most: int = 32, icons: bool = False) -> list[dict]:
    """One row a question: words, role, whether the answer lies in the element's box, whether the pointer hit."""
    height, width = scene.image.shape[:2]
    picture = windows.features(model.model.visual, labels.padded(scene.image))[None]
    inside = [e for e in questions.visible(scene.elements, 0, 0, width, height) if e.icon == icons]
    batch = questions.pack(rng, [inside], picture.shape[1], picture.shape[2], most)
    if batch is None:
        return []
    points, pointed = greedy(model, picture, batch)
    rows = []
    for q in range(batch.questions.shape[1]):
        left, top, right, bottom = batch.boxes[0, q].tolist()
        x, y = points[0, q].tolist()
        words = arch_text(batch.questions[0, q, : int(batch.answers[0, q])])
        hit = left <= x <= right and top <= y <= bottom
        rows.append({"words": words, "hit": hit, "pointed": bool(batch.shares[0, q, pointed[0, q]] > 0.1)})
        rows[-1] |= {"point": (x, y), "box": (left, top, right, bottom)}
    return rows


def arch_text(ids: Tensor) -> str:
    """The characters of token ids."""
    return "".join(arch.CHARACTERS[i - arch.FIRST_CHARACTER] for i in ids.tolist() if i >= arch.FIRST_CHARACTER)


@click.command()
@click.option(
    "--weights",
    default=Path(__file__).parent / "weights",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A checkpoint folder, such as runs/nano/weights.  [default: the packaged one]",
)
@click.option("--size", default="1280x800", show_default=True, help="Width x height of the screens, in pixels.")
@click.option("--kind", default="desktop", type=click.Choice(["desktop", "rows", "any"]), show_default=True)
@click.option("--screens", default=20, show_default=True)
@click.option("--questions", "most", default=24, show_default=True, help="At most so many on each screen.")
@click.option("--fonts", default="held-out", type=click.Choice(["held-out", "training"]), show_default=True)
@click.option("--icons", is_flag=True, help="Ask for icons instead of text.")
@click.option("--seed", default=0, show_default=True)
def main(weights: Path, size: str, kind: str, screens: int, most: int, fonts: str, icons: bool, seed: int) -> None:
    """Print how often the embedded model hits the targets of fresh synthetic screens, with a 95 % interval.

    Examples:

      python -m guiground.nano.measure --size 1280x800

      python -m guiground.nano.measure --size 640x384 --kind rows --fonts training
    """
    torch.set_num_threads(1)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(weights, dtype=torch.float32, local_files_only=True)
    width, height = map(int, size.split("x"))
    rng, rows = random.Random(seed), []
    for index in range(screens):
        scene = draw(FIRST_SEED + seed * 10_000 + index, width, height, kind, held_out=fonts == "held-out")
        rows += ask_scene(model, scene, rng, most, icons)
    hits, pointed = (sum(row[key] for row in rows) for key in ("hit", "pointed"))
    facts = {"size": size, "kind": kind, "fonts": fonts, "icons": icons, "screens": screens, "n": len(rows)}
    ci95 = [round(bound, 4) for bound in wilson(hits, len(rows))]
    click.echo(
        json.dumps(facts | {"hit": round(hits / len(rows), 4), "ci95": ci95, "pointed": round(pointed / len(rows), 4)})
    )


if __name__ == "__main__":
    main()
