"""Trains a judge of restorations on a set of labelled pairs (FGResQ, equations 4 to 9).

    python training/judge.py --config training/configs/fgresq_head.yaml --set pairs=SET
    python training/judge.py --config training/configs/fgresq_align.yaml --set clip.folder=CLIP
    python training/judge.py --config training/configs/fgresq_clip.yaml --set clip.folder=CLIP

Writes `judge.json` and `judge.safetensors` to the output folder, with `report.json` about the agreement on
held-out pairs. Copied to the folder of its model the judge is used by itself; elsewhere, with `--judge`.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import json
from collections.abc import Sequence

from training.command import exit_code


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Trains a judge of restorations.")
    parser.add_argument("--config", type=Path, required=True, help="a file training/configs/fgresq_*.yaml")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one setting")
    return parser.parse_args(argv)


def work(args: argparse.Namespace) -> None:
    """Aligns, trains, measures and writes, as the configuration says."""
    from data.fgrestore.layout import read_fgrestore
    from data.forms import read_form
    from training.judge_loop import align, report, settle_equality, train_judge
    from training.judge_pairs import table_of
    from training.judge_settings import JudgeSettings
    from training.judge_start import save_tower, start
    from uare.experts.clip import ClipTower
    from uare.judge import save_judge

    settings = read_form(JudgeSettings, args.config, args.set)
    table = table_of(
        read_fgrestore(settings.pairs),
        settings.split,
        settings.validation_share,
        settings.seed,
        settings.plain_per_scene,
    )
    begun = start(settings, table)
    network, found = begun.network, {}
    if settings.align.steps:
        share = align(
            network,
            begun.project,
            table,
            begun.views,
            begun.texts(),
            settings.align,
            settings.pairs_per_step,
            settings.seed,
        )
        found["aligned"] = round(share, 4)
        print(f"alignment: {share:.1%} of the training images are nearest to their own text")
    if settings.steps:
        train_judge(network, table, begun.views, settings)
        found["equality_offset"] = settle_equality(network, table, begun.views)
        found |= report(network, table, begun.views)
        save_judge(network, begun.config, settings.output)
    elif isinstance(network.degradation, ClipTower):
        save_tower(network.degradation, settings.output)
    settings.output.mkdir(parents=True, exist_ok=True)
    document = {"settings": settings.model_dump(mode="json"), **found}
    (settings.output / "report.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    return exit_code(lambda: work(args))


if __name__ == "__main__":
    raise SystemExit(main())
