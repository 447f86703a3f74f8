"""The page for programs: what docs/demo.md shows, and what a wrong call is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

client_library = pytest.importorskip("gradio_client")

pytestmark = pytest.mark.timeout(300, func_only=True)  # the start of the page is not a test
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def client(app_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("downloads")
    opened = client_library.Client(app_address, download_files=folder, verbose=False)
    yield opened
    opened.close()


def test_the_three_endpoints_are_there_and_nothing_else(client: Any) -> None:
    described = client.view_api(return_format="dict", print_info=False)
    assert set(described["named_endpoints"]) >= {"/analyse", "/restore", "/assess"}
    hidden = {"/take", "/idle", "/save", "/load", "/stop", "/lambda"}
    assert not hidden & set(described["named_endpoints"])


def test_the_example_of_the_page_about_it_runs(
    app_address: str, small_photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (CHECKOUT / "docs" / "demo.md").read_text(), re.DOTALL)
    (tmp_path / "photo.jpg").write_bytes(small_photo.read_bytes())
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(example.replace("http://127.0.0.1:7860", app_address), names)
    assert names["text"].startswith("Intent:")
    assert 1 <= names["document"]["after"]["score"] <= 5
    assert Image.open(names["file"]).size == (160, 128)
    assert set(names["found"]["results"][0]["assessment"]["distribution"]) == {
        *("excellent", "good", "fair", "poor", "bad"),
    }


def test_the_text_of_the_analysis_grows(client: Any, small_photo: Path) -> None:
    job = client.submit(client_library.handle_file(small_photo), api_name="/analyse")
    texts = list(job)
    assert len(texts) > 5
    assert all(len(after) >= len(before) for before, after in pairwise(texts))


def test_choices_reach_the_restoration(client: Any, small_photo: Path) -> None:
    file, document = client.predict(
        client_library.handle_file(small_photo),
        analysis="Quality: It shows obvious noise.", upscale=2, seed=5, save_as="png", api_name="/restore",
    )  # fmt: skip
    assert Image.open(file).size == (320, 256)
    assert Image.open(file).format == "PNG"
    assert document["seed"] == 5
    assert document["analysis"]["text"] == "Quality: It shows obvious noise."


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"upscale": 3}, "Upscale must be 1, 2 or 4"),
        ({"fidelity": 7}, "Fidelity must"),
        ({"steps": 10_000}, "Steps must be a number from 1 to 30"),
        ({"best_of": "many"}, "Best_of must be a number"),
        ({"save_as": "../../etc/passwd"}, "Save_as must be one of PNG, JPEG, WebP"),
        ({"analysis": "x" * 9000}, "Analysis must be a text of up to"),
    ],
)
def test_a_choice_that_makes_no_sense_gets_a_sentence(
    client: Any, small_photo: Path, choices: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Exception, match=sentence):
        client.predict(client_library.handle_file(small_photo), **choices, api_name="/restore")


@pytest.mark.parametrize("path", ["/etc/passwd", str(CHECKOUT / "README.md"), "../../../etc/passwd"])
def test_no_file_of_the_machine_is_read(client: Any, path: str) -> None:
    sent = {"path": path, "meta": {"_type": "not a file"}}  # gradio's client would upload a file
    with pytest.raises(Exception, match="not here any more"):
        client.predict(sent, api_name="/assess")


def test_no_file_of_the_machine_is_served(app_address: str) -> None:
    import urllib.error
    import urllib.request

    for path in ("/etc/passwd", str(CHECKOUT / "README.md"), str(CHECKOUT / "demo" / "app.py")):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{app_address}/gradio_api/file={path}")
        assert caught.value.code in (403, 404)
