"""Teaching the texture reader: labels from records, and that harm is told apart after seconds of it."""

from __future__ import annotations

import math

import pytest
import torch

from data.degradations import TYPES
from data.records import DegradationRecord
from training.presets import tiny_config, tiny_tokenizer
from training.vision import HarmHead, harm_loss, severities_of, teach
from uare.vision import TextureReader


def test_severities_stand_at_their_types() -> None:
    records = [[DegradationRecord("noise", 5, {}), DegradationRecord("haze", 2, {})], []]
    table = severities_of(records)
    assert table[0, TYPES.index("noise")] == 1.0
    assert table[0, TYPES.index("haze")] == pytest.approx(0.4)
    assert float(table.sum()) == pytest.approx(1.4)


def test_undecided_presence_costs_one_bit_a_type() -> None:
    truth = torch.zeros(3, len(TYPES))
    nothing = torch.zeros_like(truth)
    assert float(harm_loss(nothing, nothing, truth)) == pytest.approx(math.log(2), rel=1e-5)


def test_two_kinds_of_statistics_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.vision.STEPS", 60)
    torch.manual_seed(0)
    config = tiny_config(tiny_tokenizer(vocab_size=400, num_texts=100)).vision
    reader, head = TextureReader(config).image, HarmHead(config.texture_width)
    statistics = torch.randn(400, 200)
    statistics[::2, :20] += 2  # what noise does to some of them
    truths = torch.zeros(400, len(TYPES))
    truths[::2, 1] = 0.8
    teach(reader, head, statistics[:300], truths[:300], seed=0)
    presence, _ = head(reader(statistics[300:]))
    hits = (presence[:, 1] > 0) == (truths[300:, 1] > 0)
    assert hits.float().mean() > 0.8
