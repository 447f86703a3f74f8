"""The page and a browser, once for all tests of the demo; the photo that most of them send."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.demo.browser import Visit, running_app, running_browser, visiting


@pytest.fixture(scope="session")
def app_address() -> Iterator[str]:
    """The page with the default model."""
    pytest.importorskip("gradio")
    with running_app() as address:
        yield address


@pytest.fixture(scope="package")  # Playwright's loop of events holds the thread until it ends
def browser() -> Iterator[Any]:
    with running_browser() as opened:
        yield opened


@pytest.fixture
def visit(browser: Any, app_address: str) -> Iterator[Visit]:
    """A new visitor's window on a wide screen."""
    with visiting(browser, app_address) as opened:
        yield opened


@pytest.fixture(scope="session")
def small_photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A noisy corner of scikit-image's astronaut, 160x128, as a JPEG with EXIF."""
    pytest.importorskip("skimage")
    from data.sample_photos import SAMPLE_PHOTOS, harmed_photo
    from uare.saving import to_pillow

    sample = next(one for one in SAMPLE_PHOTOS if one.name == "astronaut")
    photo = to_pillow(harmed_photo(sample)[0]).crop((150, 20, 310, 148))
    exif = Image.Exif()
    exif[0x010E] = "a portrait"
    path = tmp_path_factory.mktemp("photos") / "portrait.jpg"
    photo.save(path, quality=92, exif=exif)
    return path
