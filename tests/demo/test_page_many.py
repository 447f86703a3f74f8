"""Compare and Batch in a real browser with the default model."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFilter

from tests.demo.browser import PHONE, Visit, visiting, wait_until


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A sharp photo of scikit-image at 128 px, and the same blurred and noisy."""
    data = pytest.importorskip("skimage.data")
    folder = tmp_path_factory.mktemp("photos")
    sharp = Image.fromarray(data.astronaut()).crop((150, 0, 350, 200)).resize((128, 128))
    pictures = {
        "sharp.png": sharp,
        "soft.png": sharp.filter(ImageFilter.GaussianBlur(3)),
        "hard.jpg": sharp.filter(ImageFilter.UnsharpMask(4, 400)),
    }
    for name, picture in pictures.items():
        picture.save(folder / name)
    return {name: folder / name for name in pictures}


def _zip(path: Path, photos: dict[str, Path], **more: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, photo in photos.items():
            archive.write(photo, f"day/{name}")
        for name, content in more.items():
            archive.writestr(name.replace("__", "."), content)
    return path


def _transforms(visit: Visit) -> list[str]:
    return visit.page.evaluate(
        "[...document.querySelectorAll('#uare-pair img')].map((i) => i.style.transform)"
    )


def test_two_photos_are_compared_and_zoomed_together(visit: Visit, photos: dict[str, Path]) -> None:
    visit.tab("Compare")
    visit.drop("#uare-a", photos["sharp.png"])
    visit.drop("#uare-b", photos["soft.png"])
    visit.page.locator("#uare-a img").wait_for()
    visit.page.locator("#uare-b img").wait_for()
    visit.button("Compare").click()
    visit.sees("A is better.")
    card = visit.page.locator("#uare-compared")
    assert card.inner_text().count("%") == 3
    assert "The better image is A" in card.inner_text()
    pictures = visit.page.locator("#uare-pair img")
    assert [pictures.nth(i).evaluate("(i) => i.naturalWidth") for i in (0, 1)] == [128, 128]
    visit.page.get_by_role("button", name="Larger").click()
    assert _transforms(visit) == ["translate(-50%, -50%) scale(2)"] * 2
    frame = visit.page.locator("#uare-pair .frame").first
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    visit.page.mouse.move(*middle)
    visit.page.mouse.down()
    visit.page.mouse.move(middle[0] + box["width"] / 4, middle[1])
    visit.page.mouse.up()
    (moved,) = set(_transforms(visit))
    assert float(moved.removeprefix("translate(").partition("%")[0]) == pytest.approx(-25, abs=1)
    visit.page.mouse.wheel(0, -100)
    assert all(one.endswith("scale(2.5)") for one in _transforms(visit))
    frame.focus()
    visit.page.keyboard.press("0")
    assert set(_transforms(visit)) == {"translate(0%, 0%) scale(1)"}
    visit.page.keyboard.press("+")
    visit.page.keyboard.press("ArrowRight")
    assert set(_transforms(visit)) == {"translate(-60%, -50%) scale(2)"}
    assert visit.other_hosts == set()
    assert visit.mistakes == []


def test_several_photos_are_put_in_order_and_a_bad_one_is_named(
    visit: Visit, photos: dict[str, Path], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no photo")
    visit.tab("Compare")
    visit.drop("#uare-many", *photos.values(), bad)
    visit.page.locator("#uare-many").get_by_text("bad").first.wait_for()
    visit.button("Rank").click()
    visit.sees("Best first.")
    table = visit.page.locator("#uare-ranked table")
    names = table.locator("tbody th").all_inner_texts()
    assert sorted(names) == sorted(photos)
    assert names.index("sharp.png") < names.index("soft.png")
    assert "bad.png is not an image" in visit.page.locator("#uare-ranked .uare-notes").inner_text()


def test_a_batch_is_stopped_goes_on_and_comes_home_as_a_zip(
    visit: Visit, photos: dict[str, Path], tmp_path: Path
) -> None:
    sent = _zip(tmp_path / "all.zip", photos, bad__png=b"no photo")
    visit.tab("Batch")
    visit.drop("#uare-batch-files", sent)
    visit.page.locator("#uare-batch-files").get_by_text("all").first.wait_for()
    visit.page.get_by_label("excellent").click()
    visit.button("Start").click()
    visit.sees("2 of 3: day/soft.png")
    visit.page.locator("#uare-batch-stop").click()
    visit.sees("Stopped; Start goes on from here.")
    rows = visit.page.locator("#uare-batch-table tbody tr")
    assert rows.count() == 4
    assert "not done yet" in rows.nth(2).inner_text()
    assert "bad.png" in rows.nth(3).inner_text()
    first = rows.nth(0).inner_text()
    visit.button("Start").click()
    assert wait_until(
        lambda: (
            "not done yet" not in visit.page.locator("#uare-batch-status").inner_text()
            and "1 failed" in visit.page.locator("#uare-batch-status").inner_text()
        )
    )
    assert rows.nth(0).inner_text() == first
    with visit.page.expect_download() as download:
        visit.page.locator("#uare-batch-results").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        report = json.loads(archive.read("report.json"))
        page = archive.read("report.html").decode()
        restored = [name for name in archive.namelist() if name.startswith("day/")]
        for name in restored:
            assert Image.open(io.BytesIO(archive.read(name))).size == (128, 128)
    done = {one["name"]: one["action"] for one in report["photos"]}
    assert "day/soft_restored.png" in restored
    assert set(restored) == {
        f"day/{Path(name).stem}_restored{Path(name).suffix}"
        for name, what in done.items()
        if what == "restored"
    }
    assert "data:image/jpeg" in page
    assert visit.mistakes == []


def test_a_harmful_zip_gets_one_sentence(visit: Visit, photos: dict[str, Path], tmp_path: Path) -> None:
    evil = tmp_path / "evil.zip"
    with zipfile.ZipFile(evil, "w") as archive:
        archive.write(photos["sharp.png"], "../../evil.png")
    visit.tab("Batch")
    visit.drop("#uare-batch-files", evil)
    visit.page.locator("#uare-batch-files").get_by_text("evil").first.wait_for()
    visit.button("Start").click()
    visit.sees("leads out of it")


@pytest.mark.slow
def test_two_windows_of_one_person_keep_their_batches_apart(
    browser: Any, app_address: str, photos: dict[str, Path]
) -> None:
    with visiting(browser, app_address) as one, visiting(browser, app_address) as other:
        for visit, name in ((one, "soft.png"), (other, "hard.jpg")):
            visit.tab("Batch")
            visit.drop("#uare-batch-files", photos[name])
            visit.page.locator("#uare-batch-files").get_by_text(Path(name).stem).first.wait_for()
            visit.page.get_by_label("fair").click()
            visit.button("Start").click()
        for visit, name in ((one, "soft.png"), (other, "hard.jpg")):
            visit.page.locator("#uare-batch-results").wait_for()
            assert visit.page.locator("#uare-batch-table tbody th").all_inner_texts() == [name]


@pytest.mark.slow
def test_a_window_that_closes_in_the_middle_frees_the_line(
    browser: Any, app_address: str, photos: dict[str, Path]
) -> None:
    with visiting(browser, app_address) as leaving:
        leaving.tab("Batch")
        leaving.drop("#uare-batch-files", *photos.values())
        leaving.page.locator("#uare-batch-files").get_by_text("hard").first.wait_for()
        leaving.page.get_by_label("excellent").click()
        leaving.button("Start").click()
        leaving.sees("1 of 3")
    with visiting(browser, app_address) as next_one:
        next_one.tab("Compare")
        next_one.drop("#uare-many", photos["sharp.png"], photos["soft.png"])
        next_one.page.locator("#uare-many").get_by_text("soft").first.wait_for()
        next_one.button("Rank").click()
        next_one.sees("Best first.")


@pytest.mark.parametrize("tab", ["Compare", "Batch"])
def test_nothing_is_wider_than_a_phone_and_axe_finds_nothing_serious(
    browser: Any, app_address: str, tab: str
) -> None:
    with visiting(browser, app_address, PHONE) as visit:
        visit.tab(tab)
        visit.page.wait_for_timeout(500)
        assert visit.overflow_px <= 0
        assert visit.axe() == {}
