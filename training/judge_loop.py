"""The training of a judge on pairs: the alignment of its degradation branch, then scores and comparisons."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.judge_losses import (
    class_alignment,
    contrastive_alignment,
    pair_loss,
    scene_fidelity,
    total_loss,
)
from training.judge_pairs import TEST, TRAIN, VALIDATION, PairTable, draw_pairs
from training.judge_settings import AlignSettings, JudgeSettings
from uare.experts.comparison import EQUAL, SCORE_SCALE, JudgeNetwork

Views = Callable[[Tensor], Tensor]  # indices of images (n,) -> what the branches read of them (n, ...)
EQUALITY_OFFSETS = tuple(step / 10 for step in range(-30, 31))  # of a logit
AT_ONCE = 64  # images in a forward pass without gradients


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How often a judge agrees with the labels of some pairs; None where there are none to agree with."""

    pairs: int
    accuracy: float | None  # A, B or equal as labelled
    accuracy_without_ties: float | None  # the likelier of A and B, on pairs that are not labelled equal
    score_accuracy: float | None  # the image of the higher score, on the same pairs

    def to_dict(self) -> dict[str, Any]:
        return {name: round(v, 4) if isinstance(v, float) else v for name, v in vars(self).items()}


def train_judge(
    network: JudgeNetwork,
    table: PairTable,
    views: Views,
    settings: JudgeSettings,
    tell: Callable[[str], None] = print,
) -> None:
    """Trains the parts of a network that ask for gradients; it ends with the weights of the best validation.

    Adam with a cosine to zero. Every pair is presented in both orders, so that the head learns the swap.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(
        [weight for weight in network.parameters() if weight.requires_grad],
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )
    among, best = table.of(TRAIN, with_plain=True), (-1.0, copy.deepcopy(network.state_dict()))
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * cosine(step, settings.steps)
        pairs = draw_pairs(table.scenes, among, settings.pairs_per_step, settings.scenes_per_step, generator)
        network.train()
        loss = judge_loss(network, table, views, pairs, settings)
        network.eval()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if (step + 1) % settings.every_steps == 0 or step + 1 == settings.steps:
            part = VALIDATION if len(table.of(VALIDATION)) else TRAIN
            found = agreement(network, table, views, table.of(part))
            tell(f"step {step + 1}  loss {float(loss.detach()):.4f}  {part} {found.to_dict()}")
            # ties are few: a verdict that is right about them alone must not win
            quality = (found.accuracy_without_ties or 0.0) + 0.5 * (found.accuracy or 0.0)
            if quality > best[0]:
                best = quality, copy.deepcopy(network.state_dict())
    network.load_state_dict(best[1])
    network.eval()


def judge_loss(
    network: JudgeNetwork, table: PairTable, views: Views, pairs: Tensor, settings: JudgeSettings
) -> Tensor:
    """Equation 9 of a batch of pairs (their indices), each image encoded once."""
    images, place = torch.cat([table.first[pairs], table.second[pairs]]).unique(return_inverse=True)
    features = network(views(images))  # (images, 3·d)
    a, b = place.to(features.device).chunk(2)
    labels = table.labels[pairs].to(features.device)
    swapped = torch.where(labels == EQUAL, labels, 1 - labels)
    logits = torch.cat(
        [network.head.logits(features[a], features[b]), network.head.logits(features[b], features[a])]
    )
    rank = pair_loss(logits, torch.cat([labels, swapped]), settings.rank_loss)
    predicted = SCORE_SCALE * network.head.score_logits(features)
    if settings.fidelity_on == "score":
        predicted = predicted.sigmoid()
    scenes = _scored_by_scene(predicted, images, table, pairs)
    if not scenes:
        return total_loss(rank.new_zeros(()), rank, settings.lambda_scene, settings.lambda_rank)
    scene = scene_fidelity(scenes, normalised=settings.normalise_scenes)
    return total_loss(scene, rank, settings.lambda_scene, settings.lambda_rank)


def _scored_by_scene(
    predicted: Tensor, images: Tensor, table: PairTable, pairs: Tensor
) -> Mapping[str, tuple[Tensor, Tensor]]:
    """Scene -> predictions and true scores of its images in the batch that have one."""
    scene_of: dict[int, str] = {}
    for pair in pairs.tolist():
        scene_of[int(table.first[pair])] = scene_of[int(table.second[pair])] = table.scenes[pair]
    truth = table.scores[images]
    rows: dict[str, list[int]] = {}
    for row, image in enumerate(images.tolist()):
        if not math.isnan(float(truth[row])):
            rows.setdefault(scene_of[image], []).append(row)
    return {
        scene: (predicted[members], truth[members].to(predicted.device)) for scene, members in rows.items()
    }


def align(
    network: JudgeNetwork,
    project: Callable[[Tensor], Tensor],
    table: PairTable,
    views: Views,
    texts: Mapping[str, Tensor],
    settings: AlignSettings,
    batch: int,
    seed: int,
) -> float:
    """Trains the degradation branch to agree with frozen texts by task (FGResQ eq. 4).

    project: F_d (n, d) to the width of the texts. Returns the share of the training images whose own text is
    the nearest in the end.
    """
    generator = torch.Generator().manual_seed(seed)
    names = sorted(texts)
    device = network.head.prompt.device
    known = torch.stack([texts[name] for name in names]).to(device)  # (tasks, width)
    images = table.images_of(TRAIN)
    classes = torch.tensor([names.index(table.tasks[image]) for image in images.tolist()])
    branch = network.degradation
    optimizer = torch.optim.Adam(
        [w for w in branch.parameters() if w.requires_grad], lr=settings.learning_rate
    )
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * cosine(step, settings.steps)
        drawn = torch.randperm(len(images), generator=generator)[:batch]
        branch.train()
        seen, said = project(branch(views(images[drawn]))), known[classes[drawn]]
        if settings.duplicates == "literal":
            loss = contrastive_alignment(seen, said, settings.scale)
        else:
            loss = class_alignment(seen, said, classes[drawn].to(device), settings.scale)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    branch.eval()
    with torch.no_grad():
        seen = torch.cat([project(branch(views(part))) for part in images.split(AT_ONCE)])
    nearest = torch.nn.functional.normalize(seen, dim=-1) @ torch.nn.functional.normalize(known, dim=-1).T
    return float((nearest.argmax(-1).cpu() == classes).float().mean())


@torch.no_grad()
def agreement(network: JudgeNetwork, table: PairTable, views: Views, pairs: Tensor) -> Agreement:
    """How often the network, over both orders, agrees with the labels of pairs."""
    network.eval()
    if not len(pairs):
        return Agreement(pairs=0, accuracy=None, accuracy_without_ties=None, score_accuracy=None)
    images, place = torch.cat([table.first[pairs], table.second[pairs]]).unique(return_inverse=True)
    features = torch.cat([network(views(part)) for part in images.split(AT_ONCE)])
    a, b = place.to(features.device).chunk(2)
    given = network.head.logits(features[a], features[b]).softmax(-1)
    back = network.head.logits(features[b], features[a]).softmax(-1)
    shares = (given + back[:, [1, 0, 2]]).cpu() / 2  # (n, 3): B better, A better, equal
    scores = network.head.score_logits(features)
    labels = table.labels[pairs]
    decided = labels != EQUAL
    likelier = (shares[:, 1] > shares[:, 0]).long()
    higher = (scores[a] > scores[b]).long().cpu()
    is_any = bool(decided.any())
    return Agreement(
        pairs=len(pairs),
        accuracy=float((shares.argmax(-1) == labels).float().mean()),
        accuracy_without_ties=float((likelier == labels)[decided].float().mean()) if is_any else None,
        score_accuracy=float((higher == labels)[decided].float().mean()) if is_any else None,
    )


@torch.no_grad()
def settle_equality(network: JudgeNetwork, table: PairTable, views: Views) -> float:
    """Moves the bias of "equal" to where the three labels are met alike on the validation part; by how much.

    What is largest is the mean over the labels of the share that is met: by plain accuracy "equal" would
    never be said, because few pairs are. Plainly different pairs count too.
    """
    part = VALIDATION if len(table.of(VALIDATION)) else TRAIN
    pairs = table.of(part, with_plain=True)
    bias = network.head.compare.bias
    start = bias[EQUAL].clone()
    best = (-1.0, 0.0)
    for offset in sorted(EQUALITY_OFFSETS, key=abs):  # of equals the smallest move
        bias[EQUAL] = start + offset
        labels = table.labels[pairs]
        found = [agreement(network, table, views, pairs[labels == one]).accuracy for one in range(3)]
        known = [one for one in found if one is not None]
        right = sum(known) / len(known)
        if right > best[0]:
            best = right, offset
    bias[EQUAL] = start + best[1]
    return best[1]


def report(network: JudgeNetwork, table: PairTable, views: Views) -> dict[str, Any]:
    """Agreement in each part, and on the test part by task with the plain mean over tasks."""
    found: dict[str, Any] = {
        part: agreement(network, table, views, table.of(part)).to_dict() for part in (TRAIN, VALIDATION, TEST)
    }
    by_task: dict[str, list[int]] = {}
    for index in table.of(TEST).tolist():
        by_task.setdefault(table.tasks[int(table.first[index])], []).append(index)
    tasks = {
        task: agreement(network, table, views, torch.tensor(members)).to_dict()
        for task, members in sorted(by_task.items())
    }
    known = [
        one["accuracy_without_ties"] for one in tasks.values() if one["accuracy_without_ties"] is not None
    ]
    mean = round(sum(known) / len(known), 4) if known else None
    return found | {"test_by_task": tasks, "test_mean_over_tasks": mean}


def cosine(step: int, steps: int) -> float:
    """Factor of the learning rate, from 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * step / steps))
