"""The desk: what it takes in, whom it gives what, and that work stops when nobody wants it."""

from __future__ import annotations

import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

gr = pytest.importorskip("gradio")

from demo.desk import FORGOTTEN_S, MEBIBYTE, Desk, Limits, Say, Stopped, as_error  # noqa: E402
from uare.errors import InputError, UAREError  # noqa: E402

PATIENCE_S = 20


def visitor(name: str) -> Any:
    return gr.Request(session_hash=name)


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A desk without a model: what it does with photos and work does not need one."""
    opened = Desk(None, {})  # type: ignore[arg-type]
    yield opened
    opened.close()


def upload(desk: Desk, name: str, content: bytes) -> str:
    """A file where gradio puts uploads: in a folder of its own under the desk's."""
    folder = desk.root / f"{zlib.crc32(content):08x}"
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return str(path)


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG of any stated size, whatever its data are."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def photo_file(desk: Desk, folder: Path, name: str = "photo.jpg") -> str:
    path = folder / name
    Image.fromarray(np.full((24, 32, 3), 90, np.uint8)).save(path)
    return upload(desk, name, path.read_bytes())


def test_a_photo_comes_in_with_its_size_and_format(desk: Desk, tmp_path: Path) -> None:
    photo = desk.photo(photo_file(desk, tmp_path), visitor("a"))
    assert (photo.size, photo.format) == ((24, 32), "JPEG")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("photo.jpg", b"\x7fELF\x02\x01\x01" + bytes(200)),
        ("photo.jpg", b"MZ\x90\x00" + bytes(200)),
        ("photo.png", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
        ("photo.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n"),
        ("photo.png", b"PK\x03\x04" + bytes(200)),
        ("photo.gif", b"<html><img src=x onerror=alert(1)></html>"),
    ],
)
def test_what_is_no_photo_is_refused_whatever_its_name(desk: Desk, name: str, content: bytes) -> None:
    with pytest.raises(InputError, match="not an image that can be read"):
        desk.photo(upload(desk, name, content), visitor("a"))


def test_an_empty_file_is_refused(desk: Desk) -> None:
    with pytest.raises(InputError, match="empty"):
        desk.photo(upload(desk, "photo.png", b""), visitor("a"))


def test_a_hundred_megapixels_are_refused_by_the_header_alone(desk: Desk) -> None:
    """It has no data at all, so whoever decoded it would say that it is damaged."""
    with pytest.raises(InputError, match=r"10000x10000 = 100\.0 megapixels and 30 are taken"):
        desk.photo(upload(desk, "huge.png", png(10_000, 10_000)), visitor("a"))


def test_a_bomb_is_refused_before_it_unfolds(desk: Desk) -> None:
    rows = zlib.compress(bytes(30_001) * 2_000, 9)  # 60 MB in 60 kB; the header states 900 megapixels
    content = png(30_000, 30_000, rows)
    assert len(content) < 100_000
    started = time.perf_counter()
    with pytest.raises(InputError):
        desk.photo(upload(desk, "bomb.png", content), visitor("a"))
    assert time.perf_counter() - started < 5


def test_a_file_of_too_many_bytes_is_refused() -> None:
    desk = Desk(None, {}, Limits(max_bytes=2 * MEBIBYTE))  # type: ignore[arg-type]
    try:
        with pytest.raises(InputError, match="has 3 MiB and 2 are taken"):
            desk.photo(upload(desk, "long.png", bytes(3 * MEBIBYTE)), visitor("a"))
    finally:
        desk.close()


@pytest.mark.parametrize("path", ["/etc/passwd", "../../etc/passwd", "", None, "/etc", "/proc/self/environ"])
def test_nothing_outside_the_desks_folder_is_read(desk: Desk, path: str | None) -> None:
    with pytest.raises(InputError, match="drop"):
        desk.photo(path, visitor("a"))


def test_no_way_leads_out_of_the_folder(desk: Desk, tmp_path: Path) -> None:
    outside = tmp_path / "secret.png"
    outside.write_bytes(png(1, 1, zlib.compress(b"\x00\x00")))
    inside = Path(upload(desk, "a.png", b"x"))
    for path in (f"{inside.parent}/../../{outside}", str(inside.parent / ".." / ".." / outside.name)):
        with pytest.raises(InputError, match="not here any more"):
            desk.photo(path, visitor("a"))
    link = inside.parent / "link.png"
    link.symlink_to(outside)
    with pytest.raises(InputError, match="not here any more"):
        desk.photo(str(link), visitor("a"))


