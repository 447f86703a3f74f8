"""The pages of a study can be used by everybody: axe finds nothing serious on any of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.study_kit.study import Study
from tests.demo.study_kit.made_up import settings_of
from tests.demo.study_kit.serving import served

sync_api = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

READY = "#ballot input:enabled"
pytestmark = pytest.mark.slow


@pytest.fixture
def page() -> Iterator[Any]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium is installed")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium)
        yield opened.new_page()
        opened.close()


def _findings(page: Any) -> dict[str, list[str]]:
    """What axe calls serious or critical: rule -> the elements."""
    found = axe.Axe().run(page).response
    assert found["passes"], "axe looked at nothing"
    return {
        one["id"]: [node["html"] for node in one["nodes"]]
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_from_consent_to_withdrawing(
    tmp_path: Path, page: Any, scheme: str
) -> None:
    study = Study(settings_of(tmp_path, questions=["naturalness"], flags=["over-sharpened"]))
    page.emulate_media(color_scheme=scheme)
    with served(study) as address:
        page.goto(address)
        assert _findings(page) == {}
        page.check("input[name=consent]")
        page.click("text=Start")
        page.wait_for_selector(READY, state="attached")  # the training round
        assert _findings(page) == {}
        for question in page.locator("#questions fieldset").all():
            question.locator("label").first.click()
        page.click("#next")
        page.wait_for_selector("#notice:not([hidden])")
        assert _findings(page) == {}
        page.click("#go-on")
        page.wait_for_selector(READY, state="attached")
        assert _findings(page) == {}
        page.click("text=Withdraw from the study")
        assert _findings(page) == {}
        page.click("text=Erase my answers")
        assert "You have withdrawn" in page.inner_text("h1")
        assert _findings(page) == {}
        assert study.progress()["withdrawn"] == 1
    study.close()
