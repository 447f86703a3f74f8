"""Bad requests: one sentence with a fitting status, nothing on disk, and the service goes on."""

from __future__ import annotations

import gzip
import json
import struct
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from starlette.testclient import TestClient

from tests.uare.serving import QUICK, QUICK_FORM, app_of, as_base64, in_process, photo_file, the_sentence
from uare.images import MAX_PIXELS
from uare.pipeline import UAREPipeline

pytestmark = [
    pytest.mark.usefixtures("short_texts"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]

PHOTO = photo_file(seed=1)
MAX_BYTES, MAX_OF_PIXELS = 300_000, 100_000


@pytest.fixture(scope="module")
def client(restoring_pipeline: UAREPipeline) -> Iterator[TestClient]:
    app = app_of(restoring_pipeline, max_bytes=MAX_BYTES, max_pixels=MAX_OF_PIXELS)
    with in_process(app) as client:
        yield client
        assert client.get("/readyz").json()["places_taken"] == 0  # no refusal keeps its place
        good = client.post("/v1/restore", files={"image": ("a", PHOTO)}, data=QUICK_FORM)
        assert good.status_code == 200


def chunk(kind: bytes, content: bytes) -> bytes:
    """A part of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header states this size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def unpacking_png(kind: bytes, num_bytes: int) -> bytes:
    """A good photo with a small chunk in it that unpacks to zeros."""
    packed = zlib.compress(bytes(num_bytes))
    heads = {b"zTXt": b"note\0\0", b"iTXt": b"note\0\1\0\0\0", b"iCCP": b"profile\0\0"}
    after_header = 8 + 25  # signature, IHDR
    return PHOTO[:after_header] + chunk(kind, heads[kind] + packed) + PHOTO[after_header:]


def eps() -> bytes:
    stream = BytesIO()
    Image.new("RGB", (4, 4)).save(stream, "EPS")
    return stream.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
PROGRAM = b"\x7fELF\x02\x01\x01" + bytes(300)
ZIP = b"PK\x03\x04" + bytes(300)


# --- files ---


@pytest.mark.parametrize("path", ["/v1/assess", "/v1/restore"])
@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 415, "is empty (0 bytes)"),
        (PROGRAM, 415, "is not an image"),
        (SVG, 415, "is not an image"),
        (ZIP, 415, "is not an image"),
        (eps(), 415, "is not an image"),
        (PHOTO[:60], 422, "damaged or cut off"),
        (PHOTO[:-400], 422, "damaged or cut off"),
        (png_of(20_000, 5_000), 413, "20000x5000 = 100,000,000 pixels and 100,000 are taken"),
        (png_of(int(MAX_PIXELS**0.5) + 9, int(MAX_PIXELS**0.5) + 9), 413, "is larger than"),
        (png_of(0, 0), 415, "photo.jpg"),
    ],
    ids=["empty", "program", "svg", "zip", "eps", "head", "cut", "100 megapixels", "bomb", "no pixels"],
)
def test_what_is_no_photo_is_refused(
    client: TestClient, path: str, content: bytes, status: int, words: str
) -> None:
    sentence = the_sentence(client.post(path, files={"image": ("photo.jpg", content)}), status)
    assert words in sentence and "photo.jpg" in sentence


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_small_file_that_unpacks_to_much_never_fills_the_memory(client: TestClient, kind: bytes) -> None:
    unpacked = 200_000_000
    bomb = unpacking_png(kind, unpacked)
    assert len(bomb) < MAX_BYTES
    tracemalloc.start()
    try:
        answer = client.post("/v1/assess", files={"image": ("photo.png", bomb)})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.status_code in (200, 415, 422) and "Traceback" not in answer.text
    assert peak < unpacked / 4


def test_a_packed_body_is_not_unpacked(client: TestClient) -> None:
    body = gzip.compress(json.dumps({"image": "A" * 10_000_000}).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert "no JSON" in the_sentence(client.post("/v1/assess", content=body, headers=headers), 400)


def test_a_wrong_extension_is_read_by_content_and_said(client: TestClient) -> None:
    answer = client.post("/v1/assess", files={"image": ("photo.jpg", PHOTO)})
    (result,) = answer.json()["results"]
    assert result["warnings"] == ["the name ends in .jpg but the file is PNG, and was read as such"]


def test_a_result_that_would_be_too_large_is_refused(client: TestClient) -> None:
    file = photo_file(height=100, width=100)  # 400x400 are more than are taken
    answer = client.post("/v1/restore", files={"image": ("a.png", file)}, data={"upscale": "4"})
    assert "the result of a.png has 400x400" in the_sentence(answer, 413)


def test_a_mask_of_another_size_and_a_mask_with_upscaling_are_said(client: TestClient) -> None:
    files = {"image": ("a.png", PHOTO), "mask": ("m.png", photo_file(height=8, width=8))}
    assert "the mask has 8x8 px" in the_sentence(client.post("/v1/restore", files=files), 422)
    answer = client.post("/v1/restore", files=files, data={"upscale": "2"})
    assert "leave one of them out" in the_sentence(answer, 422)


# --- bodies ---


def test_a_body_that_is_too_long_is_refused(client: TestClient) -> None:
    files = {"image": ("a", bytes(MAX_BYTES))}
    assert "more than the 300,000 bytes" in the_sentence(client.post("/v1/assess", files=files), 413)


@pytest.mark.parametrize("media_type", ["application/json", "multipart/form-data; boundary=X"])
def test_a_body_of_unknown_length_is_cut_short(client: TestClient, media_type: str) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b'--X\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        while sent < 100 * MAX_BYTES:
            sent += 50_000
            yield bytes(50_000)

    answer = client.post("/v1/assess", content=endless(), headers={"Content-Type": media_type})
    assert "more than the 300,000 bytes" in the_sentence(answer, 413)


@pytest.mark.parametrize(
    ("media_type", "body", "status", "words"),
    [
        ("", b"", 415, "of no stated type"),
        ("text/plain", b"hello", 415, "the body is text/plain"),
        ("image/png", PHOTO, 415, "the body is image/png"),
        (
            "application/x-www-form-urlencoded",
            b"image=a",
            415,
            "send multipart/form-data or application/json",
        ),
        ("application/json", b"", 400, "the body is no JSON"),
        ("application/json", b'{"image": "', 400, "the body is no JSON"),
        ("application/json", b"\xff\xfe", 400, "the body is no JSON"),
        ("application/json", b"[" * 100_000, 400, "the body is no JSON"),
        ("application/json", b"[]", 422, "the body: "),
        ("application/json", b"{}", 422, "image: Field required"),
        ("application/json", b'{"image": 5}', 422, "base64 in JSON"),
        ("application/json", b'{"image": "data:image/png;base64,AAAA"}', 422, "no data: prefix"),
        ("application/json", b'{"image": "%%%"}', 422, "expected base64"),
        ("application/json", b'{"image": "\\u2603"}', 422, "expected base64"),
        ("application/json", b'{"image": {"path": "/etc/passwd"}}', 422, "expected a file"),
        ("multipart/form-data", b"", 400, "the form cannot be read"),
        ("multipart/form-data; boundary=X", b"nonsense", 400, "the form cannot be read"),
        (
            "multipart/form-data; boundary=X",
            b'--X\r\nContent-Disposition: form-data; name="steps"\r\n\r\n3\r\n--X--\r\n',
            422,
            "image: Field required",
        ),
        (
            "multipart/form-data; boundary=X",
            b'--X\r\nContent-Disposition: form-data; name="image"\r\n\r\n/etc/passwd\r\n--X--\r\n',
            422,
            "send it as a file",
        ),
        (
            "multipart/form-data; boundary=X",
            b"--X\r\nContent-Disposition: form-data\r\n\r\nx\r\n--X--\r\n",
            400,
            "the form cannot be read",
        ),
    ],
)
def test_a_body_that_says_nothing_is_refused(
    client: TestClient, media_type: str, body: bytes, status: int, words: str
) -> None:
    answer = client.post("/v1/assess", content=body, headers={"Content-Type": media_type})
    assert words in the_sentence(answer, status)


def test_too_many_parts_and_a_part_twice_are_refused(client: TestClient) -> None:
    many = [("image", ("a", PHOTO))] * 20
    assert "Too many files" in the_sentence(client.post("/v1/assess", files=many), 400)
    assert "was sent twice" in the_sentence(client.post("/v1/assess", files=many[:2]), 422)
    fields = {f"field{index}": "1" for index in range(50)}
    answer = client.post("/v1/assess", files=many[:1], data=fields)
    assert "Too many fields" in the_sentence(answer, 400)


# --- fields ---


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0), ("steps", -3), ("steps", 101), ("steps", 1.5), ("steps", "3"), ("steps", True),
        ("fidelity", 1.5), ("fidelity", "high"), ("fidelity", False),
        ("upscale", 3), ("upscale", True), ("upscale", None),
        ("tile", 10), ("best_of", 0), ("best_of", 9), ("seed", -1), ("seed", 2**64),
        ("format", "bmp"), ("format", "../x"), ("instruction", 5), ("instruction", "x" * 4001),
        ("analyse", 1), ("guidance_text", 1e300), ("stpes", 3), ("image_path", "/etc/passwd"),
    ],
)  # fmt: skip
def test_a_field_that_makes_no_sense_is_named(client: TestClient, field: str, value: Any) -> None:
    answer = client.post("/v1/restore", json={"image": as_base64(PHOTO), **QUICK, field: value})
    assert the_sentence(answer, 422).startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("field", "text"),
    [("steps", ""), ("steps", "three"), ("steps", "NaN"), ("fidelity", "Infinity"), ("seed", "9" * 5000),
     ("analyse", "yes"), ("steps", "[" * 50_000), ("steps", "{}")],
)  # fmt: skip
def test_a_text_that_makes_no_sense_is_named(client: TestClient, field: str, text: str) -> None:
    answer = client.post("/v1/restore", files={"image": ("a", PHOTO)}, data={**QUICK_FORM, field: text})
    assert field in the_sentence(answer, 422)


def test_no_number_that_json_does_not_have(client: TestClient) -> None:
    body = json.dumps({"image": as_base64(PHOTO), "fidelity": float("nan")})
    answer = client.post("/v1/restore", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize("words", ["<|im_end|><|vision_start|>", "\u2603 \x00\x07", "", "x" * 4000])
def test_an_instruction_may_hold_anything(client: TestClient, words: str) -> None:
    answer = client.post("/v1/restore", json={"image": as_base64(PHOTO), **QUICK, "instruction": words})
    assert answer.json()["settings"]["instruction"] == words


# --- what must not happen ---


@pytest.fixture(scope="module")
def opened() -> Iterator[Callable[[], list[str]]]:
    """What this process has opened for writing since the last call."""
    seen: list[str] = []
    is_on = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if is_on and event == "open":
            path, mode, flags = arguments
            if (mode and set(mode) & set("wax+")) or (isinstance(flags, int) and flags & 3):
                seen.append(str(path))

    sys.addaudithook(hook)  # for good: hence the switch

    def since() -> list[str]:
        found = [*seen]
        seen.clear()
        return found

    yield since
    is_on = False


def test_requests_write_no_file(
    restoring_pipeline: UAREPipeline, opened: Callable[[], list[str]], tmp_path: Path
) -> None:
    """Not even a temporary one, however large the upload."""
    large = photo_file(height=800, width=800)
    assert len(large) > 1_500_000
    with in_process(app_of(restoring_pipeline)) as client:
        client.post("/v1/restore", files={"image": ("a", PHOTO)}, data=QUICK_FORM)  # loads what it needs
        opened()
        (tmp_path / "witness").write_text("")
        assert opened() == [str(tmp_path / "witness")]
        assert client.post("/v1/assess", files={"image": ("../../a", large)}).status_code == 200
        assert client.post("/v1/restore", files={"image": ("a", large[:1_000_000])}).status_code == 422
        for accept in ("image/tiff", "application/json"):
            asked: Any = {
                "files": {"image": ("/tmp/a", PHOTO)},
                "data": QUICK_FORM,
                "headers": {"Accept": accept},
            }
            assert client.post("/v1/restore", **asked).status_code == 200
    assert opened() == []


def test_what_nobody_foresaw_is_a_500_without_its_details(
    restoring_pipeline: UAREPipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def surprised(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret of the moon")

    with in_process(app_of(restoring_pipeline)) as client:
        with monkeypatch.context() as patched:
            patched.setattr(UAREPipeline, "assess_together", surprised)
            answer = client.post("/v1/assess", files={"image": ("a", PHOTO)})
        assert "was not foreseen" in the_sentence(answer, 500)
        assert "moon" not in answer.text and "moon" in caplog.text
        assert client.post("/v1/assess", files={"image": ("a", PHOTO)}).status_code == 200


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_too_little_memory_is_a_503(
    restoring_pipeline: UAREPipeline, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: Any) -> None:
        raise error

    monkeypatch.setattr(restoring_pipeline.model.codec, "decode", full)
    with in_process(app_of(restoring_pipeline)) as client:
        answer = client.post("/v1/restore", files={"image": ("a", PHOTO)}, data=QUICK_FORM)
    assert "memory does not suffice" in the_sentence(answer, 503)
