"""Fixtures for the tests of every room: where the shared data lies, and three photos out of scikit-image."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from torch import Tensor

CHECKOUT = Path(__file__).resolve().parents[1]

# The same examples in every run, so that a failure can be repeated; HYPOTHESIS_PROFILE=search draws new ones.
settings.register_profile("repeat", derandomize=True)
settings.register_profile("search", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))


def folder_or_skip(variable: str, default: Path) -> Path:
    """The folder that an environment variable names, else `default`; skips the test where it is absent."""
    named = os.environ.get(variable)
    folder = Path(named) if named else default
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}; set {variable} to the folder that holds this data")
    return folder


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the checkout: entry scripts are run from here or by their path from here."""
    return CHECKOUT


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The development data, `UARE_SHARED` or the folder `shared` beside the checkout."""
    return folder_or_skip("UARE_SHARED", CHECKOUT.parent / "shared")


@pytest.fixture(scope="session")
def goldens_dir() -> Path:
    """The recorded reference outputs, `UARE_GOLDENS` or `goldens` in the development data."""
    shared = Path(os.environ.get("UARE_SHARED") or CHECKOUT.parent / "shared")
    return folder_or_skip("UARE_GOLDENS", shared / "goldens")


def _photo(name: str) -> Tensor:
    """A photo of scikit-image as (1, 3, H, W) float32 in [0, 1]."""
    data = pytest.importorskip("skimage.data")
    return torch.from_numpy(getattr(data, name)()).permute(2, 0, 1)[None].float() / 255


@pytest.fixture
def astronaut() -> Tensor:
    """(1, 3, 512, 512): a portrait before a bright flag; public domain."""
    return _photo("astronaut")


@pytest.fixture
def coffee() -> Tensor:
    """(1, 3, 400, 600): a still life with strong colours and a dark, plain background; CC0."""
    return _photo("coffee")


@pytest.fixture
def chelsea() -> Tensor:
    """(1, 3, 300, 451): fur at close range; sides that no power of two divides; CC0."""
    return _photo("chelsea")
