"""The folder form on real pairs gives the values of its first program, and quoted rows stand beside."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eval.quoted import read_quoted
from eval.records import QUOTED, Run, SuiteRun, read_run
from eval.run_all import main
from eval.suites.pairs import REAL, RENDERED
from tests.eval.small_sets import make_entry, make_pairs, write_pairs
from uare.errors import InputError

PROTOCOLS = ("psnr_rgb", "psnr_y_ycbcr", "ssim_y_ycbcr", "gmsd")
# Means over the development pairs by the program that this suite replaced.
KNOWN = {
    ("blur", REAL, "identity"): (21.504056, 22.848408, 0.618993, 0.22327),
    ("blur", REAL, "unsharp"): (21.429317, 22.774807, 0.612354, 0.215608),
    ("noise", REAL, "identity"): (33.716951, 36.696383, 0.943859, 0.025007),
    ("jpeg", RENDERED, "identity"): (27.191914, 29.708899, 0.854961, 0.048923),
    ("haze", RENDERED, "identity"): (14.757105, 16.250203, 0.817452, 0.074971),
    ("rain", REAL, "identity"): (17.556733, 19.251659, 0.780662, 0.167686),
    ("rain", RENDERED, "identity"): (26.826441, 28.151516, 0.861017, 0.154074),
    ("lowlight", REAL, "identity"): (9.818278, 11.362424, 0.504164, 0.190166),
}
ROUNDING = 1e-5  # the values above have six decimals; decoders of JPEG may differ a little


def _mean(suite: SuiteRun, group: str, source: str, subject: str, protocol: str) -> float:
    found = suite.subject(subject)
    assert found is not None
    values = [
        found.value(item.id, protocol) for item in suite.items if item.group == group and source in item.tags
    ]
    return float(np.mean([value for value in values if value is not None]))


def _run(data: Path, output: Path, *more: str) -> tuple[int, Run]:
    options = ["--suite", "pairs", "--data-root", str(data), "--output", str(output)]
    code = main([*options, "--metrics", ",".join(PROTOCOLS), *more])
    return code, read_run(output)


def test_the_development_pairs_keep_their_values(shared_dir: Path, tmp_path: Path) -> None:
    pairs = shared_dir / "data-dev" / "dev-pairs"
    code, run = _run(pairs, tmp_path, "--baseline", "identity", "unsharp")
    assert (code, run.info.problems) == (0, ())
    for (group, source, subject), values in KNOWN.items():
        for protocol, value in zip(PROTOCOLS, values, strict=True):
            assert _mean(run.suites[0], group, source, subject, protocol) == pytest.approx(
                value, abs=ROUNDING
            )


def test_an_input_with_another_psnr_than_stated_is_another_file(tmp_path: Path) -> None:
    data = tmp_path / "data"
    entry = make_entry(data, "a", "noise")
    write_pairs(data, [entry | {"psnr_rgb_lq": 35.0}])
    code, run = _run(data, tmp_path / "out", "--baseline", "identity")
    assert code == 1
    assert "the list states 35.000 dB for the input" in run.info.problems[0]
    assert run.suites[0].subjects[0].value("a", "psnr_rgb") is not None


def test_quoted_values_become_rows_marked_as_such(tmp_path: Path) -> None:
    make_pairs(tmp_path / "data")
    quoted = tmp_path / "quoted.json"
    quoted.write_text(json.dumps({"theirs": {"a": [30.5, 0.9], "unknown": [1, 1]}, "other": {"x": [1, 1]}}))
    code, run = _run(tmp_path / "data", tmp_path / "out", "--baseline", "identity", "--quoted", str(quoted))
    (row,) = [one for one in run.suites[0].subjects if one.info.kind == QUOTED]
    assert code == 0
    assert row.info.name == "theirs (quoted)"
    assert {key: score.value for key, score in row.scores.items()} == {
        ("a", "psnr_rgb"): 30.5,
        ("a", "ssim_y_ycbcr"): 0.9,
    }


def test_a_quoted_input_that_disagrees_with_ours_is_a_problem(tmp_path: Path) -> None:
    make_pairs(tmp_path / "data")
    quoted = tmp_path / "quoted.json"
    quoted.write_text(json.dumps({"identity": {"a": [99.0, 0.5]}}))
    code, run = _run(tmp_path / "data", tmp_path / "out", "--baseline", "identity", "--quoted", str(quoted))
    assert code == 1
    assert "psnr_rgb of the input is quoted as 99.0000" in run.info.problems[0]


def test_a_file_without_quoted_values_says_what_was_expected(tmp_path: Path) -> None:
    path = tmp_path / "quoted.json"
    path.write_text('{"theirs": {"a": [1]}}')
    with pytest.raises(InputError, match=r"expected \{model: \{picture: \[PSNR, SSIM\]\}\}"):
        read_quoted(path)
