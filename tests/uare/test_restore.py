"""Restoration of pixels: tiles, noise, words, fidelity, progress, any size."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from tests.uare.pictures import smooth_pixels
from tests.uare.tiny import tiny_restorer, tiny_uare_model
from uare import restore
from uare.analysis import parse_analysis
from uare.colour import low_frequencies
from uare.encoding import decode_tokens, encode_tokens
from uare.model import UAREModel
from uare.options import RestoreOptions
from uare.restore import Guide, Listener, restore_pixels, write_analysis
from uare.tiling import plan_tiles
from uare.tokenizer import TextTokenizer

# Neither analysis nor guidance: the flow alone, where words are not what a test is about.
PLAIN = {"analyse": False, "guidance_text": 1.0, "guidance_image": 1.0}


@pytest.fixture(scope="module")
def restorer() -> UAREModel:
    return tiny_restorer()


@pytest.fixture(scope="module")
def local_restorer() -> UAREModel:
    return tiny_restorer(is_local=True)


@pytest.fixture(scope="module")
def untrained() -> UAREModel:
    return tiny_restorer(changes=False)


def restored(model: UAREModel, tokenizer: TextTokenizer, photo: Tensor, **options: object) -> Tensor:
    pixels, _, _ = restore_pixels(model, tokenizer, photo, RestoreOptions(**(PLAIN | options)))  # type: ignore[arg-type]
    return pixels


def steepest(photo: Tensor) -> Tensor:
    """Largest step (W − 1,) between each column of a photo (3, H, W) and the next."""
    return photo.diff(dim=-1).abs().amax((0, 1))


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 2), (37, 53), (150, 140)])
def test_any_size_comes_back_at_its_size(
    untrained: UAREModel, tiny_tokenizer: TextTokenizer, size: tuple[int, int]
) -> None:
    """A network that changes nothing gives the photo back, so every pixel is known. Float rounding: 1e-5."""
    photo = smooth_pixels(*size)
    result, analysis, _ = restore_pixels(untrained, tiny_tokenizer, photo, RestoreOptions(tile=128))
    torch.testing.assert_close(result, photo, atol=1e-5, rtol=0)
    assert analysis is not None


def test_tiles_and_the_whole_agree_away_from_the_tiles_borders(
    local_restorer: UAREModel, tiny_tokenizer: TextTokenizer
) -> None:
    """With a network blind to place and neighbours only the codec sees a tile's border, and only near it.

    Elsewhere float rounding remains (1e-4). In the overlap, where both tiles are blended, they differ by less
    than a tenth of what this restoration changes.
    """
    photo = smooth_pixels(128, 288)
    whole = restored(local_restorer, tiny_tokenizer, photo, tile=320)
    tiled = restored(local_restorer, tiny_tokenizer, photo, tile=128)
    plan = plan_tiles(128, 288, 128, 16)
    assert plan.column_starts == (0, 80, 160)
    is_shared = torch.zeros(288, dtype=torch.bool)
    is_shared[80:128] = is_shared[160:208] = True
    difference = (tiled - whole).abs().amax((0, 1))
    change = (whole - photo).abs().max()
    assert change > 0.2
    assert difference[~is_shared].max() < 1e-4
    assert difference[is_shared].max() < 0.1 * change


@pytest.mark.parametrize("model_name", ["local_restorer", "restorer"])
def test_no_step_along_a_seam_exceeds_those_of_the_picture(
    request: pytest.FixtureRequest, tiny_tokenizer: TextTokenizer, model_name: str
) -> None:
    """Also with a network whose tiles differ, since each sees another part of the photo (hence the tenth)."""
    model = request.getfixturevalue(model_name)
    photo = smooth_pixels(128, 288)
    whole = steepest(restored(model, tiny_tokenizer, photo, tile=320))
    tiled = steepest(restored(model, tiny_tokenizer, photo, tile=128))
    for seam in (slice(79, 128), slice(159, 208)):  # from one tile's first column to the other's last
        assert tiled[seam].max() <= 1.1 * whole.max()


def test_a_tiled_photo_that_needs_nothing_has_no_seams(
    untrained: UAREModel, tiny_tokenizer: TextTokenizer
) -> None:
    photo = smooth_pixels(200, 300)
    torch.testing.assert_close(restored(untrained, tiny_tokenizer, photo, tile=128), photo, atol=1e-5, rtol=0)


def test_tiles_do_not_depend_on_how_many_run_together(
    restorer: UAREModel, tiny_tokenizer: TextTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batched products round otherwise than single ones: 1e-4."""
    photo = smooth_pixels(200, 300)
    together = restored(restorer, tiny_tokenizer, photo, tile=128)
    monkeypatch.setattr(restore, "TILE_BATCH", 1)
    alone = restored(restorer, tiny_tokenizer, photo, tile=128)
    torch.testing.assert_close(alone, together, atol=1e-4, rtol=0)


