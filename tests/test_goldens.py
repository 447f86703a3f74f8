"""Every golden folder, reproduced record by record (goldens/README.md in the shared data has the rule).

`UARE_GOLDENS` names the directory of the folders, or one of them. The largest difference of each record is
printed at the end of the run. Left out is the second form of flattened positions (`interpolate`), which the
release does not use and UARE does not have, and the label weights `sample` and `token` for the same reason.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.goldens import inference, parts, training
from tests.goldens.folder import EXACT, Difference, Golden, Report, find_goldens

CHECKOUT = Path(__file__).resolve().parents[1]

RECORDS: tuple[tuple[str, Callable[[Golden, Report], None]], ...] = (
    ("tokenizer", parts.check_tokenizer),
    ("resize rules", parts.check_resize_rules),
    ("position ids", parts.check_position_ids),
    ("schedules", parts.check_schedules),
    ("label weights", parts.check_label_weights),
    ("modules", parts.check_modules),
    ("images", parts.check_images),
    ("codec", parts.check_codec),
    ("vision", parts.check_vision),
    ("training: encoding", training.check_row_encoding),
    ("training: packing", training.check_row_packing),
    ("training: forward and losses", training.check_row_forward),
    ("training: gradients", training.check_row_gradients),
    ("training: gradients, understanding frozen", training.check_frozen_gradients),
    ("training: dropped conditions", training.check_dropped_conditions),
    ("text generation", inference.check_text_generation),
    ("flow", inference.check_flow),
    ("analyse, then restore", inference.check_analyse_then_restore),
    ("understanding", inference.check_understanding),
)


def golden_folders() -> list[Path]:
    shared = Path(os.environ.get("UARE_SHARED") or CHECKOUT.parent / "shared")
    return find_goldens(Path(os.environ.get("UARE_GOLDENS") or shared / "goldens"))


def short_name(folder: str) -> str:
    return Path(folder).name or "none"


class Table:
    """Prints at the end of the run what each record reached; a pytest plugin while these tests run."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, list[Difference]]] = []

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("golden records: largest differences")
        for folder, differences in self.rows:
            limits = sorted({d.limit for d in differences} - {EXACT})
            num_exact = sum(d.limit == EXACT for d in differences)
            line = f"{folder}  {differences[0].record:42s} {num_exact:3d} exact"
            for limit in limits:
                worst = max((d for d in differences if d.limit == limit), key=lambda d: d.error)
                line += f"; {worst.error:.1e} of {limit:.0e} ({worst.name})"
            terminalreporter.write_line(line)


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Table:
    table = Table()
    request.config.pluginmanager.register(table)
    return table


@pytest.fixture(scope="module", params=[str(folder) for folder in golden_folders()] or [""], ids=short_name)
def golden(request: pytest.FixtureRequest) -> Golden:
    if not request.param:
        pytest.skip("no golden folder; set UARE_GOLDENS to the directory that holds bagel-tiny-*")
    return Golden(Path(request.param))


@pytest.mark.parametrize(("record", "check"), RECORDS, ids=[record for record, _ in RECORDS])
def test_the_record_is_reproduced(
    golden: Golden, table: Table, record: str, check: Callable[[Golden, Report], None]
) -> None:
    report = Report(record)
    check(golden, report)
    table.rows.append((golden.folder.name, report.differences))
    failures = [f"{d.name}: {d.error:.2e}, limit {d.limit:.0e}" for d in report.differences if d.fails]
    assert report.differences and not failures, "\n".join(failures)
