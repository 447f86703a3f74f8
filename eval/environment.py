"""What a run states of its surroundings: the commit and the versions of what computes."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("uare", "torch", "numpy", "scipy", "scikit-image", "pillow", "pyiqa")
CHECKOUT = Path(__file__).resolve().parents[1]


def package_versions() -> dict[str, str]:
    """Package -> version."""
    return {name: _version(name) for name in PACKAGES}


def git_hash() -> str | None:
    """The commit of the checkout, with `+changes` if files differ from it; None outside of git."""
    commit = _git("rev-parse", "HEAD")
    if not commit:
        return None
    return commit + ("+changes" if _git("status", "--porcelain", "--untracked-files=no") else "")


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(CHECKOUT), *arguments], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"  # uare itself, run from a checkout
