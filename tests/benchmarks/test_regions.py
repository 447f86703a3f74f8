"""The benchmark of regions runs to its end and sets what they add beside the assessment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import regions
from tests.uare.tiny import tiny_restorer, tiny_text_tokenizer


def test_it_prints_the_share_of_the_assessment_that_regions_add(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("skimage", reason="the sample photo comes with scikit-image")
    monkeypatch.setattr("uare.assess.MAX_ANALYSIS_TOKENS", 4)
    tiny_restorer().save_pretrained(tmp_path)
    tiny_text_tokenizer().save(tmp_path)
    words = ["--model", str(tmp_path), "--sizes", "64", "--repeats", "1", "--threads", "1"]
    assert regions.main([*words, "--output", str(tmp_path)]) == 0
    plain, both, added = json.loads(capsys.readouterr().out.splitlines()[-1])["rows"]
    assert [row["ratio"] is None for row in (plain, both)] == [True, True]
    assert added["ratio"] == pytest.approx(added["value"] / plain["value"])
    assert added["aim"] == ["≤", 0.25]
    assert "python benchmarks/regions.py" in (tmp_path / "benchmark.md").read_text(encoding="utf-8")
