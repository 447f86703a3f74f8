"""Validation: pictures that stay the same, restored as users' are, on a page with the newest step first."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

import data.tasks
from data.rows import Rows
from data.scenes import Scene, make_scene
from tests.training.phases import Workshop, make_workshop
from tests.uare.tiny import tiny_config, tiny_restorer, tiny_text_tokenizer, tiny_uare_model
from training.fixed_samples import FIRST_SEED, Draw, FixedSample, drawn, fixed_samples, psnr_db
from training.mixture import make_rows
from training.settings import TrainSettings, read_settings
from training.validation import Outcome, Validation, on_board, restore_all
from uare import prompts
from uare.errors import ConfigError, InputError


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return make_workshop(tmp_path_factory.mktemp("validation"))


def settings_of(workshop: Workshop, name: str, phase: str = "single", **changes: Any) -> TrainSettings:
    form = {"every_steps": 4, "samples": 2}
    return read_settings(workshop.settings(name, phase, **{"validation": form, **changes}))


def rows_of(settings: TrainSettings) -> Rows:
    return make_rows(settings, tiny_config(), tiny_text_tokenizer())


def samples_of(settings: TrainSettings, count: int = 3) -> tuple[FixedSample, ...]:
    return fixed_samples(rows_of(settings), count, with_analysis=False)


def test_psnr_of_a_known_error() -> None:
    assert psnr_db(torch.full((3, 4, 4), 0.6), torch.full((3, 4, 4), 0.5)) == pytest.approx(20, abs=1e-4)
    assert psnr_db(torch.zeros(3, 4, 4), torch.zeros(3, 4, 4)) == pytest.approx(100)


def test_the_fixed_samples_are_the_same_for_every_run(workshop: Workshop) -> None:
    first = samples_of(settings_of(workshop, "first"))
    second = samples_of(settings_of(workshop, "second", seed=7))
    assert len(first) == 3
    for a, b in zip(first, second, strict=True):
        assert (a.id, a.instruction, a.scene.records) == (b.id, b.instruction, b.scene.records)
        assert torch.equal(a.scene.lq, b.scene.lq) and torch.equal(a.scene.hq, b.scene.hq)
        assert not torch.equal(a.scene.lq, a.scene.hq)
        assert a.scene.hq.shape == (3, 48, 48)  # the largest crop of the settings


def test_training_makes_no_scene_from_the_seeds_of_validation(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = []

    def recorded(source: Any, harm: str, size: Any, seed: int) -> Scene:
        seeds.append(seed)
        return make_scene(source, harm, size, seed)

    monkeypatch.setattr(data.tasks, "make_scene", recorded)
    rows = rows_of(settings_of(workshop, "seeds"))
    for index in range(3):
        rows[index]
    assert len(seeds) > 10 and max(seeds) < FIRST_SEED


def test_instructions_are_those_of_the_phase(workshop: Workshop) -> None:
    for sample in samples_of(settings_of(workshop, "named")):
        (record,) = sample.scene.records
        assert sample.instruction == prompts.restore_instruction([record.type])
    rows = rows_of(settings_of(workshop, "asked", "unified"))
    (sample,) = fixed_samples(rows, 1, with_analysis=True)
    assert sample.instruction == prompts.ANALYSE_THEN_RESTORE


def test_sets_that_are_held_out_come_after_the_mixture_and_have_means_of_their_own(
    workshop: Workshop, tmp_path: Path
) -> None:
    for name, level in (("GT", 200), ("LQ", 100)):
        (tmp_path / name).mkdir()
        Image.new("RGB", (64, 64), (level, level, level)).save(tmp_path / name / "1.png")
    sets = [{"reader": "pairs", "root": str(tmp_path)}]
    settings = settings_of(workshop, "held out", validation={"every_steps": 4, "samples": 2, "sets": sets})
    validation = Validation(settings, rows_of(settings))
    assert [(one.number, one.is_held_out) for one in validation.samples] == [
        (0, False),
        (1, False),
        (2, True),
        (3, True),
    ]
    pair = validation.samples[-1].scene  # as it was photographed, though the group harms clean pictures
    assert (float(pair.lq.mean()), float(pair.hq.mean())) == pytest.approx((100 / 255, 200 / 255))
    assert "held out PSNR" in validation.summary(outcomes_of(validation, 0.1))
    validation.write(4, outcomes_of(validation, 0.0))
    html = (validation.folder / "index.html").read_text(encoding="utf-8")
    degraded = psnr_db(pair.lq, pair.hq)
    assert f"<td>4</td><td>{degraded:.2f}</td><td>100.00</td>" in html
    assert html.count("<p>held out</p>") == 2
    assert html.count("<tr><td>4</td>") == 2


def test_a_clean_set_that_is_held_out_is_harmed_though_the_mixture_has_pairs(workshop: Workshop) -> None:
    rows = rows_of(settings_of(workshop, "pairs"))
    group = replace(rows.settings.groups[0], harm="recorded")
    clean = Rows(replace(rows.settings, groups=(group,)))
    with pytest.raises(InputError, match="group restore gave no harmed picture"):
        fixed_samples(clean, 1, with_analysis=False, held_out=group.sets)
    draw = Draw(name="held out", sets=group.sets, harm="recorded", is_held_out=True)
    assert not torch.equal(*((scene := drawn(draw, clean, 1)[0][1]).lq, scene.hq))


def test_a_mixture_without_restoration_is_refused(workshop: Workshop) -> None:
    sets = [{"reader": "folder", "root": str(workshop.folder / "pictures")}]
    groups = {"score": {"task": "score", "harm": "single", "weight": 1, "sets": sets}}
    settings = settings_of(workshop, "words", data={"groups": groups})
    with pytest.raises(ConfigError, match=r"validation\.samples is 2, but no group"):
        Validation(settings, rows_of(settings))


def test_a_set_that_gives_no_scene_is_refused(workshop: Workshop) -> None:
    rows = rows_of(read_settings(workshop.settings("large"), ["data.size.crops_px=[96]"]))
    with pytest.raises(InputError, match="group restore gave no harmed picture"):
        fixed_samples(rows, 1, with_analysis=False)


def test_a_model_that_changes_nothing_restores_to_the_psnr_of_the_degraded_picture(
    workshop: Workshop,
) -> None:
    model = tiny_restorer(changes=False)
    codec = model.codec
    del model.codec
    samples = samples_of(settings_of(workshop, "same"))
    with on_board(model, codec):
        outcomes = restore_all(model, tiny_text_tokenizer(), samples, with_analysis=False, flow_steps=1)
    assert not hasattr(model, "codec")  # kept apart again
    assert [one.number for one in outcomes] == [0, 1, 2]
    for sample, outcome in zip(samples, outcomes, strict=True):
        assert outcome.restored_db == pytest.approx(sample.lq_db, abs=1e-3)
        assert outcome.analysis is None


def test_a_phase_of_words_shows_what_the_model_wrote(workshop: Workshop) -> None:
    rows = rows_of(settings_of(workshop, "written", "unified"))
    samples = fixed_samples(rows, 1, with_analysis=True)
    (outcome,) = restore_all(
        tiny_uare_model(), tiny_text_tokenizer(), samples, with_analysis=True, flow_steps=1
    )
    assert outcome.analysis is not None


@pytest.mark.parametrize(("step", "expected"), [(3, False), (4, True), (8, True), (10, True)])
def test_validation_is_due_every_so_many_steps_and_after_the_last(
    workshop: Workshop, step: int, expected: bool
) -> None:
    settings = settings_of(workshop, "due", steps=10)
    assert Validation(settings, rows_of(settings)).is_due(step) is expected


def outcomes_of(validation: Validation, shift: float, analysis: str | None = None) -> list[Outcome]:
    def restored(sample: FixedSample) -> Tensor:
        return (sample.scene.hq + shift).clamp(0, 1)

    return [
        Outcome(
            number=sample.number,
            restored=restored(sample),
            restored_db=psnr_db(restored(sample), sample.scene.hq),
            analysis=analysis,
        )
        for sample in validation.samples
    ]


def test_the_page_shows_the_newest_step_first_and_every_sample_in_one_row(workshop: Workshop) -> None:
    settings = settings_of(workshop, "page")
    validation = Validation(settings, rows_of(settings))
    for step, shift in ((4, 0.2), (12, 0.1)):  # 12 sorts before 4 as text
        validation.write(step, outcomes_of(validation, shift))
    html = (validation.folder / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<th[^>]*>(step \d+)</th>", html) == ["step 12", "step 4"]
    rows = re.findall(r"<tr><td><code>.*?</tr>", html, re.DOTALL)
    assert len(rows) == 2
    for number, row in enumerate(rows):
        files = re.findall(r'src="([^"]+)"', row)
        names = ["samples/{}-hq", "samples/{}-lq", "step-00000012/{}", "step-00000004/{}"]
        assert files == [f"{name.format(number)}.png" for name in names]
        assert all((validation.folder / file).is_file() for file in files)
    assert "http" not in html and "<script" not in html


def test_a_resumed_run_goes_on_with_the_same_page_and_pictures(workshop: Workshop) -> None:
    settings = settings_of(workshop, "resumed")
    before = Validation(settings, rows_of(settings))
    before.write(4, outcomes_of(before, 0.3))
    before.write(8, outcomes_of(before, 0.3))
    pictures = {path.name: path.read_bytes() for path in (before.folder / "samples").iterdir()}
    after = Validation(settings, rows_of(settings))
    after.write(8, outcomes_of(after, 0.0))
    assert {path.name: path.read_bytes() for path in (after.folder / "samples").iterdir()} == pictures
    html = (after.folder / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<th[^>]*>(step \d+)</th>", html) == ["step 8", "step 4"]
    assert html.count("<figcaption>100.00 dB") == 2  # step 8 was replaced: both samples equal HQ now


def test_texts_and_names_are_escaped(workshop: Workshop) -> None:
    settings = settings_of(workshop, "escaped")
    validation = Validation(settings, rows_of(settings))
    script = "<script>alert(1)</script>"
    validation.samples = tuple(replace(one, id=script, instruction=script) for one in validation.samples)
    validation.write(4, outcomes_of(validation, 0.1, analysis=script))
    html = (validation.folder / "index.html").read_text(encoding="utf-8")
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 3 * len(validation.samples)


def test_the_page_shows_the_curves_of_the_run(workshop: Workshop) -> None:
    settings = settings_of(workshop, "curves")
    validation = Validation(settings, rows_of(settings))
    validation.write(4, outcomes_of(validation, 0.1))
    assert "curves.svg" not in (validation.folder / "index.html").read_text()
    Path(settings.output / "steps.jsonl").write_text('{"step": 1, "loss": 1.0}\n{"step": 2, "loss": 0.5}\n')
    validation.write(8, outcomes_of(validation, 0.1))
    assert 'src="../curves.svg"' in (validation.folder / "index.html").read_text()
    assert (settings.output / "curves.svg").is_file()
