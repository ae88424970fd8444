"""Trains the embedded model, a stage at a time: `python -m guiground.nano.train read --minutes 20`.

Every process computes on one thread, which on a CPU is faster than threads in one (see exchange.py). A run is killed
and resumed at will: its state lies in the run's folder and is written every two minutes.
"""

import json
import os
import time
from pathlib import Path

import click
import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from guiground.nano.architecture import new_model
from guiground.nano.architecture import save as save_folder
from guiground.nano.exchange import Exchange
from guiground.nano.losses import Heads
from guiground.nano.optimizer import Optimizer, schedule
from guiground.nano.stages import STAGES, Stage
from guiground.nano.trainer import Trainer


@click.command()
@click.argument("stage", type=click.Choice(list(STAGES)))
@click.option(
    "--minutes", default=10.0, show_default=True, help="How long this stage trains in all, resumed runs included."
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    help="Train so many steps instead; with one process the same seed gives the same weights.",
)
@click.option("--run", "folder", default="runs/nano", type=click.Path(path_type=Path), show_default=True)
@click.option("--processes", default=2, show_default=True, help="Processes of one thread each (CPU).")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option("--seed", default=0, show_default=True)
def main(stage: str, minutes: float, steps: int | None, folder: Path, processes: int, device: str, seed: int) -> None:
    """Train STAGE, from where the run in --run stands.

    Examples:

      python -m guiground.nano.train read --minutes 20

      python -m guiground.nano.train whole --minutes 30 --processes 1
    """
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    if device != "cpu":
        processes = 1
    numbers = sum(p.numel() for p in everything(seed, STAGES[stage])[2].parameters)
    exchange = Exchange(numbers, processes) if processes > 1 else None
    torch.multiprocessing.spawn(
        work, (exchange, stage, minutes, steps, folder, device, seed), nprocs=processes, daemon=True
    )


def everything(seed: int, stage: Stage):
    """The model, the heads and the optimizer of a stage, as new."""
    model, heads = new_model(seed), Heads()
    return model, heads, Optimizer(model, heads, stage.vision)


def work(
    rank: int,
    exchange: Exchange | None,
    name: str,
    minutes: float,
    steps: int | None,
    folder: Path,
    device: str,
    seed: int,
) -> None:
    """One process of the training: the leader, or a follower that only computes gradients."""
    torch.set_num_threads(1 if device == "cpu" else 8)
    stage = STAGES[name]
    model, heads, optimizer = everything(seed, stage)
    progress = resume(folder, name, model, heads, optimizer)
    model, heads = model.to(device), heads.to(device)
    trainer = Trainer(model, heads, stage, seed * 1000 + progress["steps"] * 10 + rank, torch.device(device))
    if rank:
        return follow(rank, exchange, trainer, optimizer)
    before, begun, saved, window = progress["seconds"], time.time(), time.time(), []
    bar = Progress(TextColumn(name), BarColumn(), TextColumn("{task.fields[facts]}"), TimeRemainingColumn())
    task = bar.add_task(name, total=1.0, facts="")
    step, clock = 0, before
    with bar:
        while (done := progress["steps"] / steps if steps else clock / (minutes * 60)) < 1:
            if exchange:
                exchange.publish(optimizer.parameters, done)
            loss, facts, count = trainer.loss(done)
            loss.backward()
            if exchange:
                count += exchange.collect(optimizer.parameters)
            optimizer.step(stage.rate * schedule(done, step, decay=stage.decay))
            step += 1
            progress["steps"] += 1
            progress["count"] += count
            clock = before + time.time() - begun
            window.append(facts)
            if step % 20 == 0:
                facts = summary(window)
                window = []
                log(folder, {"stage": name, "seconds": round(clock), **progress_of(progress), **facts})
                bar.update(task, completed=done, facts=" ".join(f"{k} {v:.3f}" for k, v in facts.items()))
            if time.time() - saved > 120:
                keep(folder, name, model, heads, optimizer, progress | {"seconds": clock})
                saved = time.time()
    if exchange:
        exchange.publish(optimizer.parameters, 1.0)
    keep(folder, name, model, heads, optimizer, progress | {"seconds": clock})
    save_folder(model, folder / "weights")


def follow(rank: int, exchange: Exchange, trainer: Trainer, optimizer: Optimizer) -> None:
    """Computes gradients on the newest weights until the stage is over."""
    while float(exchange.done) == 0:
        time.sleep(0.05)
    while (done := exchange.fetch(optimizer.parameters)) < 1:
        loss, _, count = trainer.loss(done)
        loss.backward()
        exchange.hand_in(rank, optimizer.parameters, count)


def resume(folder: Path, name: str, model, heads, optimizer) -> dict:
    """Loads the run's state; counters start anew where the last stage was another."""
    fresh = {"steps": 0, "count": 0, "seconds": 0.0}
    path = folder / "state.pt"
    if not path.exists():
        return fresh
    state = torch.load(path, weights_only=True, map_location="cpu")
    model.load_state_dict(state["model"])
    heads.load_state_dict(state["heads"], strict=False)  # a head may be newer than the run
    if state["stage"] != name:
        return fresh
    optimizer.load_state_dict(state["optimizer"])
    return state["progress"]


def keep(folder: Path, name: str, model, heads, optimizer, progress: dict) -> None:
    """Writes the run's state, whole or not at all."""
    state = {"stage": name, "progress": progress, "model": model.state_dict(), "heads": heads.state_dict()}
    torch.save(state | {"optimizer": optimizer.state_dict()}, folder / "state.new")
    os.replace(folder / "state.new", folder / "state.pt")


def summary(window: list[dict[str, float]]) -> dict[str, float]:
    """Means of the facts of some steps."""
    keys = dict.fromkeys(key for facts in window for key in facts)
    return {k: round(sum(f[k] for f in window if k in f) / sum(k in f for f in window), 4) for k in keys}


def progress_of(progress: dict) -> dict:
    """The counters that the log shows."""
    return {key: progress[key] for key in ("steps", "count")}


def log(folder: Path, facts: dict) -> None:
    """One line of the training log, from which the curves of the model card are drawn."""
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
