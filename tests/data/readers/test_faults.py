"""A broken picture among many is passed over, counted and listed; many broken ones stop the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.readers.faults import NUM_LISTED, Faults, tolerant
from data.readers.folders import clean_folder
from tests.data.readers.drawn import draw, grey_of
from uare.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty pictures, of which number 7 is no picture."""
    for number in range(40):
        draw(tmp_path / f"{number:02d}.png", number)
    (tmp_path / "07.png").write_bytes(b"cut off on the way")
    return tmp_path


def read_all(folder: Path, order: list[int], seed: int = 0) -> tuple[dict[int, int], Faults]:
    sources = clean_folder(folder)
    faults = Faults(share_limit=0.5)
    return {
        index: tolerant(lambda i: grey_of(sources[i].hq), len(sources), index, seed, faults)
        for index in order
    }, faults


def test_a_broken_picture_is_replaced_and_the_others_stay(folder: Path) -> None:
    greys, faults = read_all(folder, list(range(40)))
    assert [index for index, grey in greys.items() if grey != index] == [7]
    assert greys[7] in range(40)
    assert (faults.num_read, faults.num_failed) == (41, 1)
    (message,) = faults.messages
    assert "07.png" in message


def test_the_replacement_depends_on_seed_and_index_alone(folder: Path) -> None:
    forwards, _ = read_all(folder, list(range(40)))
    alone, _ = read_all(folder, [7])
    assert alone[7] == forwards[7]
    assert len({read_all(folder, [7], seed)[0][7] for seed in range(8)}) > 1


def test_too_large_a_share_stops_but_not_before_enough_were_read(folder: Path) -> None:
    (folder / "08.png").write_bytes(b"")
    sources = clean_folder(folder)
    faults = Faults()  # one in a hundred, and two in forty are broken
    with pytest.raises(InputError, match=r"\d+ of 1\d\d sources could not be read, expected at most 1%"):
        for index in range(400):
            tolerant(lambda i: grey_of(sources[i].hq), 40, index % 40, 0, faults)
    assert faults.num_read >= 100


def test_a_set_that_is_broken_throughout_ends() -> None:
    def load(index: int) -> int:
        raise InputError(f"picture {index} is broken")

    faults = Faults()
    with pytest.raises(InputError, match="100 of 100 sources"):
        tolerant(load, 1000, 0, 0, faults)
    assert len(faults.messages) == NUM_LISTED


def test_an_error_that_is_no_fault_of_the_data_is_not_passed_over() -> None:
    def load(index: int) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        tolerant(load, 10, 0, 0, Faults())
