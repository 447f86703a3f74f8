"""Why a request gets no result: a status, one sentence, and the JSON document that carries both."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi.responses import JSONResponse
from PIL import Image

from uare.documents import heading
from uare.errors import InputError, UAREError
from uare.pipeline import is_out_of_memory

RETRY_AFTER_S = 5


class Refused(Exception):
    """A request that is answered with `status` (4xx or 5xx) and a sentence."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = dict(headers or {})


def closing() -> Refused:
    """For requests that come, or still wait, when the service ends."""
    return Refused(503, "the service is shutting down; send the request to another one")


def refusal_of(error: UAREError | MemoryError) -> Refused:
    """What an error of the pipeline means to a client."""
    cause = error.__cause__
    if is_out_of_memory(error) or (cause is not None and is_out_of_memory(cause)):
        return Refused(503, "memory does not suffice for this photo now; send a smaller one, or try later")
    if isinstance(cause, Image.DecompressionBombError):
        return Refused(413, str(error))
    return Refused(422 if isinstance(error, InputError) else 500, str(error))


def refusal_answer(refused: Refused) -> JSONResponse:
    """The answer: the document `error` of `uare.schema`."""
    content = {**heading("error", None), "status": refused.status, "error": refused.sentence}
    return JSONResponse(content, refused.status, refused.headers)
