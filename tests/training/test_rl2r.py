"""Reinforcement learning to rank by real processes: what moves, what stays, and what happens to bad input."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import yaml
from PIL import Image
from safetensors.torch import load_file

from tests.uare.tiny import tiny_text_tokenizer, tiny_uare_model
from training.replay_rollout import main as replay
from training.rl2r_data import HELD_OUT, TRAIN, RatedRows, content_of, open_rated_sets
from training.rl2r_loop import prepared_model, prompts_of
from training.rl2r_page import main as write_page
from training.rl2r_policy import Answer, RankingStep, Reference, sample_answers
from training.rl2r_rollouts import judge, read_rollouts, rollout_path
from training.rl2r_settings import Rl2rSettings, read_rl2r_settings
from uare.assess import user_text
from uare.errors import CheckpointError, ConfigError
from uare.packing import Item, Text, pack
from uare.patches import vision_item
from uare.ratings import OVERALL

pytest.importorskip("deepspeed", reason="training needs the extra `train`")
pytestmark = pytest.mark.timeout(600)

CHECKOUT = Path(__file__).resolve().parents[2]
SPREAD = 2e-4  # float32 sums in another order


def document(folder: Path, name: str, **changes: Any) -> dict[str, Any]:
    sets = {
        "single": {"reader": "folder", "root": str(folder / "pictures"), "harm": "single"},
        "multi": {
            "reader": "folder",
            "root": str(folder / "pictures"),
            "harm": "multi",
            "published": {"low": 0, "high": 100, "power": 2},
        },
    }
    return {
        "phase": "rl2r",
        "model": str(folder / "model"),
        "output": str(folder / name),
        "steps": 4,
        "precision": "float32",
        "recompute_layers": False,
        "optimizer": {"learning_rate": 1e-3, "warmup_steps": 0, "eps": 1e-8},
        "answers": {"kind": "scores", "attributes": [], "per_image": 3, "max_tokens": 16},
        "data": {
            "images": 3,
            "rows_per_step": 2,
            "crops_px": [32],
            "held_out": 0.4,
            "sets": sets,
            "workers": 0,
        },
        "checkpoint": {"every_steps": 2},
        "validation": {"every_steps": 2, "images": 3, "answers": 2},
        **changes,
    }


def write(folder: Path, name: str, **changes: Any) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(document(folder, name, **changes)))
    return path


def run(settings: Path, processes: int = 1, *options: str, code: int = 0) -> str:
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    script = [str(CHECKOUT / "training" / "rl2r.py"), "--config", str(settings), *options]
    done = subprocess.run(
        [sys.executable, *(launcher if processes > 1 else []), *script],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"},
        cwd=settings.parent,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def steps_of(folder: Path, name: str) -> list[dict[str, float]]:
    lines = (folder / name / "steps.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "elapsed_s"} for line in lines]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures, and a tiny model that has been taught to answer `overall: 3` with random numbers."""
    folder = tmp_path_factory.mktemp("rl2r")
    (folder / "pictures").mkdir()
    for number in range(12):
        coarse = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC)
        picture.save(folder / "pictures" / f"{number}.png")
    model, tokenizer = tiny_uare_model(), tiny_text_tokenizer()
    settings = Rl2rSettings(**document(folder, "warm"))
    question = user_text(tokenizer, settings.answers.form.question)
    rng = random.Random(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(60):
        samples: list[list[Item]] = []
        for _ in range(4):
            pixels = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(step))
            view = vision_item(pixels, model.config, model.config.assess_transform)
            said = Text(ids=tuple(tokenizer.encode(f"overall: {rng.randint(1, 5)}")), loss=True)
            samples.append([view, question, said])
        batch = pack(samples, model.config)
        assert batch.labels is not None
        optimizer.zero_grad()
        F.cross_entropy(model(batch).logits, batch.labels.token_ids).backward()
        optimizer.step()
    model.save_pretrained(folder / "model")
    tokenizer.save(folder / "model")
    return folder


@pytest.fixture(scope="module")
def alone(workshop: Path) -> list[dict[str, float]]:
    """Steps of a run by one process without interruption."""
    run(write(workshop, "alone"))
    return steps_of(workshop, "alone")


