"""Every suite on data that lies as published: the right pairs, groups, scores, crops and problems."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from eval.item_pictures import read_input, read_reference, result_size
from eval.records import Item
from eval.suites.items import centre_box, data_digest, list_items
from eval.suites.suite import DataMissing, Listing, Request
from eval.suites.table import SUITES, suites_named
from tests.data.readers.sheets import write_sheet
from tests.eval.small_sets import make_crops, save_picture, write_csv
from uare.errors import InputError


def _list(name: str, root: Path, limit: int | None = None) -> Listing:
    (suite,) = suites_named([name])
    return list_items(suite, Request(data_root=root, limit=limit, made_dir=root / "made"))


def _opinions(listing: Listing) -> dict[str, float | None]:
    return {item.id: item.mos for item in listing.items}


def _item(listing: Listing, name: str) -> Item:
    return next(item for item in listing.items if item.id == name)


# --- the table


def test_names_and_families_choose_suites_in_the_order_of_the_table() -> None:
    names = [row.name for row in suites_named(["iqa", "realsr"])]
    assert names == ["realsr", "koniq", "spaq", "kadid", "pipal", "livew", "agiqa", "csiq", "tid2013", "bid"]


def test_every_suite_says_what_is_missing_where_to_get_it_and_how_it_must_lie(tmp_path: Path) -> None:
    for suite in SUITES:
        if suite.family == "made":
            continue
        with pytest.raises(DataMissing, match=str(tmp_path)):
            list_items(suite, Request(data_root=tmp_path, limit=None, made_dir=tmp_path / "made"))
        assert suite.where_to_get and suite.layout


def test_the_page_about_data_sets_names_every_suite(checkout: Path) -> None:
    page = (checkout / "eval" / "DATASETS.md").read_text(encoding="utf-8")
    assert [row.name for row in SUITES if f"`{row.name}`" not in page] == []


# --- super-resolution


def test_crops_are_paired_by_stem_whatever_their_extension(tmp_path: Path) -> None:
    folder = make_crops(tmp_path / "StableSR_testsets" / "RealSRVal_crop128", ["Canon_1", "Nikon_2"])
    lq = folder / "test_LR" / "Canon_1.png"
    with Image.open(lq) as image:
        image.save(lq.with_suffix(".bmp"))
    lq.unlink()
    listing = _list("realsr", tmp_path)
    assert listing.problems == ()
    assert [(Path(i.lq).name, Path(i.gt or "").name) for i in listing.items] == [
        ("Canon_1.bmp", "Canon_1.png"),
        ("Nikon_2.png", "Nikon_2.png"),
    ]
    assert {(i.scale, i.tags) for i in listing.items} == {(4, ("Canon",)), (4, ("Nikon",))}
    assert "holds 2 of the 100 published" in listing.notes[0]


def test_a_picture_alone_and_a_stem_twice_are_named(tmp_path: Path) -> None:
    folder = make_crops(tmp_path / "DIV2K_V2_val", ["0801_pch_00001", "0801_pch_00002", "0801_pch_00003"])
    (folder / "test_LR").rename(folder / "lq")
    (folder / "test_HR").rename(folder / "gt")
    (folder / "gt" / "0801_pch_00001.png").unlink()
    save_picture(folder / "lq" / "0801_pch_00002.bmp")
    listing = _list("div2k", tmp_path)
    assert [item.id for item in listing.items] == ["0801_pch_00002", "0801_pch_00003"]
    assert any("has no reference of that name" in problem for problem in listing.problems)
    assert any("holds both 0801_pch_00002.bmp and 0801_pch_00002.png" in p for p in listing.problems)


def test_a_reference_of_another_scale_is_refused(tmp_path: Path) -> None:
    folder = make_crops(tmp_path / "DrealSRVal_crop128", ["a"])
    save_picture(folder / "test_HR" / "a.png", (64, 48))
    listing = _list("drealsr", tmp_path)
    assert listing.items == ()
    assert "expected a reference exactly 4 times as large" in listing.problems[0]


def test_realset80_has_no_references_and_is_enlarged_four_times(tmp_path: Path) -> None:
    for name in ("0030.jpg", "flower.jpeg", "comic.png"):
        save_picture(tmp_path / "RealSet80" / name)
    listing = _list("realset80", tmp_path)
    assert sorted(item.id for item in listing.items) == ["0030", "comic", "flower"]
    assert {(item.gt, item.scale) for item in listing.items} == {(None, 4)}


def test_realsr_of_the_development_data_is_whole(shared_dir: Path) -> None:
    listing = _list("realsr", shared_dir / "data-dev")
    assert (len(listing.items), listing.problems, listing.notes) == (100, (), ())


# --- FoundIR


@pytest.fixture
def foundir(tmp_path: Path) -> Path:
    """One pair in each of three groups, with extensions as the set has them, one larger than the crop."""
    root = tmp_path / "FoundIR"
    save_picture(root / "01Blur" / "LQ" / "0001.png", (1200, 1100))
    save_picture(root / "01Blur" / "GT" / "0001.png", (1200, 1100))
    save_picture(root / "03Blur_JPEG" / "LQ" / "0201.jpg")
    save_picture(root / "03Blur_JPEG" / "GT" / "0201.png")
    save_picture(root / "10Rain" / "LQ" / "0801.png")
    save_picture(root / "10Rain" / "GT" / "0801.png")
    return tmp_path


def test_foundir_is_matched_by_number_and_grouped_as_in_the_paper(foundir: Path) -> None:
    listing = _list("foundir", foundir)
    assert [(item.id, item.group, item.tags) for item in listing.items] == [
        ("0201", "03Blur_JPEG", ("paper's mixed degradations",)),
        ("0001", "01Blur", ("paper's single degradations",)),
        ("0801", "10Rain", ("not in the paper's tables",)),
    ]
    assert any("01Blur lacks 149 of its 150 pairs, the first is 0002" in p for p in listing.problems)
    assert any(
        "20Lowlight_Noise_JPEG lacks 50 of its 50 pairs, the first is 1451" in p for p in listing.problems
    )


def test_foundir_in_two_flat_folders_is_the_same(foundir: Path, tmp_path: Path) -> None:
    for side in ("LQ", "GT"):
        for path in (foundir / "FoundIR").glob(f"*/{side}/*"):
            target = tmp_path / "flat" / "FoundIR" / side / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    flat, grouped = _list("foundir", tmp_path / "flat"), _list("foundir", foundir)
    assert [(i.id, i.group, i.lq_sha256) for i in flat.items] == [
        (i.id, i.group, i.lq_sha256) for i in grouped.items
    ]


def test_foundir_is_cut_to_its_centre_and_smaller_pictures_are_noted(foundir: Path) -> None:
    listing = _list("foundir", foundir)
    large, small = _item(listing, "0001"), _item(listing, "0801")
    assert large.crop == (88, 38, 1112, 1062)
    with Image.open(large.lq) as image:
        expected = np.asarray(image)[38:1062, 88:1112] / 255
    assert np.allclose(read_input(large), expected, atol=1e-6)  # photos are float32
    reference = read_reference(large)
    assert reference is not None and reference.shape == (1024, 1024, 3)
    assert result_size(large) == (1024, 1024)
    assert small.crop == (4, 0, 28, 24)
    assert any("0801 is smaller than 1024 px; its centre 24 px are used" in note for note in listing.notes)


@pytest.mark.parametrize(
    ("size", "side", "box"),
    [((1024, 1024), 1024, None), ((7, 5), 3, (2, 1, 5, 4)), ((7, 5), 6, (1, 0, 6, 5)), ((5, 5), 9, None)],
)
def test_the_centre_of_a_picture(size: tuple[int, int], side: int, box: tuple[int, ...] | None) -> None:
    assert centre_box(size, side) == box


# --- scored sets


def test_koniq_uses_the_official_test_split(tmp_path: Path) -> None:
    rows = [("1.jpg", 50.5, 0.5, "test"), ("2.jpg", 100, 0.5, "training"), ("3.jpg", 1, 0.5, "test")]
    root = tmp_path / "KONIQ"
    header = ("image_name", "MOS", "SD", "set")
    write_csv(root / "koniq10k_distributions_sets.csv", [header, *rows])
    for name in "123":
        save_picture(root / "1024x768" / f"{name}.jpg")
    assert _opinions(_list("koniq", tmp_path)) == {"1": 3, "3": 1}


def test_kadid_keeps_versions_of_a_photo_on_one_side_and_finds_their_reference(tmp_path: Path) -> None:
    root = tmp_path / "KADID10K"
    rows = [
        (f"I{photo:02d}_01_0{level}.png", f"I{photo:02d}.png", 6 - level, 0.5)
        for photo in (4, 5, 10)
        for level in (1, 5)
    ]
    write_csv(root / "dmos.csv", [("dist_img", "ref_img", "dmos", "var"), *rows])
    for name in [row[0] for row in rows] + [row[1] for row in rows]:
        save_picture(root / "images" / name)
    (root / "metas").mkdir()
    (root / "metas" / "test_kadid_2k.json").write_text("[]")  # parts versions of one photo: not used
    listing = _list("kadid", tmp_path)
    assert _opinions(listing) == {"I05_01_01": 5, "I05_01_05": 1, "I10_01_01": 5, "I10_01_05": 1}
    assert {Path(item.gt or "").name for item in listing.items} == {"I05.png", "I10.png"}


def test_pipal_is_rated_by_elo_and_finds_its_references(tmp_path: Path) -> None:
    root = tmp_path / "PIPAL"
    ratings = {"A0005_00_00.bmp": 900, "A0005_00_01.bmp": 1375, "A0005_00_02.bmp": 1850}
    (root / "Train_Label").mkdir(parents=True)
    text = "".join(f"{name},{value}\n" for name, value in ratings.items())
    (root / "Train_Label" / "A0005.txt").write_text(text)
    for name in ratings:
        save_picture(root / "Distortion_1" / name)
    save_picture(root / "Train_Ref" / "A0005.bmp")
    listing = _list("pipal", tmp_path)
    assert _opinions(listing) == {"A0005_00_00": 1, "A0005_00_01": 3, "A0005_00_02": 5}
    assert {Path(item.gt or "").name for item in listing.items} == {"A0005.bmp"}


def test_live_in_the_wild_leaves_out_the_training_images(tmp_path: Path) -> None:
    root = tmp_path / "LIVE-WILD"
    names = [f"t{index}.bmp" for index in range(1, 8)] + ["3.bmp", "4.JPG"]
    (root / "Data").mkdir(parents=True)
    cells = np.array([[name] for name in names], dtype=object)
    savemat(root / "Data" / "AllImages_release.mat", {"AllImages_release": cells})
    values = np.arange(9.0)[None] * 10
    savemat(root / "Data" / "AllMOS_release.mat", {"AllMOS_release": values})
    for name in names:
        save_picture(root / "Images" / name)
    assert _opinions(_list("livew", tmp_path)) == {"3": 70, "4": 80}


def test_agiqa_takes_quality_and_not_alignment(tmp_path: Path) -> None:
    root = tmp_path / "AGIQA3K"
    header = ("name", "prompt", "mos_quality", "std_quality", "mos_align", "std_align")
    write_csv(root / "data.csv", [header, ("a_1.jpg", "a cat, sitting", 2.5, 0.1, 4, 0.1)])
    save_picture(root / "images" / "a_1.jpg")
    assert _opinions(_list("agiqa", tmp_path)) == {"a_1": 2.5}


@pytest.mark.parametrize("table", ["csiq_label.txt", "meta_info_CSIQDataset.csv"])
def test_csiq_is_turned_so_that_more_is_better(table: str, tmp_path: Path) -> None:
    root = tmp_path / "CSIQ"
    if table.endswith(".txt"):
        root.mkdir()
        (root / table).write_text("1600.AWGN.1.png 0.062\n1600.BLUR.5.png 0.9\n")
    else:
        rows = [("1600.png", "1600.AWGN.1.png", 0.062), ("1600.png", "1600.BLUR.5.png", 0.9)]
        write_csv(root / table, [("ref_name", "dist_name", "dmos"), *rows])
    save_picture(root / "dst_imgs" / "awgn" / "1600.AWGN.1.png")
    save_picture(root / "dst_imgs" / "blur" / "1600.BLUR.5.png")
    save_picture(root / "src_imgs" / "1600.png")
    listing = _list("csiq", tmp_path)
    assert _opinions(listing) == {"1600.AWGN.1": -0.062, "1600.BLUR.5": -0.9}
    assert {Path(item.gt or "").name for item in listing.items} == {"1600.png"}
    assert "signs exchanged" in listing.notes[0]


def test_tid2013_finds_pictures_and_references_in_either_case(tmp_path: Path) -> None:
    root = tmp_path / "TID2013"
    root.mkdir()
    (root / "mos_with_names.txt").write_text("5.51429 I01_01_1.bmp\n5.56757 i01_01_2.bmp\n")
    for name in ("i01_01_1.bmp", "I01_01_2.BMP"):
        save_picture(root / "distorted_images" / name)
    save_picture(root / "reference_images" / "I01.BMP")
    listing = _list("tid2013", tmp_path)
    assert set(_opinions(listing).values()) == {5.51429, 5.56757}
    assert {Path(item.gt or "").name for item in listing.items} == {"I01.BMP"}


def test_bid_reads_the_grades_of_numbered_pictures(tmp_path: Path) -> None:
    root = tmp_path / "BID"
    write_sheet(root / "DatabaseGrades.xlsx", [("Image Number", "Average Grade"), (1, 2.75), (23, 4.5)])
    for number in (1, 23):
        save_picture(root / "ImageDatabase" / f"DatabaseImage{number:04d}.JPG")
    assert _opinions(_list("bid", tmp_path)) == {"DatabaseImage0001": 2.75, "DatabaseImage0023": 4.5}


def test_spaq_labels_the_attributes_that_people_rated(tmp_path: Path) -> None:
    head = ("Image name", "MOS", "Brightness", "Colorfulness", "Contrast", "Noisiness", "Sharpness")
    table = tmp_path / "SPAQ" / "Annotations" / "MOS and Image attribute scores.xlsx"
    write_sheet(table, [head, ("00005.jpg", 50, 25, 50, 0, 75, 100)])
    save_picture(tmp_path / "SPAQ" / "TestImage" / "00005.jpg")
    listing = _list("spaq", tmp_path)
    (item,) = listing.items
    assert item.labels == {"exposure": 2, "colour fidelity": 3, "noise": 4, "sharpness": 5}
    assert "exposure by Brightness" in listing.notes[1]


def test_a_list_of_others_decides_the_split_where_it_lies_beside_the_set(tmp_path: Path) -> None:
    root = tmp_path / "SPAQ"
    (root / "metas").mkdir(parents=True)
    items = [{"id": "7->3.2", "image": "SPAQ/images/00007.jpg", "gt_score": 61.5}]
    (root / "metas" / "test_spaq_2k.json").write_text(json.dumps(items))
    save_picture(root / "TestImage" / "00007.jpg")
    listing = _list("spaq", tmp_path)
    assert _opinions(listing) == {"00007": 61.5}
    assert "test_spaq_2k.json" in listing.notes[0]


def test_pictures_that_a_table_names_and_nobody_has_are_a_problem(tmp_path: Path) -> None:
    root = tmp_path / "TID2013"
    root.mkdir()
    (root / "mos_with_names.txt").write_text("5.5 I01_01_1.bmp\n5.6 I01_01_2.bmp\n")
    save_picture(root / "distorted_images" / "I01_01_1.bmp")
    listing = _list("tid2013", tmp_path)
    assert len(listing.items) == 1
    assert "1 pictures that" in listing.problems[0] and "I01_01_2.bmp" in listing.problems[0]


def test_a_score_that_is_no_number_names_the_file(tmp_path: Path) -> None:
    root = tmp_path / "TID2013"
    root.mkdir()
    (root / "mos_with_names.txt").write_text("good I01_01_1.bmp\n")
    with pytest.raises(InputError, match=r"mos_with_names\.txt has 'good' for the score of I01_01_1\.bmp"):
        _list("tid2013", tmp_path)


def test_scored_pictures_of_the_development_data(shared_dir: Path) -> None:
    listing = _list("scored-pictures", shared_dir / "data-dev")
    assert listing.problems == ()
    assert len(listing.items) == 8
    # 5.07143 of 0..9, brought to 1..5
    assert _item(listing, "tid2013_i04_14_1").mos == pytest.approx(1 + 4 * 5.07143 / 9)
    assert Path(_item(listing, "tid2013_i04_14_1").gt or "").name == "tid2013_i04_ref.webp"


def test_entries_of_scores_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png")
    images = [{"file": "a.png", "score": 3}, {"file": "b.png", "score": 2}, {"score": 1}, {"file": "a.png"}]
    (tmp_path / "scores.json").write_text(json.dumps({"images": images}))
    listing = _list("scored-pictures", tmp_path)
    assert [item.id for item in listing.items] == ["a"]
    assert len(listing.problems) == 2


def test_the_same_data_has_the_same_digest_and_changed_data_another(tmp_path: Path) -> None:
    make_crops(tmp_path / "RealSRVal_crop128", ["a", "b"])
    before = data_digest(_list("realsr", tmp_path).items)
    assert data_digest(reversed(_list("realsr", tmp_path).items)) == before
    save_picture(tmp_path / "RealSRVal_crop128" / "test_LR" / "a.png", noise=0.2)
    assert data_digest(_list("realsr", tmp_path).items) != before
