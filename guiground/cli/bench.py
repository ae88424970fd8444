"""guiground bench: what compression costs and saves on this machine."""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guiground.cli.options import json_option, print_json
from guiground.cli.progress import status
from guiground.errors import UsageError

if TYPE_CHECKING:
    from guiground.bench.own import Setup

PEER = Path(__file__).parents[1] / "bench" / "peer.py"


@click.command(
    epilog="""\b
Examples:
  guiground bench --shape tiny --tokens 256 --repeats 1
  guiground bench --shape tiny --layers 1 --tokens 256,512 --methods snapkv,mixkv-adakv --repeats 1 --json
  guiground bench --shape qwen2.5-vl-7b --layers 1 --kvpress kvpress/bin/python
"""
)
@click.option("--shape", default="qwen2.5-vl-3b", show_default=True, metavar="NAME", help="Of the random model.")
@click.option("--layers", type=click.IntRange(min=1), metavar="N", help="Its layers.  [default: 2; on CUDA all]")
@click.option("--tokens", default="2048,4096,8192,16384", show_default=True, metavar="N,N", help="Of the picture.")
@click.option(
    "--methods", default="snapkv,mixkv,adakv,mixkv-adakv", show_default=True, metavar="NAMES", help="Of mixkv."
)
@click.option(
    "--budget", type=click.IntRange(min=1), default=64, show_default=True, metavar="N", help="Entries a head."
)
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1.")
@click.option("--dtype", default="auto", show_default=True, metavar="TYPE", help="auto: float32, on CUDA bfloat16.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Of the CPU.")
@click.option(
    "--repeats", type=click.IntRange(min=1), default=3, show_default=True, metavar="N", help="Of each measurement."
)
@click.option("--steps", type=click.IntRange(min=2), default=16, show_default=True, metavar="N", help="Of decoding.")
@click.option(
    "--kvpress", metavar="PYTHON", help="Also measure kvpress in this interpreter (pip install kvpress==0.5.5)."
)
@json_option
def command(
    shape: str,
    layers: int | None,
    tokens: str,
    methods: str,
    budget: int,
    device: str,
    dtype: str,
    threads: int,
    repeats: int,
    steps: int,
    kvpress: str | None,
    as_json: bool,
) -> int:
    """Time prefill, compression and decoding on a random Qwen2.5-VL decoder, and weigh what its cache holds.

    Every method is compared with an uncompressed cache and with a decode step on an empty one, taking turns in each
    repetition. The table has ratios of medians. With one thread on a CPU the time is what the process computes, so
    that other programs hardly count; else it is the wall's.
    """
    from guiground.bench import own, verdict
    from guiground.bench.measuring import Timer

    setup = _setup(shape, layers, tokens, budget, device, dtype, threads, repeats, steps)
    kinds = _methods(methods, budget, setup)
    if kvpress is not None and not Path(kvpress).is_file():
        raise UsageError(f"there is no interpreter '{kvpress}' (make one: python3 -m venv DIR; pip install kvpress)")
    with status() as say:
        say("loading torch")
        records = verdict.rows(setup, own.measure(setup, kinds, say), "mixkv")
        peer = None
        if kvpress is not None:
            say("measuring kvpress")
            peer = _peer(kvpress, setup)
            records += verdict.rows(setup, peer.pop("measured"), "kvpress")
    facts = {
        "hardware": verdict.hardware(setup.device, threads),
        "versions": verdict.versions(),
        "peer": peer,
        "clock": Timer(setup.device, threads).clock,
        "setup": {**asdict(setup), "text_tokens": own.TEXT},
        "wanted": verdict.WANTED,
        "missed": verdict.missed([record for record in records if record["by"] == "mixkv"]),
        "records": records,
    }
    if as_json:
        print_json(facts)
    else:
        _print(facts, setup, shape, verdict.table(records))
    return 0


def _setup(
    shape: str,
    layers: int | None,
    tokens: str,
    budget: int,
    device: str,
    dtype: str,
    threads: int,
    repeats: int,
    steps: int,
) -> "Setup":
    from guiground.bench.own import Setup
    from guiground.bench.shapes import SHAPES
    from guiground.models.load import choose_device, choose_dtype

    if shape not in SHAPES:
        raise UsageError(f"unknown shape '{shape}' (choose from: {', '.join(SHAPES)})")
    try:
        lengths = tuple(int(part) for part in tokens.split(",") if part.strip())
    except ValueError:
        lengths = ()
    if not lengths or min(lengths) <= budget:
        raise UsageError(f"--tokens '{tokens}' must be whole numbers above the budget of {budget}, such as 2048,4096")
    place = choose_device(device)
    if place.type == "mps":
        raise UsageError("bench measures CPUs and CUDA, not mps (use --device cpu)")
    known = "float32" if dtype == "auto" and place.type == "cpu" else dtype  # ratios must not depend on the CPU
    number = str(choose_dtype(known, place)).removeprefix("torch.")
    most = SHAPES[shape].layers
    layers = min(layers or (most if place.type == "cuda" else 2), most)
    return Setup(SHAPES[shape], layers, lengths, budget, str(place), number, threads, repeats, steps)


def _methods(names: str, budget: int, setup: "Setup") -> list[Any]:
    from dataclasses import fields, replace

    from guiground import eviction

    kinds = [eviction.build(name.strip(), budget) for name in names.split(",") if name.strip()]
    equal = ((1.0,) * setup.shape.query_heads,) * setup.layers  # a random model has no scores to measure
    return [
        replace(kind, visual_heads=equal) if "visual_heads" in {field.name for field in fields(kind)} else kind
        for kind in kinds
    ]


def _peer(python: str, setup: "Setup") -> dict[str, Any]:
    """What the peer's interpreter says. Raises UsageError with its own last words."""
    arguments = [python, "-W", "ignore", str(PEER), json.dumps(setup.to_json())]
    ran = subprocess.run(arguments, capture_output=True, text=True, check=False)
    try:
        return json.loads(ran.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = (ran.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise UsageError(f"kvpress cannot be measured with '{python}': {last} (pip install kvpress==0.5.5)") from None


def _print(facts: dict[str, Any], setup: "Setup", shape: str, table: str) -> None:
    on, with_, peer = facts["hardware"], facts["versions"], facts["peer"]
    place = f"{on['gpu']}, " if "gpu" in on else ""
    click.echo(f"{place}{on['cpu']}, {on['threads']} of {on['cores']} threads, load {on['load_per_core']} a core")
    click.echo(", ".join(f"{name} {version}" for name, version in with_.items()))
    if peer:
        click.echo("the peer: " + ", ".join(f"{name} {version}" for name, version in peer["versions"].items()))
        for name, words in peer["failed_on_qwen2_5_vl"].items():
            click.echo(f"  its {name} fails on Qwen2.5-VL ({words}): measured on Qwen2 of the same shape")
    click.echo(
        f"{shape}, {setup.layers} layers, {setup.dtype}, budget {setup.budget}, {setup.steps} decode steps, medians of "
        f"{setup.repeats} by the {facts['clock']} clock\n"
    )
    click.echo(table + "\n")
    for line in facts["missed"]:
        click.echo(f"missed: {line}")
