"""The benchmark of judging runs to its end and sets each way of judging beside the restoration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import judging
from tests.uare.tiny import tiny_restorer, tiny_text_tokenizer


def test_it_prints_the_share_of_the_restoration_that_judging_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("skimage", reason="the sample photo comes with scikit-image")
    tiny_restorer().save_pretrained(tmp_path)
    tiny_text_tokenizer().save(tmp_path)
    page = tmp_path / "judging.md"
    words = ["--model", str(tmp_path), "--size", "64", "--repeats", "1", "--threads", "1"]
    assert judging.main([*words, "--output", str(page)]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])["rows"]
    assert [row["ratio"] is None for row in found] == [True, False, False]
    assert found[1]["ratio"] == pytest.approx(found[1]["value"] / found[0]["value"])
    assert "having no judge" in found[1]["what"]
    assert found[1]["aim"] == ["≤", 0.1]
    assert "python benchmarks/judging.py" in page.read_text(encoding="utf-8")
