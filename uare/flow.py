"""Rectified flow: guidance, and the Euler sampler that turns noise into a latent (times: `uare.schedule`).

Velocity = noise − x, one step down is x − velocity·dt, as in BAGEL. The paper writes the opposite sign.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from uare.cache import ContextCache, joined
from uare.config import SamplingConfig
from uare.model import UAREModel
from uare.packing import NoisedLatent, pack
from uare.schedule import schedule


@dataclass(frozen=True, kw_only=True)
class GuidedContext:
    """What a target may look at: everything, and what remains without the texts or without the images.

    None switches that guidance off. Sample i of each cache belongs to target i.
    """

    full: ContextCache
    text_free: ContextCache | None = None
    image_free: ContextCache | None = None


def guide(
    full: Tensor, text_free: Tensor | None, image_free: Tensor | None, sampling: SamplingConfig
) -> Tensor:
    """Guided velocity (m, C*4) of one image from the velocities of its contexts; None means no such guidance.

    Extrapolates away from the poorer contexts, then shrinks the result to at most the length of `full`
    (`renorm`): per token after the text step, per token, or over the whole image (BAGEL, bagel.py).
    """
    guided = full
    if text_free is not None:
        guided = text_free + sampling.text_scale * (guided - text_free)
        if sampling.renorm == "text_channel":
            guided = _renormalised(guided, full, sampling)
    if image_free is not None:
        guided = image_free + sampling.image_scale * (guided - image_free)
    return guided if sampling.renorm == "text_channel" else _renormalised(guided, full, sampling)


def _renormalised(guided: Tensor, full: Tensor, sampling: SamplingConfig) -> Tensor:
    axes = (-2, -1) if sampling.renorm == "global" else (-1,)
    wanted = torch.linalg.vector_norm(full, dim=axes, keepdim=True)
    found = torch.linalg.vector_norm(guided, dim=axes, keepdim=True)
    return guided * (wanted / (found + 1e-8)).clamp(min=sampling.renorm_min, max=1.0)


def acts_at(t: Tensor, interval: tuple[float, float]) -> bool:
    """True where guidance acts: low < t <= high, compared in float32 as the reference does."""
    low, high = t.new_tensor(interval)
    return bool((t > low) & (t <= high))


@torch.no_grad()
def sample(
    model: UAREModel,
    context: GuidedContext,
    targets: Sequence[NoisedLatent],
    sampling: SamplingConfig,
    on_step: Callable[[int, list[Tensor]], None] | None = None,
) -> list[Tensor]:
    """Denoises targets, one per sample of the context; returns their latent tokens (h·w, C*4) float32.

    A target holds the start x_t and its time (1 for pure noise). Guided branches run as more samples of the
    same batch; branches that do nothing are not run. `on_step(i, x)` sees after step i what its velocity
    leads to at time 0: a guess at the result, and the result itself after the last.
    """
    uses_text = context.text_free is not None and sampling.text_scale > 1
    uses_image = context.image_free is not None and sampling.image_scale > 1
    branches = [
        cache
        for cache, is_used in ((context.text_free, uses_text), (context.image_free, uses_image))
        if cache is not None and is_used
    ]
    guided_cache = joined([context.full, *branches]) if branches else context.full
    times = schedule(sampling.num_steps, sampling.timestep_shift, targets[0].timestep)
    state = [target.tokens.float() for target in targets]
    for i, (t, next_t) in enumerate(pairwise(times)):
        is_guided = bool(branches) and acts_at(t, sampling.interval)
        cache = guided_cache if is_guided else context.full
        velocities = _velocities(model, cache, targets, state, t)
        if is_guided:
            velocities = _guided(velocities, len(targets), uses_text, uses_image, sampling)
        # float32: the steps add up
        state = [x - v * (t - next_t) for x, v in zip(state, velocities, strict=True)]
        if on_step is not None:
            on_step(i, [x - v * next_t for x, v in zip(state, velocities, strict=True)])
    return state


def _velocities(
    model: UAREModel, cache: ContextCache, targets: Sequence[NoisedLatent], state: Sequence[Tensor], t: Tensor
) -> list[Tensor]:
    """Velocity of every target in every context of the cache (contexts first, then targets)."""
    repeats = cache.num_samples // len(targets)
    items = [[replace(target, tokens=x, timestep=float(t))] for target, x in zip(targets, state, strict=True)]
    batch = pack(items * repeats, model.config, cache.next_positions).to(model.device)
    velocity = model(batch, cache).velocity.to(state[0].device)
    return list(velocity.split([len(x) for x in state] * repeats))


def _guided(
    velocities: list[Tensor], num_targets: int, uses_text: bool, uses_image: bool, sampling: SamplingConfig
) -> list[Tensor]:
    branches = [velocities[i : i + num_targets] for i in range(0, len(velocities), num_targets)]
    text_free = branches[1] if uses_text else [None] * num_targets
    image_free = branches[-1] if uses_image else [None] * num_targets
    return [
        guide(full, text, image, sampling)
        for full, text, image in zip(branches[0], text_free, image_free, strict=True)
    ]
