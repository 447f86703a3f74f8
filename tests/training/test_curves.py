"""Curves of a run: round axes, points where they belong, nothing drawn that an axis cannot show."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.curves import MOST_POINTS, Axis, draw, points_of, ticks, write_curves


def steps_of(count: int, **figures: float) -> list[dict[str, float]]:
    first = {"loss": 1.0, "velocity_loss": 1.0, "text_loss": 0.0, "grad_norm": 2.0}
    return [{"step": step, **first, "learning_rate": 1e-4, **figures} for step in range(1, count + 1)]


@pytest.mark.parametrize(
    ("low", "high", "is_log", "expected"),
    [
        (0.3, 4, True, [0.2, 0.5, 1, 2, 5]),
        (1, 1, True, [1, 2]),
        (1, 8, False, [0, 2, 4, 6, 8]),
        (0, 0, False, [0, 0.5]),
        (2e-5, 2e-5, False, [2e-5, 3e-5]),
        (-3, 12, False, [-5, 0, 5, 10, 15]),
    ],
)
def test_ticks_are_round_and_enclose_all_values(
    low: float, high: float, is_log: bool, expected: list[float]
) -> None:
    assert ticks(low, high, is_log) == pytest.approx(expected)


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_ticks_enclose_any_values(low: float, span: float) -> None:
    marks = ticks(low, low + span, False)
    assert marks[0] <= low and low + span <= marks[-1]
    assert 2 <= len(marks) <= 7


def test_a_logarithmic_axis_gives_every_factor_of_ten_the_same_room() -> None:
    axis = Axis(marks=[0.01, 1, 100], start=200, end=0, is_log=True)
    assert [axis.place(value) for value in (0.01, 0.1, 1, 10, 100)] == pytest.approx([200, 150, 100, 50, 0])


def test_skipped_steps_and_zeros_are_left_out() -> None:
    steps = [*steps_of(2), {"step": 3, "loss": math.nan, "text_loss": 0.0}, {"step": 4, "loss": 0.5}]
    assert points_of(steps, "loss", True) == [(1, 1.0), (2, 1.0), (4, 0.5)]
    assert points_of(steps, "text_loss", True) == []
    assert points_of(steps, "text_loss", False) == [(1, 0.0), (2, 0.0), (3, 0.0)]


def test_a_long_run_is_drawn_as_means() -> None:
    steps = [{"step": step, "loss": float(step % 2)} for step in range(1, 4 * MOST_POINTS + 1)]
    points = points_of(steps, "loss", False)
    assert len(points) == MOST_POINTS
    assert points[0] == (2.5, 0.5)  # of steps 1 to 4


def test_the_drawing_has_the_panels_that_there_are_figures_for() -> None:
    tree = ElementTree.fromstring(draw(steps_of(5)))
    titles = [
        one.text for one in tree.iter("{http://www.w3.org/2000/svg}text") if one.get("class") == "title"
    ]
    assert titles == ["Loss", "Gradient norm", "Learning rate"]  # nothing of tokens/s
    names = [one.text for one in tree.iter("{http://www.w3.org/2000/svg}text") if one.get("class") == "c1"]
    assert names == ["velocity"]  # and no text, whose loss is zero


def test_a_falling_loss_falls_on_the_page() -> None:
    steps = [{"step": step, "loss": 8.0 / step} for step in range(1, 9)]
    (line,) = re.findall(r'<path class="c0" d="M([^"]+)"', draw(steps))
    places = [tuple(map(float, point.split())) for point in line.split(" L")]
    assert len(places) == 8
    assert places == sorted(places)  # to the right, and down: y grows downwards


def test_curves_are_written_beside_the_journal(tmp_path: Path) -> None:
    assert write_curves(tmp_path) is None
    lines = "".join(json.dumps(step) + "\n" for step in steps_of(3, loss=math.nan))
    (tmp_path / "steps.jsonl").write_text(lines)
    assert write_curves(tmp_path) == tmp_path / "curves.svg"
    written = (tmp_path / "curves.svg").read_text()
    assert "prefers-color-scheme: dark" in written
    assert "http" not in written.replace("http://www.w3.org/2000/svg", "")
