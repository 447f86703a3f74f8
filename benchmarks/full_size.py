"""Speed and memory of the 7B size with random weights: `python benchmarks/full_size.py`, on a CUDA device.

One photo through the network as in a guided restoration, without a written analysis: encode, read the three
contexts (everything, without texts, without images), flow in bfloat16, decode. Random weights cost the same
as trained ones. Prints a table and one JSON line. `--small` runs the same code on a CPU at a size for tests.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import shlex
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from benchmarks.measuring import (
    DATA_SHEET_TFLOPS,
    Timing,
    flow_step_flops,
    matrix_product,
    time_in_turns,
    wait_for_device,
)
from benchmarks.scene import ANALYSIS_LEN, Scene, build_scene
from benchmarks.sizes import random_model, small_size
from benchmarks.table import Measured, describe_machine, publish
from eval.memory import peak_memory_bytes
from training.presets import full_size
from uare.encoding import decode_tokens
from uare.errors import InputError, UAREError
from uare.flow import sample
from uare.model import UAREModel

GUIDANCE = 2.0  # of both kinds; any scale above 1 costs the same


def restore_once(model: UAREModel, photo: Tensor, num_steps: int) -> tuple[Scene, dict[str, float]]:
    """One guided restoration of a photo (3, H, W); what was read, and the seconds of each stage."""
    seconds = {}
    started = _now()
    scene = build_scene(model, photo, instruction=range(10, 20), analysis=range(20, 20 + ANALYSIS_LEN))
    seconds["encode and read"] = _now() - started

    started = _now()
    (tokens,) = sample(model, scene.guided, [scene.target], scene.sampling(num_steps, GUIDANCE))
    seconds["flow"] = _now() - started

    started = _now()
    with torch.no_grad():
        decode_tokens(model.codec, tokens[None].to(model.device), scene.grid, model.config.latent.patch_size)
    seconds["decode"] = _now() - started
    return scene, seconds


def _now() -> float:
    wait_for_device()
    return time.perf_counter()


def measure(model: UAREModel, size_px: int, num_steps: int, repeats: int) -> list[Measured]:
    """The lines of the table for a photo of `size_px` squared."""
    photo = torch.rand(3, size_px, size_px, generator=torch.Generator().manual_seed(0))
    scene, _ = restore_once(model, photo, num_steps=1)  # kernels are chosen and memory is taken here
    runs = [restore_once(model, photo, num_steps)[1] for _ in range(repeats)]
    whole = Timing(tuple(sum(one.values()) for one in runs))
    rows = [
        Measured(
            what=f"{size_px}², {num_steps} steps, three branches",
            value=whole.median,
            unit="s per image",
            spread=(whole.low, whole.high),
        )
    ]
    for name in runs[0]:
        stage = Timing(tuple(one[name] for one in runs))
        rows.append(
            Measured(
                what=name,
                value=stage.median,
                unit="s",
                spread=(stage.low, stage.high),
                against="the whole",
                ratio=stage.median / whole.median,
            )
        )
    flow_s = Timing(tuple(one["flow"] for one in runs)).median
    return [*rows, _peak_memory(model.device), *_rates(scene, flow_s / num_steps, repeats)]


def _peak_memory(device: torch.device) -> Measured:
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device)
        return Measured(what="peak memory of the device", value=peak / 2**30, unit="GiB")
    return Measured(what="peak memory of the process", value=peak_memory_bytes() / 2**30, unit="GiB")


def _rates(scene: Scene, step_s: float, repeats: int) -> list[Measured]:
    """Achieved arithmetic of a guided step, against a matrix product here and against the data sheet."""
    model = scene.model
    lens = (scene.full.lens[0], scene.text_free.lens[0], scene.image_free.lens[0])
    flops = sum(flow_step_flops(model.config, len(scene.target.tokens), length) for length in lens)
    achieved = flops / step_s / 1e12
    product, product_flops = matrix_product(model.dtype, model.device)
    timing = time_in_turns({"product": product}, repeats)["product"]
    product_rate = product_flops / timing.median / 1e12
    peaks = {"matrix product": product_rate}
    if model.device.type == "cuda":
        name = torch.cuda.get_device_name(model.device)
        peaks |= {f"{kind}'s data sheet": peak for kind, peak in DATA_SHEET_TFLOPS.items() if kind in name}
    return [
        Measured(what="matrix product", value=product_rate, unit="TFLOP/s"),
        *(
            Measured(
                what="flow: matrices and attention",
                value=achieved,
                unit="TFLOP/s",
                against=f"{against}, {peak:.3g} TFLOP/s",
                ratio=achieved / peak,
            )
            for against, peak in peaks.items()
        ),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes `full_size.md` where asked; returns the exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    options = _parser().parse_args(given)
    command = shlex.join(["python", "benchmarks/full_size.py", *given])
    try:
        model = _build(options)
        rows = measure(model, options.size or model.config.latent.largest_px, options.steps, options.repeats)
        machine = describe_machine(model.device, model.dtype, torch.get_num_threads())
        publish(
            "The 7B size with random weights",
            command,
            machine,
            rows,
            options.output and options.output / "full_size.md",
        )
    except (UAREError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _build(options: argparse.Namespace) -> UAREModel:
    if min(options.steps, options.repeats) < 1:
        raise InputError(
            f"--steps and --repeats must be at least 1, found {options.steps}, {options.repeats}"
        )
    if options.size is not None and (options.size < 64 or options.size % 16):
        raise InputError(f"--size must be a multiple of 16 from 64 px on, found {options.size}")
    if options.small:
        return random_model(small_size(), torch.device("cpu"), torch.float32)
    if not torch.cuda.is_available():
        raise InputError(
            "found no CUDA device, and the 7B size needs one with 40 GB or more; run it on one, or try the "
            "program with --small"
        )
    return random_model(full_size(), torch.device("cuda"), torch.bfloat16)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measures the 7B size with random weights.")
    parser.add_argument("--size", type=int, help="side of the photo in px; default: the largest in one piece")
    parser.add_argument("--steps", type=int, default=24, help="of the flow")
    parser.add_argument("--repeats", type=int, default=3, help="timed restorations")
    parser.add_argument("--small", action="store_true", help="a tiny network on the CPU, to try the program")
    parser.add_argument("--output", type=Path, help="folder for full_size.md, for example docs/results")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
