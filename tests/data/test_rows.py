"""Numbered rows: pure functions of their number, filled to the budget, shared out over ranks and steps."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from data.drafts import Draft, TargetPicture
from data.readers.folders import clean_folder
from data.rows import Group, Row, RowNumbers, Rows, RowSettings, Tally, seed_of
from data.scenes import SceneSize
from data.tasks import TASKS, TaskSettings
from tests.uare.tiny import tiny_config, tiny_text_tokenizer
from training.latents import encode_drafts
from uare.config import TransformConfig
from uare.errors import InputError
from uare.packing import NoisedLatent, VisionImage, pack
from uare.vae import build_codec

BUDGET = 400


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(6):
        coarse = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((64, 64)).save(folder / f"{number}.png")
    return folder


def rows_of(folder: Path, *, budget: int = BUDGET, seed: int = 0, dropout: float = 0.1) -> Rows:
    sources = clean_folder(folder)
    harms = {"restore": "single", "interleave": "multi"}
    groups = tuple(
        Group(name=task, task=task, harm=harms.get(task, "multi"), weight=1.0, sets=((sources, 1.0),))
        for task in TASKS
    )
    task = TaskSettings(
        config=tiny_config(),
        tokenizer=tiny_text_tokenizer(),
        size=SceneSize(crop_px=None, limits=TransformConfig(max_size=64, min_size=32, stride=16)),
        dropout=dropout,
    )
    return Rows(RowSettings(groups=groups, task=task, tokens_per_row=budget, seed=seed, crops_px=(32, 48)))


def fingerprint(row: Row) -> tuple[object, ...]:
    targets = [part for draft in row.drafts for part in draft.parts if isinstance(part, TargetPicture)]
    return (
        [draft.id for draft in row.drafts],
        [draft.num_tokens(tiny_config()) for draft in row.drafts],
        [(part.seed, part.timestep, part.origin, float(part.base.double().sum())) for part in targets],
    )


def test_a_row_depends_on_seed_and_number_alone(pictures: Path) -> None:
    forwards = [fingerprint(rows_of(pictures)[g]) for g in range(4)]
    backwards = [fingerprint(rows_of(pictures)[g]) for g in reversed(range(4))]
    assert forwards == backwards[::-1]
    assert all(a != b for a, b in pairwise(forwards))
    assert fingerprint(rows_of(pictures, seed=1)[0]) != forwards[0]


def test_the_last_sample_of_a_row_reaches_the_budget(pictures: Path) -> None:
    rows = rows_of(pictures)
    for g in range(20):
        lens = [draft.num_tokens(tiny_config()) for draft in rows[g].drafts]
        assert sum(lens) == rows[g].num_tokens >= BUDGET
        assert sum(lens[:-1]) < BUDGET


def test_the_tokens_of_a_row_are_those_that_are_packed(pictures: Path) -> None:
    config = tiny_config()
    codec = build_codec(config.codec)
    row = rows_of(pictures)[3]
    assert pack(encode_drafts(row.drafts, codec, config), config).num_tokens == row.num_tokens


def test_every_row_shows_at_least_one_view(pictures: Path) -> None:
    rows = rows_of(pictures, dropout=1.0)
    for g in range(10):
        parts = [part for draft in rows[g].drafts for part in draft.parts if isinstance(part, VisionImage)]
        assert any(not part.dropped for part in parts)


def test_groups_are_drawn_by_their_weights(pictures: Path) -> None:
    rows = rows_of(pictures)
    counts: Counter[str] = Counter()
    for g in range(40):
        counts.update(draft.group for draft in rows[g].drafts)
    shares = {name: count / counts.total() for name, count in counts.items()}
    assert set(shares) == set(TASKS)
    assert all(0.12 < share < 0.28 for share in shares.values())  # 4 deviations of some 150 draws


def test_a_target_and_its_velocity_fit_the_clean_latent(pictures: Path) -> None:
    config = tiny_config()
    codec = build_codec(config.codec)
    drafts = [draft for g in range(6) for draft in rows_of(pictures)[g].drafts]
    restoring = [draft for draft in drafts if any(isinstance(p, TargetPicture) for p in draft.parts)]
    items = encode_drafts(restoring, codec, config)
    for draft, sample in zip(restoring, items, strict=True):
        target = next(item for item in sample if isinstance(item, NoisedLatent))
        assert target.velocity is not None and target.base is not None
        clean = target.tokens - target.timestep * target.velocity
        alone = encode_drafts([_only_target(draft)], codec, config)[0][0]
        assert isinstance(alone, NoisedLatent) and alone.velocity is not None
        torch.testing.assert_close(
            clean, alone.tokens - alone.timestep * alone.velocity, atol=1e-4, rtol=1e-4
        )


def _only_target(draft: Draft) -> Draft:
    target = next(part for part in draft.parts if isinstance(part, TargetPicture))
    return Draft(id=draft.id, group=draft.group, parts=(target,))


def test_ranks_share_the_rows_of_every_step() -> None:
    def numbers(rank: int, world: int, first_step: int = 0) -> list[int]:
        return list(RowNumbers(first_step=first_step, num_steps=5, rows_per_step=4, rank=rank, world=world))

    assert sorted(numbers(0, 2) + numbers(1, 2)) == list(range(20)) == numbers(0, 1)
    assert numbers(1, 4, first_step=3) == [13, 17]
    with pytest.raises(InputError, match="not a multiple of 3 ranks"):
        RowNumbers(first_step=0, num_steps=5, rows_per_step=4, rank=0, world=3)


def test_a_broken_picture_is_counted_and_passed_over(pictures: Path, tmp_path: Path) -> None:
    for path in pictures.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "0.png").write_bytes(b"no picture")
    rows, tally = rows_of(tmp_path), Tally()
    for g in range(60):
        tally.add(rows[g])
    assert tally.faults > 0
    assert all("0.png" in fault for fault in tally.listed)
    tally.check(most_faulty=0.5)
    with pytest.raises(InputError, match=r"above the share of 1\.0%"):
        tally.check(most_faulty=0.01)


def test_a_set_of_broken_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="sources of one row could not be read"):
        rows_of(tmp_path)[0]


def test_seeds_do_not_depend_on_the_process() -> None:
    assert seed_of(0, "row", 1) == 8560212036352234267  # of the blake2b hash of "0/row/1"
    assert len({seed_of(0, "row", g) for g in range(1000)}) == 1000
    assert random.Random(seed_of(1, "row", 2)).random() != random.Random(seed_of(2, "row", 1)).random()
