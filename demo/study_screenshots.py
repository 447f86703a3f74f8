"""Takes the pictures of docs/study.md: `python demo/study_screenshots.py`, with Chromium.

A small study of photos that come with scikit-image is served on loopback and seen through a headless browser,
on a desk and on a phone.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO

import yaml
from PIL import Image, ImageFilter
from playwright.sync_api import Page, ViewportSize, sync_playwright

DESK: ViewportSize = {"width": 1120, "height": 840}
PHONE: ViewportSize = {"width": 390, "height": 844}
PHOTOS = ("astronaut", "coffee", "chelsea")
SIDE_PX = 384
PALETTE = 256  # colours of a picture, which keeps it below 200 KB
READY = "#ballot input:enabled"  # both pictures are there


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Takes the pictures of docs/study.md.")
    parser.add_argument("--output", type=Path, default=Path("docs/images"), help="folder of the pictures")
    output: Path = parser.parse_args(argv).output
    output.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        served(write_study(Path(folder))) as address,
        sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for view, size in (("", DESK), ("-phone", PHONE)):
            page = chromium.new_page(viewport=size)
            for name, picture in visit(page, address):
                _save(picture, output / f"study-{name}{view}.png")
        chromium.close()
    return 0


def visit(page: Page, address: str) -> Iterator[tuple[str, bytes]]:
    """Each page of a study that a person meets, by name, as a PNG file of what is on the screen."""
    page.goto(address)
    yield "consent", page.screenshot()
    page.check("input[name=consent]")
    page.click("text=Start")
    page.wait_for_selector(READY, state="attached")
    for question in page.locator("#questions fieldset").all():
        question.locator("label", has=page.locator("input[value=right]")).click()
    page.click("#next")
    page.wait_for_selector("#notice:not([hidden])")
    yield "training", page.screenshot()
    page.click("#go-on")
    page.wait_for_selector(READY, state="attached")
    page.click("[data-zoom=in]")
    page.click("#questions fieldset:first-child label:has(input[value=left])")
    yield "vote", page.screenshot()
    page.click("text=Withdraw from the study")
    yield "withdraw", page.screenshot()


def write_study(folder: Path) -> Path:
    """Three sources of three photos and a training pair; returns the path of the settings."""
    from skimage import data

    for name in PHOTOS:
        photo = Image.fromarray(getattr(data, name)()).convert("RGB")
        side = min(photo.size)
        photo = photo.crop((0, 0, side, side)).resize((SIDE_PX, SIDE_PX))
        sources = {
            "soft": photo.filter(ImageFilter.GaussianBlur(1.5)),
            "plain": photo,
            "hard": photo.filter(ImageFilter.UnsharpMask(radius=3, percent=300)),
        }
        for source, picture in sources.items():
            path = folder / "pictures/restored" / name / f"{source}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
    shown = "pictures/restored/astronaut"
    why = "The other one is blurred: look at the edges, enlarged."
    content = {
        "pictures": "pictures",
        "questions": ["overall", "naturalness"],
        "flags": ["over-sharpened"],
        "training": [{"a": f"{shown}/plain.png", "b": f"{shown}/soft.png", "answer": "A", "why": why}],
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@contextmanager
def served(config: Path) -> Iterator[str]:
    """The address of a study that demo/study.py serves meanwhile."""
    program = Path(__file__).with_name("study.py")
    command = [sys.executable, str(program), "--config", str(config), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield next(found[0] for line in process.stdout if (found := re.search(r"http://[\w.:]+/", line)))
        finally:
            process.terminate()


def _save(picture: bytes, path: Path) -> None:
    Image.open(BytesIO(picture)).convert("RGB").quantize(PALETTE, Image.Quantize.FASTOCTREE).save(
        path, optimize=True
    )


if __name__ == "__main__":
    raise SystemExit(main())
