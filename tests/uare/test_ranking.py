"""`uare rank`: photos in order from pairs, from all of them or from few."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.uare.command_line import Command, write_photo
from uare.batch.ranking import in_order, rank_files
from uare.batch.swiss import first_round, next_round
from uare.errors import InputError
from uare.pipeline import UAREPipeline
from uare.screen import Screen

pytestmark = pytest.mark.usefixtures("short_texts")


def test_points_are_the_mean_of_wins_and_strengths_follow_them_where_all_have_met() -> None:
    wins = np.array([[0, 0.15, 0.6], [0.85, 0, 0.8], [0.4, 0.2, 0]])
    places = in_order([Path("a"), Path("b"), Path("c")], wins)
    assert [(place.rank, place.path.name) for place in places] == [(1, "b"), (2, "a"), (3, "c")]
    assert [place.points for place in places] == pytest.approx([(0.85 + 0.8) / 2, (0.15 + 0.6) / 2, 0.3])
    strengths = [place.strength for place in places]
    assert sorted(strengths, reverse=True) == strengths
    assert sum(strengths) == pytest.approx(0, abs=1e-5)
    for place in places:
        low, high = place.interval
        assert low < place.strength < high
        assert place.comparisons == 2


def test_equal_photos_share_a_rank() -> None:
    places = in_order([Path("a"), Path("b")], np.array([[0, 0.5], [0.5, 0]]))
    assert [(place.rank, place.points, place.strength) for place in places] == [(1, 0.5, 0), (1, 0.5, 0)]


def test_one_photo_has_half_a_point_and_photos_that_never_met_no_order() -> None:
    (place,) = in_order([Path("a")], np.zeros((1, 1)))
    assert (place.rank, place.points, place.strength, place.comparisons) == (1, 0.5, 0, 0)
    with pytest.raises(InputError, match="too few comparisons"):
        in_order([Path("a"), Path("b")], np.zeros((2, 2)))


def test_photos_that_always_win_have_finite_strengths() -> None:
    places = in_order([Path("a"), Path("b")], np.array([[0.0, 1.0], [0.0, 0.0]]))
    assert 0 < places[0].strength < 10


# --- Swiss rounds ---


def test_the_first_round_is_a_chain_through_the_scores() -> None:
    assert first_round([1.0, 3.0, 2.0, 5.0]) == [(1, 3), (1, 2), (0, 2)]
    assert first_round([1.0]) == []


def test_a_round_pairs_neighbours_that_have_not_met_and_ends_when_all_have() -> None:
    strengths = [4.0, 3.0, 2.0, 1.0]
    met = set(first_round(strengths))
    rounds = []
    while matches := next_round(strengths, met):
        rounds.append(matches)
        assert not met & set(matches)
        assert len({index for match in matches for index in match}) == 2 * len(matches)
        met |= set(matches)
    assert rounds[0] == [(0, 2), (1, 3)]
    assert len(met) == 6


class Played:
    """A pipeline in whose comparisons photos of more light win with the odds of their difference."""

    judge = None

    def __init__(self, rate: Callable[[int], float]) -> None:
        self.rate = rate
        self.num_comparisons = 0

    def score(self, photo: object) -> float:
        return self.rate(round(float(photo.pixels.mean()) * 255))  # type: ignore[attr-defined]

    def prefer(self, a: object, b: object) -> tuple[float, float, float]:
        self.num_comparisons += 1
        p = 1 / (1 + np.exp((self.level(b) - self.level(a)) / 4))
        return p, 1 - p, 0.0

    @staticmethod
    def level(photo: object) -> float:
        return float(photo.pixels.mean()) * 255  # type: ignore[attr-defined]


@pytest.fixture
def grey_photos(tmp_path: Path) -> list[Path]:
    """Twelve plain photos, in no order, whose names are their levels of grey."""
    from PIL import Image

    levels = [10 + 7 * (5 * index % 12) for index in range(12)]
    for level in levels:
        Image.new("RGB", (8, 8), (level,) * 3).save(tmp_path / f"{level}.png")
    return [tmp_path / f"{level}.png" for level in levels]


@pytest.mark.parametrize(("most", "made"), [(None, 66), (66, 66), (40, 40), (11, 11)])
def test_few_comparisons_between_close_photos_give_the_order_of_all(
    grey_photos: list[Path], most: int | None, made: int
) -> None:
    pipe = Played(lambda level: 0.0)  # scores that say nothing: the rounds alone have to find the order
    if most == 11:
        pipe = Played(float)  # a chain alone is only as good as its scores
    outcome = rank_files(pipe, grey_photos, Screen(is_quiet=True), [], most)  # type: ignore[arg-type]
    assert pipe.num_comparisons == made
    levels = [int(Path(result["input"]).stem) for result in outcome.results]
    assert levels == sorted(levels, reverse=True)
    assert sum(result["comparisons"] for result in outcome.results) == 2 * made


def test_fewer_comparisons_widen_the_intervals_and_too_few_are_refused(grey_photos: list[Path]) -> None:
    widths = []
    for most in (66, 20):
        outcome = rank_files(Played(float), grey_photos, Screen(is_quiet=True), [], most)  # type: ignore[arg-type]
        ends = [result["interval"] for result in outcome.results]
        widths.append(sum(high - low for low, high in ends))
    assert widths[1] > widths[0]
    with pytest.raises(InputError, match="12 photos need at least 11 comparisons, found 10"):
        rank_files(Played(float), grey_photos, Screen(is_quiet=True), [], 10)  # type: ignore[arg-type]


# --- the command ---


def test_rank_orders_by_the_pipelines_comparisons(
    uare: Command, photos: Path, restoring_pipeline: UAREPipeline
) -> None:
    paths = [photos / name for name in ("a.png", "b.jpg", "deep/c.png")]
    wins = np.zeros((3, 3))
    for i, j in ((0, 1), (0, 2), (1, 2)):
        a_better, b_better, equal = restoring_pipeline.prefer(paths[i], paths[j])
        assert restoring_pipeline.compare(paths[i], paths[j]).probabilities == (a_better, b_better, equal)
        wins[i, j], wins[j, i] = a_better + equal / 2, b_better + equal / 2
    expected = [place.to_dict() for place in in_order(paths, wins)]
    assert uare("rank", photos, "--json").results == expected


def test_one_photo_is_ranked_and_noted(uare: Command, photos: Path) -> None:
    ran = uare("rank", photos / "a.png", "--json")
    assert [result["rank"] for result in ran.results] == [1]
    assert "one photo" in ran.err


def test_the_same_file_twice_shares_its_rank(uare: Command, photos: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin.png"
    twin.write_bytes((photos / "a.png").read_bytes())
    write_photo(tmp_path / "other.png", seed=5)
    ran = uare("rank", photos / "a.png", twin, tmp_path / "other.png", "--json")
    ranks = {Path(result["input"]).name: result["rank"] for result in ran.results}
    assert ranks["a.png"] == ranks["twin.png"]


def test_too_small_a_budget_is_a_wrong_call(uare: Command, photos: Path) -> None:
    ran = uare("rank", photos, "--comparisons", "1")
    assert ran.code == 2
    assert "at least 2 comparisons" in ran.err