def test_a_run_moves_the_quality_expert_and_nothing_that_is_frozen(
    workshop: Path, alone: list[dict[str, float]]
) -> None:
    before = load_file(workshop / "model" / "model.safetensors")
    after = load_file(workshop / "alone" / "model" / "model.safetensors")
    changed = {name for name, weight in after.items() if not torch.equal(weight, before[name])}
    assert "mixture.layers.0.iqa.mlp.up_proj.weight" in changed
    frozen = ("vision.", "latent.", "codec.", "detail.")
    assert not [name for name in changed if name.startswith(frozen) or ".restoration." in name]
    assert all(math.isfinite(step["loss"]) for step in alone if not step["skipped"])
    assert not all(step["skipped"] for step in alone)


def test_a_step_says_what_the_method_is_watched_by(alone: list[dict[str, float]]) -> None:
    wanted = {"reward", "reward_overall", "valid_overall", "reward_std", "kl", "clipped", "length"}
    assert wanted | {"flat_groups", "format_ok", "truncated", "skipped"} <= set(alone[-1])


@pytest.mark.slow
def test_two_processes_reward_and_move_as_one(workshop: Path, alone: list[dict[str, float]]) -> None:
    run(write(workshop, "two"), 2)
    both = steps_of(workshop, "two")
    assert both[0]["reward"] == pytest.approx(alone[0]["reward"], abs=1e-12)
    for name in ("loss", "grad_norm"):
        assert both[0][name] == pytest.approx(alone[0][name], rel=SPREAD, abs=1e-6)


@pytest.mark.slow
def test_a_run_that_goes_on_is_bit_for_bit_the_one_that_never_stopped(
    workshop: Path, alone: list[dict[str, float]]
) -> None:
    shutil.copytree(workshop / "alone", workshop / "resumed")
    shutil.rmtree(workshop / "resumed" / "checkpoints" / "step-00000004")
    printed = run(write(workshop, "resumed"), 1, "--resume", "auto")
    assert "goes on from" in printed
    assert steps_of(workshop, "resumed") == alone
    models = [load_file(workshop / name / "model" / "model.safetensors") for name in ("alone", "resumed")]
    assert all(torch.equal(value, models[1][name]) for name, value in models[0].items())


