"""The pipeline: any kind of photo in, the same kind out, and what happens when something is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.uare.pictures import random_array, smooth_pixels
from tests.uare.tiny import tiny_restorer
from uare import pipeline as pipeline_module
from uare.candidates import candidates
from uare.errors import ConfigError, InputError
from uare.images import load_photo
from uare.options import RestoreOptions
from uare.pipeline import UAREPipeline, choose_device, choose_dtype, is_out_of_memory
from uare.results import Comparison
from uare.saving import quantised
from uare.tokenizer import TextTokenizer

QUICK: dict[str, Any] = {"analyse": False, "verify": False, "guidance_text": 1.0, "guidance_image": 1.0}
JUDGED = QUICK | {"verify": True}


@pytest.fixture(scope="module")
def unchanging_pipeline(tiny_tokenizer: TextTokenizer) -> UAREPipeline:
    """Its restoration is the photo itself, so what comes out is known."""
    return UAREPipeline(tiny_restorer(changes=False), tiny_tokenizer)


def smooth_array(height: int, width: int, bit_depth: int = 8) -> np.ndarray:
    return quantised(smooth_pixels(height, width), bit_depth)


def array_of(image: Any) -> np.ndarray:
    return np.asarray(image)


def verdict(monkeypatch: pytest.MonkeyPatch, letter: str) -> None:
    """Lets every comparison of a restoration (A) with its input (B) end in the same way."""
    probabilities = {"A": (0.8, 0.1, 0.1), "B": (0.1, 0.8, 0.1), "equal": (0.1, 0.1, 0.8)}[letter]
    judged = Comparison(verdict=letter, probabilities=probabilities, text="")  # type: ignore[arg-type]
    monkeypatch.setattr(pipeline_module, "compare_photos", lambda *_, **__: judged)


# --- kinds of photos ---


def test_the_same_photo_gives_the_same_result_as_file_picture_array_and_tensor(
    restoring_pipeline: UAREPipeline, tmp_path: Path
) -> None:
    array = random_array(40, 56)
    file = tmp_path / "photo.png"
    Image.fromarray(array).save(file)
    tensor = torch.from_numpy(array).permute(2, 0, 1)
    expected = array_of(restoring_pipeline.restore(array, **QUICK).image)
    score = restoring_pipeline.score(array)
    for source in (file, str(file), Image.fromarray(array), tensor, tensor[None], load_photo(file)):
        assert restoring_pipeline.score(source) == score
        image = restoring_pipeline.restore(source, **QUICK).image
        if isinstance(source, Tensor):
            assert isinstance(image, Tensor)
            assert image.shape == source.shape
            assert image.dtype == torch.uint8
            image = image.reshape(tensor.shape).permute(1, 2, 0)
        else:
            assert isinstance(image, Image.Image)
        np.testing.assert_array_equal(array_of(image), expected)


def test_a_list_gives_a_list_of_the_results_alone(restoring_pipeline: UAREPipeline) -> None:
    photos = [random_array(40, 56, seed=1), random_array(32, 32, seed=2)]
    together = restoring_pipeline.restore(photos, **JUDGED)
    for photo, result in zip(photos, together, strict=True):
        alone = restoring_pipeline.restore(photo, **JUDGED)
        np.testing.assert_array_equal(array_of(result.image), array_of(alone.image))
        assert result.verdict == alone.verdict


def test_an_empty_list_gives_an_empty_list(tiny_pipeline: UAREPipeline) -> None:
    assert tiny_pipeline.assess([]) == []


@pytest.mark.parametrize("upscale", [1, 2, 4])
def test_the_output_is_the_input_times_upscale(tiny_pipeline: UAREPipeline, upscale: int) -> None:
    image = tiny_pipeline.restore(random_array(21, 34), upscale=upscale, **QUICK).image
    assert array_of(image).shape == (21 * upscale, 34 * upscale, 3)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 150, 3), (150, 1, 3)])
def test_the_smallest_and_thinnest_photos_come_back(
    unchanging_pipeline: UAREPipeline, shape: tuple[int, ...]
) -> None:
    photo = np.full(shape, 77, np.uint8)
    result = unchanging_pipeline.restore(photo)
    np.testing.assert_array_equal(array_of(result.image), photo)


@pytest.mark.parametrize(
    "photo",
    [
        smooth_array(32, 48),
        smooth_array(32, 48, 16),
        smooth_array(32, 48)[..., 0],
        smooth_array(32, 48)[..., :1],
        smooth_array(32, 48, 16)[..., 0],
        smooth_pixels(32, 48).permute(1, 2, 0).numpy(),
        smooth_pixels(32, 48)[0].double().numpy(),
    ],
    ids=["rgb", "rgb16", "grey", "grey, one channel", "grey16", "float", "float64 grey"],
)
def test_arrays_keep_their_shape_depth_and_values(
    unchanging_pipeline: UAREPipeline, photo: np.ndarray
) -> None:
    """The network changes nothing; 1e-5 of the full range is what float32 rounds."""
    image = unchanging_pipeline.restore(photo, **QUICK).image
    assert isinstance(image, np.ndarray)
    assert image.dtype == photo.dtype
    full = np.iinfo(photo.dtype).max if photo.dtype.kind == "u" else 1
    np.testing.assert_allclose(image.astype(float), photo.astype(float), rtol=0, atol=max(1e-5 * full, 1e-6))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_float_tensors_keep_their_type_and_values(
    unchanging_pipeline: UAREPipeline, dtype: torch.dtype
) -> None:
    photo = smooth_pixels(32, 48).to(dtype)
    image = unchanging_pipeline.restore(photo, **QUICK).image
    assert isinstance(image, Tensor)
    torch.testing.assert_close(image, photo, atol=1e-5, rtol=0)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_pictures_keep_their_mode(restoring_pipeline: UAREPipeline, mode: str) -> None:
    picture = Image.fromarray(random_array(32, 48, 4), "RGBA").convert(mode)
    image = restoring_pipeline.restore(picture, **QUICK).image
    assert isinstance(image, Image.Image)
    assert (image.mode, image.size) == (mode, picture.size)


def test_grey_stays_grey_though_the_network_works_in_colour(restoring_pipeline: UAREPipeline) -> None:
    restored = restoring_pipeline.restore_photo(random_array(32, 48)[..., 0], **QUICK)
    assert (restored.pixels[0] != restored.pixels[1]).any()
    assert array_of(restored.result.image).shape == (32, 48)


def test_alpha_is_kept_and_scaled(restoring_pipeline: UAREPipeline) -> None:
    photo = random_array(32, 48, 4)
    photo[..., 3] = 0
    photo[:16, :, 3] = 255
    same = array_of(restoring_pipeline.restore(photo, **QUICK).image)
    np.testing.assert_array_equal(same[..., 3], photo[..., 3])
    doubled = array_of(restoring_pipeline.restore(photo, upscale=2, **QUICK).image)
    assert doubled.shape == (64, 96, 4)
    assert (doubled[:28, :, 3] == 255).all()  # 4 px on either side belong to the edge
    assert (doubled[36:, :, 3] == 0).all()


# --- choices ---


def test_outside_the_mask_nothing_changes(restoring_pipeline: UAREPipeline) -> None:
    photo = random_array(40, 56, 4)
    photo[:, :8, 3] = 0  # what lies under alpha 0 belongs to the photo too
    mask = np.zeros((40, 56), np.uint8)
    mask[10:30, 20:40] = 255
    image = array_of(restoring_pipeline.restore(photo, mask=mask, **QUICK).image)
    is_outside = mask == 0
    np.testing.assert_array_equal(image[is_outside], photo[is_outside])
    assert (image[~is_outside] != photo[~is_outside]).any(axis=-1).mean() > 0.9


def test_a_seed_gives_the_same_picture_again_and_another_seed_another(
    restoring_pipeline: UAREPipeline,
) -> None:
    photo = random_array(32, 48)
    first, again, other = (
        array_of(restoring_pipeline.restore(photo, seed=seed, **QUICK).image) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_best_of_keeps_the_candidate_with_the_best_score_and_lists_all(
    restoring_pipeline: UAREPipeline,
) -> None:
    photo = random_array(32, 48)
    tried = candidates(RestoreOptions(seed=4, best_of=3, **QUICK))
    alone = [
        restoring_pipeline.restore_photo(photo, seed=one.seed, fidelity=one.fidelity, **QUICK)
        for one in tried
    ]
    scores = [restoring_pipeline.score(one.pixels) for one in alone]
    chosen = restoring_pipeline.restore_photo(photo, seed=4, best_of=3, **QUICK)
    assert torch.equal(chosen.pixels, alone[scores.index(max(scores))].pixels)
    listed = chosen.result.candidates
    assert [one.points for one in listed] == sorted(scores, reverse=True)
    assert listed[0].rank == 1
    assert {(one.seed, one.fidelity) for one in listed} == {(one.seed, one.fidelity) for one in tried}
    assert restoring_pipeline.restore(photo, **QUICK).candidates == ()


def test_the_result_says_how_it_was_made(restoring_pipeline: UAREPipeline) -> None:
    result = restoring_pipeline.restore(random_array(32, 48), seed=5, steps=2)
    assert (result.seed, result.steps) == (5, 2)
    assert result.analysis is not None
    assert result.verdict is not None
    assert sum(result.verdict.probabilities) == pytest.approx(1, abs=1e-6)
    assert set(result.timings) == {"analysis", "encode", "context", "flow", "decode", "verify"}


def test_steps_are_reported_to_the_last(restoring_pipeline: UAREPipeline) -> None:
    seen: list[tuple[int, int]] = []
    restoring_pipeline.restore(
        random_array(32, 48), steps=3, on_step=lambda done, total: seen.append((done, total)), **QUICK
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_an_assessment_is_heard_as_it_is_written_and_can_be_ended(restoring_pipeline: UAREPipeline) -> None:
    class Enough(Exception):
        pass

    seen: list[str] = []

    def stop(text: str) -> None:
        seen.append(text)
        if len(seen) == 3:
            raise Enough

    photo = random_array(32, 48)
    with pytest.raises(Enough):
        restoring_pipeline.assess(photo, on_text=stop)
    assert len(seen) == 3
    heard: list[str] = []
    assert restoring_pipeline.assess(photo, on_text=heard.append).text == heard[-1]


def test_photos_analysed_together_are_analysed_as_each_alone(restoring_pipeline: UAREPipeline) -> None:
    photos = [random_array(32, 48, seed=1), random_array(40, 32, seed=2), random_array(32, 48, seed=3)]
    asked = [(None, 1), ("remove the haze", 1), (None, 2)]
    together = restoring_pipeline.analyse_together(
        photos, instructions=[wish for wish, _ in asked], upscales=[upscale for _, upscale in asked]
    )
    assert together == [
        restoring_pipeline.analyse(photo, instruction=wish, upscale=upscale)
        for photo, (wish, upscale) in zip(photos, asked, strict=True)
    ]


def test_words_that_were_changed_guide_the_restoration(restoring_pipeline: UAREPipeline) -> None:
    photo = random_array(32, 48)
    analysis = restoring_pipeline.analyse(photo)
    own = restoring_pipeline.restore_photo(photo, verify=False)
    same = restoring_pipeline.restore_photo(photo, analysis=analysis.text, verify=False)
    other = restoring_pipeline.restore_photo(photo, analysis="It shows serious haze.", verify=False)
    assert torch.equal(own.pixels, same.pixels)
    assert not torch.equal(own.pixels, other.pixels)
    assert other.result.analysis is not None
    assert other.result.analysis.text == "It shows serious haze."


def test_an_analysis_and_the_wish_for_none_contradict(restoring_pipeline: UAREPipeline) -> None:
    with pytest.raises(InputError, match="leave one of them out"):
        restoring_pipeline.restore_photo(random_array(32, 48), analysis="It is dark.", analyse=False)


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ({"fidelity": 1.5}, "fidelity must lie in 0..1, found 1.5"),
        ({"fidelity": -0.1}, "fidelity must lie in 0..1"),
        ({"fidelity": float("nan")}, "fidelity must lie in 0..1"),
        ({"steps": -1}, "steps must be at least 1, found -1"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"tile": 64}, "tile must be at least 128 px, found 64"),
        ({"upscale": 3}, "upscale must be 1, 2 or 4, found 3"),
        ({"best_of": 0}, "best_of must be at least 1"),
        ({"upscale": 2, "mask": np.zeros((32, 48), np.uint8)}, "a mask keeps pixels as they are"),
        ({"mask": np.zeros((32, 32), np.uint8)}, "draw the mask at the photo's size"),
    ],
)
def test_choices_that_make_no_sense_are_refused(
    tiny_pipeline: UAREPipeline, choice: dict[str, Any], sentence: str
) -> None:
    with pytest.raises((InputError, ConfigError), match=sentence):
        tiny_pipeline.restore(random_array(32, 48), **choice)


# --- the verdict ---


@pytest.mark.parametrize(("letter", "outcome"), [("A", "better"), ("equal", "about equal")])
def test_what_is_not_worse_is_kept(
    restoring_pipeline: UAREPipeline, monkeypatch: pytest.MonkeyPatch, letter: str, outcome: str
) -> None:
    photo = random_array(32, 48)
    unjudged = restoring_pipeline.restore(photo, **QUICK)
    verdict(monkeypatch, letter)
    result = restoring_pipeline.restore(photo, **JUDGED)
    assert result.verdict is not None
    assert result.verdict.outcome == outcome
    assert result.warnings == ()
    np.testing.assert_array_equal(array_of(result.image), array_of(unjudged.image))


def test_where_the_result_is_worse_the_input_is_kept_and_that_is_said(
    restoring_pipeline: UAREPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = random_array(32, 48, 4)
    photo[:8, :, 3] = 0
    verdict(monkeypatch, "B")
    result = restoring_pipeline.restore(photo, **JUDGED)
    np.testing.assert_array_equal(array_of(result.image), photo)
    assert result.warnings == ("the restoration was judged worse than the input, so the input was kept",)
    kept = restoring_pipeline.restore(photo, keep_worse=True, **JUDGED)
    assert kept.verdict == result.verdict
    assert kept.warnings == ()
    assert (array_of(kept.image) != photo).any()


def test_the_verdict_is_the_comparison_with_the_input(tiny_pipeline: UAREPipeline) -> None:
    photo = random_array(32, 48)
    restored = tiny_pipeline.restore_photo(photo, keep_worse=True, **JUDGED)
    comparison = tiny_pipeline.compare(restored.pixels, photo)
    assert restored.result.verdict is not None
    assert restored.result.verdict.probabilities == comparison.probabilities


# --- memory ---


def failing_decode(monkeypatch: pytest.MonkeyPatch, model: Any, error: BaseException, times: int) -> None:
    """The codec's decoder raises `error` the first `times` times it is called."""
    decode = model.codec.decode
    failures = iter([error] * times)

    def fragile(latents: Tensor) -> Tensor:
        for failure in failures:
            raise failure
        return decode(latents)

    monkeypatch.setattr(model.codec, "decode", fragile)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_where_memory_runs_out_smaller_tiles_are_taken_and_that_is_said(
    restoring_pipeline: UAREPipeline, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    photo = random_array(256, 272)
    expected = restoring_pipeline.restore(photo, tile=128, **QUICK)
    failing_decode(monkeypatch, restoring_pipeline.model, error, times=1)
    result = restoring_pipeline.restore(photo, **QUICK)
    assert result.warnings == ("memory did not suffice: the photo was restored in tiles of 128 px",)
    np.testing.assert_array_equal(array_of(result.image), array_of(expected.image))


def test_where_no_tile_is_small_enough_that_is_said(
    restoring_pipeline: UAREPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_decode(
        monkeypatch, restoring_pipeline.model, torch.OutOfMemoryError("CUDA out of memory."), times=9
    )
    with pytest.raises(InputError, match="memory does not suffice even for tiles of 128 px"):
        restoring_pipeline.restore(random_array(256, 272), **QUICK)


def test_the_first_smaller_tile_is_smaller_than_the_photo(
    restoring_pipeline: UAREPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tile that the photo does not fill takes as much memory as the photo."""
    failing_decode(monkeypatch, restoring_pipeline.model, MemoryError(), times=1)
    monkeypatch.setattr(restoring_pipeline.model.config, "tile_px", 4096)
    result = restoring_pipeline.restore(random_array(264, 100), **QUICK)
    assert result.warnings == ("memory did not suffice: the photo was restored in tiles of 132 px",)


def test_other_errors_are_not_taken_for_a_lack_of_memory(
    restoring_pipeline: UAREPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_decode(monkeypatch, restoring_pipeline.model, RuntimeError("shapes do not fit"), times=1)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        restoring_pipeline.restore(random_array(32, 32), **QUICK)
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))


# --- loading ---


def test_a_saved_pipeline_loads_and_scores_alike(tiny_pipeline: UAREPipeline, tmp_path: Path) -> None:
    tiny_pipeline.model.save_pretrained(tmp_path)
    tiny_pipeline.tokenizer.save(tmp_path)
    loaded = UAREPipeline.from_pretrained(tmp_path, device="cpu", dtype="float32")
    photo = random_array(40, 56)
    assert loaded.score(photo) == tiny_pipeline.score(photo)
    assert not loaded.model.training


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_an_absent_device_is_named() -> None:
    with pytest.raises(InputError, match="device 'cuda' was asked for, but there is none here"):
        choose_device("cuda")


def test_unknown_devices_and_dtypes_are_named() -> None:
    with pytest.raises(InputError, match="unknown device 'toaster'; choose cuda, mps or cpu"):
        choose_device("toaster")
    with pytest.raises(InputError, match="unknown dtype 'int3'; choose float32, bfloat16, float16"):
        choose_dtype("int3", torch.device("cpu"))


def test_what_is_no_photo_is_refused(tiny_pipeline: UAREPipeline, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        tiny_pipeline.assess(tmp_path / "missing.png")
    with pytest.raises(InputError, match="a photo cannot be a int"):
        tiny_pipeline.restore(3)  # type: ignore[call-overload]
