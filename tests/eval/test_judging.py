"""The judge's test on harmed photos: who knows the truth reaches every best value, who sees nothing none."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.degradations import TYPES
from eval.adapters.model import ModelSubject
from eval.gauges import Gauges
from eval.item_pictures import read_input, read_reference
from eval.judging import (
    NOTHING,
    CleanResult,
    Series,
    clean_of,
    main_degradation,
    named_in,
    series_of,
    summarise,
)
from eval.judging_tables import judging_section
from eval.metrics import psnr
from eval.metrics.table import find_metrics
from eval.ranks import Ranks
from eval.records import (
    Run,
    RunInfo,
    SubjectRun,
    SuiteInfo,
    SuiteRun,
    read_predictions,
    read_scores,
)
from eval.runner import predict_suite, score_suite
from eval.suites import synthetic
from eval.suites.items import list_items
from eval.suites.suite import Request
from eval.suites.table import suites_named
from uare.results import Assessment, Comparison, Degradation, Restoration

SUITES = ("synthetic", "synthetic-scores", "synthetic-choices")


class Judge:
    """Stands for a pipeline that sees the distance to the clean photo, which only a test can know."""

    def __init__(self, clean: list[np.ndarray]) -> None:
        self.clean = clean

    def _badness(self, image: Image.Image) -> float:
        pixels = np.asarray(image, dtype=np.float64)
        return min(float(np.abs(pixels - one).mean()) for one in self.clean)

    def assess(self, image: Image.Image, /) -> Assessment:
        badness = self._badness(image)
        seen = "obvious noise" if badness else "no visible defects"
        return Assessment(
            score=5 - badness / 64,
            level="good",
            distribution={},
            attributes={},
            degradations=(),
            text=f"Quality: It shows {seen}.",
        )

    def compare(self, a: Image.Image, b: Image.Image, /) -> Comparison:
        better_a = self._badness(a) < self._badness(b)
        return Comparison(verdict="A" if better_a else "B", probabilities=(1, 0, 0), text="")

    def restore(self, image: Image.Image, /, **options: Any) -> Restoration:
        return Restoration(
            image=image, analysis=None, verdict=None, seed=options["seed"], steps=1, timings={}
        )


class Indifferent(Judge):
    """Finds all photos equal and names nothing."""

    def assess(self, image: Image.Image, /) -> Assessment:
        return Assessment(score=3, level="fair", distribution={}, attributes={}, degradations=(), text="")

    def compare(self, a: Image.Image, b: Image.Image, /) -> Comparison:
        return Comparison(verdict="equal", probabilities=(0, 0, 1), text="")


class First(Judge):
    """Prefers the first of two."""

    def compare(self, a: Image.Image, b: Image.Image, /) -> Comparison:
        return Comparison(verdict="A", probabilities=(1, 0, 0), text="")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """One photo of 64 px, harmed by noise and by JPEG."""
    monkeypatch.setattr(synthetic, "PHOTOS", ("coffee",))
    monkeypatch.setattr(synthetic, "SIDE_PX", 64)
    monkeypatch.setattr(synthetic, "TYPES", ("noise", "jpeg"))


def _run(output: Path, kind: type[Judge]) -> Run:
    """Runs the three suites with a judge that is told what the clean photo is."""
    suites = []
    for suite in suites_named(SUITES):
        folder = output / suite.name
        listing = list_items(suite, Request(data_root=output, limit=None, made_dir=folder / "made"))
        with Image.open(folder / "made" / "coffee.png") as image:
            clean = [np.asarray(image, dtype=np.float64)]
        subject = ModelSubject("judge", "judge", "0", partial(kind, clean), seed=0)
        predict_suite(listing.items, [subject], folder, Ranks())
        score_suite(listing.items, [folder / "judge"], find_metrics(["psnr_rgb"]), Gauges(None), Ranks())
        info = SuiteInfo(
            name=suite.name,
            title=suite.title,
            kind=suite.kind,
            num_items=len(listing.items),
            num_listed=listing.num_listed,
            groups=(),
            data_sha256="",
            missing=None,
        )
        done = SubjectRun(
            info=subject.info,
            predictions=read_predictions(folder / "judge"),
            scores=read_scores(folder / "judge"),
        )
        suites.append(SuiteRun(info=info, items=listing.items, subjects=(done,)))
    info_of_run = RunInfo(
        command="",
        git_hash=None,
        versions={},
        seed=0,
        limit=None,
        suites=tuple(one.info for one in suites),
        subjects=(suites[0].subjects[0].info,),
        metrics=(),
        problems=(),
    )
    return Run(folder=output, info=info_of_run, suites=tuple(suites))


def test_a_judge_that_sees_the_truth_reaches_every_best_value(small: None, tmp_path: Path) -> None:
    run = _run(tmp_path, Judge)
    noise, jpeg = series_of(run, "judge")
    assert (noise.type, jpeg.type) == ("noise", "jpeg")
    assert noise.named == jpeg.named == ("noise",) * 5
    assert noise.rank_agreement == pytest.approx(1)
    assert noise.worse_by_compare == noise.worse_by_score == (True,) * 10
    (clean,) = clean_of(run, "judge")
    assert clean.named == NOTHING
    assert clean.psnr_db == pytest.approx(80)


def test_a_judge_without_opinion_recognises_nothing(small: None, tmp_path: Path) -> None:
    series = series_of(_run(tmp_path, Indifferent), "judge")[0]
    assert series.named == (NOTHING,) * 5
    assert series.rank_agreement == 0
    assert not any(series.worse_by_compare)
    assert not any(series.worse_by_score)


def test_a_judge_that_always_prefers_the_first_is_right_half_of_the_time(small: None, tmp_path: Path) -> None:
    series = series_of(_run(tmp_path, First), "judge")[0]
    assert sum(series.worse_by_compare) == 5


def test_the_report_shows_the_measures_and_the_confusion(small: None, tmp_path: Path) -> None:
    section = judging_section(_run(tmp_path, Judge))
    assert section is not None
    everything = section.tables[0].rows[-1]
    assert [cell.text for cell in everything[:2]] == ["all", "50.0 [one value]"]
    assert "100.0 [one value] % are called clean" in section.tables[0].notes[0]
    (confusion,) = section.details
    assert [[cell.text for cell in row] for row in confusion.rows] == [
        ["noise", "5", "0", "0"],
        ["jpeg", "5", "0", "0"],
    ]


def test_harms_repeat_with_their_seed_and_grow_with_severity(small: None) -> None:
    photo = synthetic.sample_photo("coffee")
    first, again = synthetic.harm(photo, "noise", seed=7), synthetic.harm(photo, "noise", seed=7)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    distances = [float(np.abs(version - photo).mean()) for version in first]
    assert distances == sorted(distances)


def test_the_synthetic_suite_holds_every_type_and_severity_and_the_unharmed(tmp_path: Path) -> None:
    (suite,) = suites_named(["synthetic"])
    request = Request(data_root=tmp_path, limit=6, made_dir=tmp_path / "made")
    listing = list_items(suite, request)
    assert listing.num_listed == len(synthetic.PHOTOS) * (5 * len(TYPES) + 1)
    assert {item.group for item in listing.items} == {*TYPES, synthetic.CLEAN}
    assert len(listing.items) == 6 * len(TYPES) + len(synthetic.PHOTOS)
    clean = next(item for item in listing.items if item.group == synthetic.CLEAN)
    assert clean.lq_sha256 == clean.gt_sha256


def test_photos_with_several_harms_come_in_the_groups_of_foundir(tmp_path: Path) -> None:
    (suite,) = suites_named(["synthetic-combinations"])
    listing = list_items(suite, Request(data_root=tmp_path, limit=1, made_dir=tmp_path / "made"))
    groups = {item.group for item in listing.items}
    assert {"Blur_Noise", "Lowlight_Haze", "NightRain"} < groups and len(groups) == 13
    for item in listing.items:
        clean = read_reference(item)
        assert clean is not None
        assert psnr(read_input(item), clean) < 32


def test_the_most_severe_degradation_is_the_main_one() -> None:
    found = (Degradation(type="blur", severity=2), Degradation(type="noise", severity=4))
    assert main_degradation(found) == "noise"


def test_of_equals_the_first_named_is_the_main_one_and_none_is_none() -> None:
    found = (Degradation(type="rain", severity=3), Degradation(type="haze", severity=3))
    assert main_degradation(found) == "rain"
    assert main_degradation((Degradation(type="jpeg", severity=None),)) == "jpeg"
    assert main_degradation(()) == named_in(None) == NOTHING


def _series(photo: str, kind: str, named: str) -> Series:
    return Series(
        photo=photo,
        type=kind,
        named=(named,) * 5,
        scores=(5, 4, 3, 2, 1),
        worse_by_compare=(True,) * 10,
        worse_by_score=(False,) * 10,
    )


def test_shares_are_means_over_cases_with_photos_as_groups() -> None:
    series = [_series("p", "blur", "blur"), _series("q", "blur", NOTHING), _series("q", "rain", "rain")]
    clean = [
        CleanResult(photo="p", psnr_db=30, named=NOTHING),
        CleanResult(photo="q", psnr_db=40, named="rain"),
    ]
    found = summarise("judge", series, clean, seed=0)
    blur, rain, everything = found.rows
    assert (blur.type, rain.type, everything.type) == ("blur", "rain", "all")
    assert blur.named_correctly.mean == pytest.approx(0.5)
    assert everything.named_correctly.mean == pytest.approx(2 / 3)
    assert (everything.named_correctly.num_values, everything.named_correctly.num_groups) == (15, 2)
    assert everything.worse_by_compare is not None
    assert everything.worse_by_compare.mean == 1
    assert everything.worse_by_score.mean == 0
    assert found.called == {"blur": {"blur": 5, NOTHING: 5}, "rain": {"rain": 5}}
    assert found.clean_psnr_db is not None and found.clean_psnr_db.mean == 35
    assert found.called_clean is not None and found.called_clean.mean == 0.5
