"""Are all harms of a photo named? Known analyses give known shares."""

from __future__ import annotations

import pytest

from eval.naming_tables import COMBINED, naming_section
from eval.records import Item, Prediction, Run
from tests.eval.made_up_run import judged_run


def _item(name: str, group: str, photo: str) -> Item:
    return Item(
        id=name,
        group=group,
        kind="restore",
        lq="lq.png",
        gt="gt.png",
        scale=1,
        mos=None,
        tags=(),
        lq_sha256=name,
        gt_sha256=photo,
        crop=None,
    )


def _run(texts: dict[Item, str | None], suite: str = COMBINED) -> Run:
    predictions = {
        item.id: Prediction(item=item.id, file=None, score=None, text=text, elapsed_s=1, problem=None)
        for item, text in texts.items()
    }
    return judged_run(texts, predictions, suite, kind="restore")


def test_shares_of_named_harms_by_group_and_number_of_harms() -> None:
    run = _run(
        {
            _item("a", "Blur_Noise", "p"): "Quality: It shows obvious noise and slight blur.",
            _item("b", "Blur_Noise", "q"): "Quality: It shows obvious noise and slight haze.",
            _item("c", "Blur_Noise_JPEG", "p"): "Quality: It shows no visible defects.",
            _item("d", "Blur_Noise_JPEG", "q"): None,  # nothing was written: left out
        }
    )
    section = naming_section(run)
    assert section is not None
    rows = {row[0].text: [cell.value for cell in row[1:]] for row in section.tables[0].rows}
    assert rows["Blur_Noise"] == [50, 75, 0.5, 2]
    assert rows["2 harms"] == rows["Blur_Noise"]
    assert rows["Blur_Noise_JPEG"] == [0, 0, 0, 1]
    assert rows["all"] == [pytest.approx(100 / 3), 50, pytest.approx(1 / 3), 3]


def test_without_such_photos_or_words_there_is_no_section() -> None:
    item = _item("a", "Blur_Noise", "p")
    assert naming_section(_run({item: "Quality: It shows blur."}, suite="synthetic")) is None
    assert naming_section(_run({item: None})) is None
