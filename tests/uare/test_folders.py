"""Folders are searched to the bottom, once, and their tree comes back in the output."""

import os
from pathlib import Path
from typing import Any

import pytest

from uare.errors import InputError
from uare.folders import FoundImage, find_images, output_paths


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    photos = ("b.jpg", "a.PNG", "deep/er/c.webp", "results/b_restored.jpg")
    junk = ("notes.txt", ".hidden.jpg", "._b.jpg", "Thumbs.db", "__MACOSX/b.jpg", ".trash/d.jpg")
    for name in photos + junk:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_all_photos_below_a_folder_are_found_in_order_without_junk(tree: Path) -> None:
    found = find_images([tree], exclude=tree / "results")
    names = [image.path.relative_to(tree).as_posix() for image in found.images]
    assert names == ["a.PNG", "b.jpg", "deep/er/c.webp"]
    assert found.problems == ()


def test_a_named_file_is_taken_whatever_it_is_called(tree: Path) -> None:
    found = find_images([tree / "notes.txt", tree / "b.jpg"])
    assert [image.path.name for image in found.images] == ["notes.txt", "b.jpg"]


def test_links_that_lead_back_end_and_linked_folders_are_followed(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "e.jpg").touch()
    (tree / "deep" / "loop").symlink_to(tree)
    (tree / "linked").symlink_to(elsewhere)
    names = [image.path.name for image in find_images([tree]).images]
    assert sorted(names) == ["a.PNG", "b.jpg", "b_restored.jpg", "c.webp", "e.jpg"]


def test_what_is_missing_or_empty_is_told_and_the_rest_still_found(tree: Path) -> None:
    (tree / "bare").mkdir()
    found = find_images([tree / "nowhere", tree / "bare", tree / "b.jpg"])
    assert [image.path.name for image in found.images] == ["b.jpg"]
    missing, empty = found.problems
    assert "no file or folder" in str(missing)
    assert "no photos" in str(empty)


def test_a_folder_without_permission_is_told_and_the_rest_still_found(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan: Any = os.scandir

    def refuse_deep(folder: str) -> Any:
        if Path(folder).name == "deep":
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse_deep)  # root may read anything: a mode of 000 proves nothing
    found = find_images([tree], exclude=tree / "results")
    assert [image.path.name for image in found.images] == ["a.PNG", "b.jpg"]
    assert "deep cannot be read (Permission denied)" in str(found.problems[0])


def test_results_mirror_the_tree_and_get_a_suffix(tree: Path) -> None:
    found = find_images([tree], exclude=tree / "results")
    results = [path.as_posix() for path in output_paths(found.images, Path("out"))]
    assert results == ["out/a_restored.png", "out/b_restored.jpg", "out/deep/er/c_restored.webp"]


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("a.heic", "a_restored.jpg"),
        ("a.gif", "a_restored.png"),
        ("a.bmp", "a_restored.png"),
        ("a.JPEG", "a_restored.jpeg"),
        ("a.tiff", "a_restored.tiff"),
        ("a.b.png", "a.b_restored.png"),
        ("photo", "photo_restored.png"),
    ],
)
def test_formats_that_are_not_written_get_a_sensible_one(name: str, result: str) -> None:
    assert output_paths([FoundImage(path=Path(name))], Path("out")) == [Path("out", result)]


def test_format_and_suffix_can_be_chosen() -> None:
    images = [FoundImage(path=Path("a.jpg"))]
    assert output_paths(images, Path("out"), suffix="-x", extension="PNG") == [Path("out/a-x.png")]
    with pytest.raises(InputError, match=r"cannot be written as \.gif"):
        output_paths(images, Path("out"), extension="gif")


def test_the_output_may_be_a_file_for_one_photo_only() -> None:
    one = FoundImage(path=Path("a.jpg"))
    assert output_paths([one], Path("better.png")) == [Path("better.png")]
    with pytest.raises(InputError, match="one file for 2 results"):
        output_paths([one, FoundImage(path=Path("b.jpg"))], Path("better.png"))


def test_photos_of_one_name_get_results_of_two() -> None:
    images = [FoundImage(path=Path("a.heic")), FoundImage(path=Path("a.jpg"))]
    assert output_paths(images, Path("out")) == [Path("out/a_restored.jpg"), Path("out/a_jpg_restored.jpg")]
    with pytest.raises(InputError, match="would both become"):
        output_paths([FoundImage(path=Path(name)) for name in ("a.jpg", "x/a.jpg", "y/a.jpg")], Path("out"))
