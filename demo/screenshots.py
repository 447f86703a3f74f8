"""Takes the pictures of docs/demo.md: `python demo/screenshots.py [FOLDER]`, into docs/images by default.

Photos are those of `data/sample_photos.py`. Needs Playwright and a Chromium; serves the page itself.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from PIL import Image

from data.sample_photos import SAMPLE_PHOTOS, clean_photo, harmed_photo
from uare.errors import ConfigError, UAREError
from uare.saving import to_pillow

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
MAX_BYTES = 200_000
PATIENCE_MS = 300_000
DESKTOP, PHONE = (1280, 900), (390, 844)


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the pictures; returns the exit code."""
    parser = argparse.ArgumentParser(prog="demo/screenshots.py", description="Takes pictures of the page.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/images"))
    folder = parser.parse_args(argv).folder
    try:
        take_all(folder)
    except UAREError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def take_all(folder: Path) -> None:
    """Serves the page and takes every picture of it."""
    from playwright.sync_api import sync_playwright

    from demo.desk import Desk
    from demo.page import build, keep_uploads_with, serve
    from uare.documents import model_facts
    from uare.pipeline import UAREPipeline

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise ConfigError("there is no chromium on this machine; install one")
    pipe = UAREPipeline.from_pretrained()
    desk = Desk(pipe, model_facts("uare-tiny", pipe))
    try:
        keep_uploads_with(desk)
        address = serve(build(desk), desk, port=None, share=False)
        with sync_playwright() as started, tempfile.TemporaryDirectory() as photos:
            browser = started.chromium.launch(executable_path=chromium, args=FLAGS)
            shots = Shots(browser, address, folder, write_photos(Path(photos)))
            shots.restore()
            shots.assess()
            shots.compare()
            shots.batch()
            browser.close()
    finally:
        desk.close()


def write_photos(folder: Path) -> list[Path]:
    """The sample photos as files, by their order in the table."""
    paths = []
    for sample in SAMPLE_PHOTOS:
        paths.append(folder / f"{sample.name}.png")
        to_pillow(harmed_photo(sample)[0]).save(paths[-1])
    return paths


class Shots:
    """Visits that end in a picture."""

    def __init__(self, browser: Any, address: str, folder: Path, photos: list[Path]) -> None:
        self.browser, self.address, self.folder, self.photos = browser, address, folder, photos
        self.clean = photos[1].with_name("clean.png")
        to_pillow(clean_photo(SAMPLE_PHOTOS[1].name)[0]).save(self.clean)

    def restore(self) -> None:
        """The noisy portrait, restored: wide and light, wide and dark, on a phone."""
        for name, size, scheme in (
            ("restore", DESKTOP, "light"),
            ("restore-dark", DESKTOP, "dark"),
            ("restore-phone", PHONE, "light"),
        ):
            page = self._opened(size, scheme)
            page.locator("#uare-photo input[type=file]").set_input_files(self.photos[1])
            page.get_by_text("Read the analysis").wait_for()
            page.get_by_role("button", name="Restore", exact=True).click()
            page.get_by_text("Done in").wait_for()
            self._save(page, f"demo-{name}.jpg")

    def assess(self) -> None:
        """All three sample photos, the first one beside its charts."""
        for name, size in (("assess", DESKTOP), ("assess-phone", PHONE)):
            page = self._opened(size, "light")
            page.get_by_role("tab", name="Assess").click()
            page.locator("#uare-assess-files input[type=file]").set_input_files(self.photos)
            page.get_by_text("chelsea").first.wait_for()
            page.get_by_role("button", name="Assess", exact=True).click()
            page.get_by_text("Done.").wait_for()
            page.get_by_label("scores of its parts").click()
            self._save(page, f"demo-{name}.jpg")

    def compare(self) -> None:
        """The noisy portrait and the clean one, enlarged, and the sample photos in order."""
        for name, size in (("compare", DESKTOP), ("compare-phone", PHONE)):
            page = self._opened(size, "light")
            page.get_by_role("tab", name="Compare").click()
            page.locator("#uare-a input[type=file]").set_input_files(self.photos[1])
            page.locator("#uare-b input[type=file]").set_input_files(self.clean)
            for field in ("a", "b"):
                page.locator(f"#uare-{field} img").wait_for()
            page.get_by_role("button", name="Compare", exact=True).click()
            page.locator("#uare-compared .uare-verdict").wait_for()
            page.get_by_role("button", name="Larger").click()
            page.locator("#uare-many input[type=file]").set_input_files(self.photos)
            page.locator("#uare-many").get_by_text("chelsea").first.wait_for()
            page.get_by_role("button", name="Rank", exact=True).click()
            page.locator("#uare-ranked table").wait_for()
            self._save(page, f"demo-{name}.jpg")

    def batch(self) -> None:
        """The sample photos and a clean one; those below good are restored."""
        for name, size in (("batch", DESKTOP), ("batch-phone", PHONE)):
            page = self._opened(size, "light")
            page.get_by_role("tab", name="Batch").click()
            page.locator("#uare-batch-files input[type=file]").set_input_files([*self.photos, self.clean])
            page.locator("#uare-batch-files").get_by_text("clean").first.wait_for()
            page.get_by_role("button", name="Start", exact=True).click()
            page.locator("#uare-batch-results").wait_for()
            self._save(page, f"demo-{name}.jpg")

    def _opened(self, size: tuple[int, int], scheme: str) -> Any:
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(self.address)
        page.get_by_role("tab", name="Restore").wait_for()
        return page

    def _save(self, page: Any, name: str) -> None:
        """The whole page as a JPEG of up to MAX_BYTES; few colours would misstate what was restored."""
        page.wait_for_timeout(2500)  # pictures fade in
        path = self.folder / name
        picture = Image.open(BytesIO(page.screenshot(full_page=True))).convert("RGB")
        page.context.close()
        for quality in (92, 88, 84, 80, 74, 68, 60, 52):
            picture.save(path, quality=quality, subsampling=0, optimize=True)
            if path.stat().st_size <= MAX_BYTES:
                break
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
