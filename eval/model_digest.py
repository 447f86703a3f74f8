"""What tells one training of a model from another: a digest of its folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

HASHED_WHOLE_BYTES = 256 * 2**20  # of larger files only both ends are hashed, which tells trainings apart
HASHED_END_BYTES = 4 * 2**20


def folder_digest(folder: Path) -> str:
    """Digest of the configuration and weights in a model's folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix not in (".json", ".safetensors"):
            continue
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as stream:
            if size <= HASHED_WHOLE_BYTES:
                digest.update(stream.read())
                continue
            digest.update(stream.read(HASHED_END_BYTES))
            stream.seek(-HASHED_END_BYTES, os.SEEK_END)
            digest.update(stream.read())
    return digest.hexdigest()[:16]
