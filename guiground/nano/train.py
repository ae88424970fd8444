"""Trains the embedded model, a stage at a time: `python -m guiground.nano.train read --minutes 20`.

Every process computes on one thread and they average their gradients, which on a CPU is faster than threads. A run is
killed and resumed at will: its state lies in the run's folder and is written every two minutes.
"""

import json
import os
import random
import time
from pathlib import Path

import click
import torch
import torch.distributed as dist
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from guiground.nano.architecture import new_model
from guiground.nano.architecture import save as save_folder
from guiground.nano.losses import Heads
from guiground.nano.optimizer import Optimizer, schedule
from guiground.nano.stages import STAGES, Trainer


@click.command()
@click.argument("stage", type=click.Choice(list(STAGES)))
@click.option(
    "--minutes", default=10.0, show_default=True, help="How long this stage trains in all, resumed runs included."
)
@click.option(
    "--steps", type=click.IntRange(min=1), help="Train so many steps instead: the same seed gives the same weights."
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
    rendezvous = folder.resolve() / f"rendezvous-{os.getpid()}"
    torch.multiprocessing.spawn(
        work, (processes, stage, minutes, steps, folder, device, seed, str(rendezvous)), nprocs=processes
    )
    rendezvous.unlink(missing_ok=True)


def work(
    rank: int,
    processes: int,
    name: str,
    minutes: float,
    steps: int | None,
    folder: Path,
    device: str,
    seed: int,
    rendezvous: str,
):
    """One process of the training."""
    torch.set_num_threads(1 if device == "cpu" else 8)
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=processes)
    stage = STAGES[name]
    model, heads = new_model(seed).to(device), Heads().to(device)
    optimizer = Optimizer(model, heads, stage.vision)
    progress = resume(folder, name, model, heads, optimizer)
    trainer = Trainer(model, heads, stage, seed * 1000 + progress["steps"] * 10 + rank, torch.device(device))
    shapes = random.Random(progress["steps"])
    before, begun, saved, window = progress["seconds"], time.time(), time.time(), []
    bar = Progress(
        TextColumn(name), BarColumn(), TextColumn("{task.fields[facts]}"), TimeRemainingColumn(), disable=rank > 0
    )
    task = bar.add_task(name, total=1.0, facts="")
    step = 0
    with bar:
        while True:
            clock = torch.tensor([before + time.time() - begun])
            dist.broadcast(clock, 0)
            done = progress["steps"] / steps if steps else float(clock) / (minutes * 60)
            if done >= 1:
                break
            loss, facts, count = trainer.loss(done, shapes.random())
            loss.backward()
            average(optimizer.parameters, processes)
            optimizer.step(stage.rate * schedule(done, step, decay=stage.decay))
            step += 1
            progress["steps"] += 1
            progress["count"] += count * processes
            window.append(facts)
            if rank == 0 and step % 20 == 0:
                facts = summary(window)
                window = []
                log(folder, {"stage": name, "seconds": round(float(clock)), **progress_of(progress), **facts})
                bar.update(task, completed=done, facts=" ".join(f"{k} {v:.3f}" for k, v in facts.items()))
            if rank == 0 and time.time() - saved > 120:
                keep(folder, name, model, heads, optimizer, progress | {"seconds": float(clock)})
                saved = time.time()
    if rank == 0:
        keep(folder, name, model, heads, optimizer, progress | {"seconds": float(clock)})
        save_folder(model, folder / "weights")
    dist.destroy_process_group()


def average(parameters, processes: int) -> None:
    """The mean of the gradients over all processes, in one message."""
    if processes == 1:
        return
    grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
    flat = torch.cat([g.flatten() for g in grads])
    dist.all_reduce(flat)
    flat /= processes
    for p, part in zip(parameters, flat.split([g.numel() for g in grads]), strict=True):
        p.grad = part.view_as(p)


def resume(folder: Path, name: str, model, heads, optimizer) -> dict:
    """Loads the run's state; counters start anew where the last stage was another."""
    fresh = {"steps": 0, "count": 0, "seconds": 0.0}
    path = folder / "state.pt"
    if not path.exists():
        return fresh
    state = torch.load(path, weights_only=True, map_location="cpu")
    model.load_state_dict(state["model"])
    heads.load_state_dict(state["heads"])
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
