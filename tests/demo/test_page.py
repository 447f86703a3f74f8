"""The page in a real browser with the default model: what a visitor does, and what must never happen."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.demo.browser import PHONE, Visit, visiting, wait_until

pytestmark = pytest.mark.timeout(300, func_only=True)  # the start of the page is not a test
ANALYSIS = "#uare-analysis textarea"


def analysed(visit: Visit, photo: Path) -> str:
    """Drops a photo into Restore and waits for its analysis."""
    visit.drop("#uare-photo", photo)
    visit.sees("Read the analysis")
    return str(visit.page.locator(ANALYSIS).input_value())


def test_a_photo_is_analysed_restored_and_taken_home(visit: Visit, small_photo: Path, tmp_path: Path) -> None:
    text = analysed(visit, small_photo)
    assert text.startswith("Intent:")
    assert "noise" in text
    assert visit.button("Stop").is_disabled()
    visit.page.locator(ANALYSIS).fill(text + "\nand keep the face")
    visit.button("Restore").click()
    visit.sees("Done in")
    assert visit.page.locator("#uare-verdict").inner_text().count("%") == 3
    assert visit.page.locator("#uare-result img").count() == 2
    for name, suffix in ((None, ".jpg"), ("PNG", ".png"), ("WebP", ".webp")):
        if name is not None:
            visit.page.get_by_label(name, exact=True).click()
        visit.sees(f"portrait_restored{suffix}")
        with visit.page.expect_download() as download:
            visit.page.locator("#uare-download").click()
        target = tmp_path / download.value.suggested_filename
        download.value.save_as(target)
        assert target.name == f"portrait_restored{suffix}"
        taken = Image.open(target)
        assert taken.size == (160, 128)
        assert taken.getexif()[0x010E] == "a portrait"
    with visit.page.expect_download() as download:
        visit.page.get_by_text("What was done").click()
    record = json.loads(Path(download.value.path()).read_text())
    assert record["document"] == "restoration"
    assert record["analysis"]["text"].endswith("and keep the face")
    assert visit.other_hosts == set()
    assert visit.mistakes == []


def test_a_reload_keeps_settings_and_the_last_analysis(visit: Visit, small_photo: Path) -> None:
    text = analysed(visit, small_photo)
    visit.page.get_by_label("2 times").click()
    visit.page.get_by_role("button", name="Advanced").click()
    visit.page.get_by_label("Seed").fill("17")
    visit.page.get_by_label("Seed").blur()
    visit.page.wait_for_timeout(1500)
    visit.open()
    assert wait_until(lambda: visit.page.locator(ANALYSIS).input_value() == text)
    assert wait_until(lambda: visit.page.get_by_label("2 times").is_checked())
    visit.page.get_by_role("button", name="Advanced").click()
    assert visit.page.get_by_label("Seed").input_value() == "17"


def test_stop_ends_a_restoration_between_its_steps(visit: Visit, small_photo: Path) -> None:
    analysed(visit, small_photo)
    visit.page.get_by_role("button", name="Advanced").click()
    visit.page.get_by_role("spinbutton", name="Steps").fill("30")
    visit.page.get_by_role("spinbutton", name="Best of").fill("4")
    visit.page.get_by_role("spinbutton", name="Best of").blur()
    visit.button("Restore").click()
    visit.sees("step 1 of 30")
    visit.button("Stop").click()
    visit.sees("Stopped.")
    assert wait_until(lambda: visit.button("Restore").is_enabled())
    assert visit.page.get_by_text("Done in").count() == 0


def test_a_file_that_is_no_photo_gets_a_sentence_and_the_page_goes_on(
    visit: Visit, small_photo: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "holiday.jpg"
    bad.write_bytes(b"\x7fELF" + bytes(500))
    visit.drop("#uare-photo", bad)
    said = visit.sees("not an image that can be read")
    assert "Holiday.jpg" in said.inner_text() or "holiday.jpg" in said.inner_text()
    visit.page.get_by_role("button", name="Close").first.click()
    visit.open()
    assert analysed(visit, small_photo).startswith("Intent:")


def test_one_photo_is_assessed_with_its_charts_and_regions(visit: Visit, small_photo: Path) -> None:
    visit.tab("Assess")
    visit.drop("#uare-assess-files", small_photo)
    visit.sees("portrait")
    visit.button("Assess").click()
    visit.sees("Done.")
    charts = visit.page.locator("#uare-charts")
    for heading in ("Defects", "Attributes", "How sure", "Parts, worst first"):
        assert charts.locator("caption", has_text=heading).count() == 1
    assert "of 5:" in charts.inner_text()
    before = visit.page.locator("#uare-assess-picture img").get_attribute("src")
    visit.page.get_by_label("scores of its parts").click()
    assert wait_until(
        lambda: visit.page.locator("#uare-assess-picture img").get_attribute("src") not in (before, None)
    )
    assert visit.axe() == {}
    assert visit.mistakes == []


def test_many_photos_make_a_table_and_a_csv_and_a_bad_one_stops_nothing(
    visit: Visit, small_photo: Path, tmp_path: Path
) -> None:
    other = tmp_path / "=flat.png"
    Image.new("RGB", (64, 48), (90, 120, 60)).save(other)
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    visit.tab("Assess")
    visit.page.get_by_label("Score the parts").uncheck()
    visit.drop("#uare-assess-files", small_photo, bad, other)
    visit.button("Assess").click()
    visit.sees("Done.")
    visit.sees("bad.png is not an image")
    in_table = visit.page.locator("#uare-assess-table").get_by_text("portrait.jpg")
    in_table.locator("visible=true").first.wait_for()  # rows are drawn after the text beside them
    visit.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    visit.page.wait_for_timeout(500)
    assert visit.overflow_px <= 0
    with visit.page.expect_download() as download:
        visit.page.get_by_text("Download as CSV").click()
    with Path(download.value.path()).open(encoding="utf-8-sig", newline="") as table:
        head, *rows = csv.reader(table)
    assert head[:5] == ["file", "width", "height", "score", "level"]
    assert rows[0][:3] == ["portrait.jpg", "160", "128"]
    assert rows[1][0] in ("'=flat.png", "flat.png")  # gradio may take the sign away
    assert rows[1][1:3] == ["64", "48"]
    assert rows[2][0] == "bad.png"
    assert "not an image" in rows[2][-1]


@pytest.mark.parametrize("tab", ["Restore", "Assess"])
def test_nothing_is_wider_than_a_phone(browser: Any, app_address: str, tab: str) -> None:
    with visiting(browser, app_address, PHONE) as visit:
        visit.tab(tab)
        visit.page.wait_for_timeout(500)
        assert visit.overflow_px <= 0
        tops = [one.bounding_box()["y"] for one in visit.page.get_by_role("tab").all()]
        assert len(tops) == 4 and max(tops) == min(tops)  # one line of tabs


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_serious_but_what_is_gradios_own(
    browser: Any, app_address: str, is_dark: bool
) -> None:
    with visiting(browser, app_address, is_dark=is_dark) as visit:
        for tab in ("Restore", "Assess"):
            visit.tab(tab)
            visit.page.wait_for_timeout(500)
            assert visit.axe() == {}, tab


def test_all_of_it_is_reached_with_the_keyboard(visit: Visit) -> None:
    reached = set()
    for _ in range(60):
        visit.page.keyboard.press("Tab")
        focused = "const e = document.activeElement; return e.innerText || e.ariaLabel || e.name || e.type"
        reached.add(str(visit.page.evaluate(f"(() => {{ {focused} }})()")).strip())
    assert {"Restore", "Analyse again"} <= {one.split("\n")[0] for one in reached}
