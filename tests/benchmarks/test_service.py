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
    arguments = ["--model", str(model), "--size", "32", "--clients", "3", "--requests", "6", "--threads", "1"]
    arguments += ["--dtype", "float32", "--batch", "2", "3"]
    assert service.main([*arguments, "--output", str(tmp_path)]) == 0
    *table, line = capsys.readouterr().out.splitlines()
    rows = {row["what"].replace(", 32², 3 clients", ""): row for row in json.loads(line)["rows"]}
    for verb in ("assess", "compare", "restore"):
        for service_ in (verb, f"{verb}, batches of up to 2", f"{verb}, batches of up to 3"):
            lowest, highest = rows[f"{service_}: p50"]["spread"]
            middle, slow = rows[f"{service_}: p50"]["value"], rows[f"{service_}: p95"]["value"]
            assert 0 < lowest <= middle <= slow <= highest
            assert 6 / rows[f"{service_}: throughput"]["value"] >= highest  # all take longer than any
        together = f"{verb}, batches of up to 3"
        paces = rows[f"{together}: throughput"]["value"], rows[f"{verb}: throughput"]["value"]
        assert rows[f"{together}: throughput"]["ratio"] == pytest.approx(paces[0] / paces[1])
        assert 1 <= rows[f"{together}: requests of a batch, mean"]["value"] <= 3
        assert rows[f"{together}: other answers than one by one"]["value"] == 0  # float32: no word moves
    assert "\n".join(table) in (tmp_path / "service.md").read_text(encoding="utf-8")


def test_a_load_of_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for nothing in (["--clients", "0"], ["--batch", "4", "0"]):
        assert service.main(nothing) == 2
        assert "must be at least 1" in capsys.readouterr().err
