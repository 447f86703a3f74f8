"""WebDataset tar shards with random access.

The headers of each tar are read once, the members' places are kept, and a sample is read from where it lies:
so training goes on at the exact sample without reading what was passed. Samples are grouped as `webdataset`
does it: successive members with the same path up to the first dot of the file name.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.readers.columns import Columns
from data.readers.compact import CompactTexts
from data.samples import Picture, Source
from uare.errors import InputError

MEMBER = re.compile(r"((?:.*/)?[^./][^.]*)\.([^/]*)")  # key and extension
META = re.compile(r"__[^/]*__($|/)")  # members about the shard itself


@dataclass(frozen=True, kw_only=True)
class ShardRow:
    """One sample: its members by extension, in lower case and without the first dot.

    A value is a key of the member `json`, or the text of a member. A picture may be "jpg;png", either.
    """

    where: str
    members: dict[str, Picture]

    def pictures(self, column: str) -> tuple[Picture, ...]:
        found = [self.members[suffix] for suffix in column.split(";") if suffix in self.members]
        return tuple(found[:1])

    def value(self, column: str) -> object:
        if column in self._fields:
            return self._fields[column]
        return self._text(column) if column in self.members else None

    @cached_property
    def _fields(self) -> dict[str, object]:
        if "json" not in self.members:
            return {}
        try:
            fields = json.loads(self._text("json"))
        except json.JSONDecodeError as error:
            raise InputError(
                f"{self.where} has a broken member json ({error}); write the shard again"
            ) from None
        if not isinstance(fields, dict):
            raise InputError(f"{self.where} has no object in its member json; write the shard again")
        return fields

    def _text(self, suffix: str) -> str:
        try:
            return self.members[suffix].read().decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{self.where} has no readable text in {suffix} ({error})") from error


@dataclass(frozen=True, kw_only=True)
class ShardSources:
    """The samples of some shards, in the order of the shards and of their members."""

    name: str
    paths: tuple[Path, ...]
    columns: Columns
    keys: CompactTexts  # of n samples
    shard: NDArray[np.int32]  # (n,) index into `paths`
    bounds: NDArray[np.int64]  # (n + 1,) first member of each sample
    offset: NDArray[np.int64]  # (m,) bytes, of each member's content
    length: NDArray[np.int64]  # (m,) bytes
    suffix: NDArray[np.int32]  # (m,) index into `suffixes`
    suffixes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> Source:
        key = self.keys[index]
        path = self.paths[self.shard[index]]
        members = {}
        for member in range(self.bounds[index], self.bounds[index + 1]):
            suffix = self.suffixes[self.suffix[member]]
            members[suffix] = Picture(
                name=f"{path.name}/{key}.{suffix}",
                path=path,
                offset=int(self.offset[member]),
                length=int(self.length[member]),
            )
        row = ShardRow(where=f"{path} sample {key}", members=members)
        return self.columns.source(row, default_id=f"{self.name}/{path.stem}/{key}")


def shards(pattern: str, columns: Columns, name: str) -> ShardSources:
    """The samples of the shards that `pattern` names, as in `folder/shard-{000..011}.tar`.

    Raises InputError if one of them is missing, compressed or cut off.
    """
    paths = tuple(_expand(pattern))
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise InputError(
            f"{len(missing)} of the {len(paths)} shards of {pattern} are missing, the first is {missing[0]}; "
            "correct the pattern or bring the files"
        )
    keys: list[str] = []
    shard, bounds, offset, length, suffix = [], [0], [], [], []
    suffixes: dict[str, int] = {}
    for number, path in enumerate(paths):
        for key, members in _samples(path):
            keys.append(key)
            shard.append(number)
            for extension, member in members.items():
                offset.append(member.offset_data)
                length.append(member.size)
                suffix.append(suffixes.setdefault(extension, len(suffixes)))
            bounds.append(len(offset))
    if not keys:
        raise InputError(f"{pattern} holds no samples, expected members like 0001.png; name other shards")
    return ShardSources(
        name=name,
        paths=paths,
        columns=columns,
        keys=CompactTexts(keys),
        shard=np.array(shard, dtype=np.int32),
        bounds=np.array(bounds, dtype=np.int64),
        offset=np.array(offset, dtype=np.int64),
        length=np.array(length, dtype=np.int64),
        suffix=np.array(suffix, dtype=np.int32),
        suffixes=tuple(suffixes),
    )


def _samples(path: Path) -> Iterator[tuple[str, dict[str, tarfile.TarInfo]]]:
    """Key and members of each sample of one shard."""
    key, members = "", dict[str, tarfile.TarInfo]()
    for member in _members(path):
        match = MEMBER.fullmatch(member.name)
        if match is None:
            continue
        if match[1] != key and members:
            yield key, members
            members = {}
        key, suffix = match[1], match[2].lower()
        if suffix in members:
            raise InputError(f"{path} has {member.name} twice in one sample; write the shard again")
        members[suffix] = member
    if members:
        yield key, members


def _members(path: Path) -> Iterator[tarfile.TarInfo]:
    try:
        with tarfile.open(path, "r:") as tar:  # the colon: not compressed, else nothing could be sought
            for member in tar:
                if member.isreg() and not META.match(member.name):
                    yield member
            end = tar.offset
        # `tarfile` takes a broken header for the end of the archive, which is a block of zeros.
        with path.open("rb") as file:
            file.seek(end)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError(f"it is damaged or cut off at byte {end}")
    except (OSError, tarfile.TarError) as error:
        raise InputError(
            f"{path} cannot be read as an uncompressed tar ({error}); copy it again, or gunzip it"
        ) from error


def _expand(pattern: str) -> list[Path]:
    if "{" not in pattern:
        return [Path(pattern)]
    try:
        from webdataset.shardlists import expand_urls
    except ModuleNotFoundError:
        raise InputError(
            f'webdataset is not installed; patterns like {pattern} need: pip install -e ".[train]"'
        ) from None
    return [Path(each) for each in expand_urls(pattern)]
