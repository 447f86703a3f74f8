"""`uare demo`: what it says where it cannot run, and what it runs where it can."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.uare.command_line import run
from uare.commands import demo as command


def test_without_a_checkout_it_says_where_the_page_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(command, "APP", tmp_path / "demo" / "app.py")
    ran = run("demo")
    assert (ran.code, ran.out) == (2, "")
    assert "clone the repository" in ran.err
    assert ran.err.count("\n") == 1


def test_without_gradio_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    ran = run("demo")
    assert (ran.code, ran.out) == (2, "")
    assert 'pip install "uare[demo]"' in ran.err


def test_it_runs_the_page_of_the_checkout_and_ends_as_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []

    def started(words: list[str], check: bool) -> SimpleNamespace:
        called.append(words)
        return SimpleNamespace(returncode=2)

    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr(subprocess, "run", started)
    assert run("demo", "--model", "/some/model", "--port", "7999", "--quiet").code == 2
    ((_, app, *options),) = called
    assert Path(app).is_file()
    assert options == ["--model", "/some/model", "--port", "7999", "--quiet"]
