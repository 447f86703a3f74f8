"""Every example of the README and of docs/ runs on small real photos, or is marked with a reason.

Python runs in this process, `uare` through its command object and `curl` against a service on loopback;
all share one loaded model. What is not run is held to what can be checked at once: its scripts,
configurations, extras, targets of make, verbs and options exist.
"""

from __future__ import annotations

import functools
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import typer
import yaml
from PIL import Image
from typer.testing import CliRunner

pytest.importorskip("fastapi", reason="the extra serve is not installed")
pytest.importorskip("skimage", reason="the sample photos come with scikit-image")

from tests.conftest import CHECKOUT
from tests.docs.examples import Example, Mark, examples_of
from tests.uare.serving import app_of, on_loopback
from uare.cli import app
from uare.pipeline import UAREPipeline

PAGES = [
    CHECKOUT / "README.md",
    *(p for p in sorted((CHECKOUT / "docs").rglob("*.md")) if "results" not in p.relative_to(CHECKOUT).parts),
]
SIDE_PX = 96
SERVICE = "http://127.0.0.1:8000"
ROOMS = ("benchmarks", "data", "demo", "eval", "training")


def is_example(example: Example) -> bool:
    return example.language in ("python", "sh")


@pytest.fixture(scope="module")
def open_pipeline() -> Any:
    """`UAREPipeline.from_pretrained` that loads each model once."""
    return functools.cache(UAREPipeline.from_pretrained)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_pipeline: Any) -> Path:
    """A folder with the files that the examples speak of, as the place where they run."""
    monkeypatch.setattr(UAREPipeline, "from_pretrained", open_pipeline)
    names = ("photo.jpg", "a.png", "b.png", "c.png", "one.png", "two.png", "original.png")
    for seed, name in enumerate((*names, "holiday/beach.jpg", "holiday/deep/hill.png")):
        _noisy(seed).resize((SIDE_PX, SIDE_PX)).save(_made(tmp_path / name))
    _noisy(0).resize((48, 48)).save(tmp_path / "small.png")
    mask = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    mask[: SIDE_PX // 2] = 255
    Image.fromarray(mask).save(tmp_path / "sky.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def service(open_pipeline: Any) -> Iterator[str]:
    """The address of a service with the default model."""
    with on_loopback(app_of(open_pipeline("uare-tiny"))) as address:
        yield address


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_the_examples_of_a_page_run(
    page: Path, workplace: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = [one for one in examples_of(page) if is_example(one) and not one.is_left_out]
    needs_service = any(SERVICE in one.code for one in examples)
    address = request.getfixturevalue("service") if needs_service else SERVICE
    for one in examples:
        where = f"{page.relative_to(CHECKOUT)}:{one.line}"
        if one.language == "python":
            exec(compile(one.code.replace(SERVICE, address), where, "exec"), {"__name__": "__main__"})
            continue
        for command in filter(one.is_run, one.commands):
            _run(command.replace(SERVICE, address), where)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_what_is_not_run_speaks_of_what_is_there(page: Path) -> None:
    for one in examples_of(page):
        for command in one.commands if one.language == "sh" else ():
            if not one.is_run(command):
                _check_unrun(command, f"{page.relative_to(CHECKOUT)}:{one.line}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_settings_and_documents_in_pages_can_be_read(page: Path) -> None:
    readers = {"yaml": yaml.safe_load, "json": json.loads, "toml": tomllib.loads}
    for one in examples_of(page):
        if one.language in readers:
            readers[one.language](one.code)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_mark_is_of_use(page: Path) -> None:
    for one in examples_of(page):
        for mark in one.marks:
            begins = [command for command in one.commands if command.startswith(mark.start)]
            assert is_example(one) and begins, (
                f"{page.name}:{one.line}: nothing there begins with {mark.start!r}"
            )


def test_a_mark_belongs_to_the_block_behind_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- not run: no GPU -->\n```sh\nmake gpu\n```\n\n```sh\nuare info\n```\n\n"
        "<!-- not run, uare convert: no folder -->\n```sh\nuare convert A B\nuare info \\\n  --json\n```\n\n"
        "<!-- not run: words in between -->\nWords.\n\n```python\nprint()\n```\n"
    )
    first, second, third, last = examples_of(page)
    assert (first.is_left_out, first.marks) == (True, (Mark(start="", reason="no GPU"),))
    assert (second.is_left_out, second.marks) == (False, ())
    assert [third.is_run(command) for command in third.commands] == [False, True]
    assert last.marks == ()


def test_an_example_that_fails_is_found(workplace: Path) -> None:
    with pytest.raises(AssertionError, match="nowhere"):
        _run("uare assess nowhere.jpg", "a page")
    with pytest.raises(AssertionError, match="neither"):
        _run("rm -r holiday", "a page")
    with pytest.raises(AssertionError, match="--colour"):
        _check_unrun("uare restore photo.jpg --colour red", "a page")
    with pytest.raises(AssertionError, match="there is no training/nothing"):
        _check_unrun("python training/nothing.py --config FILE", "a page")


def _run(command: str, where: str) -> None:
    """Runs one line of a shell block."""
    words = shlex.split(command, comments=True)
    target = None
    if ">" in words:
        place = words.index(">")
        words, target = words[:place], words[place + 1]
    if words[0] == "uare":
        done = CliRunner().invoke(app, words[1:], catch_exceptions=False)
        code, out, err = done.exit_code, done.stdout, done.stderr
    elif words[0] == "curl":
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed")
        ran = subprocess.run([*words, "--silent", "--fail-with-body"], capture_output=True, check=False)
        code, out, err = ran.returncode, ran.stdout.decode(errors="replace"), ran.stderr.decode()
    else:
        raise AssertionError(f"{where}: {command!r} is neither run nor marked as not to be run")
    assert code == 0, f"{where}: {command!r} ended with {code}: {out} {err}"
    if target is not None:
        Path(target).write_text(out, encoding="utf-8")


def _check_unrun(command: str, where: str) -> None:
    """Fails for a line that names a script, configuration, extra, target or option that is not there."""
    for file in re.findall(rf"(?<![\w./-])(?:{'|'.join(ROOMS)})/[\w/.-]+\.(?:py|yaml|json)\b", command):
        assert (CHECKOUT / file).is_file(), f"{where}: there is no {file}"
    for extras in re.findall(r"(?:uare|\.)\[([\w,]+)\]", command):
        assert set(extras.split(",")) <= _extras(), f"{where}: no such extra in {extras}"
    words = shlex.split(command, comments=True) if command.count("'") % 2 == 0 else command.split()
    if words and words[0] == "make":
        targets = [word for word in words[1:] if "=" not in word]
        assert set(targets) <= _make_targets(), f"{where}: make has no {targets}"
    if "uare" in words:
        _check_options(words[words.index("uare") + 1 :], where)


def _check_options(words: list[str], where: str) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, click.Group) or hasattr(group, "commands")
    verb = group.commands[words[0]]
    known = {name for option in verb.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
    unknown = [word for word in words if word.startswith("-") and word.partition("=")[0] not in known]
    assert not unknown, f"{where}: uare {words[0]} has no {unknown}"


@functools.cache
def _extras() -> frozenset[str]:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return frozenset(project["optional-dependencies"])


@functools.cache
def _make_targets() -> frozenset[str]:
    return frozenset(
        re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )


def _noisy(seed: int) -> Image.Image:
    """The middle of a sample photo with some noise on it."""
    from skimage import data

    photo = data.astronaut()[40:240, 120:320].astype(np.float64)
    noise = np.random.default_rng(seed).normal(0, 12, photo.shape)
    return Image.fromarray((photo + noise).clip(0, 255).astype(np.uint8))


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
