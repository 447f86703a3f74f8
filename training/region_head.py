"""Trains the score head that knows regions (RSFIQA) over our own network, and compares its parts.

    python training/region_head.py --config training/configs/region_head.yaml --set examples.photos=FOLDER
    python training/region_head.py --config ... --set examples.photos=FOLDER --ablations PAGE.md

Writes `region_head.safetensors` and `report.json` to the output folder. With --ablations it trains the head
alone, with fusion, with region text and with region attention, and writes a page of what each is worth.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from training.command import exit_code
from training.judge_loop import cosine
from training.region_examples import RegionExamples, make_examples
from training.region_settings import RegionHeadSettings
from uare.experts.region_head import RegionHead, RegionHeadConfig

PARTS: dict[str, dict[str, bool]] = {  # the paper's table 3, one part after the other
    "head alone": {"fusion": False, "text": False, "attention": False},
    "+ fusion of levels": {"fusion": True, "text": False, "attention": False},
    "+ region text": {"fusion": True, "text": True, "attention": False},
    "+ region attention": {"fusion": True, "text": True, "attention": True},
}


def split_photos(examples: RegionExamples, held_out: float, seed: int) -> tuple[Tensor, Tensor]:
    """Places of the training and of the held-out examples; no photo is in both."""
    names = sorted(set(examples.photos))
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)).tolist()
    outside = {names[i] for i in order[: max(1, round(held_out * len(names)))]}
    return examples.of(set(names) - outside), examples.of(outside)


def config_of(settings: RegionHeadSettings, examples: RegionExamples, **parts: bool) -> RegionHeadConfig:
    """The head that the settings describe, for these examples' features; `parts` overrides what it has."""
    return RegionHeadConfig(
        feature_widths=tuple(level.shape[1] for level in examples.given.features),
        text_width=examples.given.texts.shape[-1],
        **(settings.head.model_dump() | parts),
    )


def train_head(
    config: RegionHeadConfig,
    examples: RegionExamples,
    places: Tensor,
    settings: RegionHeadSettings,
    seed: int,
) -> RegionHead:
    """A head trained on the examples at these places; squared error (eq. 11), AdamW, a cosine to zero."""
    torch.manual_seed(seed)
    head = RegionHead(config)
    optimizer = torch.optim.AdamW(head.parameters(), weight_decay=settings.weight_decay)
    generator = torch.Generator().manual_seed(seed)
    batches = -(-len(places) // settings.batch)
    for step in range(settings.epochs * batches):
        if step % batches == 0:
            order = places[torch.randperm(len(places), generator=generator)]
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * cosine(step, settings.epochs * batches)
        chosen = order[step % batches * settings.batch :][: settings.batch]
        given, truth = examples.select(chosen)
        loss = (head(given) - truth).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return head.eval()


@torch.no_grad()
def agreement(head: RegionHead, examples: RegionExamples, places: Tensor) -> dict[str, float]:
    """Correlation of values (plcc) and of ranks (srcc), and root mean squared error, on these examples."""
    said = torch.cat([head(examples.select(part)[0]) for part in places.split(64)]).double()
    truth = examples.targets[places].double()
    return {
        "plcc": _correlation(said, truth),
        "srcc": _correlation(ranks(said), ranks(truth)),
        "rmse": float((said - truth).square().mean().sqrt()),
    }


def ranks(values: Tensor) -> Tensor:
    """Ranks (n,) from 1, ties sharing their mean."""
    _, place, counts = values.unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    return (last - (counts.double() - 1) / 2)[place]


def _correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a, b]))[0, 1])


def compare_parts(
    settings: RegionHeadSettings, examples: RegionExamples
) -> dict[str, list[dict[str, float]]]:
    """Agreement on held-out photos for each row of PARTS and each seed, which also draws the split."""
    found: dict[str, list[dict[str, float]]] = {}
    for name, parts in PARTS.items():
        config = config_of(settings, examples, **parts)
        found[name] = []
        for seed in settings.seeds:
            train, outside = split_photos(examples, settings.examples.held_out, seed)
            head = train_head(config, examples, train, settings, seed)
            found[name].append(agreement(head, examples, outside))
            print(f"{name}, seed {seed}: {found[name][-1]}", file=sys.stderr)
    return found


def ablation_page(command: str, found: Mapping[str, Sequence[Mapping[str, float]]], about: str) -> str:
    """The page of `compare_parts`: mean and spread over seeds, beside what the paper says of its own."""
    lines = [
        "# What the parts of the region head are worth\n",
        f"Generated; do not edit. Made by:\n\n    {command}\n",
        f"{about} Mean over seeds, each with its own split by photo, and the standard deviation.\n",
        "| head | PLCC | SRCC | RMSE | quoted: KonIQ-10k PLCC/SRCC |",
        "|---|---|---|---|---|",
    ]
    for (name, runs), quoted in zip(found.items(), QUOTED, strict=True):
        cells = [_mean([run[key] for run in runs]) for key in ("plcc", "srcc", "rmse")]
        lines.append(f"| {name} | {' | '.join(cells)} | {quoted} |")
    return "\n".join(
        [
            *lines,
            "",
            "Quoted: RSFIQA (arXiv 2508.07818), table 3, Swin, another backbone trained as a whole on photos "
            "that people scored; its language branch is a large model. Only the direction can be compared.\n",
        ]
    )


QUOTED = (".909/.902", ".912/.910", ".926/.920", ".940/.934")  # RSFIQA, table 3, in the order of PARTS


def _mean(values: Sequence[float]) -> str:
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.3f} ± {spread:.3f}"


def work(args: argparse.Namespace, command: str) -> None:
    """Makes the examples, trains, measures and writes, as the configuration says."""
    from data.forms import read_form
    from uare.pipeline import UAREPipeline
    from uare.writing import write_atomically

    settings = read_form(RegionHeadSettings, args.config, args.set)
    examples = make_examples(UAREPipeline.from_pretrained(settings.model), settings.examples)
    report: dict[str, Any] = {"settings": settings.model_dump(mode="json"), "examples": len(examples.targets)}
    if args.ablations:
        found = compare_parts(settings, examples)
        about = f"{len(examples.targets)} made-up crops of {len(set(examples.photos))} photos."
        page = ablation_page(command, found, about)
        write_atomically(args.ablations, lambda file: file.write(page.encode()), overwrite=True)
        report["ablations"] = found
    else:
        seed = settings.seeds[0]
        train, outside = split_photos(examples, settings.examples.held_out, seed)
        head = train_head(config_of(settings, examples), examples, train, settings, seed)
        report["held_out"] = agreement(head, examples, outside)
        settings.output.mkdir(parents=True, exist_ok=True)
        save_file(head.state_dict(), settings.output / "region_head.safetensors")
    settings.output.mkdir(parents=True, exist_ok=True)
    (settings.output / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: value for key, value in report.items() if key != "settings"}, indent=1))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Trains the score head that knows regions.")
    parser.add_argument(
        "--config", type=Path, required=True, help="such as training/configs/region_head.yaml"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one setting")
    parser.add_argument("--ablations", type=Path, metavar="PAGE", help="compare the parts; write this page")
    args = parser.parse_args(argv)
    changed = " ".join(f"--set {change}" for change in args.set if not change.startswith("examples.photos="))
    page = f" --ablations {args.ablations}" if args.ablations else ""
    command = f"python training/region_head.py --config {args.config} --set examples.photos=FOLDER {changed}"
    return exit_code(lambda: work(args, " ".join(command.split()) + page))


if __name__ == "__main__":
    raise SystemExit(main())
