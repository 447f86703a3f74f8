"""Detail-path training: shards round trip, balanced draws over kinds, a loss in decibels."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from training.detail import FLOOR, detail_loss, main
from training.detail_shards import (
    CLEAN,
    MISSED_SHARE,
    DetailCrops,
    DetailExamples,
    kind_name,
    read_shards,
    write_shard,
)
from uare.detail import DetailPath
from uare.errors import InputError

SMALL = {"widths": [8, 8], "blocks": [1, 1], "filters": [[1, 1e-3], [2, 1e-2]]}


def examples_of(kinds: list[int], side: int = 48, error: float = 0.1) -> DetailExamples:
    """Random photos; D(z) is off by `error` times one more than the kind's number, a clean one by 0.01."""
    generator = torch.Generator().manual_seed(len(kinds))
    hq = torch.rand(len(kinds), 3, side, side, generator=generator) * 0.4 + 0.1
    kind = torch.tensor(kinds)
    offset = torch.where(kind == CLEAN, 0.01, error * (kind + 1)).view(-1, 1, 1, 1)
    lq = torch.where((kind == CLEAN).view(-1, 1, 1, 1), hq, hq + offset)
    return DetailExamples(lq=lq, decoded=hq + offset, lq_decoded=lq, hq=hq, kind=kind)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two shards: many examples of kind 0, few of kind 1, few clean ones."""
    write_shard(tmp_path / "0.safetensors", examples_of([0] * 30 + [1] * 4 + [CLEAN] * 6))
    write_shard(tmp_path / "1.safetensors", examples_of([0] * 20))
    return tmp_path


def test_a_shard_comes_back_as_it_was_up_to_eight_bits(tmp_path: Path) -> None:
    written = examples_of([0, 1, CLEAN])
    write_shard(tmp_path / "a.safetensors", written)
    (read,) = read_shards(tmp_path)
    assert read.kind.tolist() == [0, 1, CLEAN]
    assert read.decoded.dtype == torch.uint8
    assert float((read.decoded.float() / 255 - written.decoded).abs().max()) <= 0.5 / 255 + 1e-6


def test_a_tenth_of_the_draws_is_clean_and_the_rest_even_over_kinds(folder: Path) -> None:
    kinds = DetailCrops(read_shards(folder), 16, seed=0).batch(0, 1000).kind
    shares = {kind: float((kinds == kind).float().mean()) for kind in (CLEAN, 0, 1)}
    # three standard deviations of 1000 draws are at most 0.05
    assert shares == pytest.approx({CLEAN: 0.1, 0: 0.45, 1: 0.45}, abs=0.05)


def test_the_four_pictures_of_an_example_are_cut_at_the_same_place(folder: Path) -> None:
    batch = DetailCrops(read_shards(folder), 16, seed=0).batch(0, 32)
    assert float((batch.lq_decoded - batch.lq).abs().max()) == 0
    offset = torch.where(batch.kind == CLEAN, 0.01, 0.1 * (batch.kind + 1)).view(-1, 1, 1, 1)
    assert float((batch.decoded - batch.hq - offset).abs().max()) <= 1 / 255 + 1e-6


def test_held_out_examples_are_never_drawn(folder: Path) -> None:
    crops = DetailCrops(read_shards(folder), 16, seed=0)
    assert crops.held_out == [(1, 1)]  # the 32nd example of kind 0, which has 30 in the first shard
    assert all((1, 1) not in rows for rows in crops.rows.values())
    (held_out,) = crops.held_out_examples()
    assert held_out.lq.shape == (1, 3, 48, 48)


def test_some_harmed_examples_show_what_the_network_overlooked(tmp_path: Path) -> None:
    one = examples_of([0, CLEAN])
    write_shard(tmp_path / "a.safetensors", DetailExamples(**{**vars(one), "decoded": one.hq}))
    batch = DetailCrops(read_shards(tmp_path), 16, seed=0).batch(0, 1000)
    missed = (batch.decoded - batch.lq_decoded).abs().amax(dim=(1, 2, 3)) == 0
    assert float(missed[batch.kind == 0].float().mean()) == pytest.approx(MISSED_SHARE, abs=0.04)


@pytest.mark.parametrize(("kind", "error"), [(0, 0.1), (1, 0.2), (CLEAN, 0.01)])
def test_the_loss_of_a_path_that_adds_nothing_is_the_error_of_the_decoder_in_db(
    folder: Path, kind: int, error: float
) -> None:
    path = DetailPath(SMALL)
    torch.nn.init.zeros_(path.get_parameter("leave.0.bias"))  # the gains: the plain decoder is left
    batch = DetailCrops(read_shards(folder), 16, seed=0).batch(0, 256)
    rows = batch.kind == kind
    part = DetailExamples(**{name: value[rows] for name, value in vars(batch).items()})
    expected = 10 * math.log10(error**2 + FLOOR)
    assert detail_loss(path, part).item() == pytest.approx(expected, abs=0.3)  # shards hold 8 bits


def test_a_short_run_leaves_weights_and_psnr_by_kind(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    sizes = ["--batch-size", "2", "--crop-px", "16", "--minutes", "0.02"]
    assert main(["--shards", str(folder), "--output", str(output), *sizes]) == 0
    document = json.loads((output / "detail.json").read_text())
    assert document["measured"]["psnr_db"].keys() == {"blur"}  # the one example held out, kind 0
    DetailPath(document["config"]).load_state_dict(load_file(output / "detail.safetensors"))


def test_shards_without_clean_photos_are_refused(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.safetensors", examples_of([0, 1]))
    with pytest.raises(InputError, match="expected clean"):
        DetailCrops(read_shards(tmp_path), 16, seed=0)


def test_an_empty_folder_and_a_broken_shard_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="make them first"):
        read_shards(tmp_path)
    (tmp_path / "a.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"a\.safetensors"):
        read_shards(tmp_path)


def test_kinds_have_names() -> None:
    assert [kind_name(kind) for kind in (CLEAN, 0, 6, 9)] == ["clean", "blur", "lowres", "mixed 9"]
