"""Photos harmed in one part: what is planted, how overlap is measured, and the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval import region_trials
from eval.region_trials import ALIKE_DB, Found, Mended, iou, look, mend, psnr_in
from eval.regions_page import PICTURE_BYTES, write_page
from eval.suites.items import list_items
from eval.suites.regions import DISC, HALF, SHAPES, Planted, part_of, planted
from eval.suites.suite import Request
from eval.suites.table import suites_named
from tests.uare.tiny import tiny_restorer, tiny_text_tokenizer
from uare.pipeline import UAREPipeline
from uare.results import Region
from uare.vocabulary import DIMENSIONS


@pytest.fixture(scope="module")
def case() -> Planted:
    return next(planted(("noise",), (4,), (HALF,), ("coffee",)))


@pytest.mark.parametrize("place", range(4))
def test_parts_have_the_size_that_is_meant(place: int) -> None:
    assert part_of(HALF, place).mean() == 0.5
    assert part_of(DISC, place).mean() == pytest.approx(np.pi * 0.27**2, abs=0.002)


def test_the_harm_stays_in_its_part(case: Planted) -> None:
    unharmed = np.round(case.original * 255) / 255
    assert np.array_equal(case.picture[~case.inside], unharmed[~case.inside])
    assert (case.picture != unharmed)[case.inside].mean() > 0.9


def test_every_type_has_both_shapes() -> None:
    found = {
        (one.type, one.shape) for one in planted(("noise", "jpeg"), (2, 4), SHAPES, ("coffee", "rocket"))
    }
    assert len(found) == 4


def test_the_suite_lists_every_planted_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "eval.suites.regions.planted", lambda: planted(("noise", "jpeg"), (2,), SHAPES, ("coffee",))
    )
    (suite,) = suites_named(["synthetic-regions"])
    listing = list_items(suite, Request(data_root=tmp_path, limit=None, made_dir=tmp_path))
    assert [item.group for item in listing.items] == ["noise", "jpeg"]
    assert not listing.problems
    assert all(item.gt and item.lq_sha256 != item.gt_sha256 for item in listing.items)


def test_overlap_and_error_have_known_values() -> None:
    left, top = np.zeros((4, 4), dtype=bool), np.zeros((4, 4), dtype=bool)
    left[:, :2], top[:2] = True, True
    assert iou(left, left) == 1 and iou(left, ~left) == 0
    assert iou(left, top) == pytest.approx(4 / 12)
    black = np.zeros((4, 4, 3))
    changed = black.copy()
    changed[:, 2:] = 0.1
    assert psnr_in(changed, black, left) == ALIKE_DB
    assert psnr_in(changed, black, ~left) == pytest.approx(20)


def judged(case: Planted, *, finds_it: bool) -> list[Region]:
    """The true part and the rest as regions; the part is the worse one, or the better."""
    scores = (1.5, 4.5) if finds_it else (4.5, 1.5)
    return [
        Region(mask=mask, box=(0, 0, 1, 1), area=0.5, overall=score, levels=dict.fromkeys(DIMENSIONS, score))
        for mask, score in zip((case.inside, ~case.inside), scores, strict=True)
    ]


@pytest.mark.parametrize("finds_it", [True, False])
def test_a_judge_that_sees_the_part_hits_it_and_one_that_errs_misses(
    case: Planted, finds_it: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(region_trials, "assess_regions", lambda *_: judged(case, finds_it=finds_it))
    found = look(UAREPipeline(tiny_restorer(), tiny_text_tokenizer()), case)
    assert set(found.hit.values()) == {float(finds_it)}
    assert set(found.iou.values()) == {float(finds_it)}
    assert found.given_hit == float(finds_it)
    assert (found.best_iou, found.chance_hit) == (1.0, 0.5)


def test_a_restorer_that_changes_nothing_leaves_the_rest_and_mends_nothing(
    case: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(region_trials, "_restored", lambda _, picture, adaptive: picture)
    mended = mend(UAREPipeline(tiny_restorer(), tiny_text_tokenizer()), case)
    assert mended.harmed[0] == mended.harmed[1] == mended.harmed[2] < 30
    assert min(mended.rest) > 50  # 8 bits


def test_the_page_holds_its_command_and_pictures_of_a_size_for_a_repository(
    case: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uare.assess.MAX_ANALYSIS_TOKENS", 4)
    names = list(region_trials.WORST_BY)
    found = Found(
        case=case,
        iou=dict.fromkeys(names, 0.25),
        hit=dict.fromkeys(names, 1.0),
        best_iou=0.5,
        asked_iou=0.4,
        chance_hit=0.5,
        given_hit=1.0,
    )
    pictures = (case.picture, case.picture, case.original)
    mended = Mended(
        name=case.name, group="noise", harmed=(20.0, 25.0, 24.0), rest=(40.0, 99.0), pictures=pictures
    )
    pipe = UAREPipeline(tiny_restorer(), tiny_text_tokenizer())
    write_page(tmp_path, "python eval/regions.py --output X", [found], [mended], [mended], pipe)
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "python eval/regions.py --output X" in page
    assert "| worst by overall score | 0.25 [one value] | 100 [one value] |" in page
    assert "-1.00 dB on average" in page
    for name in ("hit.webp", "noise.webp"):
        assert name in page and (tmp_path / name).stat().st_size <= PICTURE_BYTES
        Image.open(tmp_path / name).verify()
