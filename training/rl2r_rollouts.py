"""What a step saw: answers, their ratings, rewards and advantages; kept so that it can be replayed.

`judge` is a function of the answers' texts and the labels alone: what a run has stored can be judged again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.rl2r_data import RatedRow
from training.rl2r_objective import advantages, advantages_by_attribute
from training.rl2r_policy import Answer
from training.rl2r_rewards import attribute_reward, total_reward
from training.rl2r_settings import Rl2rSettings
from uare.errors import InputError
from uare.ratings import Ratings, parse_ratings
from uare.writing import write_atomically

FOLDER, PREFIX = "rollouts", "step-"
FORMAT = "format"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A batch's answers as the reward sees them; all (B, K) float64."""

    values: Mapping[str, Tensor]  # name -> stated value, NaN where none
    format_ok: Tensor  # 1 or 0
    rewards: Mapping[str, Tensor]  # rewarded name -> r, NaN where masked
    total: Tensor  # R, the format's share included
    advantage: Tensor

    @property
    def is_mute(self) -> bool:
        """True where no answer states a single value: there is nothing to learn from."""
        return all(bool(one.isnan().all()) for one in self.values.values())


def judge(
    texts: Sequence[Sequence[str]],
    truncated: Sequence[Sequence[bool]],
    labels: Mapping[str, Tensor],
    settings: Rl2rSettings,
) -> Judged:
    """Ratings, rewards and advantages of the texts (B of K) of a batch with labels name -> (B,).

    A batch of which no answer states a value has the reward 0 throughout.
    """
    form = settings.answers.form
    read = [[parse_ratings(text, form) for text in own] for own in texts]
    values = {name: _values(read, name) for name in form.names}
    cut = torch.tensor(truncated, dtype=torch.float64)
    format_ok = torch.tensor([[one.format_ok for one in own] for own in read], dtype=torch.float64) * (
        1 - cut
    )
    rewards = {
        name: attribute_reward(
            values[name],
            labels[name],
            pairing=settings.reward.pairing,
            floor=settings.reward.sigma_floor,
            tie_band=settings.reward.tie_band,
        )
        for name in settings.weights
    }
    framed = settings.reward.format_weight * format_ok
    total = total_reward(rewards, settings.weights) + framed
    if settings.reward.aggregate == "sum_then_normalise":
        advantage = advantages(total)
    else:
        advantage = advantages_by_attribute(
            {**rewards, FORMAT: format_ok}, {**settings.weights, FORMAT: settings.reward.format_weight}
        )
    return Judged(values=values, format_ok=format_ok, rewards=rewards, total=total, advantage=advantage)


def _values(read: Sequence[Sequence[Ratings]], name: str) -> Tensor:
    stated = [[one.values[name] for one in own] for own in read]
    return torch.tensor(
        [[math.nan if value is None else value for value in own] for own in stated], dtype=torch.float64
    )


def figures_of(judged: Judged, answers: Sequence[Sequence[Answer]]) -> dict[str, float]:
    """What a step's line says of one batch; NaN where there is nothing to average."""
    lens = torch.tensor([float(len(one.ids)) for own in answers for one in own])
    cut = torch.tensor([float(one.is_truncated) for own in answers for one in own])
    spread = judged.total.std(-1)
    return {
        "reward": float(judged.total.mean()),
        **{f"reward_{_slug(name)}": float(one.nanmean()) for name, one in judged.rewards.items()},
        **{
            f"valid_{_slug(name)}": float((~one.isnan()).double().mean())
            for name, one in judged.values.items()
        },
        "format_ok": float(judged.format_ok.mean()),
        "reward_std": float(spread.mean()),
        "flat_groups": float((judged.advantage.abs().sum(-1) == 0).double().mean()),
        "length": float(lens.mean()),
        "truncated": float(cut.mean()),
    }


def _slug(name: str) -> str:
    return name.replace(" ", "_")


def rollout_lines(
    row: RatedRow,
    answers: Sequence[Sequence[Answer]],
    texts: Sequence[Sequence[str]],
    judged: Judged,
    logp: Tensor,
    mask: Tensor,
) -> list[dict[str, Any]]:
    """A picture a line: what it is, and each answer with tokens, log-probabilities, ratings and rewards."""
    num_answers = len(answers[0])
    lines = []
    for i, picture in enumerate(row.pictures):
        told = []
        for k, answer in enumerate(answers[i]):
            place = i * num_answers + k
            counted = int(mask[place].sum())
            told.append(
                {
                    "seed": answer.seed,
                    "ids": list(answer.ids),
                    "truncated": answer.is_truncated,
                    "text": texts[i][k],
                    "logp": logp[place, :counted].tolist(),
                    "values": {name: _plain(one[i, k]) for name, one in judged.values.items()},
                    "format_ok": bool(judged.format_ok[i, k]),
                    "rewards": {name: _plain(one[i, k]) for name, one in judged.rewards.items()},
                    "reward": float(judged.total[i, k]),
                    "advantage": float(judged.advantage[i, k]),
                }
            )
        lines.append(
            {
                "row": row.index,
                "set": picture.set_name,
                "id": picture.id,
                "seed": picture.seed,
                "labels": dict(picture.labels),
                "answers": told,
            }
        )
    return lines


def _plain(value: Tensor) -> float | None:
    return None if bool(value.isnan()) else float(value)


def rollout_path(output: Path, step: int) -> Path:
    """The file of the answers with which step `step` (from 1) moved the weights."""
    return output / FOLDER / f"{PREFIX}{step:08d}.jsonl"


def write_rollouts(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Writes a step's lines, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = "".join(json.dumps(line) + "\n" for line in lines)
    write_atomically(path, lambda file: file.write(document.encode()), overwrite=True)


def read_rollouts(path: Path) -> list[dict[str, Any]]:
    """The lines of a step; InputError where it was not kept or cannot be read."""
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot read the answers {path} ({error}); name a step that the run has kept "
            "(keeps_rollouts_every)"
        ) from None
