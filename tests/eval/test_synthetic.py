"""The judge's test on harmed photos: who knows the truth reaches every best value, who sees nothing none."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from data.degradations import TYPES
from eval.metrics import Array
from eval.pair_report import PairsReport, as_json, markdown
from eval.pictures import to_bytes, write_picture
from eval.synthetic import (
    NOTHING,
    CleanResult,
    Series,
    harm,
    judge_series,
    main_degradation,
    run_synthetic,
    summarise,
)
from uare.results import Assessment, Comparison, Degradation, Restoration


class Judge:
    """Stands for a pipeline that sees the distance to the clean photo, which only a test can know."""

    def __init__(self, clean: Array) -> None:
        self.clean = np.round(clean * 255)
        self.restored = 0

    def _badness(self, image: Image.Image) -> float:
        return float(np.abs(np.asarray(image, dtype=np.float64) - self.clean).mean())

    def assess(self, image: Image.Image, /) -> Assessment:
        badness = self._badness(image)
        harms = (Degradation(type="noise", severity=3),) if badness else ()
        return Assessment(
            score=5 - badness / 64, level="good", distribution={}, attributes={}, degradations=harms, text=""
        )

    def compare(self, a: Image.Image, b: Image.Image, /) -> Comparison:
        better_a = self._badness(a) < self._badness(b)
        return Comparison(verdict="A" if better_a else "B", probabilities=(0.5, 0.5, 0), text="")

    def restore(self, image: Image.Image, /, *, seed: int, upscale: int) -> Restoration:
        self.restored += 1
        return Restoration(image=image, analysis=None, verdict=None, seed=seed, steps=1, timings={})


class Indifferent(Judge):
    """Finds all photos equal and names nothing."""

    def assess(self, image: Image.Image, /) -> Assessment:
        return Assessment(score=3, level="fair", distribution={}, attributes={}, degradations=(), text="")

    def compare(self, a: Image.Image, b: Image.Image, /) -> Comparison:
        return Comparison(verdict="equal", probabilities=(0, 0, 1), text="")


@pytest.fixture
def photo(coffee: Tensor) -> Array:
    """(64, 72, 3): a small piece of the still life."""
    return coffee[0, :, 100:164, 200:272].permute(1, 2, 0).double().numpy()


def test_harms_repeat_with_their_seed_and_grow_with_severity(photo: Array) -> None:
    first, again = harm(photo, "noise", seed=7), harm(photo, "noise", seed=7)
    assert [a.tobytes() for a in first] == [b.tobytes() for b in again]
    judge = Judge(photo)
    distances = [judge._badness(version) for version in first]
    assert distances == sorted(distances)


def test_the_most_severe_degradation_is_the_main_one() -> None:
    found = (Degradation(type="blur", severity=2), Degradation(type="noise", severity=4))
    assert main_degradation(found) == "noise"


def test_of_equals_the_first_named_is_the_main_one_and_none_is_none() -> None:
    found = (Degradation(type="rain", severity=3), Degradation(type="haze", severity=3))
    assert main_degradation(found) == "rain"
    assert main_degradation((Degradation(type="jpeg", severity=None),)) == "jpeg"
    assert main_degradation(()) == NOTHING


def test_a_judge_that_sees_the_truth_reaches_every_best_value(photo: Array) -> None:
    series = judge_series(Judge(photo), "p", "noise", harm(photo, "noise", seed=1))
    assert series.named == ("noise",) * 5
    assert series.rank_agreement == pytest.approx(1)
    assert series.worse_by_compare == series.worse_by_score == (True,) * 10


def test_a_judge_without_opinion_recognises_nothing(photo: Array) -> None:
    series = judge_series(Indifferent(photo), "p", "noise", harm(photo, "noise", seed=1))
    assert series.named == (NOTHING,) * 5
    assert series.rank_agreement == 0
    assert not any(series.worse_by_compare)
    assert not any(series.worse_by_score)


def test_a_judge_that_always_prefers_the_first_is_right_half_of_the_time(photo: Array) -> None:
    class First(Judge):
        def compare(self, a: Image.Image, b: Image.Image, /) -> Comparison:
            return Comparison(verdict="A", probabilities=(1, 0, 0), text="")

    series = judge_series(First(photo), "p", "noise", harm(photo, "noise", seed=1))
    assert sum(series.worse_by_compare) == 5


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
    report = summarise(series, clean, seed=0)
    blur, rain, everything = report.rows
    assert (blur.type, rain.type, everything.type) == ("blur", "rain", "all")
    assert blur.named_correctly.mean == pytest.approx(0.5)
    assert everything.named_correctly.mean == pytest.approx(2 / 3)
    assert (everything.named_correctly.num_values, everything.named_correctly.num_groups) == (15, 2)
    assert everything.worse_by_compare.mean == 1
    assert everything.worse_by_score.mean == 0
    assert report.called == {"blur": {"blur": 5, NOTHING: 5}, "rain": {"rain": 5}}
    assert report.clean_psnr_db.mean == 35
    assert report.called_clean.mean == 0.5


def test_a_run_judges_every_type_and_reports_a_broken_photo(photo: Array, tmp_path: Path) -> None:
    write_picture(photo, tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"")
    judge = Judge(photo)
    report, problems = run_synthetic(judge, [tmp_path / "bad.png", tmp_path / "good.png"], seed=0)
    assert len(problems) == 1
    assert "bad.png" in problems[0]
    assert report is not None
    assert [row.type for row in report.rows] == [*TYPES, "all"]
    assert judge.restored == 1
    # The judge calls everything noise, so one type in all is named correctly, and clean is called clean.
    assert report.rows[-1].named_correctly.mean == pytest.approx(1 / len(TYPES))
    assert report.clean_psnr_db.mean == pytest.approx(80)
    assert report.called_clean.mean == 1


def test_no_usable_photo_gives_no_report(tmp_path: Path) -> None:
    report, problems = run_synthetic(Judge(np.zeros((8, 8, 3))), [tmp_path / "absent.png"], seed=0)
    assert report is None
    assert len(problems) == 1


def test_the_report_is_written_out_in_both_forms(photo: Array, tmp_path: Path) -> None:
    Image.fromarray(to_bytes(photo)).save(tmp_path / "good.png")
    synthetic, _ = run_synthetic(Judge(photo), [tmp_path / "good.png"], seed=0)
    report = PairsReport(
        command="c",
        seed=0,
        versions={},
        groups=[],
        totals=[],
        scores=[],
        synthetic=synthetic,
        problems=["one"],
    )
    text = markdown(report)
    assert "## Clean photos harmed at severity 1 to 5 (1 photos)" in text
    assert "100.0 [one value] % are called clean" in text
    assert "- one" in text
    rows = json.loads(json.dumps(as_json(report)))["synthetic"]["rows"]
    assert rows[-1]["named_correctly"]["num_values"] == 5 * len(TYPES)
