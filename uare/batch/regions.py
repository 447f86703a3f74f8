"""`uare assess --regions` for one photo: the parts in the document, and a picture of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, PngImagePlugin

from uare.batch.loop import Json
from uare.errors import InputError
from uare.experts.regions import heat_map
from uare.folders import FoundImage, output_paths
from uare.images import load_photo
from uare.records import assessment_record
from uare.saving import to_pillow
from uare.screen import Screen
from uare.writing import write_atomically

if TYPE_CHECKING:
    from uare.pipeline import UAREPipeline

SUFFIX = "_regions"
_MARK = ("Software", "uare assess --regions")  # in the file: only such a one is replaced


def without_heat_maps(
    images: Sequence[FoundImage], report: Path | None
) -> tuple[tuple[FoundImage, ...], dict[FoundImage, Path]]:
    """The photos without the pictures of an earlier run among them, and where each one's picture goes.

    The pictures lie beside the report; without one there are none.
    """
    if report is None:
        return tuple(images), {}
    planned = output_paths(images, report.parent, suffix=SUFFIX, extension="png")
    earlier = {path.resolve() for path in planned if path.is_file() and _is_ours(path)}
    left = tuple(image for image in images if image.path.resolve() not in earlier)
    paths = output_paths(left, report.parent, suffix=SUFFIX, extension="png")
    return left, dict(zip(left, paths, strict=True))


def assess_file_by_region(
    pipe: UAREPipeline, path: Path, masks: Sequence[Path], picture: Path | None, screen: Screen
) -> Json:
    """The assessment of one file and of its parts, which are drawn in `picture` where that is a path."""
    if picture is not None and picture.exists() and not _is_ours(picture):
        raise InputError(f"{picture} exists and is no picture of regions; choose another output")
    photo = load_photo(path)
    for warning in photo.warnings:
        screen.note(f"{path}: {warning}")
    assessment = pipe.assess(photo, regions=list(masks) or True)
    if picture is not None:
        _write(heat_map(to_pillow(photo.pixels), assessment.regions or ()), picture)
    return assessment_record(photo, str(path), assessment, None if picture is None else str(picture))


def _write(picture: Image.Image, path: Path) -> None:
    marks = PngImagePlugin.PngInfo()
    marks.add_text(*_MARK)
    write_atomically(path, lambda stream: picture.save(stream, format="PNG", pnginfo=marks), overwrite=True)


def _is_ours(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            return image.info.get(_MARK[0]) == _MARK[1]
    except (OSError, SyntaxError, ValueError):
        return False
