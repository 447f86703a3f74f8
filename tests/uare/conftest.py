"""The tiny true model and tokenizer that the tests of `uare` share; tests read them and never change them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.uare.command_line import Command, write_photo
from tests.uare.tiny import tiny_restorer, tiny_text_tokenizer, tiny_uare_model
from uare.model import UAREModel
from uare.pipeline import UAREPipeline
from uare.tokenizer import TextTokenizer


@pytest.fixture(scope="session")
def tiny_model() -> UAREModel:
    return tiny_uare_model()


@pytest.fixture(scope="session")
def tiny_tokenizer() -> TextTokenizer:
    return tiny_text_tokenizer()


@pytest.fixture(scope="session")
def tiny_pipeline(tiny_model: UAREModel, tiny_tokenizer: TextTokenizer) -> UAREPipeline:
    """Predicts velocities, has no detail path and restores up to 96 px in one piece."""
    return UAREPipeline(tiny_model, tiny_tokenizer)


@pytest.fixture(scope="session")
def restoring_pipeline(tiny_tokenizer: TextTokenizer) -> UAREPipeline:
    """Predicts residuals, has a detail path and restores up to 256 px in one piece."""
    return UAREPipeline(tiny_restorer(), tiny_tokenizer)


@pytest.fixture(scope="session")
def model_folder(restoring_pipeline: UAREPipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of `restoring_pipeline` as a folder, for the command."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    restoring_pipeline.model.save_pretrained(folder)
    restoring_pipeline.tokenizer.save(folder)
    return folder


@pytest.fixture
def short_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model with random weights never ends its answer; 16 tokens of it will do."""
    monkeypatch.setattr("uare.assess.MAX_ANALYSIS_TOKENS", 16)


@pytest.fixture(scope="session")
def uare(model_folder: Path) -> Command:
    return Command(model_folder)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three photos, one of them deeper, and a text file."""
    folder = tmp_path / "photos"
    write_photo(folder / "a.png", seed=1)
    write_photo(folder / "b.jpg", seed=2)
    write_photo(folder / "deep" / "c.png", seed=3)
    (folder / "notes.txt").write_text("not a photo")
    return folder
