"""The JSON documents keep to their description, and the description in docs is the one in the code."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from tests.goldens.folder import find_goldens
from tests.uare.command_line import Command, run
from uare.schema import DOCUMENTS, SCHEMA_VERSION, json_schema
from uare.schema_pages import files, main

pytestmark = pytest.mark.usefixtures("short_texts")


def closed(schema: Any) -> Any:
    """The schema with no room for fields that it does not describe."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: closed(part) for name, part in schema.items()}
    return parts | ({"additionalProperties": False} if "properties" in parts else {})


def check(document: dict[str, Any], kind: str) -> None:
    """Raises where a document is not exactly what is described under `kind`."""
    schema = closed(json_schema())
    Draft202012Validator({"$defs": schema["$defs"], "$ref": f"#/$defs/{kind}"}).validate(document)
    Draft202012Validator(json_schema()).validate(document)  # exactly one of the kinds fits


def test_the_files_in_docs_are_generated_from_the_code(checkout: Path) -> None:
    for name, content in files().items():
        found = (checkout / "docs" / name).read_text(encoding="utf-8")
        assert found == content, f"docs/{name} is old; run: python -m uare.schema_pages docs"


def test_the_generator_writes_both_files(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"json-schema.json", "json-schema.md"}
    assert main([str(tmp_path / "missing")]) == 2


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


def test_the_page_describes_every_field() -> None:
    page = files()["json-schema.md"]
    for kind, schema in DOCUMENTS.items():
        section = page.partition(f"\n## `{kind}`\n")[2].partition("\n## ")[0]
        assert all(f"| `{field}` |" in section for field in schema["properties"])


def test_the_version_fits_its_own_pattern() -> None:
    for schema in DOCUMENTS.values():
        assert re.fullmatch(schema["properties"]["schema_version"]["pattern"].strip("^$"), SCHEMA_VERSION)


def test_documents_of_assessments(uare: Command, photos: Path) -> None:
    check(uare("assess", photos, photos / "notes.txt", "--json").document, "assess")
    check(uare("assess", photos / "a.png", "--regions", "--json").document, "assess")


def test_documents_of_comparisons(uare: Command, photos: Path) -> None:
    check(uare("compare", photos / "a.png", photos / "b.jpg", "--json").document, "compare")


def test_documents_of_restorations_and_their_sidecars(uare: Command, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    uare("restore", photos / "a.png", "-o", out, "--no-analyse", "--no-verify", "--steps", "1")
    ran = uare("restore", photos, photos / "notes.txt", "-o", out, "--best-of", "2", "--json")
    check(ran.document, "restore")
    assert [len(ran.document[part]) for part in ("results", "skipped", "failures")] == [2, 1, 1]
    for name in ("a.json", "b.json", "deep/c.json"):
        check(json.loads((out / name).read_text(encoding="utf-8")), "restoration")


def test_a_document_of_nothing_left_to_do(uare: Command, photos: Path, tmp_path: Path) -> None:
    uare("restore", photos / "a.png", "-o", tmp_path)
    check(uare("restore", photos / "a.png", "-o", tmp_path, "--json").document, "restore")


def test_documents_of_rankings(uare: Command, photos: Path) -> None:
    check(uare("rank", photos, "--json").document, "rank")


@pytest.mark.parametrize("level", ["bad", "excellent"])
def test_documents_of_triages_and_lines_of_their_ledgers(
    uare: Command, photos: Path, tmp_path: Path, level: str
) -> None:
    (photos / "broken.png").write_bytes(b"broken")
    check(uare("triage", photos, "-o", tmp_path, "--below", level, "--json").document, "triage")
    lines = (tmp_path / "triage.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 4
    for line in lines:
        check(json.loads(line), "triage-entry")


def test_documents_of_models(uare: Command) -> None:
    check(uare("info", "--json").document, "info")


def test_documents_of_conversions(goldens_dir: Path, tmp_path: Path) -> None:
    found = find_goldens(goldens_dir)
    if not found:
        pytest.skip(f"no golden folder bagel-tiny-* in {goldens_dir}")
    check(run("convert", found[0] / "checkpoint", tmp_path / "out", "--json").document, "convert")


def test_a_document_that_lacks_a_field_or_has_another_type_does_not_fit(uare: Command) -> None:
    document = uare("info", "--json").document
    without, wrong = copy.deepcopy(document), copy.deepcopy(document)
    del without["memory"]["weights_bytes"]
    wrong["parameters"] = "many"
    for broken in (without, wrong):
        with pytest.raises(ValidationError):
            check(broken, "info")


def test_readers_of_this_version_accept_fields_of_later_ones(uare: Command) -> None:
    document = uare("info", "--json").document | {"schema_version": "1.9", "new": 1}
    Draft202012Validator(json_schema()).validate(document)
