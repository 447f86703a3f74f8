"""The benchmark of the service runs to its end and says what it found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")
pytest.importorskip("skimage", reason="the sample photo comes with scikit-image")

from benchmarks import service
from tests.uare.tiny import tiny_restorer, tiny_text_tokenizer


def test_the_program_prints_a_table_and_writes_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uare.assess.MAX_ANALYSIS_TOKENS", 4)
    model = tmp_path / "model"
    tiny_restorer().save_pretrained(model)
    tiny_text_tokenizer().save(model)
    capsys.readouterr()  # what libraries said while the model was written
    arguments = ["--model", str(model), "--size", "32", "--clients", "2", "--requests", "4", "--threads", "1"]
    assert service.main([*arguments, "--dtype", "float32", "--output", str(tmp_path)]) == 0
    *table, line = capsys.readouterr().out.splitlines()
    rows = {row["what"].replace("32², 2 clients: ", ""): row for row in json.loads(line)["rows"]}
    for verb in ("assess", "restore"):
        lowest, highest = rows[f"{verb}, p50"]["spread"]
        assert 0 < lowest <= rows[f"{verb}, p50"]["value"] <= rows[f"{verb}, p95"]["value"] <= highest
        assert 4 / rows[f"{verb}, throughput"]["value"] >= highest  # all together take longer than any
    batch = json.loads(line)["rows"][-2:]
    assert batch[0]["what"].endswith("a batch of 2: each photo") and batch[0]["ratio"] > 0
    assert batch[1]["value"] < 1e-3  # float32: the same scores but for the order of sums
    assert "\n".join(table) in (tmp_path / "service.md").read_text(encoding="utf-8")


def test_a_load_of_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert service.main(["--clients", "0"]) == 2
    assert "must be at least 1" in capsys.readouterr().err
