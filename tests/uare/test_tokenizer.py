"""Text to ids and back; a control string in a text is text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from tests.uare.tiny import CONTROL, tiny_text_tokenizer
from uare.errors import CheckpointError
from uare.tokenizer import FILE_NAME, TextTokenizer

TOKENIZER = tiny_text_tokenizer()
CONTROL_IDS = set(vars(TOKENIZER.special_tokens).values())
TEXTS = st.lists(st.one_of(st.text(), st.sampled_from(CONTROL))).map("".join)


@given(text=TEXTS)
def test_any_text_comes_back_and_holds_no_control_token(text: str) -> None:
    ids = TOKENIZER.encode(text)
    assert TOKENIZER.decode(ids) == text
    assert not CONTROL_IDS & set(ids)


def test_control_strings_are_recognised_only_on_request() -> None:
    special = TOKENIZER.special_tokens
    text = "<|im_start|>a<|im_end|>"
    recognised = TOKENIZER.encode(text, recognise_control=True)
    assert recognised == [special.text_start, *TOKENIZER.encode("a"), special.text_end]
    assert TOKENIZER.decode(recognised) == text
    assert len(TOKENIZER.encode(text)) > 3


def test_ids_outside_the_vocabulary_decode_to_nothing() -> None:
    (a,) = TOKENIZER.encode("a")
    assert TOKENIZER.decode([a, len(TOKENIZER), len(TOKENIZER) + 100, a]) == "aa"


def test_a_saved_tokenizer_is_read_back(tmp_path: Path) -> None:
    TOKENIZER.save(tmp_path)
    loaded = TextTokenizer.from_folder(tmp_path)
    assert loaded.special_tokens == TOKENIZER.special_tokens
    assert loaded.encode("the photo is dark") == TOKENIZER.encode("the photo is dark")


def test_a_missing_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is missing"):
        TextTokenizer.from_folder(tmp_path)


def test_a_damaged_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"model": ', encoding="utf-8")
    with pytest.raises(CheckpointError, match="is not a tokenizer file"):
        TextTokenizer.from_folder(tmp_path)


def test_a_tokenizer_without_the_control_tokens_is_refused() -> None:
    bare = TextTokenizer(Tokenizer(models.BPE()))
    with pytest.raises(CheckpointError, match=r"lacks <\|im_start\|>"):
        _ = bare.special_tokens
