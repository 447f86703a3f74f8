"""The benchmark of inference runs to its end and says what it found; its two ways compute the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import inference
from benchmarks.measuring import Timing, flow_step_flops, layer_flops_per_token, time_in_turns
from benchmarks.routing import build_row, routed_everywhere, routed_once
from benchmarks.scene import Scene, build_scene, usual_texts
from benchmarks.table import Measured, as_markdown
from tests.uare.pictures import smooth_pixels
from tests.uare.tiny import tiny_restorer, tiny_text_tokenizer


@pytest.fixture(scope="module")
def scene() -> Scene:
    return build_scene(tiny_restorer(), smooth_pixels(64, 96), *usual_texts(tiny_text_tokenizer()))


def test_the_program_prints_a_table_and_a_json_line_and_writes_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("skimage", reason="the sample photo comes with scikit-image")
    model = tmp_path / "model"
    tiny_restorer().save_pretrained(model)
    tiny_text_tokenizer().save(model)
    arguments = ["--model", str(model), "--sizes", "64", "--repeats", "1", "--threads", "1"]
    capsys.readouterr()  # what libraries said while the model was written
    assert inference.main([*arguments, "--dtype", "float32", "--output", str(tmp_path / "results")]) == 0
    *table, line = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert len(found["rows"]) == len(table) - 2
    assert found["machine"]["threads"] == 1
    assert found["machine"]["dtype"] == "float32"
    whats = [row["what"] for row in found["rows"]]
    for expected in (
        "64²: peak memory",
        "64²: cold start",
        "64²: flow",
        "flow step, context cached",
        "text, one",
    ):
        assert any(what.startswith(expected) for what in whats)
    shares = [row["ratio"] for row in found["rows"] if row["against"] == "the whole restoration"]
    assert sum(shares) == pytest.approx(1)
    report = (tmp_path / "results" / "benchmarks.md").read_text(encoding="utf-8")
    assert "\n".join(table) in report


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--sizes", "500"], "--sizes must be positive multiples of 16, found 500"),
        (["--repeats", "0"], "--repeats must be at least 1"),
        (["--threads", "0"], "--threads must be at least 1"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inference.main(arguments) == 2
    assert sentence in capsys.readouterr().err


def test_both_ways_of_routing_compute_the_same(scene: Scene) -> None:
    row = build_row(scene)
    once, everywhere = (way(scene.model.mixture, row) for way in (routed_once, routed_everywhere))
    torch.testing.assert_close(
        everywhere, once, atol=1e-4, rtol=1e-4
    )  # products of other sizes round otherwise


@torch.no_grad()
def test_the_counted_operations_of_the_layers_are_those_that_torch_counts(scene: Scene) -> None:
    """torch counts matrix products, not attention on a CPU."""
    row = build_row(scene)
    with FlopCounterMode(display=False) as counter:
        routed_once(scene.model.mixture, row)
    config = scene.model.config
    layers = config.num_hidden_layers
    assert counter.get_total_flops() == layers * len(row.x) * layer_flops_per_token(config)
    attention = 4 * 26 * (100 + 26) * 32  # 24 latent tokens and 2 markers over 100 cached tokens, width 32
    assert flow_step_flops(config, 24, 100) == layers * (26 * layer_flops_per_token(config) + attention)


def test_ways_are_timed_in_turns_after_one_call_that_does_not_count() -> None:
    calls: list[str] = []
    timings = time_in_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=3)
    assert calls == ["a", "b"] * 4
    assert [len(timing.seconds) for timing in timings.values()] == [3, 3]
    assert Timing((3.0, 1.0, 2.0)).median == 2.0


def test_an_aim_is_held_against_the_ratio_where_there_is_one() -> None:
    reached = Measured(what="step", value=10, unit="GFLOP/s", against="product", ratio=0.6, aim=("≥", 0.5))
    missed = Measured(what="memory", value=2.5, unit="GiB", aim=("≤", 2))
    assert (reached.reached, missed.reached) == (True, False)
    assert Measured(what="text", value=3, unit="tokens/s").reached is None
    assert as_markdown([reached, missed]).splitlines()[2:] == [
        "| step | 10 GFLOP/s |  | product | 0.6 | ≥ 0.5: reached |",
        "| memory | 2.5 GiB |  |  |  | ≤ 2: missed |",
    ]
