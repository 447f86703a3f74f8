"""From a phase's settings to numbered rows and to what makes them: sets opened, sizes, tokenizer."""

from __future__ import annotations

import signal
from typing import TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from data.captions import StoredCaptions
from data.grammar import Grammar
from data.phrasings import RICH
from data.rows import Group, RowNumbers, Rows, RowSettings
from data.scenes import SceneSize
from data.tasks import TaskSettings
from data.texts import SMALL
from training.opening import open_set
from training.settings import GroupSettings, TrainSettings
from uare.config import TransformConfig, UAREConfig
from uare.tokenizer import TextTokenizer

AnyRow = TypeVar("AnyRow")
GRAMMARS: dict[str, Grammar] = {"small": SMALL, "rich": RICH}


def _group(name: str, form: GroupSettings) -> Group:
    sets = tuple((open_set(one), one.weight) for one in form.sets)
    return Group(name=name, task=form.task, harm=form.harm, weight=form.weight, sets=sets)


def make_rows(settings: TrainSettings, config: UAREConfig, tokenizer: TextTokenizer) -> Rows:
    """The mixture of a phase as numbered rows."""
    form = settings.data
    limits = TransformConfig(
        max_size=form.size.long_px, min_size=form.size.short_px, stride=config.latent.stride_px
    )
    task = TaskSettings(
        config=config,
        tokenizer=tokenizer,
        size=SceneSize(crop_px=None, limits=limits),
        timestep_shift=settings.loss.timestep_shift,
        start_share=settings.loss.start_share,
        dropout=settings.loss.dropout,
        grammar=GRAMMARS[form.grammar],
        captions=StoredCaptions.from_jsonl(form.captions) if form.captions else None,
        harms_later=form.harm_on_device,
    )
    return Rows(
        RowSettings(
            groups=tuple(_group(name, group) for name, group in form.groups.items()),
            task=task,
            tokens_per_row=form.tokens_per_row,
            seed=settings.seed,
            crops_px=form.size.crops_px,
        )
    )


def load_rows(rows: Dataset[AnyRow], numbers: RowNumbers, workers: int) -> DataLoader[AnyRow]:
    """Rows in the order of their numbers, made ahead by worker processes."""
    return DataLoader(
        rows,
        sampler=numbers,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        persistent_workers=workers > 0,
        worker_init_fn=_begin_worker,
    )


def _begin_worker(_: int) -> None:
    """Workers must not fight with the training process over the cores, nor end before it.

    Schedulers send SIGTERM to all processes of a job; the training process needs its rows to end well.
    """
    torch.set_num_threads(1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
