"""The tiny true model and tokenizer that the tests of `uare` share; tests read them and never change them."""

from __future__ import annotations

import pytest

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
