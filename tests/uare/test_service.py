"""The service answers what the pipeline says, in the documents of the command, to every form of request."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from starlette.testclient import TestClient

from tests.uare.serving import (
    QUICK,
    QUICK_FORM,
    app_of,
    as_base64,
    in_process,
    photo_file,
    the_sentence,
)
from tests.uare.test_json_schema import check
from uare.images import load_photo_bytes
from uare.pipeline import UAREPipeline
from uare.service.page import page

pytestmark = pytest.mark.usefixtures("short_texts")

PHOTO, OTHER = photo_file(seed=1), photo_file(seed=2)


@pytest.fixture(scope="module")
def client(restoring_pipeline: UAREPipeline) -> Iterator[TestClient]:
    with in_process(app_of(restoring_pipeline)) as client:
        yield client


def pixels_of(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(content)))


# --- the verbs ---


def test_assess_says_what_the_pipeline_says(client: TestClient, restoring_pipeline: UAREPipeline) -> None:
    document = client.post("/v1/assess", files={"image": ("holiday.png", PHOTO)}).json()
    check(document, "assess")
    (result,) = document["results"]
    assert result["assessment"] == restoring_pipeline.assess(load_photo_bytes(PHOTO, "")).to_dict()
    assert (result["input"], result["size"]) == ("holiday.png", [32, 48])


def test_json_and_forms_are_answered_alike(client: TestClient) -> None:
    sent = client.post("/v1/assess", files={"image": ("image", PHOTO)})
    assert client.post("/v1/assess", json={"image": as_base64(PHOTO)}).json() == sent.json()


def test_compare_says_what_the_pipeline_says(client: TestClient, restoring_pipeline: UAREPipeline) -> None:
    roles = {"a": PHOTO, "b": OTHER, "reference": photo_file(seed=3)}
    document = client.post("/v1/compare", json={role: as_base64(file) for role, file in roles.items()}).json()
    check(document, "compare")
    (result,) = document["results"]
    photos = [load_photo_bytes(file, "") for file in roles.values()]
    assert result["comparison"] == restoring_pipeline.compare(*photos).to_dict()
    assert [result[role] for role in roles] == ["a", "b", "reference"]


def test_restore_gives_the_picture_that_the_pipeline_gives(
    client: TestClient, restoring_pipeline: UAREPipeline
) -> None:
    answer = client.post("/v1/restore", json={"image": as_base64(PHOTO), "seed": 3, **QUICK})
    document = answer.json()
    check(document, "restore-answer")
    picture = base64.b64decode(document["picture"]["base64"])
    expected = restoring_pipeline.restore(Image.open(BytesIO(PHOTO)), seed=3, **QUICK)
    assert document["picture"]["media_type"] == "image/png"
    assert np.array_equal(pixels_of(picture), np.asarray(expected.image))
    assert document["settings"]["seed"] == document["seed"] == 3


def test_a_form_chooses_like_json(client: TestClient) -> None:
    words = "remove the haze, 3 times"
    form = {**QUICK_FORM, "fidelity": "0.5", "guidance_text": "null", "instruction": words, "format": "jpg"}
    document = client.post("/v1/restore", files={"image": ("a.png", PHOTO)}, data=form).json()
    settings = document["settings"]
    assert (settings["fidelity"], settings["guidance_text"], settings["instruction"]) == (0.5, None, words)
    assert (settings["analyse"], settings["steps"]) == (False, 1)
    assert document["picture"]["media_type"] == "image/jpeg"


def test_a_mask_keeps_what_is_black(client: TestClient) -> None:
    stream = BytesIO()
    mask = np.zeros((32, 48), np.uint8)
    mask[:, 24:] = 255
    Image.fromarray(mask).save(stream, "PNG")
    files = {"image": ("a.png", PHOTO), "mask": ("half.png", stream.getvalue())}
    answer = client.post("/v1/restore", files=files, data=QUICK_FORM, headers={"Accept": "image/*"})
    before, after = pixels_of(PHOTO), pixels_of(answer.content)
    assert np.array_equal(before[:, :24], after[:, :24])
    assert not np.array_equal(before[:, 24:], after[:, 24:])


def test_a_score_does_not_depend_on_other_requests(client: TestClient) -> None:
    def score(file: bytes) -> float:
        return client.post("/v1/assess", files={"image": ("a", file)}).json()["results"][0]["assessment"][
            "score"
        ]

    alone = score(PHOTO)
    score(OTHER)
    assert score(PHOTO) == alone


# --- the picture ---


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("image/*", "image/png"),
        ("image/webp", "image/webp"),
        ("text/html, image/jpeg;q=0.5, image/tiff;q=0.9", "image/tiff"),
        ("image/avif;q=0, application/json;q=0.1", "application/json"),
    ],
)
def test_accept_chooses_the_answer(client: TestClient, accept: str | None, media_type: str) -> None:
    client.headers.pop("accept", None)
    headers = {} if accept is None else {"Accept": accept}
    answer = client.post("/v1/restore", files={"image": ("a", PHOTO)}, data=QUICK_FORM, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    if media_type != "application/json":
        assert Image.open(BytesIO(answer.content)).size == (48, 32)
        assert answer.headers["uare-status"] == "restored"


@pytest.mark.parametrize("accept", ["text/html", "image/x-icon;q=1", "application/json;q=0"])
def test_a_type_that_is_not_served_is_refused(client: TestClient, accept: str) -> None:
    answer = client.post("/v1/restore", files={"image": ("a", PHOTO)}, headers={"Accept": accept})
    assert "names no type that is served" in the_sentence(answer, 406)


def test_the_field_and_the_header_must_agree(client: TestClient) -> None:
    answer = client.post(
        "/v1/restore",
        files={"image": ("a", PHOTO)},
        data={**QUICK_FORM, "format": "jpg"},
        headers={"Accept": "image/png"},
    )
    assert "leave one out" in the_sentence(answer, 422)


@pytest.mark.parametrize(
    ("sent", "back"), [("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("BMP", "image/png")]
)
def test_a_picture_comes_back_in_its_own_format(client: TestClient, sent: str, back: str) -> None:
    files = {"image": ("a", photo_file(format_=sent))}
    answer = client.post("/v1/restore", files=files, data=QUICK_FORM, headers={"Accept": "image/*"})
    assert answer.headers["content-type"] == back


def test_metadata_and_depth_survive_the_service(client: TestClient) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    files = {"image": ("a", photo_file(format_="JPEG", exif=exif))}
    answer = client.post("/v1/restore", files=files, data=QUICK_FORM, headers={"Accept": "image/*"})
    assert Image.open(BytesIO(answer.content)).getexif()[0x010F] == "Camera"
    deep = BytesIO()
    Image.fromarray(np.arange(32 * 48, dtype=np.uint16).reshape(32, 48) * 40).save(deep, "PNG")
    files = {"image": ("a", deep.getvalue())}
    answer = client.post("/v1/restore", files=files, data=QUICK_FORM, headers={"Accept": "image/*"})
    assert load_photo_bytes(answer.content, "").bit_depth == 16


def test_a_photo_of_bytes_is_that_of_its_file(tmp_path: object) -> None:
    from pathlib import Path

    from uare.images import load_photo

    path = Path(str(tmp_path)) / "a.jpg"
    path.write_bytes(photo_file(format_="JPEG"))
    of_file, of_bytes = load_photo(path), load_photo_bytes(path.read_bytes(), "a.jpg")
    assert torch.equal(of_file.pixels, of_bytes.pixels)
    assert (of_bytes.format, of_bytes.path, of_bytes.warnings) == ("JPEG", None, ())


# --- names and paths ---


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\me.png", "me.png"),
        ("/", "image"),
        ("a\x1b[31m.png", "a�[31m.png"),
        ("ß☃.png", "ß☃.png"),
        ("x" * 500, "x" * 120),
    ],
)
def test_names_are_only_repeated_and_never_paths(client: TestClient, name: str, called: str) -> None:
    body = (
        b'--X\r\nContent-Disposition: form-data; name="image"; filename="'
        + name.replace("\\", "\\\\").encode()
    ) + (b'"\r\n\r\n' + PHOTO + b"\r\n--X--\r\n")
    answer = client.post(
        "/v1/assess", content=body, headers={"Content-Type": "multipart/form-data; boundary=X"}
    )
    assert answer.json()["results"][0]["input"] == called


# --- probes, key, description ---


def test_probes_say_how_full_the_line_is(client: TestClient) -> None:
    expected = {"status": "ok", "places": 9, "places_taken": 0}
    assert client.get("/healthz").json() == client.get("/readyz").json() == expected


def test_the_metrics_count_answers_and_refusals(restoring_pipeline: UAREPipeline) -> None:
    with in_process(app_of(restoring_pipeline)) as client:
        client.post("/v1/assess", files={"image": ("a", PHOTO)})
        client.post("/v1/assess", files={"image": ("a", b"nothing")})
        client.get("/somewhere/else")
        text = client.get("/metrics").text
    assert 'uare_requests_total{path="/v1/assess",status="200"} 1.0' in text
    assert 'uare_requests_total{path="/v1/assess",status="415"} 1.0' in text
    assert 'uare_requests_total{path="other",status="404"} 1.0' in text
    assert 'uare_work_seconds_count{path="/v1/assess"} 1.0' in text
    assert "uare_places 9.0" in text and "uare_places_taken 0.0" in text


def test_without_the_key_only_the_probes_answer(restoring_pipeline: UAREPipeline) -> None:
    with in_process(app_of(restoring_pipeline, api_key="s3cret")) as client:
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
        for given in (None, "Bearer wrong", "Bearer", "Basic s3cret", "Bearer s3cret2", "Bearer ß"):
            headers: Any = {} if given is None else {"Authorization": given.encode()}
            for path in ("/v1/assess", "/docs", "/metrics", "/openapi.json"):
                answer = client.get(path, headers=headers)
                assert "needs its key" in the_sentence(answer, 401)
                assert answer.headers["www-authenticate"] == "Bearer"
        right = {"Authorization": "Bearer s3cret"}
        files = {"image": ("a", PHOTO)}
        assert client.post("/v1/restore", files=files, data=QUICK_FORM, headers=right).status_code == 200
        assert client.get("/openapi.json", headers=right).json()["components"]["securitySchemes"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[", ""])
def test_on_loopback_another_host_name_is_refused(client: TestClient, host: str) -> None:
    assert "names another host" in the_sentence(client.get("/readyz", headers={"Host": host}), 403)
    assert client.get("/readyz", headers={"Host": "127.0.0.1:8000"}).status_code == 200


def test_unknown_paths_and_methods_are_said(client: TestClient) -> None:
    assert "no such path" in the_sentence(client.get("/v2/assess"), 404)
    answer = client.get("/v1/assess")
    assert "another method" in the_sentence(answer, 405)
    assert answer.headers["allow"] == "POST"


def test_the_page_names_every_path_and_field_and_loads_nothing(client: TestClient) -> None:
    answer = client.get("/docs")
    for word in ("/v1/assess", "/v1/compare", "/v1/restore", "fidelity", "best_of", "reference", "readyz"):
        assert word in answer.text
    assert not re.search(r"<script|<link|<img|https?://(?!127\.0\.0\.1)", answer.text)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_the_page_shows_markup_as_text() -> None:
    operation = {"description": "<script>alert(1)</script>", "responses": {}}
    info = {"title": "<b>", "version": "1", "description": "&"}
    text = page({"info": info, "paths": {"/<i>": {"get": operation}}})
    assert "<script>" not in text and "<b>" not in text and "<i>" not in text


def test_the_description_names_the_fields_of_the_options(client: TestClient) -> None:
    from dataclasses import fields

    from uare.options import RestoreOptions

    body = client.get("/openapi.json").json()["paths"]["/v1/restore"]["post"]["requestBody"]
    for content in body["content"].values():
        named = set(content["schema"]["properties"])
        assert named == {field.name for field in fields(RestoreOptions)} | {"image", "format"}
