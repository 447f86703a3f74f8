"""What a visitor sends in many files: photos are taken, bad ones named, harmful zips refused."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

gr = pytest.importorskip("gradio")

from demo import inbox  # noqa: E402  # after what it needs was looked for
from demo.desk import Desk, Limits  # noqa: E402
from demo.inbox import take_in  # noqa: E402
from uare.errors import InputError  # noqa: E402

REQUEST: Any = SimpleNamespace(session_hash="visitor")


@pytest.fixture
def desk() -> Iterator[Desk]:
    opened = Desk(SimpleNamespace(), {}, Limits(max_files=4, max_pixels=10_000))  # type: ignore[arg-type]
    yield opened
    opened.close()


def photo(colour: str = "red", size: tuple[int, int] = (20, 10)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "PNG")
    return stream.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def sent(desk: Desk, **files: bytes) -> list[str]:
    """Uploads as gradio leaves them: each in a folder of its own."""
    paths = []
    for name, content in files.items():
        path = desk.root / f"upload{len(list(desk.root.iterdir()))}" / name.replace("__", ".")
        path.parent.mkdir()
        path.write_bytes(content)
        paths.append(str(path))
    return paths


def test_photos_and_zips_are_taken_by_their_names(desk: Desk, tmp_path: Path) -> None:
    packed = {"holiday/a.png": photo(), "holiday/b.png": photo("blue"), "__MACOSX/._a.png": b"", ".x": b""}
    files = sent(desk, c__png=photo("green"), all__zip=zipped(packed))
    taken = take_in(desk, files, tmp_path, REQUEST)
    assert [one.name for one in taken.photos] == ["c.png", "holiday/a.png", "holiday/b.png"]
    assert taken.problems == ()
    assert taken.photos[1].path.read_bytes() == photo()


def test_the_same_photo_sent_again_is_the_same_file_untouched(desk: Desk, tmp_path: Path) -> None:
    (first,) = take_in(desk, sent(desk, a__png=photo()), tmp_path, REQUEST).photos
    changed = first.path.stat().st_mtime_ns
    (again,) = take_in(desk, sent(desk, z__zip=zipped({"a.png": photo()})), tmp_path, REQUEST).photos
    assert again == first
    assert again.path.stat().st_mtime_ns == changed
    (other,) = take_in(desk, sent(desk, a__png=photo("blue")), tmp_path, REQUEST).photos
    assert other.path != first.path


def test_two_photos_of_one_name_both_stay(desk: Desk, tmp_path: Path) -> None:
    files = sent(desk, a__png=photo()) + sent(desk, a__png=photo("blue"))
    taken = take_in(desk, files, tmp_path, REQUEST)
    assert [one.name for one in taken.photos] == ["a.png", "a (2).png"]


def test_what_is_no_photo_is_named_and_the_rest_is_taken(desk: Desk, tmp_path: Path) -> None:
    packed = {"good.png": photo(), "bad.png": b"no photo", "large.png": photo(size=(200, 100))}
    taken = take_in(desk, sent(desk, z__zip=zipped(packed | {"notes.txt": b"x"})), tmp_path, REQUEST)
    assert [one.name for one in taken.photos] == ["good.png"]
    notes, bad, large = taken.problems
    assert "notes.txt" in notes
    assert "bad.png" in bad
    assert "large.png" in large and "megapixels" in large


def test_a_member_whose_bytes_are_damaged_is_named_and_the_rest_is_taken(desk: Desk, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.png", photo())
        archive.writestr("b.png", photo("blue"))
    damaged = stream.getvalue().replace(photo("blue"), photo("blue")[:-1] + b"?")
    taken = take_in(desk, sent(desk, z__zip=damaged), tmp_path, REQUEST)
    assert [one.name for one in taken.photos] == ["a.png"]
    assert "b.png cannot be unpacked" in taken.problems[0]


def _link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("a.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    "name", ["../a.png", "x/../../a.png", "/etc/a.png", "..\\a.png", "C:\\a.png", "C:/a.png", _link()]
)
def test_paths_and_links_that_lead_out_are_refused(desk: Desk, tmp_path: Path, name: Any) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("fine.png", photo())
        archive.writestr(name, photo())
    with pytest.raises(InputError, match="leads out of it"):
        take_in(desk, sent(desk, z__zip=stream.getvalue()), tmp_path, REQUEST)
    assert list(tmp_path.iterdir()) == []


def test_a_bomb_is_refused_before_it_is_unpacked(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "MAX_UNPACKED", 1_000_000)
    bomb = zipped({"a.bmp": bytes(2_000_000)})
    assert len(bomb) < 10_000
    with pytest.raises(InputError, match="unpacks to"):
        take_in(desk, sent(desk, z__zip=bomb), tmp_path, REQUEST)


def test_a_bomb_that_lies_about_its_size_does_not_unpack_beyond_it(desk: Desk, tmp_path: Path) -> None:
    honest = zipped({"a.png": bytes(5_000_000)})
    lying = honest.replace((5_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert lying != honest
    taken = take_in(desk, sent(desk, z__zip=lying), tmp_path, REQUEST)
    assert taken.photos == ()
    assert "a.png" in taken.problems[0]


def test_too_many_photos_and_too_many_entries_are_refused(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = zipped({f"{number}.png": photo() for number in range(5)})
    with pytest.raises(InputError, match="5 photos and 4 are taken"):
        take_in(desk, sent(desk, z__zip=many), tmp_path, REQUEST)
    monkeypatch.setattr(inbox, "MAX_ENTRIES", 3)
    with pytest.raises(InputError, match="5 files and 3 are taken"):
        take_in(desk, sent(desk, z__zip=many), tmp_path, REQUEST)


@pytest.mark.parametrize("content", [b"PK\x03\x04 and nothing more", zipped({}), zipped({"a.txt": b"x"})])
def test_a_zip_that_is_broken_or_empty_is_refused(desk: Desk, tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match=r"cannot be opened|holds no photos"):
        take_in(desk, sent(desk, z__zip=content), tmp_path, REQUEST)


def test_files_of_others_are_refused(desk: Desk, tmp_path: Path) -> None:
    stranger = tmp_path / "secret.png"
    stranger.write_bytes(photo())
    with pytest.raises(InputError, match="not here any more"):
        take_in(desk, [str(stranger)], tmp_path, REQUEST)
    with pytest.raises(InputError, match="no photo yet"):
        take_in(desk, [], tmp_path, REQUEST)
