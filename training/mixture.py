"""From a phase's settings to numbered rows and to what makes them: sets opened, sizes, tokenizer."""

from __future__ import annotations

from torch.utils.data import DataLoader

from data.readers.folders import clean_folder, paired_folders
from data.readers.manifest import clear_photos
from data.readers.sets.table import read_set
from data.rows import Group, Row, RowNumbers, Rows, RowSettings
from data.samples import Sources
from data.scenes import SceneSize
from data.tasks import TaskSettings
from training.settings import GroupSettings, SetSettings, TrainSettings
from uare.config import TransformConfig, UAREConfig
from uare.tokenizer import TextTokenizer

LQ_FOLDER, GT_FOLDER = "LQ", "GT"  # of a set read by `pairs`


def open_set(form: SetSettings) -> Sources:
    """A data set of a configuration; InputError where it is missing or lies otherwise than expected."""
    match form.reader:
        case "folder":
            return clean_folder(form.root)
        case "pairs":
            return paired_folders(form.root / GT_FOLDER, form.root / LQ_FOLDER)
        case "photos":
            return clear_photos(form.root)
        case published:
            return read_set(published, form.root, form.split)


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


def load_rows(rows: Rows, numbers: RowNumbers, workers: int) -> DataLoader[Row]:
    """Rows in the order of their numbers, made ahead by worker processes."""
    return DataLoader(
        rows,
        sampler=numbers,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        persistent_workers=workers > 0,
        worker_init_fn=_one_thread,
    )


def _one_thread(_: int) -> None:
    """Workers must not fight with the training process over the cores."""
    import torch

    torch.set_num_threads(1)
