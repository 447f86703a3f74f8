"""One packing path: what a row holds, what dropping leaves, and that inference packs what training packs."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from tests.uare.tiny import condition, judged, target, text, tiny_config, vision
from uare.errors import InputError
from uare.packing import (
    Item,
    pack,
    patchify_image,
    patchify_latent,
    table_positions,
    unpatchify_latent,
)
from uare.segments import AttentionMode, PackedBatch

CONFIG = tiny_config()
PHOTO: list[Item] = [condition(2, 3), vision(3, 2), text(5, 6, 7)]


def tensors(batch: PackedBatch) -> dict[str, Tensor]:
    values = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def test_items_read_one_by_one_are_byte_equal_to_the_row_of_training() -> None:
    items = [*PHOTO, text(8, 9), target(2, 3)]
    row = pack([items], CONFIG)
    pieces: list[PackedBatch] = []
    for item in items:
        pieces.append(pack([[item]], CONFIG, pieces[-1].next_positions if pieces else None))
    starts = torch.tensor([0, *(piece.num_tokens for piece in pieces)]).cumsum(0)
    num_latents = torch.tensor([0, *(len(piece.latents) for piece in pieces)]).cumsum(0)
    for name, whole in tensors(row).items():
        parts = [tensors(piece)[name] for piece in pieces]
        if name == "target_index":  # counts latent tokens, the other indexes count places in the row
            parts = [part + start for part, start in zip(parts, num_latents, strict=False)]
        elif name.endswith("_index"):
            parts = [part + start for part, start in zip(parts, starts, strict=False)]
        assert torch.cat(parts).dtype == whole.dtype
        assert torch.equal(torch.cat(parts), whole), name
    assert tuple(segment for piece in pieces for segment in piece.segments) == row.segments
    assert pieces[-1].next_positions == row.next_positions


def test_labels_change_nothing_that_the_network_reads() -> None:
    asked = pack([[*PHOTO, text(8, 9), target(2, 3)]], CONFIG)
    taught = pack([[*PHOTO, text(8, 9, loss=True), judged(target(2, 3))]], CONFIG)
    for name, value in tensors(asked).items():
        if name != "logit_index":
            assert torch.equal(value, tensors(taught)[name]), name
    assert asked.labels is None
    assert taught.labels is not None


def test_an_answer_is_judged_from_its_start_token_to_its_end_marker() -> None:
    batch = pack([[text(5, 6), text(7, 8, 9, loss=True)]], CONFIG)
    assert batch.labels is not None
    assert batch.labels.token_ids.tolist() == [7, 8, 9, CONFIG.special_tokens.text_end]
    assert batch.logit_index.tolist() == [4, 5, 6, 7]  # after 4 tokens of the first text: start, 7, 8, 9
    assert batch.labels.token_weights.tolist() == [0.5] * 4  # 1/√4


def test_an_open_text_asks_for_what_follows_its_last_token() -> None:
    assert pack([[text(5, 6, closes=False)]], CONFIG).logit_index.tolist() == [2]
    assert pack([[text(5, 6)]], CONFIG).logit_index.tolist() == []


def test_positions_count_tokens_of_text_and_images_as_one() -> None:
    batch = pack([[text(5), condition(1, 2), vision(1, 1), target(1, 2), text(6)]], CONFIG)
    assert batch.positions.tolist() == [0, 1, 2] + [3] * 4 + [4] * 3 + [5] * 4 + [5, 6, 7]
    assert batch.next_positions == (8,)
    assert [segment.mode for segment in batch.segments] == [
        AttentionMode.CAUSAL,
        AttentionMode.FULL,
        AttentionMode.FULL,
        AttentionMode.NOISE,
        AttentionMode.CAUSAL,
    ]


def test_a_dropped_text_leaves_no_trace() -> None:
    hidden = replace(text(5, 6, 7), dropped=True)
    kept, without = (
        pack([[vision(1, 2), hidden, target(1, 2)]], CONFIG),
        pack([[vision(1, 2), target(1, 2)]], CONFIG),
    )
    for name, value in tensors(without).items():
        assert torch.equal(value, tensors(kept)[name]), name
    assert kept.segments == without.segments


@pytest.mark.parametrize(
    "image", [replace(vision(1, 2), dropped=True), replace(condition(1, 2), dropped=True)]
)
def test_a_dropped_image_still_takes_its_position(image: Item) -> None:
    batch = pack([[image, text(5)]], CONFIG)
    assert batch.positions.tolist() == [1, 2, 3]
    assert len(batch.segments) == 1


def test_samples_of_a_row_each_start_at_position_zero() -> None:
    batch = pack([[text(5, 6)], [vision(1, 1), text(7)]], CONFIG)
    assert batch.positions.tolist() == [0, 1, 2, 3, 0, 0, 0, 1, 2, 3]
    assert batch.sample_lens == (4, 6)


def test_an_image_larger_than_the_position_table_is_refused() -> None:
    with pytest.raises(InputError, match=r"7x2 tokens .* 6x6"):
        pack([[condition(7, 2)]], CONFIG)
    with pytest.raises(InputError):
        table_positions((2, 2), 6, origin=(0, 5))


def test_table_positions_count_rows_of_the_table_from_the_origin() -> None:
    assert table_positions((2, 3), 6).tolist() == [0, 1, 2, 6, 7, 8]
    assert table_positions((2, 2), 6, origin=(1, 3)).tolist() == [9, 10, 15, 16]


def test_latent_tokens_are_rows_of_patches_with_the_channel_last() -> None:
    latent = torch.arange(2 * 4 * 6).reshape(2, 4, 6)
    tokens = patchify_latent(latent)
    assert tokens.shape == (6, 8)
    assert tokens[1].tolist() == [2, 26, 3, 27, 8, 32, 9, 33]  # rows 0-1, columns 2-3 of both channels
    assert torch.equal(unpatchify_latent(tokens, (2, 3)), latent)


def test_image_patches_are_rows_first_and_channel_last() -> None:
    image = torch.arange(3 * 2 * 4).reshape(3, 2, 4)
    assert patchify_image(image, 2)[1].tolist() == [2, 10, 18, 3, 11, 19, 6, 14, 22, 7, 15, 23]
