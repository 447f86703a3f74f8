"""One network in training, in one process: what a row's forward and backward pass cost, and two ways of each.

The optimiser is not part of it: its step falls on all rows of a step together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

from benchmarks.measuring import DATA_SHEET_TFLOPS, Timing, matrix_product, time_in_turns, wait_for_device
from benchmarks.table import Measured
from benchmarks.training_scene import GIB, Bench
from training.engine import computing
from training.estimates import count_expert, operations
from training.latents import encode_drafts
from training.phases import compile_experts
from uare.experts.expert import ExpertLayer
from uare.layers import rope_tables
from uare.packing import Text, pack
from uare.segments import PackedBatch

MFU_AIM = 0.45  # of the first stage at the full size
NUM_UNEVEN = 8  # samples of the row that is padded
LEAST_COSINE = 1e-30  # keeps a gradient of zero from dividing by zero


def length_rows(bench: Bench, lengths: Sequence[int], *, has_aim: bool) -> list[Measured]:
    """Tokens a second at each length of a row, and the share of the peak that they take."""
    batches = {length: bench.packed(bench.rows(length)[0]) for length in lengths}
    product, product_operations = matrix_product(compute_dtype(bench), bench.device)
    ways = {str(length): partial(bench.train_on, batch) for length, batch in batches.items()}
    timings = time_in_turns({"product": product, **ways}, bench.repeats)
    name, peak = "matrix product", product_operations / timings["product"].median
    rows = [Measured(what="matrix product", value=peak / 1e12, unit="TFLOP/s")]
    if bench.device.type == "cuda":
        device = torch.cuda.get_device_name(bench.device)
        for kind, tflops in DATA_SHEET_TFLOPS.items():
            if kind in device:
                name, peak = f"{kind}'s data sheet", tflops * 1e12
    for length, batch in batches.items():
        timing = timings[str(length)]
        rows.append(
            Measured(
                what=f"row of {batch.num_tokens} tokens: forward and backward",
                value=batch.num_tokens / timing.median,
                unit="tokens/s",
                spread=(batch.num_tokens / timing.high, batch.num_tokens / timing.low),
                against=f"{name} (MFU)",
                ratio=_operations(bench, batch) / timing.median / peak,
                aim=("≥", MFU_AIM) if has_aim and length == max(lengths) else None,
            )
        )
    return rows


def packing_rows(bench: Bench, length: int) -> list[Measured]:
    """A packed row against its samples brought to one length, as a batch with padding has them."""
    config = bench.model.config
    drafts = [draft for index in range(NUM_UNEVEN) for draft in bench.rows(length)[index].drafts[:1]]
    samples = encode_drafts(drafts, bench.codec, config)
    lens = [draft.num_tokens(config) for draft in drafts]
    filled = [
        [*sample, Text(ids=(0,) * (max(lens) - count - 2))] if count < max(lens) - 2 else sample
        for sample, count in zip(samples, lens, strict=True)  # a text has two marks of its own
    ]
    ways = {"packed": samples, "padded": filled}
    batches = {name: pack(one, config).to(bench.device) for name, one in ways.items()}
    timings = time_in_turns(
        {name: partial(bench.train_on, batch) for name, batch in batches.items()}, bench.repeats
    )
    padding = 1 - sum(lens) / (max(lens) * len(lens))
    row = _against(
        f"{len(lens)} samples of {min(lens)} to {max(lens)} tokens, packed",
        sum(lens),
        timings,
        ("packed", "padded"),
        f"padded to the longest ({padding:.0%} padding)",
    )
    return [row]


def compile_rows(bench: Bench, length: int) -> list[Measured]:
    """Compiled layers against eager ones, and the breaks in the compiled graphs."""
    batch = bench.packed(bench.rows(length)[0])
    breaks = graph_breaks(bench, len(batch.latent_index))
    timings = time_in_turns(
        {
            "eager": partial(bench.train_on, batch),
            "compiled": partial(_train_compiled, bench, batch),
        },
        bench.repeats,
    )
    return [
        Measured(what="graph breaks of the compiled block", value=breaks, unit="", aim=("≤", 0)),
        _against("compiled", batch.num_tokens, timings, ("compiled", "eager"), "eager"),
    ]


def freezing_rows(bench: Bench, length: int) -> list[Measured]:
    """The two readings of freezing in the first stage: speed, memory, and how far the gradients agree."""
    batch = bench.packed(bench.rows(length)[0])
    ways = {"exact": partial(_train_detached, bench, batch, False)}
    ways["detached"] = partial(_train_detached, bench, batch, True)
    timings = time_in_turns(ways, bench.repeats)
    kept = {name: kept_bytes(bench, way) for name, way in ways.items()}
    gradients = {}
    for name, way in ways.items():
        way()
        gradients[name] = {
            key: weight.grad.cpu()
            for key, weight in bench.model.named_parameters()
            if weight.grad is not None
        }
    bench.model.zero_grad(set_to_none=True)
    return [
        _against("detach_frozen", batch.num_tokens, timings, ("detached", "exact"), "exact gradients"),
        Measured(
            what="detach_frozen: kept for the backward pass",
            value=kept["detached"] / GIB,
            unit="GiB",
            against=f"exact gradients, {kept['exact'] / GIB:.3g} GiB",
            ratio=kept["detached"] / kept["exact"],
        ),
        Measured(
            what="detach_frozen: cosine of its gradient",
            value=cosine(gradients["exact"], gradients["detached"]),
            unit="",
            against="the exact one",
        ),
    ]


def graph_breaks(bench: Bench, num_tokens: int) -> int:
    """Breaks that torch finds in what is compiled: an expert's layer before and after the attention."""
    language, layer = bench.model.config.language, bench.model.mixture.layers[0].get_submodule("restoration")
    weight = next(layer.parameters())
    x = torch.zeros(num_tokens, language.hidden_size, device=weight.device, dtype=weight.dtype)
    attended = x.new_zeros(num_tokens, language.num_heads, language.head_width)
    places = torch.arange(num_tokens, device=weight.device)
    rope = rope_tables(places, language.head_width, language.rope_theta)
    before = torch._dynamo.explain(ExpertLayer.project)(layer, x, *rope)
    after = torch._dynamo.explain(ExpertLayer.finish)(layer, x, attended)
    return before.graph_break_count + after.graph_break_count


