"""The page of what a mixture yields: complete by itself, the same for the same seed, safe for any text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from PIL import Image

from data.drafts import ConditionPicture, Draft, TargetPicture
from data.records import DegradationRecord
from data.rows import Tally
from tests.training.phases import Workshop, make_workshop
from tests.uare.pictures import smooth_pixels
from tests.uare.tiny import tiny_config, tiny_text_tokenizer
from training.mixture import make_rows
from training.preview import Preview, main, shares_of
from training.settings import read_settings
from uare.packing import Text
from uare.patches import vision_item

SCRIPT = "<script>alert('1 & 2')</script>"


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return make_workshop(tmp_path_factory.mktemp("preview"))


def preview_of(workshop: Workshop, name: str, *options: str, phase: str = "unified") -> str:
    config = workshop.settings(f"settings of {name}", phase)
    folder = workshop.folder / name
    assert main(["--config", str(config), "--rows", "3", "--output", str(folder), *options]) == 0
    return (folder / "index.html").read_text(encoding="utf-8")


def test_the_page_needs_nothing_but_its_folder(workshop: Workshop) -> None:
    html = preview_of(workshop, "page")
    files = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert files and all((workshop.folder / "page" / file).is_file() for file in files)
    assert "http" not in html and "<script" not in html


def test_the_same_seed_gives_the_same_page(workshop: Workshop) -> None:
    first = preview_of(workshop, "first")
    assert preview_of(workshop, "second") == first
    for picture in (workshop.folder / "first" / "pictures").iterdir():
        assert (workshop.folder / "second" / "pictures" / picture.name).read_bytes() == picture.read_bytes()
    assert preview_of(workshop, "third", "--set", "seed=1") != first


def test_shares_add_up_and_name_groups_that_were_not_drawn(workshop: Workshop) -> None:
    settings = read_settings(workshop.settings("shares", "unified"))
    rows = make_rows(settings, tiny_config(), tiny_text_tokenizer())
    tally = Tally()
    tally.add(rows[0])
    shares = shares_of(rows, tally)
    assert [one.group for one in shares] == list(settings.data.groups)
    assert sum(one.wanted for one in shares) == pytest.approx(1)
    assert sum(one.drawn for one in shares) == pytest.approx(1)
    assert sum(one.samples for one in shares) == len(rows[0].drafts)
    assert any(one.drawn == 0 for one in shares)  # a row holds fewer samples than there are groups


def card_of(draft: Draft, folder: Path) -> str:
    return Preview(folder=folder, config=tiny_config(), tokenizer=tiny_text_tokenizer()).card(draft, "0-0")


def words(text: str, *, loss: bool = False, dropped: bool = False) -> Text:
    return Text(ids=tuple(tiny_text_tokenizer().encode(text)), loss=loss, dropped=dropped)


def test_text_of_any_kind_is_escaped(tmp_path: Path) -> None:
    view = vision_item(smooth_pixels(32, 32), tiny_config(), tiny_config().vision_transform)
    answer = words(SCRIPT, loss=True)
    card = card_of(Draft(id=SCRIPT, group=SCRIPT, parts=(view, words(SCRIPT), answer)), tmp_path)
    assert "<script" not in card
    assert card.count("&lt;script&gt;alert(&#x27;1 &amp; 2&#x27;)&lt;/script&gt;") == 4
    assert card.count('class="said learned"') == 1


def test_a_restoration_shows_both_pictures_as_they_are_and_what_was_dropped(tmp_path: Path) -> None:
    lq, hq = torch.zeros(3, 32, 48), smooth_pixels(32, 48)
    draft = Draft(
        id="set/1",
        group="single",
        parts=(
            ConditionPicture(pixels=lq, dropped=True),
            vision_item(lq, tiny_config(), tiny_config().vision_transform),
            words("remove the haze", dropped=True),
            TargetPicture(pixels=hq, base=lq, timestep=0.625, seed=1),
        ),
    )
    card = card_of(draft, tmp_path)
    with (
        Image.open(tmp_path / "pictures/0-0-0.png") as left,
        Image.open(tmp_path / "pictures/0-0-1.png") as right,
    ):
        assert left.size == right.size == (48, 32)
        assert left.getextrema() == ((0, 0),) * 3
        assert right.getpixel((5, 7)) == tuple((hq[:, 7, 5] * 255).round().int().tolist())
    assert ">latent dropped<" in card and ">text dropped<" in card and ">view<" in card
    assert "timestep 0.625" in card
    assert f">{draft.num_tokens(tiny_config())} tokens<" in card


def test_what_harmed_a_picture_is_told_with_all_that_was_drawn(tmp_path: Path) -> None:
    shown = (
        DegradationRecord("blur", 3, {"kind": SCRIPT, "sigma_px": 1.23456}),
        DegradationRecord("jpeg", 2),
    )
    draft = Draft(id="1", group="compare", parts=(words("a"),), records=(shown, ()))
    card = card_of(draft, tmp_path)
    assert "blur 3: kind &lt;script&gt;" in card and "sigma_px 1.235<br>jpeg 2</p>" in card
    assert card.count(">not harmed<") == 1


def test_every_sample_that_we_harm_has_its_record(workshop: Workshop) -> None:
    settings = read_settings(workshop.settings("records", "unified"))
    rows = make_rows(settings, tiny_config(), tiny_text_tokenizer())
    drafts = [draft for number in range(6) for draft in rows[number].drafts]
    for draft in drafts:
        assert len(draft.records) == (2 if draft.group == "compare" else 1)
    plain = [[record.to_dict() for record in records] for draft in drafts for records in draft.records]
    assert json.loads(json.dumps(plain)) == plain
    assert any(records for draft in drafts for records in draft.records)


def test_a_view_is_put_together_from_its_patches(tmp_path: Path) -> None:
    seen = smooth_pixels(64, 48)
    view = vision_item(seen, tiny_config(), tiny_config().vision_transform)  # within its limits: not resized
    card_of(Draft(id="1", group="score", parts=(view, words("fair", loss=True))), tmp_path)
    with Image.open(tmp_path / "pictures/0-0-0.png") as shown:
        assert shown.size == (48, 64)
        assert shown.getpixel((9, 50)) == tuple((seen[:, 50, 9] * 255).round().int().tolist())


def test_unreadable_pictures_are_listed(workshop: Workshop) -> None:
    pictures = workshop.folder / "half broken"
    pictures.mkdir()
    (pictures / "0.png").write_bytes((workshop.folder / "pictures/0.png").read_bytes())
    (pictures / "<b>1.png").write_bytes(b"no picture")
    sets = f"data.groups.restore.sets=[{{reader: folder, root: '{pictures}'}}]"
    html = preview_of(workshop, "faults", "--set", sets, phase="single")
    assert "Sources that could not be read: " in html
    assert "&lt;b&gt;1.png" in html and "<b>" not in html


def test_what_cannot_be_shown_is_said_in_a_sentence(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    config = workshop.settings("wrong")
    for options, message in (
        (["--rows", "0"], "error: --rows is 0, expected at least 1"),
        (["--set", "model=nowhere"], "error: no model 'nowhere'"),
    ):
        folder = str(workshop.folder / "none")
        assert main(["--config", str(config), "--output", folder, *options]) == 2
        assert message in capsys.readouterr().err
