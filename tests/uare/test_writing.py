"""A file is there whole or not at all, and never in the place of one that was not to be touched."""

from pathlib import Path
from typing import BinaryIO

import pytest

from uare.errors import InputError
from uare.writing import write_atomically


def test_a_file_is_written_with_its_folder_and_nothing_else(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "report.json", lambda stream: stream.write(b"{}"))
    assert (tmp_path / "a" / "b" / "report.json").read_bytes() == b"{}"
    assert len(list((tmp_path / "a" / "b").iterdir())) == 1


@pytest.mark.parametrize(
    ("failure", "raised"),
    [(OSError(28, "No space left on device"), InputError), (KeyboardInterrupt(), KeyboardInterrupt)],
)
def test_a_write_that_fails_leaves_the_old_file_and_no_part_of_the_new(
    tmp_path: Path, failure: BaseException, raised: type[BaseException]
) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(b"old")

    def fail_halfway(stream: BinaryIO) -> None:
        stream.write(b"half")
        raise failure

    with pytest.raises(raised):
        write_atomically(path, fail_halfway, overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["photo.png"]
    assert path.read_bytes() == b"old"


def test_a_full_disk_is_told_in_one_sentence(tmp_path: Path) -> None:
    def fail(_: BinaryIO) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="No space left on device"):
        write_atomically(tmp_path / "photo.png", fail)


def test_an_existing_file_is_replaced_only_if_asked(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(b"old")
    with pytest.raises(InputError, match="exists already"):
        write_atomically(path, lambda stream: stream.write(b"new"))
    assert path.read_bytes() == b"old"
    write_atomically(path, lambda stream: stream.write(b"new"), overwrite=True)
    assert path.read_bytes() == b"new"


def test_a_folder_that_cannot_be_made_or_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be written"):
        write_atomically(tmp_path / "file" / "photo.png", lambda stream: stream.write(b""))
    with pytest.raises(InputError, match="is a folder"):
        write_atomically(tmp_path, lambda stream: stream.write(b""), overwrite=True)
    with pytest.raises(InputError, match="cannot be written"):
        write_atomically(tmp_path / ("long" * 100 + ".png"), lambda stream: stream.write(b""))


def test_a_folder_without_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may write anywhere, so a mode of 500 would prove nothing
    with pytest.raises(InputError, match="Permission denied"):
        write_atomically(tmp_path / "photo.png", lambda stream: stream.write(b""))
