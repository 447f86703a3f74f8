"""Text to ids and back. Control tokens enter by id only: a special string inside a text is plain text."""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from uare.config import SpecialTokens
from uare.errors import CheckpointError

FILE_NAME = "tokenizer.json"
CONTROL_TOKENS = {
    "text_start": "<|im_start|>",
    "text_end": "<|im_end|>",
    "image_start": "<|vision_start|>",
    "image_end": "<|vision_end|>",
}


class TextTokenizer:
    """Byte-level BPE (Qwen2 form): any text has ids, and ids of whole characters give the text back."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    @classmethod
    def from_folder(cls, folder: str | Path) -> "TextTokenizer":
        """Reads `tokenizer.json`. Raises CheckpointError if it is missing or not a tokenizer."""
        path = Path(folder) / FILE_NAME
        if not path.is_file():
            raise CheckpointError(f"{path} is missing; a model folder needs its tokenizer beside the weights")
        try:
            return cls(Tokenizer.from_file(str(path)))
        except Exception as error:  # the library raises bare Exception
            raise CheckpointError(f"{path} is not a tokenizer file ({error}); fetch it again") from None

    def save(self, folder: str | Path) -> None:
        self._tokenizer.save(str(Path(folder) / FILE_NAME))

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    @property
    def special_tokens(self) -> SpecialTokens:
        """Ids of the four control tokens. Raises CheckpointError if one is not in the vocabulary."""
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        missing = [token for token in CONTROL_TOKENS.values() if token not in vocabulary]
        if missing:
            raise CheckpointError(
                f"the tokenizer lacks {', '.join(missing)}; expected a Qwen2-style vocabulary"
            )
        return SpecialTokens(**{name: vocabulary[token] for name, token in CONTROL_TOKENS.items()})

    def encode(self, text: str, *, recognise_control: bool = False) -> list[int]:
        """Ids of a text, without markers.

        `recognise_control=True` reads strings such as `<|im_end|>` as control tokens, as BAGEL does; only for
        texts that are trusted.
        """
        self._tokenizer.encode_special_tokens = not recognise_control
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids; control tokens appear as their strings, ids outside the vocabulary as nothing."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=False)
