"""Tar shards: any sample at once, and the same as `webdataset` reads in turn."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import tarfile
from pathlib import Path

import pytest

from data.readers.columns import QuestionColumns, RestorationColumns, ScoreColumns
from data.readers.shards import shards
from data.samples import QuestionSource, RestorationSource
from tests.data.readers.drawn import encoded, grey_of
from tests.data.readers.reading import all_of
from uare.errors import InputError

webdataset = pytest.importorskip("webdataset", reason="comes with the extra `train`")

PAIRS = RestorationColumns(hq="gt.png", lq="lq.jpg;lq.png", types="types")


def write_tar(path: Path, members: list[tuple[str, bytes]], form: int = tarfile.USTAR_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as tar:
        for name, content in members:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
    return path


def pair(key: str, grey: int, lq: str = "lq.jpg") -> list[tuple[str, bytes]]:
    kind = "jpeg" if lq.endswith("jpg") else "png"
    return [
        (f"{key}.gt.PNG", encoded(grey)),
        (f"{key}.{lq}", encoded(grey + 100, kind)),
        (f"{key}.json", json.dumps({"types": ["blur", "noise"]}).encode()),
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three shards of pairs, with what tars have besides: notes, long names, the shard's own data."""
    for number in range(3):
        members = [("__meta__/version", b"1"), ("notes", b"no suffix")]
        for sample in range(4):
            grey = 10 * number + sample
            members += pair(f"{'deep/' * 40}a.b/{number}{sample}", grey, "lq.jpg" if sample % 2 else "lq.png")
        form = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)[number]
        if form == tarfile.USTAR_FORMAT:  # which has no names over 255 letters
            members = [(name.replace("deep/" * 40, "deep/" * 20), content) for name, content in members]
        write_tar(tmp_path / f"shard-{number:03d}.tar", members, form)
    return tmp_path


def test_any_sample_is_read_from_where_it_lies(folder: Path) -> None:
    sources = shards(f"{folder}/shard-{{000..002}}.tar", PAIRS, "pairs")
    assert len(sources) == 12
    for index in (11, 0, 7, 4):
        source = sources[index]
        grey = 10 * (index // 4) + index % 4
        assert isinstance(source, RestorationSource)
        assert (grey_of(source.hq), grey_of(source.lq)) == (grey, grey + 100)
        assert source.types == ("blur", "noise")
    with pytest.raises(IndexError):
        sources[12]


def test_samples_are_those_that_webdataset_reads_in_turn(folder: Path) -> None:
    pattern = f"{folder}/shard-{{000..002}}.tar"
    expected = list(webdataset.WebDataset(pattern, shardshuffle=False, empty_check=False))
    sources = shards(pattern, PAIRS, "pairs")
    assert list(sources.keys) == [sample["__key__"] for sample in expected]
    for sample, source in zip(expected, all_of(sources, RestorationSource), strict=True):
        assert source.lq is not None
        assert source.hq.read() == sample["gt.png"]
        assert source.lq.read() == sample.get("lq.jpg", sample.get("lq.png"))


def test_values_come_from_json_or_from_members_of_text(tmp_path: Path) -> None:
    members = [
        ("1.jpg", encoded(5, "jpeg")),
        ("1.mos.txt", b"62.5\n"),
        ("2.jpg", encoded(6, "jpeg")),
        ("2.question.txt", b"What is wrong?"),
        ("2.json", b'{"answer": "Noise."}'),
    ]
    path = write_tar(tmp_path / "a.tar", members)
    scored = shards(str(path), ScoreColumns(picture="jpg", mos="mos.txt"), "s")
    with pytest.raises(InputError, match=r"a\.tar sample 1 has the opinion 62\.5, expected 1 to 5"):
        scored[0]
    questions = shards(
        str(path), QuestionColumns(pictures=("jpg",), question="question.txt", answer="answer"), "q"
    )
    source = questions[1]
    assert isinstance(source, QuestionSource)
    assert (source.id, source.question, source.answer) == ("q/a/2", "What is wrong?", "Noise.")
    with pytest.raises(InputError, match=r"None in 'question\.txt', expected text"):
        questions[0]


def test_a_missing_shard_is_named(folder: Path) -> None:
    with pytest.raises(
        InputError, match=r"2 of the 5 shards of .* are missing, the first is .*shard-003\.tar"
    ):
        shards(f"{folder}/shard-{{000..004}}.tar", PAIRS, "pairs")


@pytest.mark.parametrize("kept", [0.5, 0.97])
def test_a_shard_that_was_cut_off_is_refused(folder: Path, kept: float) -> None:
    path = folder / "shard-000.tar"
    content = path.read_bytes().rstrip(b"\0")
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(InputError, match=r"shard-000\.tar cannot be read as an uncompressed tar"):
        shards(str(path), PAIRS, "pairs")


def test_a_shard_with_a_broken_header_in_the_middle_is_refused(folder: Path) -> None:
    path = folder / "shard-000.tar"
    content = bytearray(path.read_bytes())
    with tarfile.open(path) as tar:
        middle = tar.getmembers()[6].offset
    content[middle : middle + 512] = b"\xff" * 512
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"damaged or cut off at byte {middle}"):
        shards(str(path), PAIRS, "pairs")


def test_a_compressed_shard_and_one_without_samples_are_refused(folder: Path) -> None:
    packed = folder / "packed.tar.gz"
    packed.write_bytes(gzip.compress((folder / "shard-000.tar").read_bytes()))
    with pytest.raises(InputError, match="uncompressed tar"):
        shards(str(packed), PAIRS, "pairs")
    empty = write_tar(folder / "empty.tar", [("README", b"nothing")])
    with pytest.raises(InputError, match="holds no samples"):
        shards(str(empty), PAIRS, "pairs")


def test_a_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", [("1.png", b"x"), ("1.PNG", b"y")])
    with pytest.raises(InputError, match=r"has 1\.PNG twice"):
        shards(str(path), PAIRS, "pairs")


def test_a_sample_without_its_picture_or_with_broken_json_is_refused_alone(tmp_path: Path) -> None:
    members = [("1.lq.png", encoded(1)), ("2.gt.png", encoded(2)), ("2.lq.png", encoded(2)), ("2.json", b"{")]
    sources = shards(str(write_tar(tmp_path / "a.tar", members)), PAIRS, "pairs")
    with pytest.raises(InputError, match=r"sample 1 has 0 pictures in 'gt\.png'"):
        sources[0]
    with pytest.raises(InputError, match="sample 2 has a broken member json"):
        sources[1]


def test_shards_survive_the_way_to_a_spawned_worker(folder: Path) -> None:
    sources = shards(f"{folder}/shard-{{000..002}}.tar", PAIRS, "pairs")
    assert pickle.loads(pickle.dumps(sources))[5] == sources[5]
