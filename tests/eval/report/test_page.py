"""The page of a report in a real browser: sorting, slider, gallery, a phone's width, no requests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from eval.report.files import write_report
from tests.eval.made_up_run import make_run
from tests.eval.webdriver import ELEMENT, LEFT, RIGHT, Browser, browser

TABLE = "#sr table"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = make_run(tmp_path_factory.mktemp("run"), limit=4)
    write_report(output)
    return output / "report.html"


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def page(window: Browser, report: Path) -> Browser:
    window.resize(1300, 900)
    window.open(report)
    return window


def first_column(page: Browser) -> list[str]:
    script = (
        "return [...document.querySelector(arguments[0]).tBodies[0].rows].map(r => r.cells[0].textContent)"
    )
    return list(page.run(script, TABLE))


def head(page: Browser, name: str) -> str:
    script = (
        "return [...document.querySelector(arguments[0]).querySelectorAll('thead button')]"
        ".find(b => b.textContent.startsWith(arguments[1]))"
    )
    return str(page.run(script, TABLE, name))


def case_names(page: Browser) -> list[str]:
    return list(page.run("return [...document.querySelectorAll('#sr .case')].map(c => c.dataset.name)"))


def choose(page: Browser, name: str, value: str) -> None:
    script = (
        "const s = document.querySelector(`#sr [name=${arguments[0]}]`); s.value = arguments[1];"
        "s.dispatchEvent(new Event('change', {bubbles: true}))"
    )
    page.run(script, name, value)


def test_a_click_on_a_head_sorts_by_its_numbers_and_a_second_turns_the_order(page: Browser) -> None:
    assert first_column(page) == ["input", "bicubic", "uare-tiny", "twin"]
    button = head(page, "psnr_y_ycbcr")
    page.click(button)
    assert first_column(page)[2:] == ["bicubic", "input"]  # models and twin are equal on average
    page.click(button)
    assert first_column(page)[:2] == ["input", "bicubic"]
    sorted_by = page.run("return document.querySelector('#sr th[aria-sort]').getAttribute('aria-sort')")
    assert sorted_by == "ascending"


def test_words_sort_from_a_and_the_keyboard_reaches_the_heads(page: Browser) -> None:
    page.type(head(page, "subject"), "\ue007")  # Enter
    assert first_column(page) == ["bicubic", "input", "twin", "uare-tiny"]


def border(page: Browser) -> str:
    return str(page.run("return document.querySelector('#sr .compare').style.getPropertyValue('--at')"))


def test_the_slider_follows_the_mouse_and_the_arrow_keys(page: Browser) -> None:
    slider = page.find("#sr .compare input")
    page.run("arguments[0].scrollIntoView({block: 'center'})", {ELEMENT: slider})
    page.drag(slider, 0.2)
    assert int(border(page).rstrip("%")) == pytest.approx(20, abs=3)
    before = int(border(page).rstrip("%"))
    page.type(slider, RIGHT + RIGHT + LEFT)
    assert border(page) == f"{before + 1}%"
    # The left picture ends where the border stands.
    clip = "return getComputedStyle(document.querySelector('#sr .compare img.left')).clipPath"
    assert page.run(clip) == f"inset(0px {100 - before - 1}% 0px 0px)"


def test_cases_come_worst_first_by_the_gain_of_the_model_and_turn_round(page: Browser) -> None:
    # The model gains 0.5 dB more with each item; its twin wobbles by 0.01 dB and agrees.
    expected = [f"photo{k:02d}" for k in (0, 1, 2, 3, 8, 9, 10, 11)]
    assert case_names(page) == expected
    choose(page, "first", "best")
    assert case_names(page) == expected[::-1]
    shown = page.run("return document.querySelector('#sr .case .measure').textContent")
    assert shown == "3.50"


def test_another_order_and_other_versions_can_be_chosen(page: Browser) -> None:
    choose(page, "order", "psnr_y_ycbcr")
    choose(page, "left", "bicubic")
    choose(page, "right", "reference")
    visible = page.run(
        "return [...document.querySelectorAll('#sr .case:first-child img')]"
        ".filter(i => !i.hidden).map(i => i.dataset.version)"
    )
    assert sorted(visible) == ["bicubic", "reference"]
    values = page.run(
        "return [...document.querySelectorAll('#sr .measure')].map(m => parseFloat(m.textContent))"
    )
    assert values == sorted(values)


def test_every_picture_of_the_gallery_is_drawn(page: Browser) -> None:
    sizes = page.run("return [...document.images].map(i => [i.complete, i.naturalWidth])")
    assert sizes
    assert all(complete and width > 0 for complete, width in sizes)


def test_nothing_is_fetched_and_nothing_fails(page: Browser, report: Path) -> None:
    asked = page.run("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in asked if not name.startswith("data:")] == []
    text = report.read_text(encoding="utf-8")
    assert re.findall(r"(?:src|href)=[\"'](?!data:|#)[^\"']*", text) == []
    assert "http" not in re.sub(r"http-equiv", "", text)


def test_a_phone_scrolls_tables_and_not_the_page(page: Browser) -> None:
    page.resize(390, 800)
    page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    wide, screen = page.run(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= screen


def test_every_table_of_a_partial_run_says_so(page: Browser) -> None:
    notes = page.run(
        "return [...document.querySelectorAll('h3')].filter(h => h.parentNode.className !== 'gallery')"
        ".map(h => h.nextElementSibling.textContent)"
    )
    assert len(notes) > 10
    assert all("Partial run: at most 4 pictures of each group" in note for note in notes)


def test_text_from_data_stays_text(page: Browser) -> None:
    assert page.run("return document.querySelector('here')") is None
    assert "<here> & there" in page.run("return document.querySelector('#metrics').textContent")
