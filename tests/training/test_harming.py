"""Harms that are left to the training device come out as those of the workers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from data.drafts import Draft, TargetPicture
from data.rows import Rows
from tests.training.phases import Workshop, make_workshop
from tests.uare.tiny import tiny_config, tiny_text_tokenizer
from training.harming import harm_drafts
from training.latents import encode_drafts
from training.mixture import make_rows
from training.settings import read_settings
from uare.packing import Item, VisionImage
from uare.vae import build_codec

BATCH_SHARE = 1e-2  # of values that may be off by one level of 255
CUDA_TOLERANCE = 5e-4  # mean over a picture, of the range


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return make_workshop(tmp_path_factory.mktemp("harming"))


def rows_of(workshop: Workshop, phase: str, later: bool) -> Rows:
    settings = read_settings(workshop.settings(phase, phase), [f"data.harm_on_device={later}"])
    return make_rows(settings, tiny_config(), tiny_text_tokenizer())


def base_of(draft: Draft) -> torch.Tensor | None:
    return next((part.base for part in draft.parts if isinstance(part, TargetPicture)), None)


def same(ours: Item, theirs: Item) -> bool:
    """Whether two items are equal in all fields, tensors exactly."""
    pairs = [(value, getattr(theirs, name)) for name, value in vars(ours).items()]
    return type(ours) is type(theirs) and all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs
    )


@pytest.mark.parametrize("phase", ["single", "multi", "unified"])
def test_a_cpu_harms_exactly_as_the_workers_do(workshop: Workshop, phase: str) -> None:
    """Alone exactly; in a batch a power of numbers that lie elsewhere may tip a rounding to 8 bits."""
    config, codec, num_pending = tiny_config(), build_codec(tiny_config().codec), 0
    for number in range(8):
        expected = rows_of(workshop, phase, later=False)[number].drafts
        planned = rows_of(workshop, phase, later=True)[number].drafts
        num_pending += sum(draft.pending is not None for draft in planned)
        alone = [harm_drafts([draft], config, torch.device("cpu"))[0] for draft in planned]
        assert [draft.records for draft in alone] == [draft.records for draft in expected]
        items = zip(encode_drafts(alone, codec, config), encode_drafts(expected, codec, config), strict=True)
        assert all(same(a, b) for ours, theirs in items for a, b in zip(ours, theirs, strict=True))
        for ours, theirs in zip(harm_drafts(planned, config, torch.device("cpu")), expected, strict=True):
            a, b = base_of(ours), base_of(theirs)
            if a is not None and b is not None:
                assert ((a - b) * 255).abs().max() < 1.01
                assert ((a - b).abs() > 0).float().mean() < BATCH_SHARE
    assert num_pending > 0


@pytest.mark.cuda
def test_cuda_harms_as_the_workers_do_up_to_rounding(workshop: Workshop) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    for number in range(8):
        expected = rows_of(workshop, "single", later=False)[number].drafts
        planned = rows_of(workshop, "single", later=True)[number].drafts
        for ours, theirs in zip(
            harm_drafts(planned, tiny_config(), torch.device("cuda")), expected, strict=True
        ):
            a, b = base_of(ours), base_of(theirs)
            assert a is not None and b is not None
            assert (a - b).abs().mean() < CUDA_TOLERANCE


def test_what_waits_for_its_harm_is_clean_and_says_which(workshop: Workshop) -> None:
    drafts = [draft for number in range(8) for draft in rows_of(workshop, "single", True)[number].drafts]
    waiting = [draft for draft in drafts if draft.pending is not None]
    assert 0 < len(waiting) < len(drafts)  # a few stay clean
    for draft in waiting:
        target = next(part for part in draft.parts if isinstance(part, TargetPicture))
        assert torch.equal(target.base, target.pixels)
        assert [record.parameters for records in draft.records for record in records] == [{}]
    spared = [draft for draft in drafts if draft.pending is None]
    assert all(draft.records == ((),) for draft in spared)


def test_drafts_without_a_harm_to_do_are_passed_on(workshop: Workshop) -> None:
    drafts = rows_of(workshop, "unified", later=False)[0].drafts
    assert all(
        a is b for a, b in zip(harm_drafts(drafts, tiny_config(), torch.device("cpu")), drafts, strict=True)
    )


def test_views_are_of_the_harmed_picture(workshop: Workshop) -> None:
    planned = next(
        draft
        for number in range(8)
        for draft in rows_of(workshop, "single", True)[number].drafts
        if draft.pending is not None
    )
    (found,) = harm_drafts([planned], tiny_config(), torch.device("cpu"))
    before, after = (
        next(part for part in draft.parts if isinstance(part, VisionImage)) for draft in (planned, found)
    )
    assert not torch.equal(before.patches, after.patches)
    assert replace(after, patches=before.patches) == before