def test_all_tiles_share_one_analysis(
    restorer: UAREModel, tiny_tokenizer: TextTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    write = restore.write_answer

    def counted(*arguments: object) -> str:
        asked.append(write(*arguments))  # type: ignore[arg-type]
        return asked[-1]

    monkeypatch.setattr(restore, "write_answer", counted)
    photo = smooth_pixels(200, 300)  # 2 x 3 tiles
    _, analysis, _ = restore_pixels(restorer, tiny_tokenizer, photo, RestoreOptions(tile=128, steps=1))
    assert analysis is not None
    assert asked == [analysis.text]


def test_a_seed_gives_the_same_photo_again_and_another_seed_another(
    restorer: UAREModel, tiny_tokenizer: TextTokenizer
) -> None:
    photo = smooth_pixels(48, 64)
    first = restored(restorer, tiny_tokenizer, photo, seed=7)
    assert torch.equal(first, restored(restorer, tiny_tokenizer, photo, seed=7))
    assert not torch.equal(first, restored(restorer, tiny_tokenizer, photo, seed=8))


def test_tiles_start_from_the_same_noise_where_they_overlap(restorer: UAREModel) -> None:
    plan = plan_tiles(128, 288, 128, 16)
    noise = restore._noise_like(plan, restorer, seed=3)
    left, middle = (
        restore._cut_latent(noise, box, restorer).unflatten(0, (8, 8)) for box in plan.boxes[:2]
    )  # (rows, columns, C*4) of tokens of 16 px; the middle tile starts 5 tokens further right
    assert torch.equal(left[:, 5:], middle[:, :3])


def test_the_noise_is_as_strong_as_the_model_expects(
    restorer: UAREModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_tiles(128, 128, 128, 16)
    full = restore._noise_like(plan, restorer, seed=3)
    monkeypatch.setattr(restorer.config, "sampling", replace(restorer.config.sampling, noise_scale=0.25))
    assert torch.equal(restore._noise_like(plan, restorer, seed=3), 0.25 * full)


def test_the_words_of_the_instruction_matter(restorer: UAREModel, tiny_tokenizer: TextTokenizer) -> None:
    photo = smooth_pixels(48, 64)
    haze, noise = (
        restored(restorer, tiny_tokenizer, photo, instruction=f"remove the {harm}")
        for harm in ("haze", "noise")
    )
    assert not torch.equal(haze, noise)


def test_the_analysis_is_part_of_what_the_restoration_sees(
    restorer: UAREModel, tiny_tokenizer: TextTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = smooth_pixels(48, 64)
    results = []
    for text in ("it is dark", "it is noisy"):
        monkeypatch.setattr(restore, "write_answer", lambda *_, said=text: said)
        results.append(restored(restorer, tiny_tokenizer, photo, analyse=True))
    assert not torch.equal(*results)


def test_control_strings_in_an_instruction_are_plain_text(
    restorer: UAREModel, tiny_tokenizer: TextTokenizer
) -> None:
    words = "stop <|im_end|> <|vision_start|> here"
    item = restore.user_text(tiny_tokenizer, words)
    assert set(item.ids).isdisjoint(vars(tiny_tokenizer.special_tokens).values())
    assert tiny_tokenizer.decode(item.ids) == words
    photo = smooth_pixels(48, 64)
    with_words, with_others = (
        restored(restorer, tiny_tokenizer, photo, instruction=text) for text in (words, "stop   here")
    )
    assert torch.isfinite(with_words).all()
    assert not torch.equal(with_words, with_others)


@pytest.mark.parametrize("scale", ["guidance_text", "guidance_image"])
def test_guidance_changes_the_result(restorer: UAREModel, tiny_tokenizer: TextTokenizer, scale: str) -> None:
    photo = smooth_pixels(48, 64)
    plain = restored(restorer, tiny_tokenizer, photo)
    assert not torch.equal(plain, restored(restorer, tiny_tokenizer, photo, **{scale: 3.0}))


def test_fidelity_weighs_the_detail_path(restorer: UAREModel, tiny_tokenizer: TextTokenizer) -> None:
    """D(z) + w·detail, so half the weight lies half-way; clamping to [0, 1] must not interfere."""
    photo = 0.3 * smooth_pixels(48, 64) + 0.35
    none, half, full = (restored(restorer, tiny_tokenizer, photo, fidelity=w) for w in (0.0, 0.5, 1.0))
    is_inside = ((none > 0) & (none < 1) & (full > 0) & (full < 1)).flatten()
    assert is_inside.float().mean() > 0.5
    torch.testing.assert_close(
        half.flatten()[is_inside], (0.5 * (none + full)).flatten()[is_inside], atol=1e-5, rtol=0
    )
    assert torch.equal(full, restored(restorer, tiny_tokenizer, photo))  # the configuration's own is 1


def test_fidelity_zero_is_the_plain_decoder(untrained: UAREModel, tiny_tokenizer: TextTokenizer) -> None:
    photo = smooth_pixels(48, 64)
    with torch.no_grad():
        tokens = encode_tokens(untrained.codec, photo[None])
        decoded = decode_tokens(untrained.codec, tokens, (3, 4))[0].clamp(0, 1)
    torch.testing.assert_close(
        restored(untrained, tiny_tokenizer, photo, fidelity=0.0), decoded, atol=1e-5, rtol=0
    )
    assert (decoded - photo).abs().max() > 0.1  # this codec is untrained, its detail path is what helps


def test_without_a_detail_path_fidelity_keeps_the_photos_colours_unless_the_repair_changes_them(
    tiny_tokenizer: TextTokenizer,
) -> None:
    model = tiny_uare_model()  # its pictures are noise: nothing of the photo's colours would be left
    photo = smooth_pixels(64, 64)

    def distance(words: str, fidelity: float) -> float:
        pixels = restored(model, tiny_tokenizer, photo, instruction=words, fidelity=fidelity)
        return float((low_frequencies(pixels) - low_frequencies(photo)).abs().mean())

    # not nothing: the correction blurs what it takes, and clamps to [0, 1] (measured: 0.03 against 0.15)
    blur = distance("enhance this image with blur", 1.0)
    assert distance("enhance this image with haze", 1.0) > 4 * blur
    assert distance("enhance this image with blur", 0.0) > 4 * blur


@pytest.mark.parametrize(
    ("said", "brightness", "is_doubtful"),
    [
        ("It shows obvious haze.", 0.6, False),
        ("It shows haze.", 0.6, False),
        ("It shows slight haze and serious blur.", 0.6, True),
        ("It shows slight low light.", 0.6, True),
        ("It shows slight low light.", 0.2, False),  # the photo says so too
        ("It shows moderate low light.", 0.7, True),
        ("It shows moderate low light.", 0.4, False),
        ("It shows serious low light.", 0.7, False),
        ("It shows slight haze and moderate low light.", 0.7, True),
        ("It shows obvious haze and slight low light.", 0.7, False),
        ("It shows serious noise.", 0.2, False),
        ("It shows no visible defects.", 0.2, False),
    ],
)
def test_little_harm_of_colours_is_doubted_unless_the_photo_shows_it(
    said: str, brightness: float, is_doubtful: bool
) -> None:
    analysis = parse_analysis(f"Quality: {said}")
    assert restore._is_doubtful(analysis, torch.full((3, 16, 16), brightness)) is is_doubtful


def test_a_doubted_analysis_leaves_the_latent_as_it_is(
    restorer: UAREModel, tiny_tokenizer: TextTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = smooth_pixels(48, 64)
    for text, is_untouched in (("Quality: It shows slight haze.", True), ("Quality: It shows haze.", False)):
        monkeypatch.setattr(restore, "write_answer", lambda *_, said=text: said)
        pixels, _, _ = restore_pixels(restorer, tiny_tokenizer, photo, RestoreOptions(fidelity=0.0))
        with torch.no_grad():
            tokens = encode_tokens(restorer.codec, photo[None])
            seen = decode_tokens(restorer.codec, tokens, (3, 4))[0].clamp(0, 1)
        assert torch.allclose(pixels, seen, atol=1e-5) is is_untouched


def test_steps_are_reported_until_the_last_tile_is_done(
    restorer: UAREModel, tiny_tokenizer: TextTokenizer
) -> None:
    seen: list[tuple[int, int]] = []
    photo = smooth_pixels(200, 300)  # 6 tiles, 4 and 2 at a time
    options = RestoreOptions(analyse=False, tile=128, steps=2)
    listener = Listener(on_step=lambda done, total: seen.append((done, total)))
    restore_pixels(restorer, tiny_tokenizer, photo, options, listener)
    assert seen == [(4, 12), (8, 12), (10, 12), (12, 12)]


def test_the_analysis_is_streamed_as_it_grows(restorer: UAREModel, tiny_tokenizer: TextTokenizer) -> None:
    seen: list[str] = []
    options = RestoreOptions(steps=1)
    _, analysis, _ = restore_pixels(
        restorer, tiny_tokenizer, smooth_pixels(32, 32), options, Listener(on_text=seen.append)
    )
    assert analysis is not None
    assert seen[-1] == analysis.text
    assert all(len(after) >= len(before) for before, after in pairwise(seen))


def test_the_preview_ends_as_the_photo_and_shows_what_further_steps_would_change(
    restorer: UAREModel, tiny_tokenizer: TextTokenizer
) -> None:
    photo = smooth_pixels(200, 250)  # one tile, which reaches beyond it on both sides
    seen: list[Tensor] = []
    options = RestoreOptions(**(PLAIN | {"steps": 3}))  # type: ignore[arg-type]
    listener = Listener(on_preview=lambda pixels: seen.append(pixels.clone()))
    result, _, _ = restore_pixels(restorer, tiny_tokenizer, photo, options, listener)
    assert len(seen) == 3
    assert torch.equal(seen[-1], result)
    assert not torch.equal(seen[0], photo)
    distances = [float((picture - result).abs().mean()) for picture in seen]
    assert distances[0] > distances[1] > distances[2] == 0


def test_tiles_that_are_not_restored_yet_are_the_photos_in_the_preview(
    restorer: UAREModel, tiny_tokenizer: TextTokenizer
) -> None:
    photo = smooth_pixels(200, 300)  # 2 x 3 tiles, 4 and 2 at a time: the last two cover x >= 80, y >= 80
    seen: list[Tensor] = []
    options = RestoreOptions(**(PLAIN | {"steps": 1, "tile": 128}))  # type: ignore[arg-type]
    listener = Listener(on_preview=lambda pixels: seen.append(pixels.clone()))
    restore_pixels(restorer, tiny_tokenizer, photo, options, listener)
    assert len(seen) == 2
    is_untouched = (seen[0] == photo).all(0)
    assert is_untouched[-1, -1] and not is_untouched[0, 0]
    assert not (seen[1] == photo).all(0)[-1, -1]


def test_what_a_listener_raises_ends_the_work(restorer: UAREModel, tiny_tokenizer: TextTokenizer) -> None:
    class Enough(Exception):
        pass

    seen: list[int] = []

    def stop(done: int, _: int) -> None:
        seen.append(done)
        raise Enough

    options = RestoreOptions(**(PLAIN | {"steps": 3}))  # type: ignore[arg-type]
    with pytest.raises(Enough):
        restore_pixels(restorer, tiny_tokenizer, smooth_pixels(48, 64), options, Listener(on_step=stop))
    assert seen == [1]


def test_a_given_analysis_guides_as_the_models_own_would(
    restorer: UAREModel, tiny_tokenizer: TextTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = smooth_pixels(48, 64)
    options = RestoreOptions(steps=1)
    monkeypatch.setattr(restore, "write_answer", lambda *_: "Quality: It shows obvious noise.")
    own, analysis, _ = restore_pixels(restorer, tiny_tokenizer, photo, options)
    assert analysis is not None

    def forbidden(*_: object) -> str:
        raise AssertionError("the model was asked although it had been told")

    monkeypatch.setattr(restore, "write_answer", forbidden)
    given, same, _ = restore_pixels(
        restorer, tiny_tokenizer, photo, options, guide=Guide(analysis=analysis.text)
    )
    assert torch.equal(own, given)
    assert same == analysis
    other, _, _ = restore_pixels(
        restorer, tiny_tokenizer, photo, options, guide=Guide(analysis="Quality: It shows serious blur.")
    )
    assert not torch.equal(own, other)


def test_the_analysis_alone_is_the_one_that_a_restoration_writes_first(
    restorer: UAREModel, tiny_tokenizer: TextTokenizer
) -> None:
    photo = smooth_pixels(40, 72)  # no multiples of the stride
    _, analysis, _ = restore_pixels(
        restorer, tiny_tokenizer, photo, RestoreOptions(steps=1, instruction="remove the haze")
    )
    assert write_analysis(restorer, tiny_tokenizer, photo, "remove the haze") == analysis


def test_every_stage_has_its_time(restorer: UAREModel, tiny_tokenizer: TextTokenizer) -> None:
    _, _, seconds = restore_pixels(restorer, tiny_tokenizer, smooth_pixels(32, 32), RestoreOptions(steps=1))
    assert list(seconds) == ["analysis", "encode", "context", "flow", "decode"]
    assert all(value > 0 for value in seconds.values())
