"""Requests made from the service's own description: valid ones are done, others refused, none is a 500."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("fastapi", reason="the extra serve is not installed")
pytest.importorskip("schemathesis", reason="schemathesis is not installed")

import schemathesis
from schemathesis.specs.openapi import checks

from tests.uare.serving import app_of, as_base64, on_loopback, photo_file
from uare.pipeline import UAREPipeline

POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
# Not for unsupported types of whole requests: a text of a form cannot be told from a number.
UNFIT = (checks.negative_data_rejection, checks.positive_data_acceptance)
FILES = st.sampled_from(
    [
        photo_file(seed=seed, height=16, width=16, format_=name)
        for seed, name in enumerate(("PNG", "JPEG", "WEBP"))
    ]
)
# What contradicts although each field is right, and limits of the machine.
CONTRADICTIONS = ("leave one of them out", "the mask has")


@pytest.fixture(scope="module")
def address(restoring_pipeline: UAREPipeline) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("uare.assess.MAX_ANALYSIS_TOKENS", 4)
        with on_loopback(app_of(restoring_pipeline, waiting=50, max_pixels=16 * 16)) as url:
            yield url


def check_operations(address: str, mode: Any, num_examples: int) -> dict[int, int]:
    """Sends so many requests to every path; returns how often each status came back."""
    schemathesis.openapi.format("byte", FILES.map(as_base64))
    schemathesis.openapi.format("binary", FILES)
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    statuses: dict[int, int] = {}
    for operation in (cast(Any, result).ok() for result in schema.get_all_operations()):
        if mode == NEGATIVE and not operation.body:
            continue  # nothing to do wrong

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(max_examples=num_examples, deadline=None, suppress_health_check=list(HealthCheck))
        def check(case: Any) -> None:
            answer = case.call_and_validate(excluded_checks=UNFIT)
            statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
            if mode == POSITIVE and answer.status_code == 422:
                assert any(words in answer.json()["error"] for words in CONTRADICTIONS), answer.text

        check()
    return statuses


def test_valid_requests_are_done(address: str) -> None:
    statuses = check_operations(address, POSITIVE, 15)
    assert statuses[200] > sum(statuses.values()) / 2


def test_other_requests_are_refused_without_a_500(address: str) -> None:
    statuses = check_operations(address, NEGATIVE, 15)
    assert max(statuses) < 500


@pytest.mark.slow
def test_many_requests_without_a_500(address: str) -> None:
    for mode in (POSITIVE, NEGATIVE):
        assert max(check_operations(address, mode, 300)) < 500
