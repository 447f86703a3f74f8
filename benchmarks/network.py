"""Inside the network, in one process: flow steps and words, and two ways of doing the same side by side."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from benchmarks.measuring import Timing, flow_step_flops, matrix_product, time_in_turns
from benchmarks.routing import build_row, routed_everywhere, routed_once
from benchmarks.scene import Scene
from benchmarks.table import Measured
from uare.decoding import generate
from uare.flow import GuidedContext, sample
from uare.packing import pack

NUM_TOKENS = 64  # of each timed answer
NUM_TOGETHER = 8  # answers of a batch


def network_rows(scene: Scene, repeats: int) -> list[Measured]:
    """Every comparison on one photo."""
    return [
        *flow_rate(scene, repeats),
        cached_context(scene, repeats),
        batched_guidance(scene, repeats),
        routing(scene, repeats),
        *text_rate(scene, repeats),
    ]


def flow_rate(scene: Scene, repeats: int) -> list[Measured]:
    """Achieved arithmetic of a flow step against a plain matrix product of the same type and threads."""
    product, product_flops = matrix_product(scene.model.dtype, scene.model.device)
    step = partial(sample, scene.model, GuidedContext(full=scene.full), [scene.target], scene.sampling(1))
    timings = time_in_turns({"product": product, "step": step}, repeats)
    step_flops = flow_step_flops(scene.model.config, len(scene.target.tokens), scene.full.lens[0])
    product_rate = product_flops / timings["product"].median / 1e9
    step_rate = step_flops / timings["step"].median / 1e9
    return [
        _seconds("flow step, one image", timings["step"]),
        Measured(what="matrix product", value=product_rate, unit="GFLOP/s"),
        Measured(
            what="flow step: matrices and attention",
            value=step_rate,
            unit="GFLOP/s",
            against="matrix product",
            ratio=step_rate / product_rate,
            aim=("≥", 0.5),
        ),
    ]


def cached_context(scene: Scene, repeats: int) -> Measured:
    """A flow step over the cached context against one that reads photo and texts again."""
    model = scene.model

    @torch.no_grad()
    def recomputed() -> None:
        model(pack([[*scene.images, *scene.texts, scene.target]], model.config).to(model.device))

    step = partial(sample, model, GuidedContext(full=scene.full), [scene.target], scene.sampling(1))
    return _against("flow step, context cached", "context read again", step, recomputed, repeats)


def batched_guidance(scene: Scene, repeats: int) -> Measured:
    """A guided step, its three branches in one forward pass, against one forward pass for each."""

    def one_by_one() -> None:
        for context in (scene.full, scene.text_free, scene.image_free):
            sample(scene.model, GuidedContext(full=context), [scene.target], scene.sampling(1))

    together = partial(sample, scene.model, scene.guided, [scene.target], scene.sampling(1, guidance=2.0))
    return _against(
        "guided flow step, branches batched", "branches one by one", together, one_by_one, repeats
    )


def routing(scene: Scene, repeats: int) -> Measured:
    """All layers on the whole scene as one row, routed once against routed at every projection."""
    row, mixture = build_row(scene), scene.model.mixture
    once, everywhere = partial(routed_once, mixture, row), partial(routed_everywhere, mixture, row)
    what = f"all layers, {len(row.x)} tokens, routed once"
    return _against(what, "gather and scatter at every projection", once, everywhere, repeats)


def text_rate(scene: Scene, repeats: int) -> list[Measured]:
    """Tokens per second of greedy answers, one alone and some together."""
    rates: dict[int, tuple[float, float, float]] = {}
    for count in (1, NUM_TOGETHER):
        context = scene.full.select([0] * count)
        answers = generate(scene.model, context, NUM_TOKENS)
        # the end marker costs a pass too
        num_tokens = sum(min(len(answer) + 1, NUM_TOKENS) for answer in answers)
        call = partial(generate, scene.model, context, NUM_TOKENS)
        timing = time_in_turns({"answers": call}, repeats)["answers"]
        low, median, high = (num_tokens / seconds for seconds in (timing.high, timing.median, timing.low))
        rates[count] = (low, median, high)
    alone, together = rates[1], rates[NUM_TOGETHER]
    return [
        Measured(what="text, one answer", value=alone[1], unit="tokens/s", spread=(alone[0], alone[2])),
        Measured(
            what=f"text, {NUM_TOGETHER} answers together",
            value=together[1],
            unit="tokens/s",
            spread=(together[0], together[2]),
            against="one answer",
            ratio=together[1] / alone[1],
        ),
    ]


def _against(
    what: str, against: str, call: Callable[[], object], other: Callable[[], object], repeats: int
) -> Measured:
    """Seconds of `call`, and how many times as long `other` takes."""
    timings = time_in_turns({"call": call, "other": other}, repeats)
    ratio = timings["other"].median / timings["call"].median
    return replace(_seconds(what, timings["call"]), against=against, ratio=ratio)


def _seconds(what: str, timing: Timing) -> Measured:
    return Measured(what=what, value=timing.median, unit="s", spread=(timing.low, timing.high))
