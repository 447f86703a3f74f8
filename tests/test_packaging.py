"""The wheel holds `uare` and nothing else: the other rooms have names that belong to everybody."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
ROOMS = ("uare", "data", "eval", "training", "demo", "benchmarks", "tests")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy, so that no `build` folder of the checkout can leak into it."""
    pytest.importorskip("setuptools")
    source = tmp_path_factory.mktemp("source")
    target = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(CHECKOUT / name, source / name)
    for room in ROOMS:
        shutil.copytree(CHECKOUT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    build = [sys.executable, "-m", "pip", "wheel", *offline, "-w", str(target), "."]
    done = subprocess.run(build, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = target.glob("*.whl")
    return built


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def project() -> dict[str, str]:
    table = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {key: value for key, value in table.items() if isinstance(value, str)}


def test_the_wheel_holds_uare_and_its_metadata_only(wheel: Path) -> None:
    assert {name.split("/")[0] for name in names_in(wheel)} == {
        "uare",
        f"uare-{project()['version']}.dist-info",
    }


def test_the_wheel_holds_every_file_of_uare(wheel: Path) -> None:
    expected = {
        str(file.relative_to(CHECKOUT))
        for file in (CHECKOUT / "uare").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert expected <= names_in(wheel), f"missing: {sorted(expected - names_in(wheel))}"


def test_the_wheel_brings_the_licence_and_the_command(wheel: Path) -> None:
    folder = f"uare-{project()['version']}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        metadata = Parser().parsestr(archive.read(f"{folder}/METADATA").decode())
        commands = archive.read(f"{folder}/entry_points.txt").decode()
        licence = archive.read(f"{folder}/licenses/LICENSE").decode()
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "uare = uare.cli:main" in commands
    assert licence == (CHECKOUT / "LICENSE").read_text(encoding="utf-8")
