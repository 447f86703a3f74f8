"""The published record of a run: its figures, settings and curves, and none of its pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from training.pages import write_picture
from training.publish import main


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two steps with one validation, whose degraded sample lies 20 dB from the good one."""
    folder = tmp_path / "phase_one"
    good = torch.full((3, 16, 16), 0.5)
    write_picture(folder / "validation/samples/0-hq.png", good)
    write_picture(folder / "validation/samples/0-lq.png", good + 0.1)
    results = {
        "step": 2,
        "samples": {"0": {"restored_db": 31.5, "analysis": "Intent: repair.\nQuality: fine."}},
    }
    (folder / "validation/step-00000002").mkdir()
    (folder / "validation/step-00000002/results.json").write_text(json.dumps(results))
    (folder / "settings.yaml").write_text("phase: unified\nmodel: start\ndata: {tokens_per_row: 6000}\n")
    (folder / "origin.json").write_text(json.dumps({"packages": {"torch": "2.13.0", "peft": None}}))
    lines = [
        {"step": step, "velocity_loss": 1.0 / step, "text_loss": 2.0, "tokens_per_s": 1000.0}
        for step in (1, 2)
    ]
    (folder / "steps.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_a_run_is_recorded_without_its_pictures(run: Path, tmp_path: Path) -> None:
    assert main([str(run), "--output", str(tmp_path / "docs")]) == 0
    page = (tmp_path / "docs" / "README.md").read_text()
    assert "2 steps of about 6,000 tokens, 1,000 tokens/s" in page
    assert "| velocity loss | 0.750 | 0.750 |" in page
    assert "| 2 | 1 | 20.17 | 31.50 |" in page  # 0.1 is 25 of 255 in the files
    assert "- Intent: repair. Quality: fine." in page
    kept = {path.name for path in (tmp_path / "docs" / "phase_one").iterdir()}
    assert kept == {"settings.yaml", "origin.json", "curves.svg"}


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nothing"), "--output", str(tmp_path / "docs")]) == 2
    assert "is no finished run" in capsys.readouterr().err
    assert not (tmp_path / "docs").exists()
