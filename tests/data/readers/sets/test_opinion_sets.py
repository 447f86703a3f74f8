"""KonIQ-10k, KADID-10k, SPAQ and PIPAL: opinions on 1 to 5, splits, and what is refused."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from data.readers.scales import Scale
from data.readers.sets.sheet import sheet_rows
from data.readers.sets.splits import split_of
from data.readers.sets.table import read_set
from data.samples import ScoreSource
from tests.data.readers.drawn import draw, grey_of
from tests.data.readers.reading import all_of
from tests.data.readers.sheets import write_sheet
from uare.errors import InputError


def read(name: str, root: Path, split: str) -> list[ScoreSource]:
    return all_of(read_set(name, root, split), ScoreSource)


def write_csv(path: Path, rows: list[list[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


KONIQ_HEAD: list[object] = ["image_name", "c1", "c2", "c3", "c4", "c5", "c_total", "MOS", "SD", "set"]


def lay_koniq(root: Path, opinions: list[float]) -> None:
    splits = ("training", "validation", "test")
    rows = [
        [f"{number}.jpg", 0, 0, 50, 50, 5, 105, mos, 0.5, splits[number % 3]]
        for number, mos in enumerate(opinions)
    ]
    write_csv(root / "koniq10k_distributions_sets.csv", [KONIQ_HEAD, *rows])
    for number in range(len(opinions)):
        draw(root / f"1024x768/{number}.jpg", number)


def test_koniq_reads_its_split_and_the_normalised_opinions(tmp_path: Path) -> None:
    lay_koniq(tmp_path, [1, 50.5, 100, 75.25])
    sources = read("koniq10k", tmp_path, "train")
    assert [grey_of(source.picture) for source in sources] == [0, 3]
    assert [source.mos for source in sources] == [1, 4]  # 75.25 is three quarters of the way from 1 to 100
    assert [source.mos_std for source in sources] == [0.5, 0.5]  # of the votes, which were 1 to 5
    assert [source.mos for source in read("koniq10k", tmp_path, "val")] == [3]
    assert [source.mos for source in read("koniq10k", tmp_path, "test")] == [5]


def test_koniq_knows_the_table_with_votes_and_refuses_a_value_off_its_scale(tmp_path: Path) -> None:
    lay_koniq(tmp_path, [2.5, 3.5, 4.5])
    assert [source.mos for source in read("koniq10k", tmp_path, "test")] == [4.5]
    lay_koniq(tmp_path, [2.5, 0, 0, 3.5, 0, 0, 45])
    with pytest.raises(InputError, match=r"sets\.csv line 8 \(6\.jpg\) has the opinion 45, expected 1 to 5"):
        read("koniq10k", tmp_path, "train")


def test_the_published_table_of_koniq_fits_the_scale_and_the_split(tmp_path: Path, shared_dir: Path) -> None:
    """All 10,073 rows; the copy in the development data has fewer columns under shorter names."""
    table = shared_dir / "data-dev/iqa-human/koniq10k_mos.csv.gz"
    with gzip.open(table, "rt", newline="") as file:
        published = [[row["name"], row["mos"], row["sd"], row["set"]] for row in csv.DictReader(file)]
    write_csv(tmp_path / "koniq10k_distributions_sets.csv", [["image_name", "MOS", "SD", "set"], *published])
    (tmp_path / "images").mkdir()
    for name, *_ in published:
        (tmp_path / "images" / name).touch()
    sizes = [len(read("koniq10k", tmp_path, split)) for split in ("train", "val", "test")]
    assert sizes == [7058, 1000, 2015]


def test_koniq_says_which_pictures_columns_or_parts_are_missing(tmp_path: Path) -> None:
    lay_koniq(tmp_path, [10, 20, 30, 40])
    (tmp_path / "1024x768/3.jpg").unlink()
    with pytest.raises(InputError, match=r"1 of the 2 pictures that .* names are not in .*first is 3\.jpg"):
        read("koniq10k", tmp_path, "train")
    write_csv(tmp_path / "koniq10k_distributions_sets.csv", [["image_name", "MOS"], ["3.jpg", 40]])
    with pytest.raises(
        InputError, match="has the columns image_name, MOS, expected image_name, MOS, SD, set"
    ):
        read("koniq10k", tmp_path, "train")
    with pytest.raises(InputError, match=r"has no koniq10k_distributions_sets\.csv; expected"):
        read("koniq10k", tmp_path / "1024x768", "train")


def lay_kadid(root: Path) -> None:
    rows: list[list[object]] = [["dist_img", "ref_img", "dmos", "var"]]
    for reference in range(1, 11):
        name = f"I{reference:02d}_01_01.png"
        draw(root / "images" / name, reference)
        rows.append([name, f"I{reference:02d}.png", 1 + reference % 5, 0.496])
        draw(root / f"images/I{reference:02d}.png", 200)
    write_csv(root / "dmos.csv", rows)


def test_kadid_goes_up_with_quality_and_is_split_by_the_clean_photo(tmp_path: Path) -> None:
    lay_kadid(tmp_path)
    sources = read("kadid10k", tmp_path, "test")
    assert [source.picture.name for source in sources] == ["images/I05_01_01.png", "images/I10_01_01.png"]
    assert [(source.mos, source.mos_std) for source in sources] == [(1, 0.496), (1, 0.496)]
    train = read("kadid10k", tmp_path, "train")
    assert [grey_of(source.picture) for source in train] == [1, 2, 3, 4, 6, 7, 8, 9]
    assert [source.mos for source in train][:4] == [2, 3, 4, 5]


def test_kadid_refuses_what_is_no_number(tmp_path: Path) -> None:
    lay_kadid(tmp_path)
    text = (tmp_path / "dmos.csv").read_text().replace("I02.png,3,", "I02.png,n/a,")
    (tmp_path / "dmos.csv").write_text(text)
    with pytest.raises(InputError, match=r"dmos\.csv line 3 \(I02_01_01\.png\) has 'n/a' for a number"):
        read("kadid10k", tmp_path, "train")


def test_spaq_reads_its_workbook(tmp_path: Path) -> None:
    rows: list[list[str | float]] = [["Image name", "MOS", "Brightness"]]
    for number, mos in ((1, 4), (2, 75.0), (5, 50.0)):
        draw(tmp_path / f"TestImage/{number:05d}.jpg", number)
        rows.append([f"{number:05d}.jpg", mos, 10.0])
    write_sheet(tmp_path / "Annotations/MOS and Image attribute scores.xlsx", rows)
    train = read("spaq", tmp_path, "train")
    assert [(grey_of(source.picture), source.mos, source.mos_std) for source in train] == [
        (1, pytest.approx(1.16), None),
        (2, 4, None),
    ]
    assert [source.mos for source in read("spaq", tmp_path, "test")] == [3]


SPAQ_COLUMNS = ["Image name", "MOS", "Brightness", "Colorfulness", "Contrast", "Noisiness", "Sharpness"]


def lay_spaq(root: Path, noisiness: list[float]) -> None:
    rows: list[list[str | float]] = [[*SPAQ_COLUMNS]]
    for number, noise in enumerate(noisiness, start=4):
        draw(root / f"TestImage/{number:05d}.jpg", number)
        rows.append([f"{number:05d}.jpg", 10.0 * number, 50.0, 25.0, 0.0, noise, 100.0])
    write_sheet(root / "Annotations/MOS and Image attribute scores.xlsx", rows)


@pytest.mark.parametrize(("noisiness", "noise"), [([0.0, 75.0, 100.0], 4), ([100.0, 75.0, 0.0], 2)])
def test_spaq_reads_the_attributes_that_we_have_and_turns_noisiness_the_way_of_the_mos(
    tmp_path: Path, noisiness: list[float], noise: float
) -> None:
    lay_spaq(tmp_path, noisiness)
    (source,) = read("spaq", tmp_path, "test")
    assert source.attributes == {"exposure": 3, "colour fidelity": 2, "noise": noise, "sharpness": 5}
    assert source.mos == 3


def test_an_attribute_of_spaq_off_its_scale_names_its_line_and_column(tmp_path: Path) -> None:
    lay_spaq(tmp_path, [0.0, 175.0])
    with pytest.raises(InputError, match=r"line 3 \(00005\.jpg\), Noisiness has the opinion 175"):
        read("spaq", tmp_path, "test")


def test_a_workbook_that_is_broken_or_has_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    path.write_bytes(b"PK no more")
    with pytest.raises(InputError, match=r"cannot be read as an \.xlsx workbook"):
        list(sheet_rows(path, ["MOS"]))
    write_sheet(path, [["Name", "MOS & more"], ["a", 1.0]])
    with pytest.raises(InputError, match="has the columns Name, MOS & more, expected MOS"):
        list(sheet_rows(path, ["MOS"]))


@pytest.mark.parametrize("folders", [("Distortion_1", "Distortion_4"), ("Dist_Imgs", "Dist_Imgs")])
def test_pipal_finds_its_pictures_over_its_folders(tmp_path: Path, folders: tuple[str, str]) -> None:
    labels = tmp_path / "Train_Label"
    labels.mkdir()
    (labels / "A0001.txt").write_text("A0001_00_00.bmp,1375.0\nA0001_10_00.bmp,900\n")
    (labels / "A0005.txt").write_text("A0005_00_00.bmp,1850\n")
    draw(tmp_path / folders[0] / "A0001_00_00.bmp", 1)
    draw(tmp_path / folders[1] / "A0001_10_00.bmp", 2)
    draw(tmp_path / folders[0] / "A0005_00_00.bmp", 3)
    train = read("pipal", tmp_path, "train")
    assert [(grey_of(source.picture), source.mos) for source in train] == [(1, 3), (2, 1)]
    assert [(grey_of(source.picture), source.mos) for source in read("pipal", tmp_path, "test")] == [(3, 5)]
    (labels / "A0002.txt").write_text("A0002_00_00.bmp,0.7\n")
    with pytest.raises(
        InputError, match=r"A0002\.txt line 1 \(A0002_00_00\.bmp\) has the opinion 0\.7, expected 900"
    ):
        read("pipal", tmp_path, "train")


def test_a_scale_may_run_downwards() -> None:
    difference = Scale(0, 100, higher_is_better=False)
    assert [difference.mos(value, "here") for value in (0, 25, 100)] == [5, 4, 1]
    assert difference.spread(25) == 1
    for value in (-0.1, 100.1, float("nan")):
        with pytest.raises(InputError, match="here has the opinion"):
            difference.mos(value, "here")


def test_a_fifth_of_the_scenes_is_held_out_and_all_versions_of_one_go_together() -> None:
    names = [f"I{reference:02d}_{kind:02d}_03.png" for reference in range(1, 82) for kind in range(1, 26)]
    held_out = [name for name in names if split_of(name) == "test"]
    assert len(held_out) == 16 * 25
    assert {name[:3] for name in held_out}.isdisjoint(name[:3] for name in set(names) - set(held_out))
    with pytest.raises(InputError, match="has no number"):
        split_of("photo.png")
