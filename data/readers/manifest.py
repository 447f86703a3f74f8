"""Photos that a manifest says may be trained on."""

from __future__ import annotations

from pathlib import Path

from data.photos import clear_names
from data.readers.compact import CompactTexts
from data.readers.files import RestorationFiles


def clear_photos(folder: Path) -> RestorationFiles:
    """The photos that `folder/photos.json` marks `clear`; InputError if it cannot be read or marks none."""
    return RestorationFiles(name=folder.name, root=folder, hq=CompactTexts(clear_names(folder)))
