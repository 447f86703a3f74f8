"""The judge over our own network: symmetry, one encoding a photo, its files, and how the pipeline uses it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.uare.command_line import Command, run
from tests.uare.pictures import random_array
from tests.uare.tiny import tiny_uare_model
from uare.analysis import VERDICT_PREFIX, VERDICT_WORDS
from uare.batch.ranking import rank_files
from uare.candidates import candidates
from uare.compare import IDENTICAL
from uare.contest import all_wins, strengths_of
from uare.errors import CheckpointError
from uare.experts.comparison import ComparisonHead, Encoding, JudgeNetwork, pair_probabilities
from uare.images import Photo, load_photo
from uare.info import describe
from uare.judge import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    Judge,
    PooledConfig,
    load_judge,
    marks_of,
    new_pooled_network,
    save_judge,
)
from uare.judge_views import pooled_view, pooled_width
from uare.model import UAREModel
from uare.options import RestoreOptions
from uare.photo_statistics import NUM_PHOTO_STATISTICS
from uare.pipeline import UAREPipeline
from uare.screen import Screen
from uare.tokenizer import TextTokenizer

pytestmark = pytest.mark.usefixtures("short_texts")


@pytest.fixture(scope="module")
def config(tiny_model: UAREModel) -> PooledConfig:
    width = pooled_width(tiny_model)
    return PooledConfig(feature_width=width, inner_width=16, width=8, marks=marks_of(tiny_model))


@pytest.fixture(scope="module")
def network(config: PooledConfig) -> JudgeNetwork:
    """Untrained, but for a degradation branch that counts."""
    torch.manual_seed(3)
    network = new_pooled_network(config)
    torch.nn.init.normal_(network.head.prompt_out.weight)
    return network


@pytest.fixture(scope="module")
def judge_folder(
    network: JudgeNetwork, config: PooledConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("judge")
    save_judge(network, config, folder)
    return folder


@pytest.fixture(scope="module")
def judging(judge_folder: Path, tiny_model: UAREModel, tiny_tokenizer: TextTokenizer) -> UAREPipeline:
    """The tiny pipeline with a judge."""
    return UAREPipeline(tiny_model, tiny_tokenizer, load_judge(judge_folder, tiny_model, tiny_tokenizer))


@pytest.fixture(scope="module")
def judge(judging: UAREPipeline) -> Judge:
    assert judging.judge is not None
    return judging.judge


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    """Of several sizes and shapes."""
    return [random_array(24 + 8 * i, 56 - 8 * i, seed=i) for i in range(4)]


def test_swapping_swaps_exactly_and_the_same_pixels_are_equal(
    judge: Judge, pictures: list[NDArray[np.uint8]]
) -> None:
    photos = [load_photo(picture) for picture in pictures]
    for a in photos:
        for b in photos:
            a_better, b_better, equal = judge.compare(a, b)
            assert judge.compare(b, a) == (b_better, a_better, equal)
            assert a_better + b_better + equal == pytest.approx(1, abs=1e-12)
            assert ((a_better, b_better, equal) == (0, 0, 1)) == (a is b)
    twin = load_photo(pictures[0].copy())
    assert judge.compare(photos[0], twin) == (0, 0, 1)
    seen_through = Photo(pixels=twin.pixels, alpha=torch.full((1, *twin.size), 0.5))
    assert judge.compare(photos[0], seen_through) != (0, 0, 1)


def test_all_pairs_of_encodings_are_the_comparisons_one_by_one(
    judge: Judge, pictures: list[NDArray[np.uint8]]
) -> None:
    photos = [load_photo(picture) for picture in pictures]
    encodings = [judge.encode(photo) for photo in photos]
    table = pair_probabilities(encodings, encodings)
    assert torch.equal(table[..., 0], table[..., 1].T)
    for i, j in ((0, 1), (2, 1), (3, 0)):
        assert tuple(table[i, j].tolist()) == judge.compare(photos[i], photos[j])


def test_the_halves_of_the_comparison_are_the_whole_layer(network: JudgeNetwork) -> None:
    a, b = torch.randn(2, 5, 24, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network.head.logits(a, b), network.head.compare(torch.cat([a, b], dim=1)))


def test_a_view_is_what_the_network_computes_in_one_pass(
    tiny_model: UAREModel, tiny_tokenizer: TextTokenizer, pictures: list[NDArray[np.uint8]]
) -> None:
    view = pooled_view(tiny_model, tiny_tokenizer, load_photo(pictures[0]))
    assert view.shape == (pooled_width(tiny_model),) == (2 * 24 + 2 * 32 + NUM_PHOTO_STATISTICS,)
    assert view.isfinite().all()
    assert (view[24:48] >= 0).all()  # deviations
    other = pooled_view(tiny_model, tiny_tokenizer, load_photo(pictures[1]))
    for part in view.split([24, 24, 32, 32, NUM_PHOTO_STATISTICS]):
        assert part.std() > 0
    assert not torch.allclose(view, other, atol=1e-3)


def test_less_can_be_looked_at(
    tiny_model: UAREModel, tiny_tokenizer: TextTokenizer, pictures: list[NDArray[np.uint8]]
) -> None:
    photo = load_photo(pictures[0])  # 24 x 56
    shrunk = pooled_view(tiny_model, tiny_tokenizer, photo, 24)
    whole = pooled_view(tiny_model, tiny_tokenizer, photo)
    assert torch.equal(pooled_view(tiny_model, tiny_tokenizer, photo, 640), whole)
    assert not torch.allclose(shrunk, whole, atol=1e-3)


def test_the_pipeline_asks_its_judge_and_gives_reasons_for_that_verdict(
    judging: UAREPipeline, judge: Judge, pictures: list[NDArray[np.uint8]]
) -> None:
    for a, b in ((pictures[0], pictures[1]), (pictures[1], pictures[0])):
        compared = judging.compare(a, b)
        assert compared.probabilities == judge.compare(load_photo(a), load_photo(b)) == judging.prefer(a, b)
        word = VERDICT_WORDS[("A", "B", "equal").index(compared.verdict)]
        assert compared.text.startswith(f"{VERDICT_PREFIX} {word}.")
        assert len(compared.text) > len(f"{VERDICT_PREFIX} {word}.")


def test_a_judge_of_the_models_own_decides_together_with_its_words(
    judging: UAREPipeline, judge: Judge, tiny_pipeline: UAREPipeline, pictures: list[NDArray[np.uint8]]
) -> None:
    both = UAREPipeline(judging.model, judging.tokenizer, judge, asks_words=True)
    a, b = pictures[:2]
    alone, words = judge.compare(load_photo(a), load_photo(b)), tiny_pipeline.compare(a, b).probabilities
    together = np.sqrt(np.array(alone) * np.array(words))
    compared, swapped = both.compare(a, b).probabilities, both.compare(b, a).probabilities
    assert compared == pytest.approx(together / together.sum())
    assert swapped == (compared[1], compared[0], compared[2])


def test_with_a_reference_the_words_of_the_model_decide(
    judging: UAREPipeline, tiny_pipeline: UAREPipeline, pictures: list[NDArray[np.uint8]]
) -> None:
    a, b, reference = pictures[:3]
    assert judging.compare(a, b, reference) == tiny_pipeline.compare(a, b, reference)
    assert judging.prefer(a, b) != tiny_pipeline.prefer(a, b)


def test_the_same_photo_twice_is_equal_for_every_pipeline(
    judging: UAREPipeline, tiny_pipeline: UAREPipeline, pictures: list[NDArray[np.uint8]]
) -> None:
    for pipe in (judging, tiny_pipeline):
        compared = pipe.compare(pictures[0], pictures[0].copy())
        assert (compared.verdict, compared.probabilities) == ("equal", (0, 0, 1))
        assert (compared.text, compared.warnings) == (IDENTICAL, ())


def test_ranking_encodes_each_photo_once_and_does_not_depend_on_their_order(
    judging: UAREPipeline, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [photos / name for name in ("a.png", "b.jpg", "deep/c.png")]
    encoded = []
    encode = Judge.encode

    def counted(judge: Judge, photo: Photo) -> Encoding:
        encoded.append(photo)
        return encode(judge, photo)

    monkeypatch.setattr(Judge, "encode", counted)
    results = rank_files(judging, paths, Screen(is_quiet=True), [], 2).results
    assert len(encoded) == 3
    assert [result["comparisons"] for result in results] == [2, 2, 2]
    assert rank_files(judging, paths[::-1], Screen(is_quiet=True), []).results == results


def test_best_of_is_the_first_of_the_judges_order_and_the_verdict_is_the_judges(
    network: JudgeNetwork, restoring_pipeline: UAREPipeline
) -> None:
    model, tokenizer = restoring_pipeline.model, restoring_pipeline.tokenizer
    judge = Judge(lambda photo: pooled_view(model, tokenizer, photo), network)
    pipe = UAREPipeline(model, tokenizer, judge)
    photo = Photo(pixels=torch.rand(3, 32, 48, generator=torch.Generator().manual_seed(0)))
    words: Any = {"analyse": False, "best_of": 4, "seed": 2, "keep_worse": True}
    chosen = pipe.restore_photo(photo, **words)
    alone = [
        pipe.restore_photo(photo, analyse=False, seed=one.seed, fidelity=one.fidelity, keep_worse=True)
        for one in candidates(RestoreOptions(**words))
    ]
    encodings = [judge.encode(Photo(pixels=one.pixels)) for one in alone]
    strengths = strengths_of(all_wins(encodings))
    assert strengths is not None
    assert torch.equal(chosen.pixels, alone[int(strengths.values.argmax())].pixels)
    points = [one.points for one in chosen.result.candidates]
    assert points == sorted(points, reverse=True)
    assert "choose" in chosen.result.timings
    assert chosen.result.verdict is not None
    expected = judge.compare(Photo(pixels=chosen.pixels), photo)
    assert chosen.result.verdict.probabilities == expected


def test_info_lists_the_judge(judging: UAREPipeline, network: JudgeNetwork, tiny_model: UAREModel) -> None:
    found = describe(judging, {})["judge"]
    assert found["parameters"] == sum(weight.numel() for weight in network.state_dict().values())
    assert describe(UAREPipeline(tiny_model, judging.tokenizer), {})["judge"] is None


# --- files ---


def test_a_judge_in_the_folder_of_a_model_comes_with_it(
    network: JudgeNetwork,
    uare: Command,
    photos: Path,
    tmp_path: Path,
    restoring_pipeline: UAREPipeline,
) -> None:
    model = restoring_pipeline.model
    model.save_pretrained(tmp_path)
    restoring_pipeline.tokenizer.save(tmp_path)
    own = PooledConfig(feature_width=pooled_width(model), inner_width=16, width=8, marks=marks_of(model))
    save_judge(network, own, tmp_path)
    loaded = UAREPipeline.from_pretrained(tmp_path, device="cpu", dtype="float32")
    assert loaded.judge is not None
    a, b = photos / "a.png", photos / "b.jpg"
    expected = loaded.compare(a, b).to_dict()
    ran = run("compare", a, b, "--model", tmp_path, "--device", "cpu", "--dtype", "float32", "--json")
    assert ran.results[0]["comparison"] == expected
    named = uare("compare", a, b, "--judge", tmp_path, "--json")
    alone = loaded.judge.compare(load_photo(a), load_photo(b))  # a judge that was named is asked alone
    assert list(named.results[0]["comparison"]["probabilities"].values()) == pytest.approx(alone, abs=1e-4)
    half = UAREPipeline.from_pretrained(tmp_path, device="cpu", dtype="bfloat16")
    assert half.judge is not None  # another number format is no other model
    assert half.compare(a, b).probabilities == pytest.approx(loaded.compare(a, b).probabilities, abs=0.1)


@pytest.fixture
def copied(judge_folder: Path, tmp_path: Path) -> Iterator[Path]:
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        (tmp_path / name).write_bytes((judge_folder / name).read_bytes())
    yield tmp_path


def test_what_was_written_is_read_again(
    copied: Path, network: JudgeNetwork, tiny_model: UAREModel, tiny_tokenizer: TextTokenizer
) -> None:
    again = load_judge(copied, tiny_model, tiny_tokenizer).network.state_dict()
    assert all(torch.equal(again[name], weight) for name, weight in network.state_dict().items())


def test_a_judge_of_another_model_is_refused(copied: Path, tiny_tokenizer: TextTokenizer) -> None:
    with pytest.raises(CheckpointError, match=r"judge.json was trained on the features of another model"):
        load_judge(copied, tiny_uare_model(seed=1), tiny_tokenizer)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        (CONFIG_FILE, b"{", "does not describe a judge"),
        (CONFIG_FILE, b'{"kind": "jury"}', "does not describe a judge"),
        (CONFIG_FILE, b'{"kind": "pooled", "width": 8}', "does not describe a judge"),
        (WEIGHTS_FILE, b"cut off", "could not be loaded"),
        (WEIGHTS_FILE, None, "could not be loaded"),
    ],
)
def test_damaged_files_are_refused(
    copied: Path,
    tiny_model: UAREModel,
    tiny_tokenizer: TextTokenizer,
    name: str,
    content: bytes | None,
    complaint: str,
) -> None:
    (copied / name).unlink()
    if content is not None:
        (copied / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=complaint):
        load_judge(copied, tiny_model, tiny_tokenizer)


def test_sizes_that_do_not_fit_the_weights_are_refused(
    copied: Path, tiny_model: UAREModel, tiny_tokenizer: TextTokenizer
) -> None:
    document = json.loads((copied / CONFIG_FILE).read_text(encoding="utf-8"))
    (copied / CONFIG_FILE).write_text(json.dumps(document | {"inner_width": 17}), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"has shape \(16.*expected \(17"):
        load_judge(copied, tiny_model, tiny_tokenizer)


def test_a_place_without_a_judge_is_a_wrong_call(uare: Command, photos: Path) -> None:
    ran = uare("compare", photos / "a.png", photos / "b.jpg", "--judge", photos)
    assert ran.code == 2
    assert "holds no judge" in ran.err


# --- the gate ---


def _trained(gate_init: str) -> tuple[JudgeNetwork, torch.Tensor]:
    """A network after 20 steps on random pairs, and views that it was trained on."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    views = torch.randn(16, 6, generator=generator)
    network = JudgeNetwork(
        torch.nn.Linear(6, 8),
        torch.nn.Linear(6, 8),
        ComparisonHead(8, gate_init),  # type: ignore[arg-type]
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(20):
        features = network(views)
        loss = torch.nn.functional.cross_entropy(
            network.head.logits(features[:8], features[8:]), torch.arange(8) % 3
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network, views


def test_a_live_gate_learns_and_the_released_start_leaves_the_degradation_branch_dead() -> None:
    for gate_init, lives in (("live", True), ("released", False)):
        network, views = _trained(gate_init)
        torch.manual_seed(0)
        start = torch.nn.Linear(6, 8), torch.nn.Linear(6, 8)  # the same draws as in `_trained`
        moved = not torch.equal(network.degradation.weight, start[1].weight)  # type: ignore[arg-type]
        assert not torch.equal(network.general.weight, start[0].weight)  # type: ignore[arg-type]
        with torch.no_grad():
            prompted = network.head.prompt_features(network.degradation(views))
        assert moved == lives
        assert (float(prompted.std(0).max()) > 1e-6) == lives
        assert network.head.gate_is_constant != lives
