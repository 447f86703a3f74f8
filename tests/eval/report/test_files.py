"""What a report writes: Markdown, JSON by its schema, CSV in full; and the same again from the same run."""

from __future__ import annotations

import csv
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from eval.records import read_run
from eval.report.charts import drawn, ticks
from eval.report.files import as_json, write_report
from eval.report.markdown import table_lines
from eval.report.model import Cell, Column, Point, Radar, Scatter, Section, Table, number, word
from eval.report.schema import report_schema
from tests.eval.made_up_run import MODEL_NAME, NUM_ITEMS, PSNR, RIVAL_NAME, make_run, psnr_of
from uare.errors import InputError


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_run(tmp_path_factory.mktemp("run"))
    write_report(folder)
    return folder


def test_the_json_fits_its_schema_which_is_one(output: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((output / "report.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    content = json.loads((output / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(content, schema)
    content["sections"][0]["tables"][0]["rows"][0][0]["mark"] = "splendid"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema)


def test_every_field_of_the_schema_says_what_it_means() -> None:
    for name, part in report_schema()["$defs"].items():
        assert part["description"], name
        for field, schema in part["properties"].items():
            assert schema["description"], f"{name}.{field}"


def test_the_json_states_command_commit_versions_and_digests(output: Path) -> None:
    content = json.loads((output / "report.json").read_text(encoding="utf-8"))
    assert content["command"] == "python eval/run_all.py --model uare-tiny <&>"
    assert content["git_hash"] == "0123abc"
    assert content["versions"] == {"python": "3.11", "numpy": "2"}
    assert content["data_sha256"] == {"sr": "digest-of-sr", "iqa": "digest-of-iqa"}
    assert content["partial"] is None


def test_the_csv_holds_every_value_in_full_and_the_reason_of_each_gap(output: Path) -> None:
    with (output / "sr" / "per_image.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * NUM_ITEMS
    row = next(one for one in rows if one["item"] == "photo07" and one["subject"] == MODEL_NAME)
    assert float(row[PSNR]) == psnr_of(MODEL_NAME, 7)
    assert (row["lq_sha256"], row["gt_sha256"]) == ("lq7", "gt7")
    gap = next(one for one in rows if one["item"] == "photo03" and one["subject"] == RIVAL_NAME)
    assert (gap["gmsd"], gap["problem"]) == ("", "gmsd gave NaN")


def test_the_csv_of_judges_has_opinions_beside_scores(output: Path) -> None:
    with (output / "iqa" / "per_image.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    row = next(one for one in rows if one["item"] == "rated03" and one["subject"] == MODEL_NAME)
    assert (float(row["mos"]), float(row["score"])) == (3.0, 1.09)


def test_markdown_marks_the_best_and_lists_problems(output: Path) -> None:
    text = (output / "report.md").read_text(encoding="utf-8")
    line = next(one for one in text.splitlines() if one.startswith(f"| {MODEL_NAME} | model | 12 |"))
    assert "**22.58 [" in line
    assert "- absent: no folder absent" in text
    assert "(n = 11)" in text


def test_the_same_run_gives_the_same_report(output: Path, tmp_path: Path) -> None:
    before = (output / "report.json").read_text(encoding="utf-8")
    write_report(output)
    assert (output / "report.json").read_text(encoding="utf-8") == before


def test_further_sections_stand_in_every_file(tmp_path: Path) -> None:
    table = Table(title="Probes", columns=(Column(name="metric"),), rows=((word("a|b <i>"),),))
    write_report(make_run(tmp_path), sections=(Section(id="probes", title="Gaming", tables=(table,)),))
    assert "| a\\|b <i> |" in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "a|b &lt;i&gt;" in (tmp_path / "report.html").read_text(encoding="utf-8")
    sections = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["sections"]
    assert [one["id"] for one in sections][-2:] == ["probes", "metrics"]


def test_a_picture_that_is_gone_is_left_out_of_the_page(tmp_path: Path) -> None:
    run = make_run(tmp_path, suites=("sr",))
    (run / "sr" / MODEL_NAME / "pictures" / "photo00.png").unlink()
    (run / "data" / "gt1.png").write_bytes(b"no picture")
    write_report(run)
    page = (run / "report.html").read_text(encoding="utf-8")
    assert 'alt="photo00, bicubic"' in page
    assert f'alt="photo00, {MODEL_NAME}"' not in page
    assert 'alt="photo01, reference"' not in page


def test_a_run_without_any_picture_still_gives_a_report(tmp_path: Path) -> None:
    make_run(tmp_path, suites=())
    assert write_report(tmp_path).sections[0].tables[0].rows[0][-1].mark == "warning"
    assert read_run(tmp_path).suites[0].items == ()


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name the output folder of a run"):
        write_report(tmp_path)


def test_json_never_holds_what_it_cannot() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json({"value": float("nan")})


def test_words_of_a_verdict_are_not_said_twice() -> None:
    columns = (Column(name="a"), Column(name="b"))
    row = (word("better", "better"), Cell(text="0.5", value=0.5, mark="better"))
    assert table_lines(Table(title="t", columns=columns, rows=(row,)))[-1] == "| better | 0.5 (better) |"


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (21.3, 27.9), (-3.0, 0.002), (0.1, 0.1001), (5.0, 5.0)]
)
def test_ticks_enclose_the_values_and_are_few(low: float, high: float) -> None:
    found = ticks(low, high)
    assert found[0] <= low + 1e-9 and found[-1] >= high - 1e-9
    assert 2 <= len(found) <= 9


def test_labels_of_near_points_do_not_cover_each_other() -> None:
    points = tuple(Point(name=f"subject {k}", series="s", x=1.0 + k * 1e-3, y=2.0) for k in range(4))
    plot = Scatter(
        title="t", x_name="x", y_name="y", points=(*points, Point(name="o", series="s", x=9, y=9)), named=True
    )
    found = re.findall(r'<text class="name" x="[^"]*" y="([^"]*)"[^>]*>subject \d<', drawn(plot))
    heights = sorted(map(float, found))
    assert len(heights) == 4
    gaps = [b - a for a, b in pairwise(heights)]
    assert min(gaps) >= 13


def test_a_radar_reaches_the_rim_where_a_series_is_best() -> None:
    svg = drawn(Radar(title="t", axes=("a", "b", "c"), series={"one": (1.0, 0.25, 0.25)}))
    corners = svg.split('class="s0"')[0].rsplit('points="', 1)[1].split('"')[0].split()
    assert corners[0] == "230.0,40.0"  # straight up from the centre (230, 160) by the radius, 120


def test_a_number_that_is_missing_is_a_dash() -> None:
    assert number(None, 2) == Cell(text="–")
