"""The flow: its schedule, what guidance computes, and that batches and branches agree."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.uare.tiny import condition, target, text, tiny_config, vision
from uare.config import Renorm, SamplingConfig
from uare.decoding import read
from uare.flow import GuidedContext, acts_at, guide, sample
from uare.model import UAREModel
from uare.packing import Item, NoisedLatent, pack
from uare.schedule import draw_noise, noised, schedule, shifted

TOLERANCE = 1e-5  # float32 through two layers and three steps; other orders of summation
PHOTO: list[Item] = [condition(2, 3), vision(3, 2)]
BOTH = SamplingConfig(num_steps=3, text_scale=4.0, image_scale=2.0)


@pytest.fixture(scope="module")
def context(tiny_model: UAREModel) -> GuidedContext:
    """A photo and an instruction, without the instruction, and without the photo."""
    text_free = read(tiny_model, [PHOTO])
    return GuidedContext(
        full=read(tiny_model, [[text(5, 6, 7)]], text_free),
        text_free=text_free,
        image_free=read(tiny_model, [[text(5, 6, 7)]]),
    )


def test_the_schedule_runs_from_noise_to_the_image() -> None:
    assert schedule(2, 3.0).tolist() == [1.0, 0.75, 0.0]  # 3·½ / (1 + 2·½)
    assert schedule(4, 1.0).tolist() == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert schedule(4, 1.0, start=0.5).tolist() == [0.5, 0.375, 0.25, 0.125, 0.0]


@given(num_steps=st.integers(1, 60), shift=st.floats(0.2, 10))
def test_times_fall_and_end_at_zero_for_every_shift(num_steps: int, shift: float) -> None:
    times = schedule(num_steps, shift)
    assert times.shape == (num_steps + 1,)
    assert times[0] == pytest.approx(1)
    assert acts_at(times[0], (0.0, 1.0))  # rounding must not carry the first time out of the interval
    assert times[-1] == 0
    assert (times.diff() < 0).all()


def test_a_shift_above_one_moves_times_towards_noise() -> None:
    t = torch.tensor([0.0, 0.25, 1.0])
    assert shifted(t, 4.0).tolist() == [0.0, pytest.approx(4 / 7), 1.0]
    assert torch.equal(shifted(t, 1.0), t)


def test_noising_is_a_straight_line_whose_slope_is_the_velocity() -> None:
    latent, noise = torch.tensor([2.0]), torch.tensor([-1.0])
    assert noised(latent, noise, 0.0).item() == 2.0
    assert noised(latent, noise, 1.0).item() == -1.0
    halfway = noised(latent, noise, 0.5)
    assert (halfway - (noise - latent) * 0.5).item() == 2.0


def row(*values: float) -> Tensor:
    return torch.tensor([values])


def test_guidance_extrapolates_away_from_the_poorer_context() -> None:
    free = SamplingConfig(text_scale=3.0, image_scale=2.0, renorm="global", renorm_min=1.0)  # no shrinking
    full, text_free, image_free = row(3.0, 4.0), row(2.0, 4.0), row(0.0, 1.0)
    assert guide(full, text_free, None, free).tolist() == [[5.0, 4.0]]  # 2 + 3·(3 − 2)
    assert guide(full, None, image_free, free).tolist() == [[6.0, 7.0]]
    assert guide(full, text_free, image_free, free).tolist() == [[10.0, 7.0]]  # text first, then image
    assert torch.equal(guide(full, None, None, free), full)


def test_renormalisation_shrinks_to_the_length_of_the_plain_velocity() -> None:
    full, text_free = torch.tensor([[3.0, 4.0], [0.0, 1.0]]), torch.tensor([[0.0, 0.0], [0.0, 1.0]])
    scale = SamplingConfig(text_scale=2.0, renorm="channel")
    per_token = guide(full, text_free, None, scale)
    torch.testing.assert_close(per_token, full)  # (6, 8) back to length 5; the other token was not guided
    whole = guide(full, text_free, None, replace(scale, renorm="global"))
    guided = torch.tensor([[6.0, 8.0], [0.0, 1.0]])
    torch.testing.assert_close(whole, guided * (26 / 101) ** 0.5)


def test_text_channel_renormalises_before_image_guidance_acts() -> None:
    sampling = SamplingConfig(text_scale=2.0, image_scale=2.0, renorm="text_channel")
    full, nothing = row(3.0, 4.0), row(0.0, 0.0)
    torch.testing.assert_close(guide(full, nothing, nothing, sampling), row(6.0, 8.0))


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_guidance_acts_above_the_lower_and_up_to_the_upper_bound(t: float, a: float, b: float) -> None:
    low, high = sorted((a, b))
    at = torch.tensor(t)
    assert acts_at(at, (low, high)) == bool(torch.tensor(low) < at <= torch.tensor(high))


@torch.no_grad()
def euler(model: UAREModel, context: GuidedContext, start: NoisedLatent, sampling: SamplingConfig) -> Tensor:
    """The sampler spelled out, with one forward pass for each branch."""
    caches = (context.full, context.text_free, context.image_free)
    x = start.tokens
    times = schedule(sampling.num_steps, sampling.timestep_shift, start.timestep)
    for t, next_t in pairwise(times):
        item = replace(start, tokens=x, timestep=float(t))
        full, text_free, image_free = (
            None
            if cache is None
            else model(pack([[item]], model.config, cache.next_positions), cache).velocity
            for cache in caches
        )
        assert full is not None
        x = x - guide(full, text_free, image_free, sampling) * (t - next_t)
    return x


@pytest.mark.parametrize("renorm", ["global", "channel", "text_channel"])
def test_guided_branches_in_one_batch_equal_separate_forward_passes(
    tiny_model: UAREModel, context: GuidedContext, renorm: Renorm
) -> None:
    sampling = SamplingConfig(num_steps=3, text_scale=4.0, image_scale=2.0, renorm=renorm)
    (batched,) = sample(tiny_model, context, [target(2, 3)], sampling)
    expected = euler(tiny_model, context, target(2, 3), sampling)
    torch.testing.assert_close(batched, expected, atol=TOLERANCE, rtol=0)


def test_image_guidance_works_without_text_guidance(tiny_model: UAREModel, context: GuidedContext) -> None:
    only_image = replace(BOTH, text_scale=1.0)
    (guided,) = sample(tiny_model, context, [target(2, 3)], only_image)
    (plain,) = sample(tiny_model, GuidedContext(full=context.full), [target(2, 3)], only_image)
    expected = euler(tiny_model, replace(context, text_free=None), target(2, 3), only_image)
    torch.testing.assert_close(guided, expected, atol=TOLERANCE, rtol=0)
    assert (guided - plain).abs().max() > 1e-3


def test_branches_of_scale_one_are_not_run(tiny_model: UAREModel, context: GuidedContext) -> None:
    sizes = []
    handle = tiny_model.mixture.register_forward_hook(lambda _, args, __: sizes.append(len(args[0])))
    sample(tiny_model, context, [target(2, 3)], replace(BOTH, text_scale=1.0, image_scale=1.0))
    sample(tiny_model, context, [target(2, 3)], replace(BOTH, interval=(0.0, 0.8)))  # times 1, 0.86, 0.6
    handle.remove()
    assert sizes == [8, 8, 8, 8, 8, 24]


def test_targets_of_a_batch_equal_each_alone(tiny_model: UAREModel) -> None:
    photos: list[list[Item]] = [PHOTO, [condition(1, 2, seed=7), vision(1, 1, seed=8)]]
    targets = [target(2, 3), target(1, 2, seed=5)]

    def contexts(chosen: list[list[Item]]) -> GuidedContext:
        text_free = read(tiny_model, chosen)
        words: list[list[Item]] = [[text(5, 6)]] * len(chosen)
        return GuidedContext(full=read(tiny_model, words, text_free), text_free=text_free)

    together = sample(tiny_model, contexts(photos), targets, BOTH)
    for photo, start, result in zip(photos, targets, together, strict=True):
        (alone,) = sample(tiny_model, contexts([photo]), [start], BOTH)
        torch.testing.assert_close(result, alone, atol=TOLERANCE, rtol=0)


def test_every_step_is_reported_with_its_state(tiny_model: UAREModel, context: GuidedContext) -> None:
    seen: list[tuple[int, Tensor]] = []
    (result,) = sample(
        tiny_model, context, [target(2, 3)], BOTH, on_step=lambda i, state: seen.append((i, state[0]))
    )
    assert [i for i, _ in seen] == [0, 1, 2]
    assert torch.equal(seen[-1][1], result)


def test_the_noise_of_an_image_depends_on_its_seed_alone() -> None:
    batch = draw_noise((6, 64), [11, 12, 13])
    assert torch.equal(batch[1], draw_noise((6, 64), [12])[0])
    assert not torch.equal(batch[0], batch[1])


def test_a_residual_model_that_adds_nothing_arrives_at_its_photo() -> None:
    torch.manual_seed(0)
    model = UAREModel(tiny_config("residual")).eval()
    photo = draw_noise((6, 64), [1])[0]
    start = replace(target(2, 3), base=photo)
    (result,) = sample(model, GuidedContext(full=read(model, [PHOTO])), [start], BOTH)
    torch.testing.assert_close(result, photo, atol=TOLERANCE, rtol=0)
