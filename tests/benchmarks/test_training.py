"""The benchmark of training runs to its end in a small form, and its parts measure what they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks import training
from benchmarks.training_network import compiled_layers, cosine, graph_breaks, kept_bytes
from benchmarks.training_scene import Bench, small_bench
from uare.experts.expert import ExpertLayer

pytest.importorskip("skimage", reason="the sample photos come with scikit-image")
SMALL = ["--lengths", "100", "--repeats", "1", "--threads", "1"]
QUICK = ["--parts", "lengths", "packing", "freezing"]


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """The program sets the threads of the process."""
    number = torch.get_num_threads()
    yield
    torch.set_num_threads(number)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return small_bench(tmp_path_factory.mktemp("bench"), 1)


def whats(line: str) -> list[str]:
    return [row["what"] for row in json.loads(line)["rows"]]


def test_the_parts_in_one_process_write_a_table_and_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert training.main([*SMALL, *QUICK, "--output", str(tmp_path)]) == 0
    *table, line = capsys.readouterr().out.splitlines()
    rows = {row["what"]: row for row in json.loads(line)["rows"]}
    assert len(rows) == len(table) - 2
    assert "\n".join(table) in (tmp_path / "training.md").read_text(encoding="utf-8")
    speed = next(row for what, row in rows.items() if what.endswith("forward and backward"))
    assert 0 < speed["ratio"] < 1  # of a matrix product's speed
    assert 0.9 < rows["detach_frozen: cosine of its gradient"]["value"] < 1
    assert rows["detach_frozen: kept for the backward pass"]["ratio"] < 1


@pytest.mark.slow
def test_every_part_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert training.main(SMALL) == 0
    found = whats(capsys.readouterr().out.splitlines()[-1])
    for expected in ("loader alone, 2 workers", "ZeRO-1", "ZeRO-2", "ZeRO-3", "compiled", "graph breaks"):
        assert any(what.startswith(expected) for what in found), expected


def test_the_compiled_block_has_no_graph_breaks_and_stays_compiled_inside_alone(bench: Bench) -> None:
    eager = ExpertLayer.finish
    with compiled_layers():
        assert ExpertLayer.finish is not eager
    assert ExpertLayer.finish is eager
    assert graph_breaks(bench, 8) == 0


def test_what_is_kept_for_the_backward_pass_is_counted_once_and_without_weights(bench: Bench) -> None:
    x = torch.ones(1000, requires_grad=True)
    weight = bench.model.mixture.restoration_norm.weight

    def call() -> None:
        squared = (x * x) * x  # keeps x, and its square
        (squared.sum() * weight.sum()).backward()

    assert kept_bytes(bench, call) == pytest.approx(2 * 4000, abs=16)  # and the two sums


def test_gradients_are_compared_by_name() -> None:
    first = {"a": torch.tensor([3.0, 0.0]), "b": torch.tensor([4.0])}
    assert cosine(first, first) == pytest.approx(1)
    assert cosine(first, {"b": torch.tensor([2.0])}) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--repeats", "0"], "--repeats must be at least 1, found 0"),
        (["--lengths", "500", "0"], "--lengths must be at least 1, found 0"),
        (["--layers", "2"], "--layers belongs to --size full"),
        pytest.param(
            ["--size", "full"],
            "found no CUDA device",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here"),
        ),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert training.main(arguments) == 2
    assert sentence in capsys.readouterr().err