def test_every_batch_is_of_one_set_and_its_answers_can_be_replayed(
    workshop: Path, alone: list[dict[str, float]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(alone) == 4
    for step in (1, 2, 3, 4):
        lines = read_rollouts(rollout_path(workshop / "alone", step))
        for row in {line["row"] for line in lines}:
            assert len({line["set"] for line in lines if line["row"] == row}) == 1
    assert replay([str(workshop / "alone"), "--step", "1"]) == 0
    printed = capsys.readouterr().out
    assert "judged again: as stored" in printed
    assert "sampled again: the same tokens" in printed
    assert replay([str(workshop / "alone"), "--step", "3"]) == 0  # from the checkpoint of step 2
    assert "sampled again: the same tokens" in capsys.readouterr().out


def test_a_changed_rollout_is_noticed(
    workshop: Path, alone: list[dict[str, float]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(workshop / "alone", tmp_path / "run")
    path = rollout_path(tmp_path / "run", 2)
    lines = read_rollouts(path)
    lines[0]["answers"][0]["reward"] += 0.5
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert replay([str(tmp_path / "run"), "--step", "2"]) == 2
    assert "does not come out as stored" in capsys.readouterr().err


def test_a_step_that_was_not_kept_cannot_be_replayed(
    workshop: Path, alone: list[dict[str, float]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay([str(workshop / "alone"), "--step", "99"]) == 2
    assert "keeps_rollouts_every" in capsys.readouterr().err


def test_runs_from_one_start_make_a_page(
    workshop: Path, alone: list[dict[str, float]], tmp_path: Path
) -> None:
    runs = [f"--run={name}={workshop / 'alone'}" for name in ("a", "b")]
    assert write_page([*runs, "--output", str(tmp_path)]) == 0
    text = (tmp_path / "README.md").read_text()
    assert "| a | overall |" in text
    assert "| b | overall | +0.000 | [+0.000, +0.000] |" in text  # of a run with itself
    assert (tmp_path / "curves.svg").read_text().startswith("<svg")


@pytest.mark.slow
def test_answers_without_a_rating_move_nothing_and_are_counted(workshop: Path) -> None:
    shutil.copytree(workshop / "model", workshop / "mute")
    tiny_uare_model(seed=3).save_pretrained(workshop / "mute")  # never taught to answer
    settings = write(workshop, "skipping", model=str(workshop / "mute"), max_bad_steps=3)
    printed = run(settings, code=2)
    assert "3 steps in a row had no answer with a single rating" in printed
    steps = steps_of(workshop, "skipping")
    assert [(step["skipped"], step["reward"], step["valid_overall"]) for step in steps] == [(1, 0, 0)] * 3


@pytest.mark.slow
def test_an_output_of_an_earlier_run_is_not_touched(workshop: Path, alone: list[dict[str, float]]) -> None:
    assert "holds checkpoints of an earlier run" in run(workshop / "alone.yaml", code=2)


@pytest.mark.slow
def test_zero_stage_3_is_refused(workshop: Path) -> None:
    (workshop / "zero3.json").write_text('{"zero_optimization": {"stage": 3}}')
    assert "choose stage 1 or 2" in run(write(workshop, "three", deepspeed="zero3.json"), code=2)


def test_a_missing_reference_is_named(tmp_path: Path) -> None:
    settings = Rl2rSettings(**document(tmp_path, "gone"))
    with pytest.raises(CheckpointError, match="model"):
        prepared_model(settings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("objective.gamma=1", "objective.gamma is not a known key"),
        ("answers.per_image=1", "answers.per_image"),
        ("answers.attributes=[mood]", "answers.attributes has mood"),
        ("answers.kind=levels", "answers.kind levels is the quality answer as it is"),
        ("reward.attributes=[noise]", "which answers.attributes does not ask for"),
        ("model=preset:tiny", "expected a trained one"),
        ("lora={experts: [restoration]}", "lora.experts must be"),
        ("data.sets.single.published={low: 5, high: 1}", "expected low < high"),
        ("data.rows_per_step=0", "data.rows_per_step"),
    ],
)
def test_settings_that_do_not_fit_are_refused_by_name(tmp_path: Path, change: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_rl2r_settings(write(tmp_path, "wrong"), [change])
    assert message in str(error.value)


@pytest.mark.parametrize("name", ["rl2r_tiny", "rl2r_7b"])
def test_the_configurations_of_the_repository_can_be_read(name: str) -> None:
    settings = read_rl2r_settings(CHECKOUT / "training" / "configs" / f"{name}.yaml")
    assert settings.objective.updates == 1
    if name == "rl2r_7b":  # VisualQuality-R1
        assert (settings.answers.per_image, settings.data.images, settings.rows_per_step) == (6, 8, 8)
        assert (settings.objective.beta, settings.objective.epsilon) == (0.04, 0.2)
        assert settings.optimizer.learning_rate == 1e-6


def test_a_batch_depends_on_its_number_alone_and_shows_each_photo_once(workshop: Path) -> None:
    settings = Rl2rSettings(**document(workshop, "rows"))
    model = tiny_uare_model()
    sets = open_rated_sets(settings)
    first, second = (RatedRows(sets, settings, model.config) for _ in range(2))
    for index in (7, 0, 3):
        a, b = first[index], second[index]
        assert [one.labels for one in a.pictures] == [one.labels for one in b.pictures]
        assert all(torch.equal(x.pixels, y.pixels) for x, y in zip(a.pictures, b.pictures, strict=True))
        assert len({one.id for one in a.pictures}) == settings.data.images
        assert len({one.set_name for one in a.pictures}) == 1


def test_no_photo_is_both_trained_on_and_held_out(workshop: Path) -> None:
    settings = Rl2rSettings(**document(workshop, "parts"))
    parts = [
        {one.sources[number].id for one in open_rated_sets(settings) for number in one.numbers[part]}
        for part in (TRAIN, HELD_OUT)
    ]
    assert parts[0]
    assert parts[1]
    assert not parts[0] & parts[1]
    assert content_of("kadid10k/I07_11_03.png") == content_of("kadid10k/I07_02_01.png") == "i07"


def test_bending_a_sets_scale_changes_no_reward(workshop: Path) -> None:
    settings = Rl2rSettings(**document(workshop, "bent"))
    texts = [["overall: 4", "overall: 3"], ["overall: 2", "overall: 2"], ["overall: 1", "none"]]
    whole = [[False, False]] * 3
    labels = torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64)
    plain = judge(texts, whole, {OVERALL: labels}, settings)
    bent = judge(texts, whole, {OVERALL: labels.exp() * 100}, settings)
    assert torch.equal(plain.total, bent.total)
    assert torch.equal(plain.advantage, bent.advantage)


def test_a_batch_of_malformed_answers_has_no_reward_and_no_advantage(workshop: Path) -> None:
    settings = Rl2rSettings(**document(workshop, "mute-batch"))
    judged = judge(
        [["??", ""], ["{", "}"]], [[True, False]] * 2, {OVERALL: torch.tensor([1.0, 2.0])}, settings
    )
    assert judged.is_mute
    assert not judged.total.any()
    assert not judged.advantage.any()


def test_equal_answers_give_no_advantage_and_no_nan(workshop: Path) -> None:
    settings = Rl2rSettings(**document(workshop, "equal"))
    judged = judge([["overall: 3"] * 3] * 2, [[False] * 3] * 2, {OVERALL: torch.tensor([1.0, 2.0])}, settings)
    assert bool(judged.total.isfinite().all())
    assert not judged.advantage.any()


def test_branching_answers_have_the_log_probabilities_of_whole_sequences(workshop: Path) -> None:
    settings = Rl2rSettings(**document(workshop, "branch"))
    model, tokenizer = prepared_model(settings)
    row = RatedRows(open_rated_sets(settings), settings, model.config)[0]
    prompts = prompts_of(row, model, tokenizer, settings)[:2]
    answers = tuple(
        tuple(Answer(ids=tuple(tokenizer.encode(text)), is_truncated=cut, seed=0) for text, cut in own)
        for own in ((("overall: 2", False), ("no", True)), (("overall: 5", False), ("", False)))
    )
    step = RankingStep(model, settings.objective, 1.0, 4)
    with torch.no_grad():
        logp, mask = step.log_probs(prompts, answers)
        for n, (i, k) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
            answer = answers[i][k]
            batch = pack([[*prompts[i], Text(ids=answer.ids, loss=True)]], model.config)
            assert batch.labels is not None
            logs = model(batch).logits.log_softmax(-1)
            whole = logs.gather(-1, batch.labels.token_ids[:, None])[:, 0]
            counted = len(whole) - answer.is_truncated  # its end was never said
            assert int(mask[n].sum()) == counted
            torch.testing.assert_close(logp[n, :counted], whole[:counted], rtol=1e-4, atol=1e-4)


def test_an_answer_depends_on_its_seed_and_not_on_its_neighbours(workshop: Path) -> None:
    settings = Rl2rSettings(**document(workshop, "seeds"))
    model, tokenizer = prepared_model(settings)
    row = RatedRows(open_rated_sets(settings), settings, model.config)[0]
    prompts = prompts_of(row, model, tokenizer, settings)
    together = sample_answers(model, prompts, [[1, 2], [3, 4], [5, 6]], 8, 1.0)
    assert sample_answers(model, prompts[1:2], [[4]], 8, 1.0)[0][0] == together[1][1]


def test_the_reference_stays_as_the_policy_was(workshop: Path) -> None:
    settings = Rl2rSettings(**document(workshop, "reference"))
    model, tokenizer = prepared_model(settings)
    row = RatedRows(open_rated_sets(settings), settings, model.config)[0]
    prompts = prompts_of(row, model, tokenizer, settings)
    answers = [(Answer(ids=(1, 2), is_truncated=False, seed=0),)] * len(prompts)
    step, reference = RankingStep(model, settings.objective, 1.0, 3), Reference(model)
    with torch.no_grad():
        before, _ = step.log_probs(prompts, answers)
        for weight in model.parameters():
            if weight.requires_grad:
                weight.mul_(1.1)
        moved, _ = step.log_probs(prompts, answers)
        kept, _ = step.log_probs(prompts, answers, reference)
    torch.testing.assert_close(kept, before)
    assert not torch.allclose(moved, before, atol=1e-3)


def test_pictures_that_are_harmed_have_the_labels_of_their_records(workshop: Path) -> None:
    settings = Rl2rSettings(**document(workshop, "labels"))
    rows = RatedRows(open_rated_sets(settings), settings, tiny_uare_model().config)
    pictures = [one for index in range(6) for one in rows[index].pictures]
    assert {name for one in pictures for name in one.labels} >= {OVERALL, "sharpness", "noise"}
    assert all("composition" not in one.labels for one in pictures)
    assert all(0 <= one.labels[OVERALL] <= 100 for one in pictures)
