"""The tiny true model and tokenizer that the tests of `uare` share; tests read them and never change them."""

from __future__ import annotations

import pytest

from tests.uare.tiny import tiny_text_tokenizer, tiny_uare_model
from uare.model import UAREModel
from uare.tokenizer import TextTokenizer


@pytest.fixture(scope="session")
def tiny_model() -> UAREModel:
    return tiny_uare_model()


@pytest.fixture(scope="session")
def tiny_tokenizer() -> TextTokenizer:
    return tiny_text_tokenizer()
