"""Training a judge: that it learns, what must not matter to it, batches and parts, the whole program."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import spearmanr
from torch import Tensor, nn

from data.fgrestore.layout import FineImage, FinePair, FineSet, write_rows
from data.forms import read_form
from tests.uare.tiny import tiny_restorer, tiny_text_tokenizer
from training import judge_views
from training.judge import main
from training.judge_loop import agreement, align, judge_loss, settle_equality, train_judge
from training.judge_pairs import TEST, TRAIN, VALIDATION, PairTable, draw_pairs, table_of
from training.judge_settings import AlignSettings, JudgeSettings
from training.judge_views import of_table
from uare.errors import ConfigError, InputError
from uare.experts.comparison import ComparisonHead, JudgeNetwork
from uare.pipeline import UAREPipeline

CONFIGS = Path(__file__).resolve().parents[2] / "training" / "configs"
BAND = 0.05  # of quality, within which a pair is equal


def toy_settings(**changes: object) -> JudgeSettings:
    fields = {
        "pairs": "none",
        "output": "none",
        "pooled": {},
        "steps": 300,
        "learning_rate": 2e-3,
        "every_steps": 100,
    }
    return JudgeSettings.model_validate(fields | changes)


def toy_table(num_images: int = 240, num_pairs: int = 3000) -> tuple[PairTable, Tensor, Tensor]:
    """Two made-up sets of one hidden quality, the second's scores on another scale; features; quality."""
    generator = torch.Generator().manual_seed(0)
    quality = torch.rand(num_images, generator=generator, dtype=torch.float64)
    mixing = torch.randn(2, 16, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    origin = torch.arange(num_images) % 2
    features = torch.stack([quality, origin.double()], dim=1) @ mixing
    features = features + 0.01 * torch.randn(features.shape, generator=generator, dtype=torch.float64)
    scores = torch.where(origin == 0, 1 + 4 * quality, 100 * quality**3 - 20)
    first = torch.randint(num_images, (num_pairs,), generator=generator)
    second = (first + 2 * torch.randint(1, num_images // 2, (num_pairs,), generator=generator)) % num_images
    margin = quality[first] - quality[second]
    labels = torch.where(margin.abs() < BAND, 2, (margin > 0).long())
    held_out = max(1, num_pairs // 5)
    table = PairTable(
        images=(),
        tasks=tuple("noise" if one == 0 else "blur" for one in origin.tolist()),
        scores=scores,
        first=first,
        second=second,
        labels=labels,
        scenes=tuple(f"set {origin[index]}" for index in first.tolist()),
        parts=(TRAIN,) * (num_pairs - held_out) + (TEST,) * held_out,
    )
    return table, features.float(), quality


def toy_network(seed: int = 0) -> JudgeNetwork:
    torch.manual_seed(seed)

    def branch() -> nn.Module:
        return nn.Sequential(nn.Linear(16, 32), nn.SiLU(), nn.Linear(32, 16))

    return JudgeNetwork(branch(), branch(), ComparisonHead(16))


def test_a_judge_learns_scores_and_comparisons_of_sets_with_different_scales() -> None:
    table, features, quality = toy_table()
    network, views = toy_network(), of_table(features)
    before = agreement(network, table, views, table.of(TEST))
    train_judge(network, table, views, toy_settings(), lambda _: None)
    after = agreement(network, table, views, table.of(TEST))
    assert before.accuracy_without_ties is not None and before.accuracy_without_ties < 0.9
    assert after.accuracy is not None and after.accuracy > 0.85
    assert after.accuracy_without_ties is not None and after.accuracy_without_ties > 0.95
    with torch.no_grad():
        scores = network.head.score_logits(network(features))
    for first in (0, 1):  # only the order inside a set is taught
        assert spearmanr(scores[first::2], quality[first::2]).statistic > 0.95


@pytest.mark.parametrize("fidelity_on", ["logit", "score"])
@pytest.mark.parametrize("rank_loss", ["three_way", "binary"])
def test_a_monotone_change_of_the_scores_of_one_set_changes_no_loss(fidelity_on: str, rank_loss: str) -> None:
    table, features, _ = toy_table()
    is_second = torch.tensor([task == "blur" for task in table.tasks])
    changed = replace(table, scores=torch.where(is_second, table.scores.exp() / 7, table.scores))
    settings = toy_settings(fidelity_on=fidelity_on, rank_loss=rank_loss, scenes_per_step=2)
    network, pairs = toy_network(), table.of(TRAIN)[:64]
    ours, theirs = (judge_loss(network, one, of_table(features), pairs, settings) for one in (table, changed))
    assert ours == theirs
    flipped = judge_loss(network, replace(table, scores=-table.scores), of_table(features), pairs, settings)
    assert ours != flipped


def test_swapping_all_pairs_changes_no_loss() -> None:
    table, features, _ = toy_table()
    swapped_labels = torch.where(table.labels == 2, 2, 1 - table.labels)
    swapped = replace(table, first=table.second, second=table.first, labels=swapped_labels)
    network, pairs = toy_network(), table.of(TRAIN)[:64]
    torch.nn.init.normal_(network.head.prompt_out.weight)
    ours, theirs = (
        judge_loss(network, one, of_table(features), pairs, toy_settings()) for one in (table, swapped)
    )
    torch.testing.assert_close(ours, theirs)


def test_images_without_scores_leave_the_comparison_alone() -> None:
    table, features, _ = toy_table()
    unscored = replace(table, scores=torch.full_like(table.scores, torch.nan))
    network, pairs = toy_network(), table.of(TRAIN)[:64]
    rank_alone = judge_loss(network, table, of_table(features), pairs, toy_settings(lambda_scene=0))
    assert judge_loss(network, unscored, of_table(features), pairs, toy_settings()) == rank_alone


def test_after_twenty_steps_the_degradation_branch_says_different_things_of_images() -> None:
    table, features, _ = toy_table()
    network = toy_network()
    start = network.degradation[0].weight.detach().clone()  # type: ignore[index]
    train_judge(network, table, of_table(features), toy_settings(steps=20, every_steps=20), lambda _: None)
    assert not torch.equal(network.degradation[0].weight, start)  # type: ignore[index]
    with torch.no_grad():
        assert network.head.prompt_features(network.degradation(features)).std(0).max() > 1e-6


@pytest.mark.parametrize("duplicates", ["multi_positive", "literal"])
def test_an_alignment_names_the_harm(duplicates: str) -> None:
    table, features, _ = toy_table()
    network = toy_network()
    texts = {"noise": torch.eye(16)[0], "blur": torch.eye(16)[1]}
    settings = AlignSettings(steps=100, learning_rate=3e-3, scale=10.0, duplicates=duplicates)  # type: ignore[arg-type]
    general = network.general[0].weight.detach().clone()  # type: ignore[index]
    share = align(network, lambda x: x, table, of_table(features), texts, settings, batch=64, seed=0)
    assert share > 0.95
    assert torch.equal(network.general[0].weight, general)  # type: ignore[index]


# --- batches and parts ---


def test_a_batch_holds_as_many_scenes_as_asked_for_and_its_size() -> None:
    scenes = ("a",) * 50 + ("b",) * 5 + ("c",) * 20
    generator = torch.Generator().manual_seed(0)
    seen: dict[str, int] = {}
    for _ in range(200):
        drawn = draw_pairs(scenes, torch.arange(75), 16, 1, generator)
        (scene,) = {scenes[index] for index in drawn.tolist()}
        seen[scene] = seen.get(scene, 0) + 1
        assert len(drawn) == 16
        assert len(set(drawn.tolist())) == min(16, scenes.count(scene))
    assert seen["a"] > seen["c"] > seen["b"]
    several = draw_pairs(scenes, torch.arange(75), 16, 3, generator)
    assert {scenes[index] for index in several.tolist()} == {"a", "b", "c"}
    only = draw_pairs(scenes, torch.arange(50, 55), 16, 3, generator)
    assert {scenes[index] for index in only.tolist()} == {"b"}


def fine_set(folder: Path, num_contents: int = 6, strengths: tuple[int, ...] = (0, 20, 60)) -> FineSet:
    """A set on disk: noise of several strengths over ramps, less is better; a third is for testing."""
    pairs, images = [], []
    for content in range(num_contents):
        ramp = np.linspace(40 + 10 * content, 200, 48)[None, :, None].repeat(40, 0).repeat(3, 2)
        part = TEST if content % 3 == 2 else TRAIN
        for strength in strengths:
            noise = np.random.default_rng(content).normal(0, strength, ramp.shape)
            name = f"images/{content}-{strength}.png"
            (folder / "images").mkdir(parents=True, exist_ok=True)
            Image.fromarray((ramp + noise).clip(0, 255).astype(np.uint8)).save(folder / name)
            images.append(FineImage(image=name, task="noise", content=str(content), score=-strength))
        for a in strengths:
            for b in strengths:
                if a != b:
                    pairs.append(
                        FinePair(
                            image_a=f"images/{content}-{a}.png",
                            image_b=f"images/{content}-{b}.png",
                            label=int(a < b),
                            task="noise",
                            content=str(content),
                            score_a=-a,
                            score_b=-b,
                            split_content=part,
                        )
                    )
    write_rows(pairs, FinePair, folder / "pairs.parquet")
    write_rows(images, FineImage, folder / "images.parquet")
    return FineSet(folder=folder, pairs=tuple(pairs), images=tuple(images))


def test_no_content_is_in_two_parts(tmp_path: Path) -> None:
    fine = fine_set(tmp_path)
    table = table_of(fine, "content", 0.3, seed=0)
    contents: dict[str, set[str]] = {}
    for pair, part in zip(fine.pairs, table.parts, strict=True):
        contents.setdefault(part, set()).add(pair.content)
    assert contents[TEST] == {"2", "5"}
    assert len(contents[VALIDATION]) == 1 and len(contents[TRAIN]) == 3
    assert not contents[TRAIN] & contents[VALIDATION]
    assert table_of(fine, "content", 0.3, seed=0).parts == table.parts
    for index, pair in enumerate(fine.pairs):
        assert table.images[int(table.first[index])] == tmp_path / pair.image_a
        assert float(table.scores[table.second[index]]) == pair.score_b
    without = FineSet(
        folder=tmp_path, pairs=tuple(p for p in fine.pairs if p.split_content == TEST), images=()
    )
    with pytest.raises(InputError, match="no labelled pair in its training part"):
        table_of(without, "content", 0.3, seed=0)


def test_plain_pairs_are_those_further_apart_and_stay_out_of_the_test_part(tmp_path: Path) -> None:
    fine = fine_set(tmp_path, strengths=(0, 2, 60))
    few = tuple(pair for pair in fine.pairs if abs((pair.score_a or 0) - (pair.score_b or 0)) == 2)
    fine = FineSet(folder=tmp_path, pairs=few, images=fine.images)
    table = table_of(fine, "content", 0.3, seed=0, plain_per_scene=3)
    assert table.num_fine == len(few)
    plain = range(len(few), len(table.parts))
    assert len(plain) == 4 * 3
    for index in plain:
        lead = table.scores[table.first[index]] - table.scores[table.second[index]]
        assert abs(float(lead)) > 6  # a tenth of the range
        assert int(table.labels[index]) == int(lead > 0)
        assert table.parts[index] in (TRAIN, VALIDATION)
    both, fine_alone = table.of(TRAIN, with_plain=True), table.of(TRAIN)
    assert len(both) == len(fine_alone) + 9 and fine_alone.max() < len(few)


def test_the_bias_of_equality_moves_to_where_the_three_labels_are_met_alike() -> None:
    table, features, _ = toy_table(num_pairs=600)
    network, views = toy_network(), of_table(features)
    train_judge(network, table, views, toy_settings(steps=100), lambda _: None)
    pairs = table.of(TRAIN)

    def met() -> float:
        labels = table.labels[pairs]
        found = [agreement(network, table, views, pairs[labels == one]).accuracy for one in range(3)]
        return sum(one for one in found if one is not None) / 3

    with torch.no_grad():
        network.head.compare.bias[2] -= 100.0  # never said
    assert settle_equality(network, table, views) == 0.0  # out of reach
    with torch.no_grad():
        network.head.compare.bias[2] += 97.5
    before, leans = met(), agreement(network, table, views, pairs).accuracy_without_ties
    offset = settle_equality(network, table, views)
    assert offset >= 0
    assert met() >= before
    assert agreement(network, table, views, pairs).accuracy_without_ties == leans  # it leans as it did


# --- the program ---


@pytest.mark.parametrize("name", ["fgresq_head", "fgresq_align", "fgresq_clip"])
def test_the_configurations_are_valid(name: str) -> None:
    settings = read_form(JudgeSettings, CONFIGS / f"{name}.yaml")
    assert (settings.lambda_scene, settings.lambda_rank) == (5, 1)


def test_mistakes_in_a_configuration_are_named() -> None:
    path = CONFIGS / "fgresq_head.yaml"
    with pytest.raises(ConfigError, match=r"pooled.widht is not a known key; the nearest known one is width"):
        read_form(JudgeSettings, path, ["pooled.widht=3"])
    with pytest.raises(ConfigError, match="one backbone"):
        read_form(JudgeSettings, path, ["clip={folder: x}"])
    with pytest.raises(ConfigError, match="rank_loss"):
        read_form(JudgeSettings, path, ["rank_loss=hinge"])


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    tiny_restorer().save_pretrained(folder)
    tiny_text_tokenizer().save(folder)
    return folder


def run(*changes: str, config: str = "fgresq_head") -> int:
    arguments = [part for change in changes for part in ("--set", change)]
    return main(["--config", str(CONFIGS / f"{config}.yaml"), *arguments])


def test_the_program_trains_a_judge_that_the_pipeline_uses(
    tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine_set(tmp_path / "set")
    output = tmp_path / "judge"
    changes = (
        f"pairs={tmp_path / 'set'}",
        f"output={output}",
        f"pooled.model={model_folder}",
        "steps=60",
        "align.steps=5",
        "validation_share=0.3",
    )
    assert run(*changes) == 0
    found = json.loads((output / "report.json").read_text(encoding="utf-8"))
    assert found["test"]["pairs"] == 12
    assert found["test"]["accuracy_without_ties"] >= 0.75  # of 12 pairs of photos it has never seen
    assert found["test_by_task"]["noise"]["pairs"] == 12
    pipe = UAREPipeline.from_pretrained(model_folder, device="cpu", dtype="float32", judge=output)
    clean, noisy = (tmp_path / "set" / "images" / f"0-{strength}.png" for strength in (0, 60))
    a_better, b_better, _ = pipe.prefer(clean, noisy)
    assert a_better > b_better

    def refuse(*_: object) -> Tensor:
        raise AssertionError("looked again")

    monkeypatch.setattr(judge_views, "pooled_view", refuse)
    assert run(*changes) == 0  # from the cache
    (tmp_path / "set" / "images" / "0-0.png").touch()
    with pytest.raises(AssertionError, match="looked again"):
        run(*changes)


def test_a_missing_set_ends_with_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"pairs={tmp_path}", f"output={tmp_path}") == 2
    assert "pairs.parquet" in capsys.readouterr().err
    assert run("clip={folder: x}") == 2