@contextmanager
def compiled_layers() -> Iterator[None]:
    """Layers are compiled inside, and as they were afterwards."""
    eager = ExpertLayer.project, ExpertLayer.finish
    compile_experts()
    try:
        yield
    finally:
        ExpertLayer.project, ExpertLayer.finish = eager  # type: ignore[method-assign]


def _train_compiled(bench: Bench, batch: PackedBatch) -> None:
    with compiled_layers():
        bench.train_on(batch)


def _train_detached(bench: Bench, batch: PackedBatch, detaches: bool) -> None:
    bench.model.mixture.detaches_iqa = detaches
    try:
        bench.train_on(batch)
    finally:
        bench.model.mixture.detaches_iqa = False


def kept_bytes(bench: Bench, call: Callable[[], None]) -> int:
    """What a forward pass keeps for its backward pass, weights not counted; on CUDA the peak above them."""
    bench.model.zero_grad(set_to_none=True)
    if bench.device.type == "cuda":
        wait_for_device()
        before = torch.cuda.memory_allocated(bench.device)
        torch.cuda.reset_peak_memory_stats(bench.device)
        call()
        return torch.cuda.max_memory_allocated(bench.device) - before
    weights = {weight.untyped_storage().data_ptr() for weight in bench.model.parameters()}
    storages: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        call()
    return sum(storages.values())


def cosine(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    """Cosine of the angle between two gradients by name; what one lacks is zero there."""
    inner = sum(float((first[name].double() * second[name].double()).sum()) for name in first.keys() & second)
    norms = [sum(float(one.double().square().sum()) for one in each.values()) for each in (first, second)]
    return inner / max((norms[0] * norms[1]) ** 0.5, LEAST_COSINE)


def _operations(bench: Bench, batch: PackedBatch) -> float:
    latent_tokens = len(batch.latent_index)
    expert = count_expert(bench.model)
    return operations(batch.num_tokens - latent_tokens, latent_tokens, expert, bench.settings)


def compute_dtype(bench: Bench) -> torch.dtype:
    """The type in which the network multiplies."""
    with computing(bench.settings, bench.device):
        weight = bench.model.text.head.weight
        return (weight[:1, :1] @ weight[:1, :1]).dtype


def _against(
    what: str, num_tokens: int, timings: dict[str, Timing], names: tuple[str, str], other: str
) -> Measured:
    """The first way's tokens a second, and how many times faster than the second it is."""
    ours, theirs = (timings[name] for name in names)
    return Measured(
        what=what,
        value=num_tokens / ours.median,
        unit="tokens/s",
        spread=(num_tokens / ours.high, num_tokens / ours.low),
        against=other,
        ratio=theirs.median / ours.median,
    )