def test_a_visitors_results_are_nobody_elses(desk: Desk, tmp_path: Path) -> None:
    own = desk.folder(visitor("a")) / "result.png"
    Image.new("RGB", (8, 8)).save(own)
    assert desk.photo(str(own), visitor("a")).size == (8, 8)
    with pytest.raises(InputError, match="not here any more"):
        desk.photo(str(own), visitor("b"))


def test_folders_have_names_that_nobody_guesses_and_are_private(desk: Desk) -> None:
    first, second = desk.folder(visitor("a")), desk.folder(visitor("b"))
    assert first != second
    assert first == desk.folder(visitor("a"))
    assert len(first.name) >= 32
    assert desk.root.stat().st_mode & 0o077 == 0


def test_leaving_deletes_the_visitors_files_and_no_others(desk: Desk) -> None:
    gone, kept = desk.folder(visitor("a")), desk.folder(visitor("b"))
    (gone / "result.png").write_bytes(b"x")
    desk.leave(visitor("a"))
    assert not gone.exists()
    assert kept.exists()
    desk.leave(visitor("a"))  # twice does no harm


def test_programs_that_never_said_goodbye_are_forgotten(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    old = desk.folder(visitor("old"))
    now = time.time()
    monkeypatch.setattr("demo.desk.time.time", lambda: now + FORGOTTEN_S + 60)
    new = desk.folder(visitor("new"))
    assert not old.exists()
    assert new.exists()


def test_closing_deletes_everything() -> None:
    desk = Desk(None, {})  # type: ignore[arg-type]
    desk.folder(visitor("a"))
    desk.close()
    assert not desk.root.exists()


def test_what_work_says_is_heard_in_order(desk: Desk) -> None:
    def work(say: Say[int]) -> None:
        for number in range(3):
            say(number)
            say()

    assert list(desk.run(work, visitor("a"))) == [0, 1, 2]


def endless_work() -> tuple[Callable[[Say[int]], None], threading.Event]:
    """Work that says 1 until it is stopped, and what is set when it has ended."""
    ended = threading.Event()

    def endless(say: Say[int]) -> None:
        try:
            while True:
                say(1)
                time.sleep(0.01)
        finally:
            ended.set()

    return endless, ended


def test_stop_ends_the_work_at_its_next_word_and_not_that_of_others(desk: Desk) -> None:
    endless, ended = endless_work()
    heard = desk.run(endless, visitor("a"))
    assert next(heard) == 1
    desk.stop(visitor("b"))
    assert next(heard) == 1
    desk.stop(visitor("a"))
    with pytest.raises(Stopped):
        for _ in heard:
            pass
    assert ended.wait(PATIENCE_S)


def test_work_ends_when_its_page_closes(desk: Desk) -> None:
    endless, ended = endless_work()
    heard = desk.run(endless, visitor("a"))
    next(heard)
    heard.close()  # type: ignore[attr-defined]  # as gradio does when a client cancels
    assert ended.wait(PATIENCE_S)


def test_work_is_done_one_after_the_other(desk: Desk) -> None:
    at_once: list[int] = []
    now = 0

    def work(say: Say[int]) -> None:
        nonlocal now
        now += 1
        at_once.append(now)
        time.sleep(0.05)
        now -= 1
        say(0)

    threads = [
        threading.Thread(target=lambda name=name: list(desk.run(work, visitor(name)))) for name in "abc"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert at_once == [1, 1, 1]


def test_errors_of_the_pipeline_come_through_and_others_become_a_sentence(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    def refuses(say: Say[int]) -> None:
        raise InputError("the photo is upside down; turn it")

    def fails(say: Say[int]) -> None:
        raise KeyError("/home/somebody/secret")

    def starves(say: Say[int]) -> None:
        raise MemoryError

    with pytest.raises(InputError, match="upside down"):
        list(desk.run(refuses, visitor("a")))
    with pytest.raises(UAREError, match="not foreseen") as caught:
        list(desk.run(fails, visitor("a")))
    assert "secret" not in str(caught.value)
    assert "secret" in caplog.text
    with pytest.raises(UAREError, match="memory does not suffice"):
        list(desk.run(starves, visitor("a")))


def test_the_name_of_a_file_is_never_markup() -> None:
    error = as_error(InputError("<img src=x onerror=alert(1)>.png is damaged"))
    assert "<" not in error.message
    assert error.message.startswith("&lt;img")
    assert error.duration is None


def test_results_larger_than_their_photo_have_a_limit(desk: Desk) -> None:
    desk.limits = replace(desk.limits, max_pixels=1000)
    desk.check_size(20, 50, "the result")
    with pytest.raises(InputError, match="the result has 50x21"):
        desk.check_size(21, 50, "the result")
