"""Looks into a step of reinforcement learning to rank: who was shown, what was answered, what it earned.

    python training/replay_rollout.py runs/rl2r_tiny --step 10 [--image 3]

Judges the stored answers again, and samples them again where the weights of that moment are there (step 1,
or a checkpoint of the step before). Exit code 2 where something does not come out as it was stored.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from training.checkpoints import PREFIX, stored_masters
from training.command import exit_code
from training.rl2r_data import RatedRow, RatedRows, open_rated_sets
from training.rl2r_loop import prepared_model, prompts_of
from training.rl2r_policy import sample_answers
from training.rl2r_rollouts import judge, read_rollouts, rollout_path
from training.rl2r_settings import Rl2rSettings, read_rl2r_settings
from uare.errors import InputError
from uare.model import UAREModel
from uare.tokenizer import TextTokenizer

TOLERANCE = 1e-9  # the same sums in the same order


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Looks into a step of reinforcement learning to rank.")
    parser.add_argument("run", type=Path, help="output folder of the run")
    parser.add_argument("--step", type=int, required=True, help="counted from 1")
    parser.add_argument("--image", type=int, help="show only this one, counted from 0")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="such as moved data")
    return parser.parse_args(argv)


def told(lines: Sequence[dict[str, Any]], image: int | None) -> Iterator[str]:
    """The step in words."""
    for number, line in enumerate(lines):
        if image is not None and number != image:
            continue
        labels = ", ".join(f"{name} {label:.3g}" for name, label in line["labels"].items())
        yield f"\n{number}: {line['id']} of {line['set']}, batch {line['row']}; labels: {labels}"
        for answer in line["answers"]:
            parts = " ".join(
                f"{name} {value:.3f}" for name, value in answer["rewards"].items() if value is not None
            )
            mark = " (cut off)" if answer["truncated"] else ""
            yield f"  {answer['advantage']:+.2f}  reward {answer['reward']:.3f} = {parts}{mark}"
            yield f"         {answer['text']}"


def differences(lines: Sequence[dict[str, Any]], settings: Rl2rSettings) -> list[str]:
    """What judging the stored texts again finds otherwise than stored."""
    found = []
    for row in sorted({line["row"] for line in lines}):
        own = [line for line in lines if line["row"] == row]
        labels = {
            name: torch.tensor([line["labels"].get(name, float("nan")) for line in own], dtype=torch.float64)
            for name in settings.weights
        }
        judged = judge(
            [[answer["text"] for answer in line["answers"]] for line in own],
            [[answer["truncated"] for answer in line["answers"]] for line in own],
            labels,
            settings,
        )
        for name, again in (("reward", judged.total), ("advantage", judged.advantage)):
            kept = [[answer[name] for answer in line["answers"]] for line in own]
            error = float((again - torch.tensor(kept, dtype=torch.float64)).abs().max())
            if error > TOLERANCE:
                found.append(f"batch {row}: {name} differs by {error:.2g}")
    return found


def weights_before(run: Path, step: int, settings: Rl2rSettings) -> tuple[UAREModel, TextTokenizer] | None:
    """The model that answered in a step; None where its weights were not kept."""
    checkpoint = run / "checkpoints" / f"{PREFIX}{step - 1:08d}"
    if step > 1 and not checkpoint.is_dir():
        return None
    model, tokenizer = prepared_model(settings)
    if step > 1:
        own = dict(model.named_parameters())
        with torch.no_grad():
            for name, value in stored_masters(checkpoint):
                own[name.removeprefix("network.")].copy_(value)
    return model, tokenizer


def resampled(
    lines: Sequence[dict[str, Any]], model: UAREModel, tokenizer: TextTokenizer, settings: Rl2rSettings
) -> list[str]:
    """What sampling again, from the same weights and seeds, finds otherwise than stored."""
    rows = RatedRows(open_rated_sets(settings), settings, model.config)
    found = []
    for index in sorted({line["row"] for line in lines}):
        row: RatedRow = rows[index]
        own = [line for line in lines if line["row"] == index]
        answers = sample_answers(
            model,
            prompts_of(row, model, tokenizer, settings),
            [[answer["seed"] for answer in line["answers"]] for line in own],
            settings.answers.max_tokens,
            settings.answers.temperature,
        )
        again = [list(one.ids) for of_image in answers for one in of_image]
        stored = [answer["ids"] for line in own for answer in line["answers"]]
        wrong = sum(a != b for a, b in zip(again, stored, strict=True))
        if wrong:
            found.append(f"batch {index}: {wrong} of {len(stored)} answers come out otherwise")
    return found


def work(args: argparse.Namespace) -> None:
    """Shows and replays, as the arguments say; InputError where something comes out otherwise."""
    settings = read_rl2r_settings(args.run / "settings.yaml", args.set)
    lines = read_rollouts(rollout_path(args.run, args.step))
    for text in told(lines, args.image):
        print(text)
    problems = differences(lines, settings)
    print(f"\njudged again: {'; '.join(problems) or 'as stored'}")
    loaded = weights_before(args.run, args.step, settings)
    if loaded is None:
        print("sampled again: no, the weights of that moment were not kept")
    else:
        wrong = resampled(lines, *loaded, settings)
        print(f"sampled again: {'; '.join(wrong) or 'the same tokens'}")
        problems += wrong
    if problems:
        raise InputError(
            f"step {args.step} does not come out as stored: {problems[0]}; was the code changed?"
        )


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    return exit_code(lambda: work(args))


if __name__ == "__main__":
    raise SystemExit(main())
