"""FGResQ's equations: known answers, case by case, gradients and what they must not care about."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from training import judge_losses as losses

Case = dict[str, Any]


def values(numbers: Any) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def contrastive(inputs: Case) -> Case:
    scale = inputs["scale"] if inputs["normalise"] else None
    images, texts = values(inputs["F_I"]), values(inputs["F_T"])
    assert inputs["normalise"] or inputs["scale"] == 1
    similarities = losses._similarities(images, texts, scale)
    own = torch.arange(len(images))
    return {
        "loss": losses.contrastive_alignment(images, texts, scale),
        "image_to_text": torch.nn.functional.cross_entropy(similarities, own),
        "text_to_image": torch.nn.functional.cross_entropy(similarities.T, own),
    }


def fidelity(inputs: Case) -> Case:
    scores = values(inputs["y_pred"]), values(inputs["y_gt"])
    return {
        "loss": losses.fidelity_loss(*scores, inputs["eps"]),
        "pair_terms": losses.fidelity_terms(*scores, inputs["eps"]),
    }


def _scenes(inputs: Case) -> dict[str, tuple[Tensor, Tensor]]:
    return {name: (values(one["y_pred"]), values(one["y_gt"])) for name, one in inputs["scenes"].items()}


def scene(inputs: Case) -> Case:
    scenes, counts, normalised = _scenes(inputs), inputs["counts"], inputs["normalise"]
    return {
        "weights": losses.scene_weights(counts, normalised=normalised),
        "scene_losses": {k: losses.fidelity_loss(*v, inputs["eps"]) for k, v in scenes.items()},
        "loss": losses.scene_fidelity(scenes, counts, normalised=normalised, epsilon=inputs["eps"]),
    }


def rank(inputs: Case) -> Case:
    if "labels" in inputs:
        logits = values(inputs["logits"])
        return {
            "loss": losses.pair_loss(logits, torch.tensor(inputs["labels"])),
            "probs": logits.softmax(-1),
            "p_first_better": losses.first_better(logits),
        }
    logits = values(inputs["logits"]) if "logits" in inputs else torch.logit(values(inputs["p"]))
    wanted = values(inputs["r"])
    each = [losses.ranking_loss(z[None], r[None]) for z, r in zip(logits, wanted, strict=True)]
    return {"loss": losses.ranking_loss(logits, wanted), "per_pair": torch.stack(each)}


def total(inputs: Case) -> Case:
    weights = inputs["lambda_1"], inputs["lambda_2"]
    if "scenes" not in inputs:
        parts = values(inputs["loss_scene"]), values(inputs["loss_rank"])
        return {"loss": losses.total_loss(*parts, *weights)}
    by_scene = losses.scene_fidelity(_scenes(inputs), normalised=inputs["normalise"], epsilon=inputs["eps"])
    by_pair = losses.ranking_loss(torch.logit(values(inputs["p"])), values(inputs["r"]))
    return {"loss": losses.total_loss(by_scene, by_pair, *weights)}


KNOWN = (
    ("fgresq-eq4-contrastive", contrastive),
    ("fgresq-eq6-fidelity", fidelity),
    ("fgresq-eq7-scene", scene),
    ("fgresq-eq8-rank", rank),
    ("fgresq-eq9-total", total),
)


def _compare(ours: Any, expected: Any, tolerance: Any) -> None:
    if isinstance(expected, dict):
        assert ours.keys() == expected.keys()
        for name, value in expected.items():
            _compare(ours[name], value, tolerance)
        return
    torch.testing.assert_close(torch.as_tensor(ours, dtype=torch.float64), values(expected), **tolerance)


@pytest.mark.parametrize(("file", "function"), KNOWN, ids=[name for name, _ in KNOWN])
def test_every_known_answer(goldens_dir: Path, file: str, function: Callable[[Case], Case]) -> None:
    path = goldens_dir / "equations" / f"{file}.json"
    if not path.is_file():
        pytest.skip(f"no file {path}")
    cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
    assert cases
    for case in cases:
        ours = function(case["inputs"])
        _compare({name: ours[name] for name in case["expected"]}, case["expected"], case["tolerance"])


def _drawn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


TRUTH, LABELS = torch.tensor([3.0, 3.0, 1.0, 2.0]), torch.tensor([0, 1, 2, 1])
DIFFERENTIABLE: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = {
    "eq 4, printed": (losses.contrastive_alignment, (_drawn(3, 4), _drawn(3, 4, seed=1))),
    "eq 4, scaled": (
        lambda a, b: losses.contrastive_alignment(a, b, 5.0),
        (_drawn(3, 4), _drawn(3, 4, seed=1)),
    ),
    "eq 4, classes": (
        lambda a, b: losses.class_alignment(a, b, torch.tensor([0, 1, 0]), 5.0),
        (_drawn(3, 4), _drawn(3, 4, seed=1)),
    ),
    "eq 6": (lambda y: losses.fidelity_loss(y, TRUTH), (_drawn(4),)),
    "eq 7": (
        lambda y, z: losses.scene_fidelity({"A": (y, TRUTH), "B": (z, TRUTH[:2])}),
        (_drawn(4), _drawn(2, seed=1)),
    ),
    "eq 8, binary": (lambda z: losses.pair_loss(z, LABELS, "binary"), (_drawn(4, 3),)),
    "eq 8, three classes": (lambda z: losses.pair_loss(z, LABELS), (_drawn(4, 3),)),
    "eq 9": (losses.total_loss, (_drawn(1)[0], _drawn(1, seed=1)[0])),
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_agree_with_differences(name: str) -> None:
    function, arguments = DIFFERENTIABLE[name]
    assert torch.autograd.gradcheck(function, arguments)


@pytest.mark.parametrize("size", [0.0, 30.0, 800.0])
def test_losses_and_gradients_are_finite_for_ties_and_for_huge_margins(size: float) -> None:
    logits = torch.tensor([size, -size, 0.0], requires_grad=True)
    truth = torch.tensor([1.0, 2.0, 2.0])
    three = size * torch.eye(3)
    three.requires_grad_()
    labels = torch.tensor([1, 2, 0])
    cost = losses.fidelity_loss(logits, truth) + losses.ranking_loss(logits, truth - 1)
    cost = cost + losses.pair_loss(three, labels, "binary") + losses.pair_loss(three, labels)
    cost.backward()
    assert cost.isfinite()
    assert logits.grad is not None and logits.grad.isfinite().all()
    assert three.grad is not None and three.grad.isfinite().all()


def test_only_the_order_of_the_true_scores_counts() -> None:
    predicted = _drawn(6)
    truth = torch.tensor([5.0, 1.0, 1.0, 30.0, -2.0, 8.0])
    assert losses.fidelity_loss(predicted, truth) == losses.fidelity_loss(predicted, truth**3 / 1000)
    assert losses.fidelity_loss(predicted, truth) != losses.fidelity_loss(predicted, -truth)


def test_classes_that_come_once_give_the_printed_form_and_duplicates_cost_less() -> None:
    images, texts = torch.eye(4, dtype=torch.float64), torch.eye(4, dtype=torch.float64)
    torch.testing.assert_close(
        losses.class_alignment(images, texts, torch.arange(4), 10.0),
        losses.contrastive_alignment(images, texts, 10.0),
    )
    twice = images[[0, 0, 1, 1]]
    classes = torch.tensor([0, 0, 1, 1])
    # the floor is the entropy of two equal positives
    assert losses.class_alignment(twice, twice, classes, 100.0) == pytest.approx(0.6931472, abs=1e-6)
    wrong = losses.class_alignment(twice, twice[[0, 2, 1, 3]], classes, 10.0)
    assert wrong > losses.class_alignment(twice, twice, classes, 10.0)


def test_the_printed_form_of_equation_8_is_the_binary_one_of_the_share_of_a() -> None:
    logits, wanted = _drawn(4, 3), torch.tensor([0, 1, 0.5, 1], dtype=torch.float64)
    expected = torch.nn.functional.binary_cross_entropy(losses.first_better(logits), wanted)
    torch.testing.assert_close(losses.pair_loss(logits, LABELS, "binary"), expected)
