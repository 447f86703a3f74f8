"""/compare, /rank and /batch for programs."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFilter

client_library = pytest.importorskip("gradio_client")


@pytest.fixture(scope="module")
def client(app_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("downloads")
    opened = client_library.Client(app_address, download_files=folder, verbose=False)
    yield opened
    opened.close()


@pytest.fixture
def soft_photo(small_photo: Path, tmp_path: Path) -> Path:
    path = tmp_path / "soft.png"
    Image.open(small_photo).filter(ImageFilter.GaussianBlur(6)).save(path)
    return path


def test_a_comparison_is_the_document_of_the_command(
    client: Any, small_photo: Path, soft_photo: Path
) -> None:
    sent = [client_library.handle_file(photo) for photo in (small_photo, soft_photo)]
    found = client.predict(*sent, api_name="/compare")
    assert (found["document"], found["failures"]) == ("compare", [])
    (result,) = found["results"]
    assert (result["a"], result["b"]) == ("portrait.jpg", "soft.png")
    assert sum(result["comparison"]["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    swapped = client.predict(*reversed(sent), api_name="/compare")["results"][0]["comparison"]
    assert swapped["probabilities"]["A"] == result["comparison"]["probabilities"]["B"]


def test_a_ranking_names_photos_as_they_were_sent(
    client: Any, small_photo: Path, soft_photo: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no photo")
    sent = [client_library.handle_file(path) for path in (small_photo, soft_photo, bad)]
    found = client.predict(sent, api_name="/rank")
    assert found["document"] == "rank"
    assert {place["input"] for place in found["results"]} == {"portrait.jpg", "soft.png"}
    assert [place["rank"] for place in found["results"]] == [1, 2]
    (failure,) = found["failures"]
    assert failure["error"].startswith("bad.png")
    with pytest.raises(Exception, match="Two photos or more are needed"):
        client.predict(sent[:1], api_name="/rank")


def test_a_batch_answers_with_a_zip_and_what_became_of_each(
    client: Any, soft_photo: Path, tmp_path: Path
) -> None:
    packed = tmp_path / "photos.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(soft_photo, "deep/soft.png")
        archive.writestr("notes.txt", "no photo")
    file, record = client.predict([client_library.handle_file(packed)], below="excellent", api_name="/batch")
    photo, note = record["photos"]
    assert photo["name"] == "deep/soft.png"
    assert photo["action"] in ("restored", "kept")
    assert "notes.txt" in note["problem"]
    with zipfile.ZipFile(file) as archive:
        assert json.loads(archive.read("report.json")) == record
    with pytest.raises(Exception, match="Below must be one of"):
        client.predict([client_library.handle_file(packed)], below="../x", api_name="/batch")


@pytest.mark.parametrize("endpoint", ["/rank", "/batch"])
def test_no_file_of_the_machine_is_read(client: Any, endpoint: str) -> None:
    sent = [{"path": "/etc/passwd", "meta": {"_type": "not a file"}}]  # gradio's client would upload a file
    with pytest.raises(Exception, match="not here any more"):
        client.predict(sent, api_name=endpoint)
